// POST /oauth/revoke: a client gives back a token that it was given (RFC 7009, R25).
#include "services/gateway/oauth.h"

#define PARAMETER(name)                                                                            \
    {                                                                                              \
#name, offsetof(Jeton__V1__RevokeRequest, name), false                                     \
    }

static const struct oauth_parameter parameters[] = {
    PARAMETER (token),         PARAMETER (token_type_hint),       PARAMETER (client_id),
    PARAMETER (client_secret), PARAMETER (client_assertion_type), PARAMETER (client_assertion),
    {NULL, 0, false},
};

static void oauth_revoke_done (void *context, const struct rpc_result *result);

void
oauth_revoke (struct exchange *exchange)
{
    Jeton__V1__RevokeRequest message = JETON__V1__REVOKE_REQUEST__INIT;
    bool asserts;
    if (!oauth_read (exchange, parameters, &message))
        return;
    asserts = *message.client_assertion || *message.client_assertion_type;
    if (!oauth_client (exchange, &message.client_id, &message.client_secret, asserts))
        return;
    gateway_call (exchange,
                  &(struct gateway_call){
                      .upstream = UPSTREAM_ISSUER,
                      .method = "Revoke",
                      .message = &message.base,
                      .home = oauth_home (exchange, message.client_id),
                      .write = asserts, // an assertion is good once; all else may be repeated
                  },
                  oauth_revoke_done);
}

static void
oauth_revoke_done (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    const Jeton__V1__RevokeReply *reply = result->reply;
    if (!reply)
        oauth_fail (exchange, result);
    else if (*reply->error)
        oauth_refuse (exchange, OAUTH_REFUSAL (reply));
    else
        oauth_answer (exchange, 200, NULL);
}
