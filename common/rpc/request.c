#include "common/rpc/request.h"
#include "common/rpc/internal.h"
#include "common/rpc/wire.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

const void *
request_message (const struct request *request)
{
    assert (request->magic == REQUEST_MAGIC);
    return request->message;
}

void *
request_owner (const struct request *request)
{
    assert (request->magic == REQUEST_MAGIC);
    return request->route->owner;
}

struct arena *
request_arena (struct request *request)
{
    assert (request->magic == REQUEST_MAGIC);
    return request->arena;
}

const struct peer *
request_peer (const struct request *request)
{
    assert (request->magic == REQUEST_MAGIC);
    return &request->peer;
}

const char *
request_method (const struct request *request)
{
    assert (request->magic == REQUEST_MAGIC);
    return request->route->name;
}

const char *
request_metadata (const struct request *request, const char *key)
{
    assert (request->magic == REQUEST_MAGIC);
    for (size_t i = 0; i < request->envelope->n_metadata; i++)
        if (strcmp (request->envelope->metadata[i]->key, key) == 0)
            return request->envelope->metadata[i]->value;
    return NULL;
}

static bool
all_hex (const char *text, size_t length)
{
    return strspn (text, "0123456789abcdef") >= length;
}

// W3C Trace Context, section 3.2: version "-" trace-id "-" parent-id "-" flags; later versions may add to it, with another "-".
static const char *
trace_id (const char *traceparent)
{
    enum { TRACE = 3, PARENT = 36, FLAGS = 53, LENGTH = 55 };
    if (traceparent == NULL || strlen (traceparent) < LENGTH)
        return NULL;
    if (!all_hex (traceparent, 2) || traceparent[2] != '-' || !all_hex (traceparent + TRACE, 32) ||
        traceparent[PARENT - 1] != '-' || !all_hex (traceparent + PARENT, 16) ||
        traceparent[FLAGS - 1] != '-' || !all_hex (traceparent + FLAGS, 2))
        return NULL;
    if (strncmp (traceparent, "ff", 2) == 0 || strspn (traceparent + TRACE, "0") >= 32 ||
        strspn (traceparent + PARENT, "0") >= 16)
        return NULL;
    bool first_version = strncmp (traceparent, "00", 2) == 0;
    char after = traceparent[LENGTH];
    return after == '\0' || (!first_version && after == '-') ? traceparent + TRACE : NULL;
}

// Most requests never ask, so that it is worked out when one does.
const char *
request_correlation (const struct request *request)
{
    assert (request->magic == REQUEST_MAGIC);
    if (request->correlation[0] != '\0')
        return request->correlation;
    struct request *mutable = (struct request *) request;
    const char *trace = trace_id (request_metadata (request, "traceparent"));
    if (trace != NULL)
        memcpy (mutable->correlation, trace, 32);
    else {
        uint8_t random[16];
        randombytes_buf (random, sizeof random);
        sodium_bin2hex (mutable->correlation, sizeof mutable->correlation, random, sizeof random);
    }
    return request->correlation;
}

const void *
request_body (const struct request *request, size_t *size_r)
{
    assert (request->magic == REQUEST_MAGIC);
    *size_r = request->envelope->body.len;
    return request->envelope->body.data;
}

unsigned
request_flags (const struct request *request)
{
    assert (request->magic == REQUEST_MAGIC);
    return request->route->row->flags;
}

void
request_handle (struct request *request)
{
    assert (request->magic == REQUEST_MAGIC);
    request->route->row->handler (request);
}

void *
request_context (const struct request *request)
{
    assert (request->magic == REQUEST_MAGIC);
    return request->context;
}

void
request_context_set (struct request *request, void *context)
{
    assert (request->magic == REQUEST_MAGIC);
    request->context = context;
}

const struct caller *
request_caller (const struct request *request)
{
    assert (request->magic == REQUEST_MAGIC);
    return request->caller;
}

void
request_caller_set (struct request *request, const struct caller *caller)
{
    assert (request->magic == REQUEST_MAGIC);
    request->caller = caller;
}

bool
request_answered (const struct request *request)
{
    assert (request->magic == REQUEST_MAGIC);
    return request->answered;
}

void
rpc_request_answer (struct request *request, const struct rpc_answer *answer)
{
    struct rpc_server *server = request->server;
    if (request->answered)
        return;
    struct rpc_answer addressed = *answer;
    addressed.id = request->id;
    bool sent =
        rpc_answer_send (server, request->fd, request->routing, RPC_ROUTING_SIZE, &addressed);
    if (!sent && errno == EMSGSIZE) {
        addressed = (struct rpc_answer){
            .id = request->id,
            .code = JETON__V1__CODE__CODE_INTERNAL,
            .message = "the reply would be larger than a reply may be",
        };
        sent =
            rpc_answer_send (server, request->fd, request->routing, RPC_ROUTING_SIZE, &addressed);
    }
    if (!sent) { // the peer is gone, or was cut off because it takes nothing off its queue
        server->counters.lost++;
        rpc_connection_miss (server, request->fd);
    }
    rpc_request_settle (request, addressed.code);
}

