// Calls to the services, for exchanges.
#include "admin.pb-c.h"
#include "audit.pb-c.h"
#include "envelope.pb-c.h"
#include "issuer.pb-c.h"
#include "services/gateway/gateway.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// Validations that are sent while more requests are being read: a third of what a proxy with 64 connections asks at a time.
enum { TOGETHER = 24 };

static const char *const names[UPSTREAMS] = {"issuer", "validator", "admin", "auditor"};

const char *
upstream_name (enum upstream upstream)
{
    return names[upstream];
}

static const ProtobufCServiceDescriptor *
upstream_descriptor (enum upstream upstream)
{
    switch (upstream) {
    case UPSTREAM_ISSUER:
        return &jeton__v1__issuer__descriptor;
    case UPSTREAM_VALIDATOR:
        return &jeton__v1__validator__descriptor;
    case UPSTREAM_ADMIN:
        return &jeton__v1__admin__descriptor;
    case UPSTREAM_AUDITOR:
        return &jeton__v1__audit_logger__descriptor;
    case UPSTREAMS:
        break;
    }
    return NULL;
}

bool
gateway_connect (struct gateway *gateway, struct error *error_r)
{
    struct peers *peers = peers_load (gateway->settings.process.peers, error_r);
    if (peers == NULL)
        return false;
    bool good = true;
    for (enum upstream i = 0; i < UPSTREAMS && good; i++) {
        const struct peer *peer = peers_by_name (peers, names[i]);
        if (*gateway->settings.services[i] == '\0')
            continue;
        if (peer == NULL) {
            error_set (error_r, "the peers file %s has no line for \"%s\"",
                       gateway->settings.process.peers, names[i]);
            good = false;
            break;
        }
        struct rpc_client_options options = {
            .endpoints = gateway->settings.services[i],
            .server_key = peer->key,
            .certificate = gateway->process.certificate,
            .timeout_ms = (uint32_t) gateway->settings.call_timeout_ms,
            .in_flight_limit = (uint32_t) gateway->settings.process.in_flight_limit,
            .by_home = i == UPSTREAM_ISSUER || i == UPSTREAM_VALIDATOR,
        };
        struct loop *loop = gateway->process.loop;
        gateway->clients[i] = rpc_client_new (loop, gateway->process.resolver, &options, error_r);
        good = gateway->clients[i] != NULL;
        if (good && i == UPSTREAM_VALIDATOR) {
            gateway->validator =
                validator_client_new (loop, gateway->process.resolver, &options, error_r);
            good = gateway->validator != NULL;
            if (good)
                validator_client_gather (gateway->validator, TOGETHER);
        }
        if (!good)
            error_prefix (error_r, "setting %s", names[i]);
    }
    peers_destroy (&peers);
    return good;
}

void
gateway_disconnect (struct gateway *gateway)
{
    validator_client_destroy (&gateway->validator);
    for (enum upstream i = 0; i < UPSTREAMS; i++)
        rpc_client_destroy (&gateway->clients[i]);
}

// ---- calls -----------------------------------------------------------------------------------------------------------

struct call {
    struct rpc_client *client;
    uint64_t id;
};

static void
call_over (void *context)
{
    const struct call *call = context;
    rpc_client_cancel (call->client, call->id);
}

// Services take printable ASCII as metadata; who the user agent is matters to the trail only.
static const char *
printable (struct arena *arena, const char *text, size_t limit)
{
    char *copy = text ? arena_strdup (arena, text) : NULL;
    for (char *at = copy; at && *at; at++)
        if (*at < ' ' || *at > '~') // also what is no ASCII, where char is unsigned
            *at = '?';
    if (copy && strlen (copy) > limit)
        copy[limit] = '\0';
    return copy;
}

enum { METADATA_MAX = 11, AGENT_MAX = 256 };

static bool
metadata_make (struct exchange *exchange, const struct gateway_call *call,
               const char *metadata_r[METADATA_MAX])
{
    struct arena *arena = exchange_arena (exchange);
    const char *correlation = exchange_correlation (exchange);
    const char *trace = arena_printf (arena, "00-%s-%.16s-01", correlation, correlation + 16);
    const char *bearer = call->bearer ? arena_printf (arena, "Bearer %s", call->bearer) : NULL;
    const struct {
        const char *key, *value;
    } pairs[] = {
        {"traceparent", trace},
        {"client-address", exchange_address (exchange)},
        {"user-agent", printable (arena, exchange_header (exchange, "user-agent"), AGENT_MAX)},
        {"authorization", bearer},
        {"idempotency-key", call->idempotency_key},
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].value) {
            metadata_r[n++] = pairs[i].key;
            metadata_r[n++] = pairs[i].value;
        }
    metadata_r[n] = NULL;
    return trace && (bearer || !call->bearer);
}

