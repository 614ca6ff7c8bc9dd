// POST /oauth/token: the token endpoint of OAuth 2.0 (RFC 6749 section 3.2, R17).
#include "services/gateway/oauth.h"

#define PARAMETER(name)                                                                            \
    {                                                                                              \
#name, offsetof(Jeton__V1__TokenRequest, name), false                                      \
    }

static const struct oauth_parameter parameters[] = {
    PARAMETER (grant_type),
    PARAMETER (client_id),
    PARAMETER (client_secret),
    PARAMETER (client_assertion_type),
    PARAMETER (client_assertion),
    PARAMETER (scope),
    PARAMETER (username),
    PARAMETER (password),
    PARAMETER (code),
    PARAMETER (redirect_uri),
    PARAMETER (code_verifier),
    PARAMETER (refresh_token),
    {"environment", offsetof (Jeton__V1__TokenRequest, environment), true},
    {NULL, 0, false},
};

static void oauth_token_done (void *context, const struct rpc_result *result);

void
oauth_token (struct exchange *exchange)
{
    Jeton__V1__TokenRequest message = JETON__V1__TOKEN_REQUEST__INIT;
    if (!oauth_read (exchange, parameters, &message) ||
        !oauth_client (exchange, &message.client_id, &message.client_secret,
                       *message.client_assertion || *message.client_assertion_type))
        return;
    gateway_call (exchange,
                  &(struct gateway_call){
                      .upstream = UPSTREAM_ISSUER,
                      .method = "Token",
                      .message = &message.base,
                      .home = oauth_home (exchange, message.client_id),
                      .write = true,
                  },
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
