// POST /oauth/introspect: what a token is (RFC 7662), for a client that proves itself, of the tokens of its own account.
#include "common/json/json.h"
#include "services/gateway/oauth.h"
#include "validator.pb-c.h"

#include <string.h>

// The exchange's context.
struct introspection {
    Jeton__V1__IntrospectRequest token;
    Jeton__V1__AuthenticateClientRequest client;
    Jeton__V1__Environment environment; // in which it is asked for
    const char *account;                // whose client asks
};

#define TOKEN(name)                                                                                \
    {                                                                                              \
#name, offsetof(struct introspection, token.name), false                                   \
    }
#define CLIENT(name)                                                                               \
    {                                                                                              \
#name, offsetof(struct introspection, client.name), false                                  \
    }

static const struct oauth_parameter parameters[] = {
    TOKEN (token),
    TOKEN (token_type_hint),
    CLIENT (client_id),
    CLIENT (client_secret),
    CLIENT (client_assertion_type),
    CLIENT (client_assertion),
    {"environment", offsetof (struct introspection, environment), true},
    {NULL, 0, false},
};

static void oauth_introspect_proven (void *context, const struct rpc_result *result);
static void oauth_introspect_done (void *context, const struct rpc_result *result);

void
oauth_introspect (struct exchange *exchange)
{
    struct introspection empty = {
        .token = JETON__V1__INTROSPECT_REQUEST__INIT,
        .client = JETON__V1__AUTHENTICATE_CLIENT_REQUEST__INIT,
        .environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE,
    };
    struct introspection *self = arena_memdup (exchange_arena (exchange), &empty, sizeof empty);
    if (!self) {
        oauth_no_memory (exchange);
        return;
    }
    exchange_context_set (exchange, self);
    if (!oauth_read (exchange, parameters, self) || !OAUTH_CLIENT (exchange, &self->client))
        return;
    if (!*self->token.token)
        oauth_invalid (exchange, "token is required");
    else
        oauth_ask (exchange, "AuthenticateClient", &self->client.base,
                   oauth_home (exchange, self->client.client_id), true, oauth_introspect_proven);
}

static void
oauth_introspect_proven (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    struct introspection *self = exchange_context (exchange);
    const Jeton__V1__AuthenticateClientReply *reply = result->reply;
    if (!reply)
        oauth_fail (exchange, result);
    else if (*reply->error)
        oauth_refuse (exchange, OAUTH_REFUSAL (reply));
    else if (!(self->account = arena_strdup (exchange_arena (exchange), reply->account)))
        oauth_no_memory (exchange);
    else
        gateway_call (exchange,
                      &(struct gateway_call){
                          .upstream = UPSTREAM_VALIDATOR,
                          .method = "Introspect",
                          .message = &self->token.base,
                          .home = self->token.token,
                      },
                      oauth_introspect_done);
}

// May it be told? A token of another account is none of the client's business, and one of another environment is good for nothing here: who does not look at
// `environment` must not take it for one that is.
static bool
tell (const struct introspection *self, const Jeton__V1__IntrospectReply *reply)
{
    bool test = self->environment == JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST;
    return reply->active && *self->account && strcmp (reply->account, self->account) == 0 &&
           strcmp (reply->environment, test ? "test" : "live") == 0;
}

static void
text_add (json_t *object, const char *name, const char *text)
{
    if (*text)
        json_object_set_new (object, name, json_string (text));
}

static void
time_add (json_t *object, const char *name, int64_t seconds)
{
    if (seconds != 0)
        json_object_set_new (object, name, json_integer (seconds));
}

static json_t *
told (const Jeton__V1__IntrospectReply *reply)
{
    json_t *object = json_pack ("{s:b}", "active", 1);
    char kind[32];
    text_add (object, "scope", reply->scope);
    text_add (object, "client_id", reply->client_id);
    text_add (object, "token_type", reply->token_type);
    time_add (object, "exp", reply->exp);
    time_add (object, "iat", reply->iat);
    text_add (object, "sub", reply->sub);
    text_add (object, "aud", reply->aud);
    text_add (object, "iss", reply->iss);
    text_add (object, "jti", reply->jti);
    text_add (object, "account", reply->account);
    text_add (object, "environment", reply->environment);
    text_add (object, "customer", reply->customer);
    if (reply->kind != JETON__V1__TOKEN_KIND__TOKEN_KIND_UNSPECIFIED) {
        json_enum_name (&jeton__v1__token_kind__descriptor, (int) reply->kind, kind, sizeof kind);
        text_add (object, "kind", kind);
    }
    return object;
}

static void
oauth_introspect_done (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    const struct introspection *self = exchange_context (exchange);
    const Jeton__V1__IntrospectReply *reply = result->reply;
    if (!reply)
        oauth_fail (exchange, result);
    else
        oauth_answer (exchange, 200,
                      tell (self, reply) ? told (reply) : json_pack ("{s:b}", "active", 0));
}