void
gateway_call (struct exchange *exchange, const struct gateway_call *call, rpc_callback *callback)
{
    const struct gateway *gateway = exchange_owner (exchange);
    struct rpc_client *client = gateway->clients[call->upstream];
    const char *metadata[METADATA_MAX];
    struct call *open = arena_alloc (exchange_arena (exchange), sizeof *open);
    if (client == NULL) {
        exchange_refuse (exchange, 503, "unavailable", "this gateway has no %s: its setting \"%s\"",
                         names[call->upstream], names[call->upstream]);
        return;
    }
    if (open == NULL || !metadata_make (exchange, call, metadata)) {
        exchange_refuse (exchange, 413, "too-large", "the request takes more memory than it may");
        return;
    }
    struct rpc_call_options options = {
        .key = call->home,
        .key_size = call->home ? strlen (call->home) : 0,
        .idempotent = !call->write,
        .credit = call->credit,
        .paced = call->paced_r != NULL,
        .metadata = metadata,
    };
    open->client = client;
    open->id = rpc_client_call (client, upstream_descriptor (call->upstream), call->method,
                                call->message, &options, callback, exchange);
    if (call->paced_r)
        *call->paced_r = open->id;
    exchange_over (exchange, call_over, open);
}

void
gateway_taken (struct exchange *exchange, enum upstream upstream, uint64_t id)
{
    const struct gateway *gateway = exchange_owner (exchange);
    rpc_client_taken (gateway->clients[upstream], id);
}

// ---- what came of them -----------------------------------------------------------------------------------------------

static const struct {
    int code, status;
    const char *type;
} problems[] = {
    {JETON__V1__CODE__CODE_INVALID_ARGUMENT, 400, "invalid-argument"},
    {JETON__V1__CODE__CODE_UNAUTHENTICATED, 401, "unauthenticated"},
    {JETON__V1__CODE__CODE_PERMISSION_DENIED, 403, "permission-denied"},
    {JETON__V1__CODE__CODE_NOT_FOUND, 404, "not-found"},
    {JETON__V1__CODE__CODE_ALREADY_EXISTS, 409, "already-exists"},
    {JETON__V1__CODE__CODE_FAILED_PRECONDITION, 409, "failed-precondition"},
    {JETON__V1__CODE__CODE_ABORTED, 412, "aborted"},
    {JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED, 429, "resource-exhausted"},
    {JETON__V1__CODE__CODE_OUT_OF_RANGE, 410, "out-of-range"},
    {JETON__V1__CODE__CODE_UNIMPLEMENTED, 501, "unimplemented"},
    {JETON__V1__CODE__CODE_UNAVAILABLE, 503, "unavailable"},
    {JETON__V1__CODE__CODE_DEADLINE_EXCEEDED, 504, "deadline-exceeded"},
    {JETON__V1__CODE__CODE_UNKNOWN, 502, "unknown"},
};

struct gateway_status
gateway_status (int code)
{
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        if (problems[i].code == code)
            return (struct gateway_status){problems[i].status, problems[i].type};
    return (struct gateway_status){500, "internal"};
}

void
gateway_fail (struct exchange *exchange, const struct rpc_result *result)
{
    const struct gateway_status problem = gateway_status (result->code);
    struct http_violation violations[16];
    size_t n = result->ndetails < 16 ? result->ndetails : 16;
    for (size_t i = 0; i < n; i++)
        violations[i] =
            (struct http_violation){result->details[i].field, result->details[i].description};
    const char *message = result->message ? result->message : "";
    if (result->code == JETON__V1__CODE__CODE_UNKNOWN)
        message = "the connection to the service was lost before its answer came: it may have "
                  "happened; repeat it with the same Idempotency-Key";
    if (problem.status == 401)
        exchange_set (exchange, "WWW-Authenticate", "Bearer");
    if (result->retry_after > 0 || problem.status == 503) {
        char seconds[16];
        snprintf (seconds, sizeof seconds, "%" PRIu32,
                  result->retry_after ? result->retry_after : 1);
        exchange_set (exchange, "Retry-After", seconds);
    }
    exchange_problem (exchange, problem.status, problem.type, message, violations, n);
}
