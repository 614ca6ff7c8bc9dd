// The trail and the access log, live, as server-sent events (HTML standard, section 9.2).
//
// A stream says nothing before its first item. So a look at the first page, with the same filters, comes before it: what refuses the one would refuse the other, and is an answer of HTTP,
// not the end of a stream that had begun well.
#include "audit.pb-c.h"
#include "common/json/json.h"
#include "common/net/alarm.h"
#include "envelope.pb-c.h"
#include "services/gateway/rest.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAIL_CREDIT = 32 }; // items on their way

// In the exchange's arena.
struct tail {
    struct rest rest;
    const ProtobufCMessage *message;
    struct rest_stream stream; // while it is open
    struct alarm *heartbeat;
};

// ---- events ---------------------------------------------------------------------------------------------------------

// The client has gone, or it ends from here.
static void
tail_gone (void *context)
{
    struct tail *tail = context;
    node_remove (&tail->stream.link);
    alarm_destroy (&tail->heartbeat);
}

static void
tail_finish (struct tail *tail)
{
    struct exchange *exchange = tail->rest.exchange;
    tail_gone (tail);
    exchange_gone (exchange, NULL, NULL);
    exchange_finish (exchange);
}

static void
heartbeat_set (struct tail *tail)
{
    const struct gateway *gateway = exchange_owner (tail->rest.exchange);
    alarm_by (tail->heartbeat, zclock_mono () + gateway->settings.heartbeat_ms);
}

// A client that is gone without a word is found out by writing to it, and no proxy between takes the connection for dead.
static void
heartbeat (void *context)
{
    struct tail *tail = context;
    static const char comment[] = ":\n\n";
    if (exchange_write (tail->rest.exchange, comment, sizeof comment - 1))
        heartbeat_set (tail);
    else
        tail_finish (tail);
}

// False: the client does not keep up. No text of JSON has a line break in it.
static bool
event_write (struct tail *tail, const char *event, const char *id, const json_t *data)
{
    cleanup_free char *json = json_dumps (data, JSON_COMPACT);
    cleanup_free char *text = xasprintf ("event: %s\n%s%s%sdata: %s\n\n", event, *id ? "id: " : "",
                                         id, *id ? "\n" : "", json);
    return exchange_write (tail->rest.exchange, text, strlen (text));
}

static void
end_write (struct tail *tail, int code, const char *why)
{
    const struct gateway_status status = gateway_status (code);
    json_t *data =
        json_pack ("{s:o, s:i, s:s}", "type", json_sprintf ("urn:jeton:problem:%s", status.type),
                   "status", status.status, "detail", why);
    bool told = event_write (tail, "end", "", data);
    json_decref (data);
    (void) told; // one that does not take this any more is ended without
    tail_finish (tail);
}

// What a client that comes again says with Last-Event-ID, and gets what is after it.
static json_int_t
position (const json_t *item)
{
    const json_t *sequence = json_object_get (item, "sequence");
    return json_integer_value (sequence ? sequence : json_object_get (item, "id"));
}

static void
tail_item (struct tail *tail, const ProtobufCMessage *reply)
{
    json_t *all = rest_json (reply);
    const json_t *item = json_object_get (all, tail->rest.route->member);
    char id[24];
    snprintf (id, sizeof id, "%" JSON_INTEGER_FORMAT, position (item));
    bool taken = event_write (tail, tail->rest.route->member, id, item);
    json_decref (all);
    if (!taken)
        tail_finish (tail);
}

static void
tail_come (void *context, const struct rpc_result *result)
{
    struct tail *tail = exchange_context (context);
    if (result->more)
        tail_item (tail, result->reply);
    else
        end_write (tail, result->code, result->message);
}

static void
tail_drain (struct rest_stream *stream)
{
    end_write (NODE_OWNER (stream, struct tail, stream), JETON__V1__CODE__CODE_UNAVAILABLE,
               "the gateway ends: come again, with the id of the last event");
}

void
rest_drain (struct gateway *gateway)
{
    while (!list_empty (&gateway->streams)) {
        struct rest_stream *stream = NODE_OWNER (gateway->streams.next, struct rest_stream, link);
        stream->drain (stream);
    }
}

