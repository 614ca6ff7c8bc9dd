// POST /v2/customers/tokens: a customer's email and password, and the store's own token, for a token beside that (R22).
#include "common/memory/memory.h"
#include "services/gateway/oauth.h"

#include <sodium.h>
#include <string.h>

static const struct oauth_parameter parameters[] = {
    {"email", offsetof (Jeton__V1__CustomerTokenRequest, email), false},
    {"password", offsetof (Jeton__V1__CustomerTokenRequest, password), false},
    {NULL, 0, false},
};

static void oauth_customer_token_done (void *context, const struct rpc_result *result);

// Whose token the store's says it is. That is believed for nothing but the choice of the issuer, which looks at the signature: who makes a token up has its failures counted at whichever.
static const char *
store_client (struct exchange *exchange, const char *token)
{
    const char *payload = strchr (token, '.'), *end = payload ? strchr (payload + 1, '.') : NULL;
    const char *client = NULL;
    if (!end)
        return "";
    size_t size = (size_t) (end - ++payload), length;
    unsigned char *text = arena_alloc (exchange_arena (exchange), size + 1);
    if (!text || sodium_base642bin (text, size, payload, size, NULL, &length, NULL,
                                    sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return "";
    json_t *claims = json_loadb ((const char *) text, length, JSON_REJECT_DUPLICATES, NULL);
    const char *named = json_string_value (json_object_get (claims, "client_id"));
    if (named)
        client = arena_strdup (exchange_arena (exchange), named);
    json_decref (claims);
    return client ? client : "";
}

void
oauth_customer_token (struct exchange *exchange)
{
    Jeton__V1__CustomerTokenRequest message = JETON__V1__CUSTOMER_TOKEN_REQUEST__INIT;
    const char *token;
    if (!oauth_read (exchange, parameters, &message))
        return;
    if (!exchange_bearer (exchange, &token)) { // RFC 6750 section 3.1: without an error code
        oauth_refuse (exchange, &(struct oauth_refusal){
                                    401, "invalid_token",
                                    "the store's own token belongs into the header Authorization, "
                                    "behind Bearer",
                                    "Bearer realm=\"jeton\"", 0});
        return;
    }
    message.store_token = (char *) token;
    oauth_ask (exchange, "CustomerToken", &message.base,
               oauth_home (exchange, store_client (exchange, token)), true,
               oauth_customer_token_done);
}

static void
oauth_customer_token_done (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    const Jeton__V1__CustomerTokenReply *reply = result->reply;
    if (!reply)
        oauth_fail (exchange, result);
    else if (*reply->error || !reply->token)
        oauth_refuse (exchange, OAUTH_REFUSAL (reply));
    else
        oauth_answer (exchange, 200,
                      json_pack ("{s:s, s:s, s:I, s:I, s:s, s:s}", "access_token",
                                 reply->token->access_token, "token_type", reply->token->token_type,
                                 "expires_in", (json_int_t) reply->token->expires_in, "expires",
                                 (json_int_t) reply->token->expires, "customer",
                                 reply->token->customer, "scope", reply->token->scope));
}
