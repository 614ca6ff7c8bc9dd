// POST /oauth/token: the token endpoint of OAuth 2.0 (RFC 6749 section 3.2, R17).
#include "services/gateway/oauth.h"

static const struct oauth_parameter parameters[] = {
    OAUTH_PARAMETER (Jeton__V1__TokenRequest, grant_type),
    OAUTH_CLIENT_PARAMETERS (Jeton__V1__TokenRequest),
    OAUTH_PARAMETER (Jeton__V1__TokenRequest, scope),
    OAUTH_PARAMETER (Jeton__V1__TokenRequest, username),
    OAUTH_PARAMETER (Jeton__V1__TokenRequest, password),
    OAUTH_PARAMETER (Jeton__V1__TokenRequest, code),
    OAUTH_PARAMETER (Jeton__V1__TokenRequest, redirect_uri),
    OAUTH_PARAMETER (Jeton__V1__TokenRequest, code_verifier),
    OAUTH_PARAMETER (Jeton__V1__TokenRequest, refresh_token),
    {"environment", offsetof (Jeton__V1__TokenRequest, environment), true},
    {NULL, 0, false},
};

static void oauth_token_done (void *context, const struct rpc_result *result);

void
oauth_token (struct exchange *exchange)
{
    Jeton__V1__TokenRequest message = JETON__V1__TOKEN_REQUEST__INIT;
    if (!oauth_read (exchange, parameters, &message) || !OAUTH_CLIENT (exchange, &message))
        return;
    oauth_ask (exchange, "Token", &message.base, oauth_home (exchange, message.client_id), true,
               oauth_token_done);
}

static void
oauth_token_done (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    const Jeton__V1__TokenReply *reply = result->reply;
    if (!reply) {
        oauth_fail (exchange, result);
        return;
    }
    if (*reply->error) {
        oauth_refuse (exchange, OAUTH_REFUSAL (reply));
        return;
    }
    json_t *given = json_pack ("{s:s, s:s, s:I, s:s}", "access_token", reply->access_token,
                               "token_type", reply->token_type, "expires_in",
                               (json_int_t) reply->expires_in, "scope", reply->scope);
    if (*reply->refresh_token)
        json_object_set_new (given, "refresh_token", json_string (reply->refresh_token));
    oauth_answer (exchange, 200, given);
}