// ---- the beginning --------------------------------------------------------------------------------------------------

static void
tail_open (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    struct tail *tail = exchange_context (exchange);
    struct gateway *gateway = exchange_owner (exchange);
    if (result->code != JETON__V1__CODE__CODE_OK) {
        rest_fail (&tail->rest, result);
        return;
    }
    if (exchange_method (exchange) == HTTP_HEAD) {
        exchange_end (exchange, 200, "text/event-stream", "", 0);
        return;
    }
    exchange_set (exchange, "X-Accel-Buffering", "no"); // nginx passes each event on at once
    exchange_set (exchange, "Connection",
                  "close"); // nothing else comes on it: a drain need not wait
    exchange_stream (exchange, "text/event-stream", NULL, NULL);
    tail->heartbeat = alarm_new (gateway->process.loop, heartbeat, tail);
    tail->stream.drain = tail_drain;
    node_init (&tail->stream.link);
    list_append (&gateway->streams, &tail->stream.link);
    exchange_gone (exchange, tail_gone, tail);
    alarm_by (tail->heartbeat, 0); // that it has begun is told at once
    gateway_call (exchange,
                  &(struct gateway_call){.upstream = tail->rest.route->upstream,
                                         .method = tail->rest.route->method,
                                         .message = tail->message,
                                         .bearer = tail->rest.bearer,
                                         .credit = TAIL_CREDIT},
                  tail_come);
}

// The same of a list: it has the same filters, and no `after`.
static const ProtobufCMessage *
look_message (struct rest *rest, json_t *members, const ProtobufCMethodDescriptor *look)
{
    json_object_del (members, "after");
    json_object_set_new (members, "page", json_pack ("{s:i}", "size", 1));
    return rest_message (rest, members, look->input);
}

static bool
after_set (struct rest *rest, json_t *members)
{
    const char *last = exchange_header (rest->exchange, "last-event-id");
    if (last && (!*last || strlen (last) > 18 || strspn (last, "0123456789") != strlen (last))) {
        exchange_problem (rest->exchange, 400, "invalid-argument", "the request is wrong",
                          &(struct http_violation){"Last-Event-ID", "is no id of an event"}, 1);
        return false;
    }
    if (last)
        json_object_set_new (members, "after", json_string (last));
    else if (!json_object_get (members, "after"))
        json_object_set_new (members, "after", json_integer (-1)); // from now on
    return true;
}

// The list has no such field, and the stream would say so only when it has begun.
static bool
after_check (struct rest *rest, const ProtobufCMessage *message)
{
    int64_t after = message->descriptor == &jeton__v1__tail_use_request__descriptor
                        ? ((const Jeton__V1__TailUseRequest *) message)->after
                        : ((const Jeton__V1__TailRecordsRequest *) message)->after;
    if (after >= -1)
        return true;
    exchange_problem (
        rest->exchange, 400, "invalid-argument", "the request is wrong",
        &(struct http_violation){"after", "must be the id of an event, 0 or -1 (from now on)"}, 1);
    return false;
}

void
rest_tail (struct rest *rest, json_t *members)
{
    struct tail *tail = arena_alloc (exchange_arena (rest->exchange), sizeof *tail);
    if (!tail) {
        exchange_refuse (rest->exchange, 413, "too-large",
                         "the request takes more memory than it may");
        return;
    }
    *tail = (struct tail){.rest = *rest};
    exchange_context_set (rest->exchange, tail);
    if (!after_set (rest, members))
        return;
    tail->message = rest_message (rest, members, rest->method->input);
    if (!tail->message || !after_check (rest, tail->message))
        return;
    bool use = tail->message->descriptor == &jeton__v1__tail_use_request__descriptor;
    const ProtobufCMethodDescriptor *look = protobuf_c_service_descriptor_get_method_by_name (
        rest->service, use ? "ListUse" : "ListRecords");
    const ProtobufCMessage *first = look_message (rest, members, look);
    if (first)
        gateway_call (rest->exchange,
                      &(struct gateway_call){.upstream = rest->route->upstream,
                                             .method = look->name,
                                             .message = first,
                                             .bearer = rest->bearer},
                      tail_open);
}
