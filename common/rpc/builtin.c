#include "common/memory/memory.h"
#include "common/rpc/internal.h"
#include "health.pb-c.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static Jeton__V1__HealthState
state_on_wire (enum rpc_health health)
{
    switch (health) {
    case RPC_STARTING:
        return JETON__V1__HEALTH_STATE__HEALTH_STATE_STARTING;
    case RPC_SERVING:
        return JETON__V1__HEALTH_STATE__HEALTH_STATE_SERVING;
    case RPC_DRAINING:
        return JETON__V1__HEALTH_STATE__HEALTH_STATE_DRAINING;
    case RPC_STALE:
        return JETON__V1__HEALTH_STATE__HEALTH_STATE_STALE;
    case RPC_STANDBY:
        return JETON__V1__HEALTH_STATE__HEALTH_STATE_STANDBY;
    }
    return JETON__V1__HEALTH_STATE__HEALTH_STATE_UNSPECIFIED;
}

static void
health_check (struct request *request)
{
    struct rpc_server *server = request_owner (request);
    char host[256] = "", instance[300];
    if (gethostname (host, sizeof host - 1) != 0)
        host[0] = '\0';
    snprintf (instance, sizeof instance, "%s/%ld", host, (long) getpid ());
    Jeton__V1__CheckReply reply = JETON__V1__CHECK_REPLY__INIT;
    reply.state = state_on_wire (rpc_server_state (server));
    reply.reason = server->reason.text;
    reply.service = server->service;
    reply.version = (char *) JETON_VERSION;
    reply.uptime_s = (zclock_mono () - server->started_ms) / 1000;
    reply.instance = instance;
    request_reply (request, &reply.base);
}

static void
stats_get (struct request *request)
{
    struct rpc_server *server = request_owner (request);
    cleanup_free Jeton__V1__Stat *stats = xcalloc (server->nstats, sizeof *stats);
    cleanup_free Jeton__V1__Stat **list = xcalloc (server->nstats, sizeof *list);
    for (size_t i = 0; i < server->nstats; i++) {
        jeton__v1__stat__init (&stats[i]);
        stats[i].name = (char *) server->stats[i].name;
        stats[i].value = *server->stats[i].value;
        list[i] = &stats[i];
    }
    Jeton__V1__GetStatsReply reply = JETON__V1__GET_STATS_REPLY__INIT;
    reply.stats = list;
    reply.n_stats = server->nstats;
    request_reply (request, &reply.base);
}

static const struct rpc_method health_methods[] = {
    {.name = "Check", .handler = health_check, .roles = ROLE_ANY, .flags = RPC_IDEMPOTENT},
    {.name = NULL},
};

static const struct rpc_method stats_methods[] = {
    {.name = "Get", .handler = stats_get, .roles = ROLE_ANY, .flags = RPC_IDEMPOTENT},
    {.name = NULL},
};

static void
counters_show (struct rpc_server *server)
{
    struct rpc_counters *counters = &server->counters;
    const struct rpc_stat shown[] = {
        {"rpc.requests", &counters->requests},
        {"rpc.replies", &counters->replies},
        {"rpc.failures", &counters->failures},
        {"rpc.malformed", &counters->malformed},
        {"rpc.denied", &counters->denied},
        {"rpc.exhausted", &counters->exhausted},
        {"rpc.deadline_exceeded", &counters->deadline_exceeded},
        {"rpc.cancelled", &counters->cancelled},
        {"rpc.lost", &counters->lost},
        {"rpc.cut", &counters->cut},
        {"rpc.waiting", &counters->waiting},
        {"rpc.in_flight", &counters->in_flight},
        {"rpc.connections", &counters->connections},
        {"rpc.unknown_keys", &counters->unknown_keys},
    };
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        rpc_server_stat (server, shown[i].name, shown[i].value);
}

void
rpc_builtin_add (struct rpc_server *server)
{
    server->builtin[0] = (struct rpc_service){
        .descriptor = &jeton__v1__health__descriptor, .methods = health_methods, .owner = server};
    server->builtin[1] = (struct rpc_service){
        .descriptor = &jeton__v1__stats__descriptor, .methods = stats_methods, .owner = server};
    for (size_t i = 0; i < 2; i++)
        rpc_server_add (server, &server->builtin[i]);
    for (size_t i = 0; i < server->nroutes; i++)
        server->routes[i].always = true;
    counters_show (server);
}
