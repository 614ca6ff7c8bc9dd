// StoreToken (R21): tokens of an hour for stores: for their servers, and for browsers, which have nothing but the client's id.
#include "services/issuer/asking_scope.h"
#include "services/issuer/narrow.h"
#include "services/issuer/signing.h"

#include <string.h>

enum { LIFE_S = 3600 };

#define KIND(name) (1u << JETON__V1__CLIENT_KIND__CLIENT_KIND_##name)

// A sales channel's id is public, so client_credentials would give to browsers what implicit keeps from them. (At the token endpoint it has that grant by R17: there it is its scopes that are
// what the world may do.) And an id that proves nothing must not do for a client that has a secret.
static const struct grant_type types[] = {
    {"client_credentials", JETON__V1__GRANT_TYPE__GRANT_TYPE_CLIENT_CREDENTIALS, KIND (INTEGRATION),
     NULL},
    {"implicit", JETON__V1__GRANT_TYPE__GRANT_TYPE_IMPLICIT, KIND (SALES_CHANNEL), NULL},
};

static void store_token_proven (struct asking *asking);
static void store_token_given (struct asking *asking, const Jeton__V1__TokenReply *given);

static const struct endpoint endpoint = {
    .aims = "asked for a store's token",
    .grants = true,
    .proven = store_token_proven,
    .reply = &jeton__v1__store_token_reply__descriptor,
    .given = store_token_given,
};

static void
store_token_given (struct asking *asking, const Jeton__V1__TokenReply *given)
{
    Jeton__V1__StoreTokenReply reply = JETON__V1__STORE_TOKEN_REPLY__INIT;
    Jeton__V1__StoreToken token = JETON__V1__STORE_TOKEN__INIT;
    token.expires = asking->issued_at + given->expires_in;
    token.identifier = (char *) asking->type->name;
    token.expires_in = given->expires_in;
    token.access_token = given->access_token;
    token.token_type = given->token_type;
    reply.status = given->status;
    reply.token = &token;
    request_reply (asking->request, &reply.base);
}

// Is it a request at all? False: it was answered.
static bool
store_token_check (struct asking *asking)
{
    const Jeton__V1__TokenRequest *message = asking->message;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp (types[i].name, message->grant_type) == 0)
            asking->type = &types[i];
    if (!*message->grant_type)
        token_refuse (asking, TOKEN_INVALID_REQUEST, "grant_type is required");
    else if (!asking->type)
        token_refuse (asking, TOKEN_UNSUPPORTED_GRANT_TYPE,
                      "this grant_type is not given: it must be client_credentials or implicit");
    else if ((unsigned) message->environment > JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST)
        token_refuse (asking, TOKEN_INVALID_REQUEST, "environment must be live or test");
    else
        return token_client_check (asking);
    return false;
}

void
issuer_store_token (struct request *request)
{
    struct issuer *issuer = request_owner (request);
    const Jeton__V1__StoreTokenRequest *asked = request_message (request);
    Jeton__V1__TokenRequest message = JETON__V1__TOKEN_REQUEST__INIT;
    message.grant_type = asked->grant_type;
    message.environment = asked->environment;
    struct asking *asking = asking_new (request, &endpoint, &message);
    if (!asking)
        return;
    asking->environment = message.environment == JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                              ? JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                              : JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    if (!store_token_check (asking))
        return;
    if (!signing_active (issuer->signing))
        token_refuse (asking, TOKEN_UNAVAILABLE, "there is no signing key yet");
    else if (!token_limited (asking))
        client_authenticate (asking);
}

static void
store_token_proven (struct asking *asking)
{
    const struct issuer *issuer = request_owner (asking->request);
    bool implicit = asking->type->type == JETON__V1__GRANT_TYPE__GRANT_TYPE_IMPLICIT;
    if (!(asking->type->kinds & 1u << asking->client.kind)) {
        token_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_NOT_FOR_CLIENT,
                    TOKEN_UNAUTHORIZED_CLIENT, 0, "%s is not for a client of this kind",
                    asking->type->name);
        return;
    }
    asking->client.life_s = LIFE_S;
    asking->client.format = JETON__V1__TOKEN_FORMAT__TOKEN_FORMAT_JWT;
    if (!implicit || narrow_scopes (asking, issuer->settings.implicit_write_modules, NARROW_READ))
        asking_scope_resolve (asking, token_give);
}
