// The trail as a file: lines of JSON, for `jeton audit verify` and whoever keeps it.
//
// The auditor sends no more than the client has taken, but for EXPORT_CREDIT items, which is all that is kept of it here. What ends before its time does so visibly: its last line says why, and the
// chunked encoding has no end.
#include "audit.pb-c.h"
#include "common/json/record.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include "services/gateway/rest.h"
#include <assert.h>
#include <string.h>

enum { EXPORT_CREDIT = 32 }; // items on their way, and waiting for the client

// In the exchange's arena.
struct trail_export {
    struct rest rest;
    struct rest_stream stream; // while it is open
    uint64_t id;               // of the call
    bool open;                 // the first line is there
};

// The client has gone, or it ends from here.
static void
export_gone (void *context)
{
    struct trail_export *export = context;
    node_remove (&export->stream.link);
}

static void
line_write (struct trail_export *export, json_t *line)
{
    cleanup_free char *text = json_dumps (line, JSON_COMPACT);
    cleanup_free char *whole = xasprintf ("%s\n", text);
    json_decref (line);
    bool taken = exchange_write (export->rest.exchange, whole, strlen (whole));
    assert (taken); // no limit but the credit
}

static void
export_cut (struct trail_export *export, int code, const char *why)
{
    const struct gateway_status status = gateway_status (code);
    struct exchange *exchange = export->rest.exchange;
    line_write (export, json_pack ("{s:{s:o, s:i, s:s}}", "cut", "type",
                                   json_sprintf ("urn:jeton:problem:%s", status.type), "status",
                                   status.status, "detail", why));
    export_gone (export);
    exchange_gone (exchange, NULL, NULL);
    exchange_cut (exchange);
}

static void
export_drain (struct rest_stream *stream)
{
    export_cut (NODE_OWNER (stream, struct trail_export, stream), JETON__V1__CODE__CODE_UNAVAILABLE,
                "the gateway ends");
}

static void
export_more (void *context)
{
    const struct trail_export *export = context;
    gateway_taken (export->rest.exchange, UPSTREAM_AUDITOR, export->id);
}

static void
export_open (struct trail_export *export)
{
    struct exchange *exchange = export->rest.exchange;
    struct gateway *gateway = exchange_owner (exchange);
    export->open = true;
    export->stream.drain = export_drain;
    list_append (&gateway->streams, &export->stream.link);
    exchange_gone (exchange, export_gone, export);
    exchange_set (exchange, "Content-Disposition", "attachment; filename=\"trail.jsonl\"");
    exchange_stream (exchange, "application/x-ndjson", export_more, export);
}

static void
export_end (struct trail_export *export, const struct rpc_result *result)
{
    struct exchange *exchange = export->rest.exchange;
    if (result->code != JETON__V1__CODE__CODE_OK) {
        export_cut (export, result->code, result->message);
        return;
    }
    export_gone (export);
    exchange_gone (exchange, NULL, NULL);
    exchange_finish (exchange);
}

static void
export_come (void *context, const struct rpc_result *result)
{
    struct trail_export *export = exchange_context (context);
    if (!export->open) {
        if (result->code != JETON__V1__CODE__CODE_OK) {
            rest_fail (&export->rest, result);
            return;
        }
        if (exchange_method (context) == HTTP_HEAD) {
            exchange_end (context, 200, "application/x-ndjson", "", 0);
            return;
        }
        export_open (export);
    }
    json_t *line = result->more ? json_trail_line (result->reply) : NULL;
    if (line)
        line_write (export, line);
    else if (!result->more)
        export_end (export, result);
}

void
rest_export (struct rest *rest, const ProtobufCMessage *message)
{
    struct exchange *exchange = rest->exchange;
    struct trail_export *export = arena_alloc (exchange_arena (exchange), sizeof *export);
    if (!export) {
        exchange_refuse (exchange, 413, "too-large", "the request takes more memory than it may");
        return;
    }
    // Such a client, a proxy perhaps, would take what was cut off for the whole.
    if (!exchange_chunked (exchange)) {
        exchange_refuse (exchange, 505, "version-unsupported", "ask with HTTP/1.1");
        return;
    }
    *export = (struct trail_export){.rest = *rest};
    node_init (&export->stream.link);
    exchange_context_set (exchange, export);
    gateway_call (exchange,
                  &(struct gateway_call){.upstream = UPSTREAM_AUDITOR,
                                         .method = rest->route->method,
                                         .message = message,
                                         .bearer = rest->bearer,
                                         .credit = EXPORT_CREDIT,
                                         .paced_r = &export->id},
                  export_come);
}
