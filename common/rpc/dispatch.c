#include "common/memory/memory.h"
#include "common/rpc/internal.h"
#include "common/rpc/wire.h"

#include <string.h>

// Where a request is in its checks.
struct attempt {
    struct rpc_server *server;
    const struct rpc_sender *sender;
    struct request *request;
    const Jeton__V1__Request *envelope;
};

#define REFUSE(attempt, code, field, ...)                                                          \
    (refusal_count (attempt, code),                                                                \
     rpc_answer_refuse ((attempt)->server, (attempt)->sender, (attempt)->envelope->id, code,       \
                        field, __VA_ARGS__),                                                       \
     false)

static void
refusal_count (struct attempt *attempt, int code)
{
    const struct rpc_route *route = attempt->request->route;
    (route != NULL ? route->tally : &attempt->server->stray)->codes[code]++;
}

static bool
envelope_fields_check (struct attempt *attempt)
{
    const Jeton__V1__Request *envelope = attempt->envelope;
    const int code = JETON__V1__CODE__CODE_INVALID_ARGUMENT;
    if (envelope->id == 0)
        return REFUSE (attempt, code, NULL, "the id of a request is not 0");
    if (rpc_request_find (attempt->server, attempt->sender->fd, envelope->id) != NULL)
        return REFUSE (attempt, code, NULL, "a request with this id is in progress already");
    size_t length = strlen (envelope->method);
    if (length == 0 || length > RPC_METHOD_LENGTH_MAX)
        return REFUSE (attempt, code, NULL, "the method's name has 1 to %d bytes",
                       RPC_METHOD_LENGTH_MAX);
    if (envelope->n_metadata > RPC_METADATA_MAX)
        return REFUSE (attempt, code, NULL, "there are more than %d pairs of metadata",
                       RPC_METADATA_MAX);
    for (size_t i = 0; i < envelope->n_metadata; i++) {
        size_t key = strlen (envelope->metadata[i]->key);
        if (key == 0 || key > RPC_METADATA_KEY_MAX ||
            strlen (envelope->metadata[i]->value) > RPC_METADATA_VALUE_MAX)
            return REFUSE (attempt, code, NULL,
                           "metadata has keys of 1 to %d and values of at most %d bytes",
                           RPC_METADATA_KEY_MAX, RPC_METADATA_VALUE_MAX);
    }
    return true;
}

static bool
envelope_check (struct attempt *attempt)
{
    bool fits = envelope_fields_check (attempt);
    attempt->server->counters.malformed += !fits;
    return fits;
}

