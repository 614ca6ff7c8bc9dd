// The endpoints that give, take back and explain tokens, over HTTPS: what they have in common. They decide nothing: what comes is handed to the issuer or a validator, and
// what these say is written as the RFC has it. Errors are those of RFC 6749 section 5.2.
#ifndef JETON_GATEWAY_OAUTH_H
#define JETON_GATEWAY_OAUTH_H

#include "issuer.pb-c.h"
#include "services/gateway/gateway.h"

// A parameter of a request, and where its value goes: in the struct that is read into, a `char *` of the exchange's arena, "" when it is not there, or, of `environment`, the enum.
struct oauth_parameter {
    const char *name; // NULL ends a table
    size_t offset;
    bool environment; // "live" or "test"
};

#define OAUTH_PARAMETER(type, name)                                                                \
    {                                                                                              \
#name, offsetof(type, name), false                                                         \
    }
// By what a client proves that it is the one.
#define OAUTH_CLIENT_PARAMETERS(type)                                                              \
    OAUTH_PARAMETER (type, client_id), OAUTH_PARAMETER (type, client_secret),                      \
        OAUTH_PARAMETER (type, client_assertion_type), OAUTH_PARAMETER (type, client_assertion)

// oauth_read (exchange, parameters, values_r): Reads the body, application/x-www-form-urlencoded or application/json (one object of strings). What is not in the table is ignored (RFC 6749 section 3.2), what
// is in the query is refused, as is what comes twice. values_r has been initialised. False: the exchange has been answered.
bool oauth_read (struct exchange *exchange, const struct oauth_parameter *parameters,
                 void *values_r) __attribute__ ((warn_unused_result));

// oauth_client (exchange, id, secret, asserts): Who the client says it is, by HTTP Basic (RFC 6749 section 2.3.1) or in the body: *id and *secret are what was in the body, and become what is to be
// believed. asserts: there is a client_assertion. Two ways at once are refused. False: the exchange has been answered.
bool oauth_client (struct exchange *exchange, char **id, char **secret, bool asserts)
    __attribute__ ((warn_unused_result));

// OAUTH_CLIENT (exchange, message): oauth_client, of a message that has the client's parameters.
#define OAUTH_ASSERTS(message) (*(message)->client_assertion || *(message)->client_assertion_type)
#define OAUTH_CLIENT(exchange, message)                                                            \
    oauth_client (exchange, &(message)->client_id, &(message)->client_secret,                      \
                  OAUTH_ASSERTS (message))

// oauth_ask (exchange, method, message, home, write, done): Have the issuer do it that `home` chooses (oauth_home), or for a user issuer_home_user. write: it may not be sent twice.
void oauth_ask (struct exchange *exchange, const char *method, const ProtobufCMessage *message,
                const char *home, bool write, rpc_callback *done);

// oauth_home (exchange, client): What the issuer is chosen by for what a client asks (R20), in the arena.
const char *oauth_home (struct exchange *exchange, const char *client);

// A refusal as the issuer's replies have it; `www_authenticate` may be "", `retry_after` 0.
struct oauth_refusal {
    int status;
    const char *error, *description, *www_authenticate;
    uint32_t retry_after;
};
#define OAUTH_REFUSAL(reply)                                                                       \
    (&(struct oauth_refusal){(reply)->status, (reply)->error, (reply)->error_description,          \
                             (reply)->www_authenticate, (reply)->retry_after})

// oauth_answer (exchange, status, value): Ends it with JSON that nobody keeps; takes the value. NULL: without a body.
void oauth_answer (struct exchange *exchange, int status, json_t *value);
// oauth_refuse (exchange, refusal): Ends it with the error as JSON, status, WWW-Authenticate and Retry-After.
void oauth_refuse (struct exchange *exchange, const struct oauth_refusal *refusal);
// oauth_invalid (exchange, format, …): The same with 400 invalid_request. The text is made printable ASCII.
void oauth_invalid (struct exchange *exchange, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
// oauth_fail (exchange, result): The call ended with another code than CODE_OK: 400 invalid_request for INVALID_ARGUMENT; 500 server_error for what waiting does not mend; else 503 temporarily_unavailable.
void oauth_fail (struct exchange *exchange, const struct rpc_result *result);

// oauth_no_memory (exchange): Ends it: it needs more than an exchange may have.
void oauth_no_memory (struct exchange *exchange);

// Handlers. oauth_preflight: of a route that pages of other origins may use (Fetch standard, CORS).
http_handler oauth_preflight, oauth_token, oauth_store_token, oauth_customer_token, oauth_login,
    oauth_revoke, oauth_introspect, oauth_keys;

// What is made of the keys and of what else GetJwks says (oauth_keys.h); the context of a route to oauth_keys.
struct oauth_keys_use;
extern const struct oauth_keys_use oauth_jwks, oauth_metadata;

#endif
