#include "common/rpc/client_internal.h"
#include "common/rpc/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rpc_call *
rpc_call_find (struct rpc_client *client, uint64_t id)
{
    struct rpc_call *call = client->by_id[id & client->by_id_mask];
    while (call != NULL && call->id != id)
        call = call->next;
    return call;
}

void
rpc_call_add (struct rpc_client *client, struct rpc_call *call)
{
    node_init (&call->link);
    call->client = client;
    call->id = ++client->last_id;
    struct rpc_call **head = &client->by_id[call->id & client->by_id_mask];
    call->next = *head;
    *head = call;
    client->ncalls++;
}

void
rpc_call_unsend (struct rpc_call *call)
{
    struct rpc_outlet *outlet = call->outlet;
    node_remove (&call->link);
    call->outlet = NULL;
    if (outlet == NULL)
        return;
    outlet->outstanding--;
    if (outlet->leaving && outlet->outstanding == 0)
        alarm_by (call->client->alarm, 0);
}

void
rpc_call_detach (struct rpc_call *call)
{
    struct rpc_client *client = call->client;
    rpc_call_unsend (call);
    deadlines_remove (&client->deadlines, &call->deadline);
    struct rpc_call **at = &client->by_id[call->id & client->by_id_mask];
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    client->ncalls--;
}

void
rpc_call_free (struct rpc_call *call)
{
    rpc_frame_free (call);
    free (call);
}

static void
deadline_set (struct rpc_call *call, int64_t at_ms)
{
    struct rpc_client *client = call->client;
    if (at_ms == INT64_MAX) {
        deadlines_remove (&client->deadlines, &call->deadline);
        return;
    }
    deadlines_set (&client->deadlines, &call->deadline, at_ms);
    alarm_by (client->alarm, at_ms);
}

// A stream may last as long as it likes, but it does not wait for its connection any longer than others.
static void
call_wait (struct rpc_call *call)
{
    struct rpc_client *client = call->client;
    list_append (&client->waiting, &call->link);
    if (call->until_ms != INT64_MAX)
        deadline_set (call, call->until_ms);
    else if (call->deadline.position == 0)
        deadline_set (call, zclock_mono () + client->options.timeout_ms);
    if (rpc_endpoints_refused (client))
        alarm_by (client->alarm, 0);
}

static bool
call_send (struct rpc_call *call, struct rpc_outlet *outlet)
{
    if (call->until_ms != INT64_MAX) {
        int64_t left_ms = call->until_ms - zclock_mono ();
        rpc_frame_timeout (call, left_ms > 0 ? (uint32_t) left_ms : 1);
    }
    bool gathered = rpc_outlet_gather (outlet, call);
    if (!gathered && !rpc_outlet_send (outlet, call->frame, call->frame_size))
        return false;
    call->tries++;
    call->outlet = outlet;
    outlet->outstanding++;
    deadline_set (call, call->until_ms);
    if (!gathered)
        rpc_call_sent (call);
    return true;
}

void
rpc_call_sent (struct rpc_call *call)
{
    list_append (&call->outlet->calls, &call->link);
    if (call->tries_max == 1)
        rpc_frame_free (call);
}

void
rpc_call_unsent (struct rpc_call *call)
{
    rpc_call_unsend (call);
    call->tries--;
    rpc_call_start (call, NULL);
}

void
rpc_call_refuse (struct rpc_call *call, int code, const char *why)
{
    call->failed = code;
    call->failure = why;
    list_append (&call->client->failing, &call->link);
    alarm_by (call->client->alarm, 0);
}

static void
call_start_there (struct rpc_call *call)
{
    struct rpc_outlet *outlet = rpc_outlet_find (call->client, call->connection);
    if (outlet != NULL && outlet->state == RPC_UP && call_send (call, outlet))
        return;
    call->lost = true;
    rpc_call_refuse (call, JETON__V1__CODE__CODE_UNAVAILABLE, "the connection was lost");
}

void
rpc_call_start (struct rpc_call *call, const struct rpc_outlet *except)
{
    if (call->connection != 0) {
        call_start_there (call);
        return;
    }
    struct rpc_outlet *outlet = rpc_choose_for (call, except);
    if (outlet != NULL && call_send (call, outlet))
        return;
    call_wait (call);
    if (outlet != NULL) // it is full, or about to be found lost
        alarm_by (call->client->alarm, zclock_mono () + 5);
}

void
rpc_calls_wake (struct rpc_client *client)
{
    struct node now;
    node_init (&now);
    list_move (&client->waiting, &now);
    while (!list_empty (&now))
        rpc_call_start (NODE_OWNER (now.next, struct rpc_call, link), NULL);
}

void
rpc_call_deliver (struct rpc_call *call, const struct rpc_result *result)
{
    struct rpc_client *client = call->client;
    client->delivering = true;
    call->callback (call->context, result);
    client->delivering = false;
}

void
rpc_call_finish (struct rpc_call *call, const struct rpc_result *result)
{
    struct rpc_client_stats *stats = &call->client->stats;
    if (result->code != JETON__V1__CODE__CODE_OK)
        stats->failures++;
    else if (!call->stream)
        timing_add (&stats->took, zclock_usecs () - call->began_us);
    rpc_call_detach (call);
    rpc_call_deliver (call, result);
    rpc_call_free (call);
}

void
rpc_call_fail (struct rpc_call *call, int code, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    wire_text_clean (text);
    struct rpc_result result = {.code = code, .message = text, .lost = call->lost};
    rpc_call_finish (call, &result);
}

void
rpc_call_lost (struct rpc_call *call)
{
    struct rpc_outlet *outlet = call->outlet;
    bool undone = outlet->ended && call->frame != NULL;
    bool again = undone || (call->idempotent && call->tries < call->tries_max);
    call->tries -= undone;
    rpc_call_unsend (call);
    if (again && call->items == 0) {
        rpc_call_start (call, outlet);
        return;
    }
    call->lost = call->idempotent;
    const char *when = "";
    if (call->items > 0)
        when = " in mid-stream";
    else if (call->tries > 1)
        when = ", the second in a row";
    if (call->idempotent)
        rpc_call_fail (call, JETON__V1__CODE__CODE_UNAVAILABLE, "the connection to %s was lost%s",
                       outlet->address, when);
    else
        rpc_call_fail (call, JETON__V1__CODE__CODE_UNKNOWN,
                       "the connection to %s was lost before the answer: whether it was done "
                       "is not known",
                       outlet->address);
}

void
rpc_call_timeout (struct rpc_call *call)
{
    struct rpc_client *client = call->client;
    if (call->outlet != NULL) {
        rpc_call_fail (call, JETON__V1__CODE__CODE_DEADLINE_EXCEEDED,
                       "%s did not answer within the deadline", call->outlet->address);
        return;
    }
    struct error tried = {.text = ""};
    rpc_endpoints_describe (client, &tried);
    int code = rpc_endpoints_refused (client) ? JETON__V1__CODE__CODE_PERMISSION_DENIED
                                              : JETON__V1__CODE__CODE_UNAVAILABLE;
    rpc_call_fail (call, code, "no connection: %s", tried.text);
}

// Callbacks may make calls: those are for the next turn.
void
rpc_calls_refused (struct rpc_client *client)
{
    if (list_empty (&client->waiting) || !rpc_endpoints_refused (client))
        return;
    struct node now;
    node_init (&now);
    list_move (&client->waiting, &now);
    while (!list_empty (&now))
        rpc_call_timeout (NODE_OWNER (now.next, struct rpc_call, link));
}