struct rpc_route *
rpc_route_find (const struct rpc_server *server, const char *name)
{
    size_t low = 0, high = server->nroutes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp (name, server->routes[middle].name);
        if (order == 0)
            return &server->routes[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

// The peers file decides anew for each message: a peer that has left it keeps its connection, and gets nothing through it. Whoever
// is no peer is not told which methods there are.
static bool
peer_check (struct attempt *attempt)
{
    const struct peer *peer = peers_by_key (attempt->server->peers, attempt->sender->key);
    if (peer == NULL) {
        attempt->server->counters.denied++;
        return REFUSE (attempt, JETON__V1__CODE__CODE_PERMISSION_DENIED, NULL,
                       "the peers file of %s does not have your key (any more)",
                       attempt->server->service);
    }
    attempt->request->peer = *peer;
    return true;
}

static bool
method_check (struct attempt *attempt)
{
    struct request *request = attempt->request;
    const struct peer *peer = &request->peer;
    request->route = rpc_route_find (attempt->server, attempt->envelope->method);
    if (request->route == NULL)
        return REFUSE (attempt, JETON__V1__CODE__CODE_UNIMPLEMENTED, NULL, "%s has no method %s",
                       attempt->server->service, attempt->envelope->method);
    if ((request->route->row->roles & peer->roles) == 0) {
        attempt->server->counters.denied++;
        return REFUSE (attempt, JETON__V1__CODE__CODE_PERMISSION_DENIED, NULL,
                       "no role of %s in the peers file of %s may call %s", peer->name,
                       attempt->server->service, request->route->name);
    }
    return true;
}

static bool
server_check (struct attempt *attempt)
{
    struct rpc_server *server = attempt->server;
    if (attempt->request->route->always && !server->ending)
        return true;
    if (server->draining)
        return REFUSE (attempt, JETON__V1__CODE__CODE_UNAVAILABLE, NULL, "%s is ending",
                       server->service);
    if (server->health == RPC_STARTING && (attempt->request->route->row->flags & RPC_INTERNAL) == 0)
        return REFUSE (attempt, JETON__V1__CODE__CODE_UNAVAILABLE, NULL, "%s is not ready: %s",
                       server->service, server->reason.text);
    const char *limit = NULL;
    int fd = attempt->sender->fd;
    // What processes of Jeton want of each other is not crowded out by what callers want of them.
    if (server->counters.in_flight >= server->options.in_flight_limit &&
        (attempt->request->route->row->flags & RPC_INTERNAL) == 0)
        limit = "too many requests in progress";
    else if (server->connections[fd].in_flight + rpc_backlog_size (server, fd) >=
             server->options.peer_limit)
        limit =
            "too many requests of this connection in progress, or replies that it has not taken";
    if (limit == NULL)
        return true;
    server->counters.exhausted++;
    return REFUSE (attempt, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED, NULL, "%s: %s",
                   server->service, limit);
}

static bool
body_unpack (struct attempt *attempt)
{
    const struct rpc_route *route = attempt->request->route;
    const ProtobufCBinaryData *body = &attempt->envelope->body;
    uint32_t limit = route->row->body_limit != 0 ? route->row->body_limit : RPC_BODY_LIMIT;
    if (body->len > limit) {
        attempt->server->counters.malformed++;
        return REFUSE (attempt, JETON__V1__CODE__CODE_INVALID_ARGUMENT, NULL,
                       "the request has %zu bytes; %s takes %u at most", body->len, route->name,
                       limit);
    }
    if (route->codec != NULL) {
        attempt->request->message =
            route->codec->request (attempt->request->arena, body->data, body->len);
        if (attempt->request->message != NULL)
            return true;
    }
    struct wire_violation violation;
    if (!wire_check (route->input, body->data, body->len, &violation)) {
        attempt->server->counters.malformed++;
        bool named = violation.field[0] != '\0';
        return REFUSE (attempt, JETON__V1__CODE__CODE_INVALID_ARGUMENT,
                       named ? violation.field : NULL, "%s %s",
                       named ? violation.field : "the request", violation.what);
    }
    attempt->request->message = protobuf_c_message_unpack (
        route->input, arena_protobuf (attempt->request->arena), body->len, body->data);
    if (attempt->request->message != NULL)
        return true;
    attempt->server->counters.exhausted++;
    return REFUSE (attempt, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED, NULL,
                   "the request needs more than the %zu bytes of memory that one may use",
                   attempt->server->options.arena_limit);
}

static uint32_t
timeout_choose (const struct rpc_method *row, uint32_t asked_ms)
{
    if (asked_ms > RPC_TIMEOUT_MAX_MS)
        return RPC_TIMEOUT_MAX_MS;
    if (asked_ms != 0 || (row->flags & RPC_STREAM) != 0)
        return asked_ms;
    return row->timeout_ms != 0 ? row->timeout_ms : RPC_TIMEOUT_MS;
}

void
rpc_dispatch (struct rpc_server *server, const struct rpc_sender *sender, struct request *request)
{
    struct attempt attempt = {
        .server = server, .sender = sender, .request = request, .envelope = request->envelope};
    server->counters.requests++;
    request->fd = sender->fd;
    request->id = request->envelope->id;
    memcpy (request->routing, sender->routing, RPC_ROUTING_SIZE);
    if (!peer_check (&attempt) || !envelope_check (&attempt) || !method_check (&attempt) ||
        !server_check (&attempt) || !body_unpack (&attempt)) {
        rpc_request_release (request);
        return;
    }
    if (request->envelope->gather)
        server->connections[sender->fd].gathers = true;
    request->credit = request->envelope->credit;
    if (request->credit == 0)
        request->credit = 1;
    if (request->credit > RPC_CREDIT_MAX)
        request->credit = RPC_CREDIT_MAX;
    rpc_request_begin (request,
                       timeout_choose (request->route->row, request->envelope->timeout_ms));
    if (server->gate != NULL && !request->route->always &&
        (request->route->row->flags & RPC_INTERNAL) == 0)
        server->gate (request);
    else
        request->route->row->handler (request);
}