void
request_reply (struct request *request, const ProtobufCMessage *reply)
{
    assert (request->magic == REQUEST_MAGIC);
    assert (reply != NULL || (request->route->row->flags & RPC_STREAM) != 0);
    struct rpc_answer answer = {
        .code = JETON__V1__CODE__CODE_OK, .body = reply, .codec = request->route->codec};
    rpc_request_answer (request, &answer);
    rpc_request_end (request);
}

void
request_hold (struct request *request, request_callback *held)
{
    assert (request->magic == REQUEST_MAGIC);
    request->on_held = held;
}

void
request_capture (struct request *request, struct request_refusal *refusal)
{
    assert (request->magic == REQUEST_MAGIC);
    request->refusal = refusal;
}

int
request_held (const struct request *request)
{
    assert (request->magic == REQUEST_MAGIC && request->held_text != NULL);
    return request->held_code;
}

void
request_refuse (struct request *request)
{
    assert (request->magic == REQUEST_MAGIC && request->held_text != NULL);
    struct rpc_answer answer = {.code = request->held_code,
                                .message = request->held_text,
                                .field = request->held_field,
                                .retry_after = request->retry_after};
    rpc_request_answer (request, &answer);
    rpc_request_end (request);
}

// False: no memory to keep it in; it has to be sent.
static bool
hold (struct request *request, const struct rpc_answer *answer)
{
    request_callback *held = request->on_held;
    request->on_held = NULL;
    request->held_code = answer->code;
    request->held_text = arena_strdup (request->arena, answer->message);
    if (answer->field != NULL)
        request->held_field = arena_strdup (request->arena, answer->field);
    if (request->held_text == NULL || (answer->field != NULL && request->held_field == NULL))
        return false;
    held (request);
    return true;
}

static void __attribute__ ((format (printf, 4, 0)))
fail (struct request *request, int code, const char *field, const char *format, va_list arguments)
{
    assert (request->magic == REQUEST_MAGIC);
    assert (code > JETON__V1__CODE__CODE_OK && code <= JETON__V1__CODE__CODE_UNAUTHENTICATED);
    char text[512];
    vsnprintf (text, sizeof text, format, arguments);
    wire_text_clean (text);
    struct request_refusal *refusal = request->refusal;
    if (refusal != NULL) {
        if (refusal->code == 0) {
            refusal->code = code;
            snprintf (refusal->field, sizeof refusal->field, "%s", field != NULL ? field : "");
            memcpy (refusal->text, text, sizeof text);
        }
        return;
    }
    struct rpc_answer answer = {
        .code = code, .message = text, .field = field, .retry_after = request->retry_after};
    if (request->on_held != NULL && hold (request, &answer))
        return;
    rpc_request_answer (request, &answer);
    rpc_request_end (request);
}

void
request_fail (struct request *request, int code, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    fail (request, code, NULL, format, arguments);
    va_end (arguments);
}

void
request_retry_after (struct request *request, uint32_t seconds)
{
    assert (request->magic == REQUEST_MAGIC);
    request->retry_after = seconds;
}

void
request_fail_field (struct request *request, const char *field, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    fail (request, JETON__V1__CODE__CODE_INVALID_ARGUMENT, field, format, arguments);
    va_end (arguments);
}

bool
request_send (struct request *request, const ProtobufCMessage *reply)
{
    assert (request->magic == REQUEST_MAGIC);
    assert ((request->route->row->flags & RPC_STREAM) != 0);
    if (request->answered || request->credit == 0)
        return false;
    struct rpc_answer answer = {
        .id = request->id, .code = JETON__V1__CODE__CODE_OK, .body = reply, .more = true};
    if (rpc_answer_send (request->server, request->fd, request->routing, RPC_ROUTING_SIZE,
                         &answer)) {
        request->credit--;
        return true;
    }
    if (errno == EAGAIN) {
        request->credited = true; // it has credit; what it lacks is room in the queue
        list_append (&request->server->stalled, &request->due);
        alarm_by (request->server->alarm, zclock_mono () + RPC_STALLED_MS);
    } else if (errno == EMSGSIZE) {
        answer = (struct rpc_answer){.code = JETON__V1__CODE__CODE_INTERNAL,
                                     .message = "an item would be larger than a reply may be"};
        rpc_request_answer (request, &answer);
    } else {
        request->server->counters.lost++;
        rpc_request_settle (request, JETON__V1__CODE__CODE_CANCELLED);
    }
    return false;
}

void
request_stream (struct request *request, request_callback *credit, request_callback *ended)
{
    assert (request->magic == REQUEST_MAGIC);
    assert (!request->streaming && credit != NULL && ended != NULL);
    assert ((request->route->row->flags & RPC_STREAM) != 0);
    request->on_credit = credit;
    request->on_ended = ended;
    request->streaming = true;
    if (request->answered || request->credited)
        rpc_request_due (request);
}
