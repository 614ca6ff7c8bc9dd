// The gateway's own state, and what its handlers share: calls to the services on behalf of an exchange.
#ifndef JETON_GATEWAY_GATEWAY_H
#define JETON_GATEWAY_GATEWAY_H

#include "common/memory/list.h"
#include "common/process/process.h"
#include "common/rpc/client.h"
#include "common/validation/validator_client.h"
#include "services/gateway/http.h"

enum upstream { UPSTREAM_ISSUER, UPSTREAM_VALIDATOR, UPSTREAM_ADMIN, UPSTREAM_AUDITOR, UPSTREAMS };

struct gateway_settings {
    struct process_settings process;
    struct http_settings http;
    char *services[UPSTREAMS]; // endpoints, settings `issuer`, `validator`, `admin`, `auditor`
    char *public_url; // setting public_url: the issuer of RFC 8414, "https://jeton.localhost"
    char *routes;     // setting auth_routes: the file of forward-auth (auth_routes.h); empty: none
    int64_t auth_routes_limit;                                  // setting auth_routes_limit
    int64_t call_timeout_ms;                                    // setting call_timeout_ms
    int64_t heartbeat_ms;                                       // setting heartbeat_ms
    int64_t status_timeout_ms, status_instances, metrics_limit; // settings of the same names
};

struct status;

struct gateway {
    struct process process;
    struct gateway_settings settings;
    struct http *http;
    struct status *status; // who waits for metrics and readiness
    struct rpc_client *clients[UPSTREAMS];
    struct validator_client *validator; // forward-auth's, gathered; NULL without the setting
    struct oauth_keys *keys;            // what the issuer says of its keys (oauth_keys.h)
    bool drained;
    struct node streams;             // open ones of REST (struct rest_stream)
    char *openapi;                   // the description of REST, once it has been asked for
    struct auth_routes *auth_routes; // NULL: no file
    int64_t auth_warned_ms; // when the log was last told of a proxy that lacks something; 0: never
};

// How a call is made. All may be 0.
struct gateway_call {
    enum upstream upstream;
    const char *method; // of the service's descriptor: "GetToken"
    const ProtobufCMessage *message;
    const char *home;            // what the issuer is chosen by, or NULL
    const char *bearer;          // the user's login token, or NULL: metadata `authorization`
    const char *idempotency_key; // or NULL
    bool write;                  // may not be sent twice; else it is idempotent
    uint32_t credit;             // a stream's
    uint64_t
        *paced_r; // a stream whose credit waits for gateway_taken: its id there; NULL: for none
};

// gateway_call (exchange, call, callback): Call a service for this exchange, with its client-address, user-agent and traceparent. The callback's context is the exchange. It is never called when
// the client has gone meanwhile, or the exchange has been ended: the call is cancelled then. One at a time an exchange, whose owner is the gateway. Without a service of
// this kind the exchange is ended with 503, before this returns.
void gateway_call (struct exchange *exchange, const struct gateway_call *call,
                   rpc_callback *callback);

// gateway_taken (exchange, upstream, id): The client has taken all items of the paced stream that have come: as many others may (rpc_client_taken).
void gateway_taken (struct exchange *exchange, enum upstream upstream, uint64_t id);

// gateway_fail (exchange, result): End it with the problem that says what a result other than CODE_OK means:
//   INVALID_ARGUMENT 400 with the fields at fault, UNAUTHENTICATED 401 with WWW-Authenticate, PERMISSION_DENIED 403, NOT_FOUND 404, ALREADY_EXISTS 409, FAILED_PRECONDITION 409, ABORTED 412,
//   RESOURCE_EXHAUSTED 429, OUT_OF_RANGE 410 (of records that were dropped), UNIMPLEMENTED 501, UNAVAILABLE 503, DEADLINE_EXCEEDED 504, UNKNOWN 502 ("it may have happened": repeat it with the same Idempotency-Key), others 500
void gateway_fail (struct exchange *exchange, const struct rpc_result *result);

// gateway_stats_show (gateway): Show its figures in Stats (stats.c).
void gateway_stats_show (const struct gateway *gateway);

// gateway_status (code): What a code other than CODE_OK is in HTTP, and the word of its problem's type.
struct gateway_status {
    int status;
    const char *type;
};
struct gateway_status gateway_status (int code);

// gateway_connect (gateway, error_r): Clients of the services that the settings name, with their keys from the peers file. gateway_disconnect (gateway): Idempotent.
bool gateway_connect (struct gateway *gateway, struct error *error_r)
    __attribute__ ((warn_unused_result));
void gateway_disconnect (struct gateway *gateway);
// upstream_name (upstream): "issuer", …: as in the peers file, and its setting's name.
const char *upstream_name (enum upstream upstream);

// auth_load (gateway, error_r): Read the route file of forward-auth, at the start and on SIGHUP. False: what was in force stays. auth_unload (gateway): Idempotent.
bool auth_load (struct gateway *gateway, struct error *error_r)
    __attribute__ ((warn_unused_result));
void auth_unload (struct gateway *gateway);

// Routes; each ended by a row whose path is NULL.
extern const struct http_route oauth_routes[], sign_in_routes[], rest_routes[], auth_routes[],
    status_routes[];

#endif
