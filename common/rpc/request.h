// One call that a server is answering. What outlives a handler's return hangs off it; its arena frees all of it at once, wiped.
#ifndef JETON_RPC_REQUEST_H
#define JETON_RPC_REQUEST_H

#include "common/memory/memory.h"
#include "common/rpc/peers.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

struct request;

// Every function asserts the magic number of the request: a callback that comes after its end is a bug that must not go unseen.

// request_message (request): The unpacked request message; cast it to the method's type. In the arena.
const void *request_message (const struct request *request);
// request_owner (request): The `owner` of the rpc_service.
void *request_owner (const struct request *request);
// request_arena (request): For what the call needs until its end.
struct arena *request_arena (struct request *request);
// request_peer (request): Who called. A copy: valid until the end of the request, whatever becomes of the peers file.
const struct peer *request_peer (const struct request *request);
// request_method (request): "jeton.v1.Admin/CreateToken".
const char *request_method (const struct request *request);
// request_correlation (request): 32 hexadecimal digits: the trace id of a valid `traceparent`, or random ones.
const char *request_correlation (const struct request *request);
// request_metadata (request, key): The value, or NULL.
const char *request_metadata (const struct request *request, const char *key);
// request_body (request, &size_r): The packed request message, as it came. In the arena.
const void *request_body (const struct request *request, size_t *size_r);
// request_flags (request): enum rpc_flags of the method's row.
unsigned request_flags (const struct request *request);
// request_context (request), request_context_set (request, context): One pointer for the handler's own state, usually in the arena.
void *request_context (const struct request *request);
void request_context_set (struct request *request, void *context);
// request_caller (request), request_caller_set (request, caller): Who it acts for, as a gate found out; NULL: for the peer itself.
struct caller;
const struct caller *request_caller (const struct request *request);
void request_caller_set (struct request *request, const struct caller *caller);
// request_answered (request): The peer has its answer already (deadline, cancel, gone): work that is not needed any more may be dropped.
bool request_answered (const struct request *request);

// request_reply (request, reply): Ends the call with CODE_OK. The message is packed at once; the request is gone afterwards.
// When the peer has been answered already, nothing is sent. For a stream: the last reply, with `reply` NULL.
void request_reply (struct request *request, const ProtobufCMessage *reply);

// request_fail (request, code, format, …): Ends the call with an error; `code` is a Jeton__V1__Code. The text is for the peer: what
// happened, to what, what to do; no secret, no SQL.
void request_fail (struct request *request, int code, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

// request_retry_after (request, seconds): What request_fail says besides: when it may be tried again.
void request_retry_after (struct request *request, uint32_t seconds);

// request_fail_field (request, field, format, …): INVALID_ARGUMENT that names the field.
void request_fail_field (struct request *request, const char *field, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

// What a gate does (rpc_server_gate). request_handle (request): Call the method's handler; the request is the handler's from then on.
void request_handle (struct request *request);
// request_hold (request, held): The next request_fail or request_fail_field of this request (of a handler's) sends nothing: `held` is called from
// it instead, with the request, which is `held`'s from then on. request_held (request): The code of what is held.
// request_refuse (request): Send what is held, after all.
typedef void request_callback (struct request *request);
void request_hold (struct request *request, request_callback *held);
int request_held (const struct request *request);
void request_refuse (struct request *request);

// request_capture (request, refusal): From now on request_fail and request_fail_field end nothing: they note in *refusal what they would have
// answered, unless there is something already. NULL: they answer again. For a request about many things, of which each is judged by itself.
struct request_refusal {
    int code; // a Jeton__V1__Code; 0: nothing was refused
    char field[64];
    char text[512];
};
void request_capture (struct request *request, struct request_refusal *refusal);

// Streaming. request_send (request, reply): Send one item. False: there is no credit (nothing was sent); send again when `credit` is
// called. False as well once the peer has been answered or has gone: `ended` is called then. request_stream (request, credit, ended): `credit` is called when credit has come; `ended` when the peer has cancelled, gone, its
// deadline has passed or the server drains: the handler must then end the request (request_reply or request_fail, of which nothing is
// sent). Neither is called before request_stream has returned.
bool request_send (struct request *request, const ProtobufCMessage *reply)
    __attribute__ ((warn_unused_result));
void request_stream (struct request *request, request_callback *credit, request_callback *ended);

#endif
