// POST /oauth/access_token: short tokens for stores (R21). Its path is its own because its answer is: /oauth/token has client_credentials too, and answers as RFC 6749 says.
#include "services/gateway/oauth.h"

static const struct oauth_parameter parameters[] = {
    OAUTH_PARAMETER (Jeton__V1__StoreTokenRequest, grant_type),
    OAUTH_CLIENT_PARAMETERS (Jeton__V1__StoreTokenRequest),
    {"environment", offsetof (Jeton__V1__StoreTokenRequest, environment), true},
    {NULL, 0, false},
};

static void oauth_store_token_done (void *context, const struct rpc_result *result);

void
oauth_store_token (struct exchange *exchange)
{
    Jeton__V1__StoreTokenRequest message = JETON__V1__STORE_TOKEN_REQUEST__INIT;
    if (!oauth_read (exchange, parameters, &message) || !OAUTH_CLIENT (exchange, &message))
        return;
    oauth_ask (exchange, "StoreToken", &message.base, oauth_home (exchange, message.client_id),
               true, oauth_store_token_done);
}

static void
oauth_store_token_done (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    const Jeton__V1__StoreTokenReply *reply = result->reply;
    if (!reply)
        oauth_fail (exchange, result);
    else if (*reply->error || !reply->token)
        oauth_refuse (exchange, OAUTH_REFUSAL (reply));
    else
        oauth_answer (
            exchange, 200,
            json_pack ("{s:I, s:s, s:I, s:s, s:s}", "expires", (json_int_t) reply->token->expires,
                       "identifier", reply->token->identifier, "expires_in",
                       (json_int_t) reply->token->expires_in, "access_token",
                       reply->token->access_token, "token_type", reply->token->token_type));
}
