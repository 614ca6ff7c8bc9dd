// POST /oauth/revoke: a client gives back a token that it was given (RFC 7009, R25).
#include "services/gateway/oauth.h"

static const struct oauth_parameter parameters[] = {
    OAUTH_PARAMETER (Jeton__V1__RevokeRequest, token),
    OAUTH_PARAMETER (Jeton__V1__RevokeRequest, token_type_hint),
    OAUTH_CLIENT_PARAMETERS (Jeton__V1__RevokeRequest),
    {NULL, 0, false},
};

static void oauth_revoke_done (void *context, const struct rpc_result *result);

void
oauth_revoke (struct exchange *exchange)
{
    Jeton__V1__RevokeRequest message = JETON__V1__REVOKE_REQUEST__INIT;
    if (!oauth_read (exchange, parameters, &message) || !OAUTH_CLIENT (exchange, &message))
        return;
    // An assertion is good once; all else may be repeated.
    oauth_ask (exchange, "Revoke", &message.base, oauth_home (exchange, message.client_id),
               OAUTH_ASSERTS (&message), oauth_revoke_done);
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
