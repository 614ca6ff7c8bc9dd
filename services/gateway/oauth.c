// What the endpoints of OAuth have in common: their routes, who may use them from where, and how they refuse.
#include "services/gateway/oauth.h"

#include "common/token/issuer_home.h"
#include "envelope.pb-c.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// ---- routes --------------------------------------------------------------------------------------------------------

// More than any request that is good: an assertion of 8 KiB, a scope of 4 and a redirect URI of 2, percent-encoded, and the rest. The message to the issuer is half of what it takes.
enum { BODY_MAX = 32 << 10, LOGIN_BODY_MAX = 8 << 10 };

// Pages of other origins may use it. There is nothing here that a browser sends by itself (cookies, certificates), so who asks by way of somebody's browser can do no more than who asks without.
static const char any_origin[] = "any origin";

#define ROUTE(methods_, path_, handler_, limit_, context_)                                         \
    {                                                                                              \
        .listeners = HTTP_TLS, .methods = methods_, .path = path_, .handler = handler_,            \
        .body_limit = limit_, .context = context_                                                  \
    }
#define OPEN_ROUTE(path, handler)                                                                  \
    ROUTE (HTTP_POST, path, handler, BODY_MAX, any_origin),                                        \
        ROUTE (HTTP_OPTIONS, path, oauth_preflight, 0, any_origin)

const struct http_route oauth_routes[] = {
    OPEN_ROUTE ("/oauth/token", oauth_token),
    OPEN_ROUTE ("/oauth/access_token", oauth_store_token),
    OPEN_ROUTE ("/v2/customers/tokens", oauth_customer_token),
    OPEN_ROUTE ("/oauth/revoke", oauth_revoke),
    ROUTE (HTTP_POST, "/oauth/introspect", oauth_introspect, BODY_MAX, NULL),
    ROUTE (HTTP_POST, "/api/token", oauth_login, LOGIN_BODY_MAX, NULL),
    ROUTE (HTTP_GET, "/.well-known/oauth-authorization-server", oauth_keys, 0, &oauth_metadata),
    ROUTE (HTTP_GET, "/.well-known/jwks.json", oauth_keys, 0, &oauth_jwks),
    {.path = NULL},
};

// What each answer of a route that is open to pages of any origin says.
static void
origin_allow (struct exchange *exchange)
{
    if (exchange_route (exchange) != any_origin)
        return;
    exchange_set (exchange, "Access-Control-Allow-Origin", "*");
    exchange_set (exchange, "Access-Control-Expose-Headers",
                  "Retry-After, WWW-Authenticate, X-Request-Id");
}

void
oauth_preflight (struct exchange *exchange)
{
    origin_allow (exchange);
    exchange_set (exchange, "Access-Control-Allow-Methods", "POST");
    exchange_set (exchange, "Access-Control-Allow-Headers", "Authorization, Content-Type");
    exchange_set (exchange, "Access-Control-Max-Age", "7200");
    exchange_end (exchange, 204, NULL, NULL, 0);
}

const char *
oauth_home (struct exchange *exchange, const char *client)
{
    char home[ISSUER_HOME_SIZE];
    issuer_home_client (client, exchange_address (exchange), home);
    const char *kept = arena_strdup (exchange_arena (exchange), home);
    return kept ? kept : ""; // any issuer: it counts, too
}

void
oauth_ask (struct exchange *exchange, const char *method, const ProtobufCMessage *message,
           const char *home, bool write, rpc_callback *done)
{
    gateway_call (exchange,
                  &(struct gateway_call){.upstream = UPSTREAM_ISSUER,
                                         .method = method,
                                         .message = message,
                                         .home = home,
                                         .write = write},
                  done);
}

// ---- answers -------------------------------------------------------------------------------------------------------

void
oauth_answer (struct exchange *exchange, int status, json_t *value)
{
    origin_allow (exchange);
    exchange_set (exchange, "Cache-Control", "no-store"); // RFC 6749 section 5.1
    exchange_set (exchange, "Pragma", "no-cache");
    if (value)
        exchange_end_json (exchange, status, value);
    else
        exchange_end (exchange, status, NULL, NULL, 0);
}

// RFC 6749 section 5.2: neither quotes nor backslashes, nor anything but printable ASCII.
static void
description_clean (char *text)
{
    for (char *c = text; *c; c++)
        *c = (char) (*c == '"' ? '\'' : *c == '\\' || *c < ' ' || *c > '~' ? '?' : *c);
}

void
oauth_refuse (struct exchange *exchange, const struct oauth_refusal *refusal)
{
    char description[512], seconds[16];
    snprintf (description, sizeof description, "%s", refusal->description);
    description_clean (description);
    if (*refusal->www_authenticate)
        exchange_set (exchange, "WWW-Authenticate", refusal->www_authenticate);
    if (refusal->retry_after) {
        snprintf (seconds, sizeof seconds, "%u", (unsigned) refusal->retry_after);
        exchange_set (exchange, "Retry-After", seconds);
    }
    oauth_answer (
        exchange, refusal->status,
        json_pack ("{s:s, s:s}", "error", refusal->error, "error_description", description));
}

void
oauth_invalid (struct exchange *exchange, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    oauth_refuse (exchange, &(struct oauth_refusal){400, "invalid_request", text, "", 0});
}

void
oauth_no_memory (struct exchange *exchange)
{
    oauth_refuse (exchange, &(struct oauth_refusal){503, "temporarily_unavailable",
                                                    "the request needs too much memory", "", 0});
}

void
oauth_fail (struct exchange *exchange, const struct rpc_result *result)
{
    struct oauth_refusal refusal = {503, "temporarily_unavailable", result->message, "", 0};
    switch ((Jeton__V1__Code) result->code) {
    case JETON__V1__CODE__CODE_INVALID_ARGUMENT:
        refusal.status = 400;
        refusal.error = "invalid_request";
        break;
    case JETON__V1__CODE__CODE_UNKNOWN:
        refusal.description = "nobody can tell whether it was done: the connection was lost";
        break;
    case JETON__V1__CODE__CODE_PERMISSION_DENIED: // the gateway's own rights
    case JETON__V1__CODE__CODE_UNAUTHENTICATED:
    case JETON__V1__CODE__CODE_NOT_FOUND:
    case JETON__V1__CODE__CODE_ALREADY_EXISTS:
    case JETON__V1__CODE__CODE_FAILED_PRECONDITION:
    case JETON__V1__CODE__CODE_OUT_OF_RANGE:
    case JETON__V1__CODE__CODE_UNIMPLEMENTED:
    case JETON__V1__CODE__CODE_INTERNAL:
    case JETON__V1__CODE__CODE_DATA_LOSS:
    case _JETON__V1__CODE_IS_INT_SIZE:
        refusal.status = 500;
        refusal.error = "server_error";
        refusal.description = "a defect of the service: its log has the request's id";
        break;
    case JETON__V1__CODE__CODE_OK:
        assert (false);
    case JETON__V1__CODE__CODE_CANCELLED:
    case JETON__V1__CODE__CODE_DEADLINE_EXCEEDED:
    case JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED:
    case JETON__V1__CODE__CODE_ABORTED:
    case JETON__V1__CODE__CODE_UNAVAILABLE:
        break;
    }
    oauth_refuse (exchange, &refusal);
}
