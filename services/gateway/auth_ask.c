// What a proxy asks for: of which request, and which module, access and environment that is.
//
// Proxies pass headers of their clients on, so each thing is taken from one place only, and never from two: what a client adds to it is refused or not looked at.
//   - the original request: its method, target and host. Envoy: from the request itself, which has them after /auth; there nothing is read of the query, which is the client's. Others: from X-Original-*
//     (nginx) or X-Forwarded-* (Traefik), of a trusted proxy. Both at once are refused: one of them would be the client's.
//   - what is wanted: from the query of the proxy's own configuration, where it names a module; else from the route file, where there is one; else from X-Jeton-* of a trusted proxy.
#include "services/gateway/auth_ask.h"
#include "common/log/log.h"
#include "services/gateway/auth_path.h"

#include <stdio.h>
#include <string.h>

// The request that the proxy has. NULL: not told.
struct original {
    const char *method, *target, *host;
    char path[AUTH_PATH_MAX + 1];
};

// The proxy is not configured as it has to be. Nobody's token is at fault, so that is no 401 and no 403.
static bool
misconfigured (struct auth *auth, const char *why)
{
    struct gateway *gateway = auth->gateway;
    int64_t now = zclock_mono ();
    if (gateway->auth_warned_ms == 0 || now - gateway->auth_warned_ms >= 1000) {
        gateway->auth_warned_ms = now;
        log_warn ("a proxy cannot ask for a decision", "why", why, "request",
                  exchange_correlation (auth->exchange), NULL);
    }
    exchange_refuse (auth->exchange, 503, "proxy-configuration", "%s", why);
    return false;
}

// ---- the original request ------------------------------------------------------------------------------------------

static bool
told_by_headers (struct auth *auth, struct original *original)
{
    struct exchange *exchange = auth->exchange;
    const char *method = exchange_header (exchange, "x-original-method"),
               *target = exchange_header (exchange, "x-original-uri");
    const char *forwarded_method = exchange_header (exchange, "x-forwarded-method"),
               *forwarded_target = exchange_header (exchange, "x-forwarded-uri");
    bool nginx = method != NULL || target != NULL,
         traefik = forwarded_method != NULL || forwarded_target != NULL;
    if (nginx && traefik) {
        exchange_refuse (exchange, 400, "ambiguous-request",
                         "the request has both X-Original-… and X-Forwarded-… headers of a method "
                         "or URI: the proxy sets one, and the other has to be left out");
        return false;
    }
    if ((nginx || traefik) && !exchange_trusted (exchange))
        return misconfigured (auth, "a peer that is not in the setting trusted_proxies tells of an "
                                    "original request");
    original->method = nginx ? method : forwarded_method;
    original->target = nginx ? target : forwarded_target;
    if (nginx || traefik)
        original->host = exchange_header (exchange, nginx ? "x-original-host" : "x-forwarded-host");
    return true;
}

