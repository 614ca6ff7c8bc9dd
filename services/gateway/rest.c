#include "services/gateway/rest.h"
#include "admin.pb-c.h"
#include "audit.pb-c.h"
#include "common/json/json.h"
#include "envelope.pb-c.h"
#include <assert.h>
#include <string.h>

const ProtobufCServiceDescriptor *
rest_service (const struct rest_route *route)
{
    return route->upstream == UPSTREAM_ADMIN ? &jeton__v1__admin__descriptor
                                             : &jeton__v1__audit_logger__descriptor;
}

const ProtobufCMethodDescriptor *
rest_method (const struct rest_route *route)
{
    const ProtobufCMethodDescriptor *method =
        protobuf_c_service_descriptor_get_method_by_name (rest_service (route), route->method);
    assert (method);
    return method;
}

// What metadata cannot carry is refused here, under the name that it has here: the service would speak of its envelope.
enum { METADATA_MAX = 4000 };

static bool
metadata_good (const char *text)
{
    size_t size = strlen (text);
    for (size_t i = 0; i < size; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return size <= METADATA_MAX;
}

static bool
key_good (struct rest *rest, const char *key)
{
    if (!key || metadata_good (key))
        return true;
    exchange_problem (rest->exchange, 400, "invalid-argument", "the request is wrong",
                      &(struct http_violation){"Idempotency-Key",
                                               "is too long, or not of printable ASCII characters"},
                      1);
    return false;
}

static void
rest_done (void *context, const struct rpc_result *result)
{
    struct rest *rest = exchange_context (context);
    if (result->code != JETON__V1__CODE__CODE_OK)
        rest_fail (rest, result);
    else if ((rest->route->flags & REST_IMAGE) != 0 && !rest->route->member)
        rest_image_reply (rest, result->reply);
    else
        rest_reply (rest, result->reply);
}

static void
call (struct rest *rest, const ProtobufCMessage *message)
{
    bool write = (rest->route->flags & REST_WRITE) != 0;
    const char *key = write ? exchange_header (rest->exchange, "idempotency-key") : NULL;
    if (!key_good (rest, key))
        return;
    gateway_call (
        rest->exchange,
        &(struct gateway_call){
            .upstream = rest->route->upstream,
            .method = rest->route->method,
            .message = message,
            .bearer = rest->bearer,
            .idempotency_key = key,
            // Also with a key: who sent it twice and was then told "unavailable" could not say that nothing was done.
            .write = write,
        },
        rest_done);
}

static void
rest_begin (struct rest *rest)
{
    json_t *members = rest_members (rest);
    if (!members)
        return;
    if ((rest->route->flags & REST_TAIL) != 0) {
        rest_tail (rest, members);
    } else {
        ProtobufCMessage *message = rest_message (rest, members, rest->method->input);
        if (message && (rest->route->flags & REST_EXPORT) != 0)
            rest_export (rest, message);
        else if (message &&
                 ((rest->route->flags & REST_IMAGE) == 0 || rest_image_read (rest, message)))
            call (rest, message);
    }
    json_decref (members);
}

void
rest_handle (struct exchange *exchange)
{
    struct rest *rest = arena_alloc (exchange_arena (exchange), sizeof *rest);
    const char *bearer;
    if (!exchange_bearer (exchange, &bearer) || !metadata_good (bearer)) {
        exchange_set (exchange, "WWW-Authenticate", "Bearer realm=\"jeton\"");
        exchange_refuse (
            exchange, 401, "unauthenticated",
            "send `Authorization: Bearer` and a login token: POST /api/token gives one");
        return;
    }
    if (!rest) {
        exchange_refuse (exchange, 413, "too-large", "the request takes more memory than it may");
        return;
    }
    const struct rest_route *route = exchange_route (exchange);
    *rest = (struct rest){.exchange = exchange,
                          .route = route,
                          .service = rest_service (route),
                          .method = rest_method (route),
                          .bearer = bearer};
    exchange_context_set (exchange, rest);
    rest_begin (rest);
}
