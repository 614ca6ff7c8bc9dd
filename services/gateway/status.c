// What the monitoring asks: /metrics, /healthz, /readyz. Every instance of every service is asked anew for it; who comes while that is under way gets the same answer.
#include "services/gateway/status.h"
#include "common/memory/list.h"
#include "services/gateway/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_LIMIT = 1 << 20 }; // of the gateway's own figures

// A survey, and those who wait for it.
struct inquiry {
    struct gateway *gateway;
    struct survey *survey;   // NULL: none is under way
    struct metrics *metrics; // of that one
    struct node waiters;
};

struct status {
    struct inquiry figures, readiness;
};

// In the exchange's arena.
struct waiter {
    struct node link;
    struct exchange *exchange;
    int service; // enum upstream: of which it asks; -1: of all
};

static void
waiter_gone (void *context)
{
    struct waiter *waiter = context;
    node_remove (&waiter->link);
}

static void
wait_for (struct inquiry *inquiry, struct exchange *exchange, int service)
{
    struct waiter *waiter = arena_alloc (exchange_arena (exchange), sizeof *waiter);
    if (waiter == NULL) {
        exchange_refuse (exchange, 413, "too-large", "the request takes more memory than it may");
        return;
    }
    *waiter = (struct waiter){.exchange = exchange, .service = service};
    node_init (&waiter->link);
    list_append (&inquiry->waiters, &waiter->link);
    exchange_gone (exchange, waiter_gone, waiter);
}

// The next one that waits; NULL: there is none any more.
static struct waiter *
waiter_take (struct inquiry *inquiry)
{
    if (list_empty (&inquiry->waiters))
        return NULL;
    struct waiter *waiter = NODE_OWNER (inquiry->waiters.next, struct waiter, link);
    node_remove (&waiter->link);
    exchange_gone (waiter->exchange, NULL, NULL);
    return waiter;
}

static void
inquiry_end (struct inquiry *inquiry)
{
    survey_destroy (&inquiry->survey);
    metrics_destroy (&inquiry->metrics);
}

// ---- /metrics -------------------------------------------------------------------------------------------------------

static void
gauge_add (struct metrics *metrics, const char *name, const char *help, bool value,
           const char *service, const char *instance)
{
    Jeton__V1__Stat stat = JETON__V1__STAT__INIT;
    stat.name = (char *) name;
    stat.kind = JETON__V1__STAT_KIND__STAT_KIND_GAUGE;
    stat.help = (char *) help;
    stat.value = value;
    metrics_add (metrics, &stat, service, instance);
}

static void
build_add (struct metrics *metrics, const char *version, const char *service, const char *instance)
{
    Jeton__V1__StatLabel label = JETON__V1__STAT_LABEL__INIT, *labels[] = {&label};
    Jeton__V1__Stat stat = JETON__V1__STAT__INIT;
    label.name = (char *) "version";
    label.value = (char *) version;
    stat.name = (char *) "build_info";
    stat.kind = JETON__V1__STAT_KIND__STAT_KIND_GAUGE;
    stat.help = (char *) "1; the version of the process is a label";
    stat.value = 1;
    stat.labels = labels;
    stat.n_labels = 1;
    metrics_add (metrics, &stat, service, instance);
}

static void
health_add (struct metrics *metrics, const struct survey_instance *heard, const char *service)
{
    gauge_add (metrics, "up", "1 when the process has answered in time", heard->answered, service,
               heard->address);
    gauge_add (metrics, "serving", "1 when the process does its work, or stands by to",
               heard->serving, service, heard->address);
    if (heard->answered)
        build_add (metrics, heard->version, service, heard->address);
}

static void
own_add (struct gateway *gateway, struct metrics *metrics)
{
    const char *address = rpc_server_endpoint (gateway->process.server);
    if (strncmp (address, "tcp://", 6) == 0)
        address += 6;
    struct survey_instance self = {
        .answered = true, .serving = !gateway->process.draining, .version = JETON_VERSION};
    snprintf (self.address, sizeof self.address, "%s", address);
    health_add (metrics, &self, gateway->process.name);
    struct arena *arena = arena_new (ARENA_LIMIT);
    const Jeton__V1__GetStatsReply *reply = rpc_server_stats_reply (gateway->process.server, arena);
    for (size_t i = 0; reply != NULL && i < reply->n_stats; i++)
        metrics_add (metrics, reply->stats[i], gateway->process.name, self.address);
    arena_destroy (&arena);
}

static void
figures_done (struct survey *survey, void *context)
{
    struct inquiry *inquiry = context;
    struct waiter *waiter;
    size_t n, size = 0;
    const struct survey_instance *instances = survey_instances (survey, &n);
    for (size_t i = 0; i < n; i++)
        health_add (inquiry->metrics, &instances[i], upstream_name (instances[i].upstream));
    own_add (inquiry->gateway, inquiry->metrics);
    cleanup_free char *text = metrics_text (inquiry->metrics, &size);
    inquiry_end (inquiry);
    while ((waiter = waiter_take (inquiry)) != NULL)
        if (text != NULL)
            exchange_end (waiter->exchange, 200, "text/plain; version=0.0.4; charset=utf-8", text,
                          size);
        else
            exchange_refuse (waiter->exchange, 503, "too-large",
                             "the metrics take more than the setting metrics_limit allows");
}

