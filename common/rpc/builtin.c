#include "common/memory/memory.h"
#include "common/rpc/internal.h"

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
    const Jeton__V1__GetStatsReply *reply =
        rpc_server_stats_reply (request_owner (request), request_arena (request));
    if (reply != NULL)
        request_reply (request, &reply->base);
    else
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "the figures need more memory than a request may use: raise arena_limit");
}

static const struct rpc_method health_methods[] = {
    {.name = "Check", .handler = health_check, .roles = ROLE_ANY, .flags = RPC_IDEMPOTENT},
    {.name = NULL},
};

static const struct rpc_method stats_methods[] = {
    {.name = "Get", .handler = stats_get, .roles = ROLE_ANY, .flags = RPC_IDEMPOTENT},
    {.name = NULL},
};

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
    rpc_stats_add (server);
}