static bool
method_check (const char *method)
{
    size_t length = strspn (method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
    return length > 0 && length <= 32 && method[length] == '\0';
}

static bool
original_read (struct auth *auth, struct original *original)
{
    struct exchange *exchange = auth->exchange;
    const char *why;
    original->method = original->target = original->host = NULL;
    original->path[0] = '\0';
    if (auth->envoy) {
        original->method = exchange_method_name (exchange);
        original->target = exchange_target (exchange) + strlen ("/auth");
        original->host = exchange_header (exchange, "host");
    } else if (!told_by_headers (auth, original))
        return false;
    if (original->method != NULL && !method_check (original->method)) {
        exchange_refuse (exchange, 400, "ambiguous-request",
                         "the method is not made of capital letters");
        return false;
    }
    if (original->target == NULL || auth_path_read (original->target, original->path, &why))
        return true;
    exchange_refuse (exchange, 400, "ambiguous-request",
                     "the path has %s, which servers understand in different ways", why);
    return false;
}

// ---- what is wanted ------------------------------------------------------------------------------------------------

// One of the words by which a module is asked for directly. NULL: it is good.
static const char *
word_read (struct auth_wanted *wanted, const char *name, const char *value)
{
    if (strcmp (name, "module") == 0)
        return auth_module_read (value, wanted) ? NULL : "the module is not a module's name";
    if (strcmp (name, "access") == 0)
        return auth_access_read (value, wanted) ? NULL : "the access is not read, write or method";
    if (strcmp (name, "environment") == 0)
        return auth_environment_read (value, wanted) ? NULL : "the environment is not live or test";
    return "a parameter is not module, access or environment";
}

struct words {
    struct auth_wanted *wanted;
    const char *why;
};

static bool
query_word (void *context, const char *name, const char *value)
{
    struct words *words = context;
    words->why = word_read (words->wanted, name, value);
    return words->why == NULL;
}

static bool
wanted_by_query (struct auth *auth)
{
    struct words words = {.wanted = &auth->wanted};
    if (!exchange_query_each (auth->exchange, query_word, &words))
        return misconfigured (auth, words.why);
    if (auth->wanted.module[0] == '\0')
        return misconfigured (auth, "the query has no module");
    return true;
}

static bool
wanted_by_routes (struct auth *auth, const struct original *original)
{
    const struct auth_routes *routes = auth->gateway->auth_routes;
    if (original->method == NULL || original->target == NULL ||
        (original->host == NULL && auth_routes_have_hosts (routes)))
        return misconfigured (auth, "the proxy does not tell of the original request: method, URI "
                                    "and, where a route has a host, host");
    switch (auth_routes_find (routes, original->host, original->method, original->path,
                              &auth->wanted)) {
    case AUTH_FOUND:
        if (auth->wanted.module[0] != '\0')
            return true;
        break;
    case AUTH_NONE:
        break;
    case AUTH_AMBIGUOUS:
        exchange_refuse (auth->exchange, 400, "ambiguous-request",
                         "the path has letters in another case than the API's");
        return false;
    }
    exchange_refuse (auth->exchange, 403, "no-route", "the request belongs to no module");
    return false;
}

static bool
wanted_by_headers (struct auth *auth)
{
    static const char *const names[][2] = {{"x-jeton-module", "module"},
                                           {"x-jeton-access", "access"},
                                           {"x-jeton-environment", "environment"}};
    if (!exchange_trusted (auth->exchange))
        return misconfigured (auth, "there is no module in the query, no route file (setting "
                                    "auth_routes), and the peer is not in the setting "
                                    "trusted_proxies");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = exchange_header (auth->exchange, names[i][0]);
        const char *why = value != NULL ? word_read (&auth->wanted, names[i][1], value) : NULL;
        if (why != NULL)
            return misconfigured (auth, why);
    }
    if (auth->wanted.module[0] == '\0')
        return misconfigured (auth, "there is no module: not in the query, in a route file "
                                    "(setting auth_routes) or in the header X-Jeton-Module");
    return true;
}

bool
auth_ask (struct auth *auth)
{
    struct original original;
    auth->wanted = (struct auth_wanted){.environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE};
    if (!original_read (auth, &original))
        return false;
    bool found;
    if (!auth->envoy && strchr (exchange_target (auth->exchange), '?') != NULL)
        found = wanted_by_query (auth);
    else if (auth->gateway->auth_routes != NULL)
        found = wanted_by_routes (auth, &original);
    else
        found = wanted_by_headers (auth);
    if (!found)
        return false;
    if (auth->wanted.access == JETON__V1__ACCESS__ACCESS_UNSPECIFIED) {
        if (original.method == NULL)
            return misconfigured (auth, "the access is by the original request's method, which "
                                        "the proxy does not tell of");
        auth->wanted.access = auth_access_of (original.method);
    }
    auth->customer_token = exchange_header (auth->exchange, "x-jeton-customer-token");
    return true;
}