static void
metrics_get (struct exchange *exchange)
{
    struct gateway *gateway = exchange_owner (exchange);
    struct inquiry *inquiry = &gateway->status->figures;
    wait_for (inquiry, exchange, -1);
    if (inquiry->survey != NULL)
        return;
    inquiry->metrics = metrics_new ((size_t) gateway->settings.metrics_limit);
    inquiry->survey = survey_new (gateway, inquiry->metrics, figures_done, inquiry);
}

// ---- /readyz --------------------------------------------------------------------------------------------------------

// How one service is; ready_r: one of its instances is serving.
static json_t *
service_show (const struct survey_instance *instances, size_t n, enum upstream upstream,
              bool *ready_r)
{
    json_t *list = json_array ();
    *ready_r = false;
    for (size_t i = 0; i < n; i++) {
        if (instances[i].upstream != upstream)
            continue;
        *ready_r |= instances[i].serving;
        json_array_append_new (list, json_pack ("{s:s,s:s,s:s}", "instance", instances[i].address,
                                                "state", instances[i].state, "reason",
                                                instances[i].serving ? "" : instances[i].reason));
    }
    return json_pack ("{s:b,s:o}", "ready", *ready_r, "instances", list);
}

static void
readiness_answer (const struct gateway *gateway, const struct waiter *waiter,
                  const struct survey_instance *instances, size_t n)
{
    bool ready = !gateway->process.draining;
    json_t *services = json_object ();
    for (enum upstream i = 0; i < UPSTREAMS; i++) {
        bool one;
        if (gateway->clients[i] == NULL || (waiter->service >= 0 && waiter->service != (int) i))
            continue;
        json_object_set_new (services, upstream_name (i), service_show (instances, n, i, &one));
        ready &= one;
    }
    exchange_end_json (waiter->exchange, ready ? 200 : 503,
                       json_pack ("{s:b,s:b,s:o}", "ready", ready, "draining",
                                  gateway->process.draining, "services", services));
}

static void
readiness_done (struct survey *survey, void *context)
{
    struct inquiry *inquiry = context;
    struct waiter *waiter;
    size_t n;
    const struct survey_instance *instances = survey_instances (survey, &n);
    while ((waiter = waiter_take (inquiry)) != NULL)
        readiness_answer (inquiry->gateway, waiter, instances, n);
    inquiry_end (inquiry);
}

static bool
service_asked (struct gateway *gateway, const char *name, int *service_r)
{
    *service_r = -1;
    if (name == NULL)
        return true;
    for (enum upstream i = 0; i < UPSTREAMS; i++)
        if (gateway->clients[i] != NULL && strcmp (name, upstream_name (i)) == 0)
            *service_r = (int) i;
    return *service_r >= 0;
}

static void
readyz_get (struct exchange *exchange)
{
    struct gateway *gateway = exchange_owner (exchange);
    struct inquiry *inquiry = &gateway->status->readiness;
    int service;
    if (!service_asked (gateway, exchange_query (exchange, "service"), &service)) {
        exchange_refuse (exchange, 400, "invalid-argument",
                         "the parameter service names none of those that this gateway calls");
        return;
    }
    wait_for (inquiry, exchange, service);
    if (inquiry->survey == NULL)
        inquiry->survey = survey_new (gateway, NULL, readiness_done, inquiry);
}

// ---- /healthz -------------------------------------------------------------------------------------------------------

// The loop turns: that is what it says.
static void
healthz_get (struct exchange *exchange)
{
    exchange_end (exchange, 200, "text/plain; charset=utf-8", "ok\n", 3);
}

const struct http_route status_routes[] = {
    {.listeners = HTTP_STATUS, .methods = HTTP_GET, .path = "/metrics", .handler = metrics_get},
    {.listeners = HTTP_STATUS, .methods = HTTP_GET, .path = "/healthz", .handler = healthz_get},
    {.listeners = HTTP_STATUS, .methods = HTTP_GET, .path = "/readyz", .handler = readyz_get},
    {.path = NULL},
};

struct status *
status_new (struct gateway *gateway)
{
    struct status *status = xcalloc (1, sizeof *status);
    status->figures.gateway = status->readiness.gateway = gateway;
    node_init (&status->figures.waiters);
    node_init (&status->readiness.waiters);
    return status;
}

void
status_destroy (struct status **status_p)
{
    struct status *status = *status_p;
    if (status == NULL)
        return;
    inquiry_end (&status->figures);
    inquiry_end (&status->readiness);
    free (status);
    *status_p = NULL;
}
