// Forward-auth: a proxy asks whether a request may go on to an API, and passes on what the answer says of it.
#include "common/log/log.h"
#include "common/token/jwt.h"
#include "envelope.pb-c.h"
#include "services/gateway/auth_ask.h"

#include <string.h>

static void
auth_gone (void *context)
{
    struct auth *auth = context;
    validator_client_cancel (auth->gateway->validator, auth->validation);
}

// What no token looks like need not travel as it is: something else does that is refused for the same reason.
static bool
token_form (const char *token)
{
    size_t size = strnlen (token, JWT_SIZE_MAX + 1);
    for (size_t i = 0; i < size; i++)
        if (token[i] < '!' || token[i] > '~')
            return false;
    return size <= JWT_SIZE_MAX;
}

// The token in the Authorization header, or the customer's beside it.
static void
validate (struct auth *auth, const char *token, const char *store_client, rpc_callback *done)
{
    Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
    request.token = (char *) (token_form (token) ? token : "?");
    request.module = auth->wanted.module;
    request.access = auth->wanted.access;
    request.environment = auth->wanted.environment;
    request.client_address = (char *) exchange_client (auth->exchange);
    request.store_client = (char *) store_client;
    exchange_gone (auth->exchange, auth_gone, auth);
    auth->validation =
        validator_client_validate (auth->gateway->validator, &request,
                                   (uint32_t) auth->gateway->settings.call_timeout_ms, done, auth);
}

// The reply, or NULL: the exchange has been answered. Whatever goes wrong on the way is neither a yes nor a no.
static const Jeton__V1__ValidateReply *
answer (struct auth *auth, const struct rpc_result *result)
{
    auth->validation = 0;
    exchange_gone (auth->exchange, NULL, NULL);
    if (result->code == JETON__V1__CODE__CODE_OK)
        return result->reply;
    log_debug ("no decision", "code", rpc_code_name (result->code), "why", result->message,
               "request", exchange_correlation (auth->exchange), NULL);
    auth_undecided (auth, "no validator can tell now whether the access token is valid");
    return NULL;
}

// The customer's token beside the store's, which is allowed.
static void
customer_done (void *context, const struct rpc_result *result)
{
    struct auth *auth = context;
    struct auth_facts customer;
    const Jeton__V1__ValidateReply *reply = answer (auth, result);
    if (reply == NULL)
        return;
    if (!auth_facts_read (reply, &customer))
        auth_deny (auth, reply);
    else if (!auth_facts_join (&auth->facts, &customer, exchange_arena (auth->exchange)))
        exchange_refuse (auth->exchange, 403, "forbidden",
                         "the two access tokens reach nothing together");
    else
        auth_allow (auth, &auth->facts);
}

static void
auth_done (void *context, const struct rpc_result *result)
{
    struct auth *auth = context;
    struct auth_facts facts;
    const Jeton__V1__ValidateReply *reply = answer (auth, result);
    if (reply == NULL)
        return;
    if (!auth_facts_read (reply, &facts)) {
        auth_deny (auth, reply);
        return;
    }
    if (auth->customer_token == NULL) {
        auth_allow (auth, &facts);
        return;
    }
    auth->facts = facts;
    if (auth_facts_keep (&auth->facts, exchange_arena (auth->exchange)))
        validate (auth, auth->customer_token, auth->facts.client, customer_done);
    else
        auth_undecided (auth, "there is no memory for the request");
}

static void
auth_begin (struct exchange *exchange, bool envoy)
{
    const char *token;
    struct auth *auth = arena_alloc (exchange_arena (exchange), sizeof *auth);
    if (auth == NULL) {
        exchange_refuse (exchange, 503, "unavailable", "there is no memory for the request");
        return;
    }
    auth->exchange = exchange;
    auth->gateway = exchange_owner (exchange);
    auth->envoy = envoy;
    if (auth->gateway->validator == NULL) {
        auth_undecided (auth, "this gateway has no validator: its setting \"validator\"");
        return;
    }
    if (!auth_ask (auth))
        return;
    validate (auth, exchange_bearer (exchange, &token) ? token : "", "", auth_done);
}

static void
auth_handle (struct exchange *exchange)
{
    auth_begin (exchange, false);
}

// The original request's path follows; its query is the client's.
static void
auth_handle_envoy (struct exchange *exchange)
{
    auth_begin (exchange, true);
}

// Any method: what a proxy asks with is not what decides, and none may get another answer (that of OPTIONS elsewhere is 204, which would be a yes).
const struct http_route auth_routes[] = {
    {.listeners = HTTP_TLS | HTTP_PROXY,
     .methods = HTTP_ANY_METHOD,
     .path = "/auth",
     .handler = auth_handle},
    {.listeners = HTTP_TLS | HTTP_PROXY,
     .methods = HTTP_ANY_METHOD | HTTP_QUERY_UNREAD,
     .path = "/auth/*",
     .handler = auth_handle_envoy},
    {.path = NULL},
};

bool
auth_load (struct gateway *gateway, struct error *error_r)
{
    struct auth_routes *routes = NULL;
    if (*gateway->settings.routes != '\0') {
        routes = auth_routes_load (gateway->settings.routes,
                                   (size_t) gateway->settings.auth_routes_limit, error_r);
        if (routes == NULL)
            return false;
    }
    auth_unload (gateway);
    gateway->auth_routes = routes;
    return true;
}

void
auth_unload (struct gateway *gateway)
{
    auth_routes_destroy (&gateway->auth_routes);
}
