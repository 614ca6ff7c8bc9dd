#include "services/gateway/survey.h"
#include "common/log/log.h"
#include "common/net/alarm.h"
#include "envelope.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct survey {
    struct gateway *gateway;
    struct metrics *metrics; // NULL: only how they are
    survey_done *done;
    void *context;
    struct alarm *alarm;
    struct survey_instance *instances;
    size_t n, room;
    size_t open;            // calls
    bool cut;               // there are more than status_instances
    enum upstream upstream; // whose addresses are being listed
};

// ---- what they answer -----------------------------------------------------------------------------------------------

static const char *
state_name (Jeton__V1__HealthState state)
{
    switch (state) {
    case JETON__V1__HEALTH_STATE__HEALTH_STATE_STARTING:
        return "starting";
    case JETON__V1__HEALTH_STATE__HEALTH_STATE_SERVING:
        return "serving";
    case JETON__V1__HEALTH_STATE__HEALTH_STATE_DRAINING:
        return "draining";
    case JETON__V1__HEALTH_STATE__HEALTH_STATE_STALE:
        return "stale";
    case JETON__V1__HEALTH_STATE__HEALTH_STATE_STANDBY:
        return "standby";
    case JETON__V1__HEALTH_STATE__HEALTH_STATE_UNSPECIFIED:
    case _JETON__V1__HEALTH_STATE_IS_INT_SIZE:
        break;
    }
    return "unknown";
}

static void
call_over (struct survey *survey)
{
    if (--survey->open == 0)
        alarm_by (survey->alarm, 0);
}

static void
on_check (void *context, const struct rpc_result *result)
{
    struct survey_instance *instance = context;
    const Jeton__V1__CheckReply *reply = result->reply;
    instance->calls[0] = 0;
    if (reply != NULL) {
        instance->answered = true;
        instance->state = state_name (reply->state);
        instance->serving = reply->state == JETON__V1__HEALTH_STATE__HEALTH_STATE_SERVING ||
                            reply->state == JETON__V1__HEALTH_STATE__HEALTH_STATE_STANDBY;
        snprintf (instance->reason, sizeof instance->reason, "%s", reply->reason);
        snprintf (instance->version, sizeof instance->version, "%s", reply->version);
    } else {
        snprintf (instance->reason, sizeof instance->reason, "%s", result->message);
    }
    call_over (instance->survey);
}

static void
on_stats (void *context, const struct rpc_result *result)
{
    struct survey_instance *instance = context;
    struct survey *survey = instance->survey;
    const Jeton__V1__GetStatsReply *reply = result->reply;
    instance->calls[1] = 0;
    for (size_t i = 0; reply != NULL && i < reply->n_stats; i++)
        metrics_add (survey->metrics, reply->stats[i], upstream_name (instance->upstream),
                     instance->address);
    call_over (survey);
}

// ---- asking ---------------------------------------------------------------------------------------------------------

static bool
is_listed (const struct survey *survey, const char *address)
{
    for (size_t i = 0; i < survey->n; i++)
        if (survey->instances[i].upstream == survey->upstream &&
            strcmp (survey->instances[i].address, address) == 0)
            return true;
    return false;
}

static void
instance_list (void *context, uint32_t connection, const char *address, bool up)
{
    struct survey *survey = context;
    if (strncmp (address, "tcp://", 6) == 0)
        address += 6;
    size_t limit = (size_t) survey->gateway->settings.status_instances;
    if (is_listed (survey, address))
        return;
    survey->cut |= survey->n == limit;
    if (survey->cut)
        return;
    if (survey->n == survey->room) {
        survey->room = survey->room == 0 ? 16 : 2 * survey->room;
        survey->instances = xrealloc (survey->instances, survey->room * sizeof *survey->instances);
    }
    struct survey_instance *instance = &survey->instances[survey->n++];
    *instance = (struct survey_instance){.upstream = survey->upstream,
                                         .survey = survey,
                                         .connection = up ? connection : 0,
                                         .state = "unreachable",
                                         .reason = "there is no connection to it"};
    snprintf (instance->address, sizeof instance->address, "%s", address);
}

static void
instance_ask (struct survey *survey, struct survey_instance *instance)
{
    const Jeton__V1__CheckRequest check = JETON__V1__CHECK_REQUEST__INIT;
    const Jeton__V1__GetStatsRequest stats = JETON__V1__GET_STATS_REQUEST__INIT;
    struct rpc_client *client = survey->gateway->clients[instance->upstream];
    const struct rpc_call_options options = {
        .timeout_ms = (uint32_t) survey->gateway->settings.status_timeout_ms,
        .once = true,
        .connection = instance->connection,
    };
    survey->open++;
    instance->calls[0] = rpc_client_call (client, &jeton__v1__health__descriptor, "Check",
                                          &check.base, &options, on_check, instance);
    if (survey->metrics == NULL)
        return;
    survey->open++;
    instance->calls[1] = rpc_client_call (client, &jeton__v1__stats__descriptor, "Get", &stats.base,
                                          &options, on_stats, instance);
}

// Calls give and take nothing while they are answered: what ends the survey has a turn of its own.
static void
on_alarm (void *context)
{
    struct survey *survey = context;
    survey->done (survey, survey->context);
}

struct survey *
survey_new (struct gateway *gateway, struct metrics *metrics, survey_done *done, void *context)
{
    struct survey *survey = xcalloc (1, sizeof *survey);
    survey->gateway = gateway;
    survey->metrics = metrics;
    survey->done = done;
    survey->context = context;
    survey->alarm = alarm_new (gateway->process.loop, on_alarm, survey);
    for (enum upstream i = 0; i < UPSTREAMS; i++) {
        survey->upstream = i;
        if (gateway->clients[i] != NULL)
            rpc_client_each (gateway->clients[i], instance_list, survey);
    }
    if (survey->cut)
        log_warn ("there are more processes than metrics and readiness ask", "setting",
                  "status_instances", NULL);
    for (size_t i = 0; i < survey->n; i++)
        if (survey->instances[i].connection != 0)
            instance_ask (survey, &survey->instances[i]);
    if (survey->open == 0)
        alarm_by (survey->alarm, 0);
    return survey;
}

void
survey_destroy (struct survey **survey_p)
{
    struct survey *survey = *survey_p;
    if (survey == NULL)
        return;
    for (size_t i = 0; i < survey->n; i++)
        for (size_t k = 0; k < 2; k++)
            if (survey->instances[i].calls[k] != 0)
                rpc_client_cancel (survey->gateway->clients[survey->instances[i].upstream],
                                   survey->instances[i].calls[k]);
    alarm_destroy (&survey->alarm);
    free (survey->instances);
    free (survey);
    *survey_p = NULL;
}

const struct survey_instance *
survey_instances (const struct survey *survey, size_t *n_r)
{
    *n_r = survey->n;
    return survey->instances;
}
