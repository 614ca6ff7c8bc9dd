// AuthenticateClient: a client proves who it is, and gets nothing for it but that.
#include "common/token/id.h"
#include "services/issuer/token.h"

static void client_proven (struct asking *asking);
static void authenticate_refused (struct asking *asking, const Jeton__V1__TokenReply *refusal);

static const struct endpoint authentication = {
    .aims = "wanted to prove itself",
    .proven = client_proven,
    .refused = authenticate_refused,
};

static void
authenticate_refused (struct asking *asking, const Jeton__V1__TokenReply *refusal)
{
    Jeton__V1__AuthenticateClientReply reply = JETON__V1__AUTHENTICATE_CLIENT_REPLY__INIT;
    reply.status = refusal->status;
    reply.error = refusal->error;
    reply.error_description = refusal->error_description;
    reply.www_authenticate = refusal->www_authenticate;
    reply.retry_after = refusal->retry_after;
    request_reply (asking->request, &reply.base);
}

void
issuer_authenticate_client (struct request *request)
{
    const Jeton__V1__AuthenticateClientRequest *message = request_message (request);
    Jeton__V1__TokenRequest credentials = JETON__V1__TOKEN_REQUEST__INIT;
    credentials.client_id = message->client_id;
    credentials.client_secret = message->client_secret;
    credentials.client_assertion_type = message->client_assertion_type;
    credentials.client_assertion = message->client_assertion;
    struct arena *arena = request_arena (request);
    struct asking none = {.request = request, .message = &credentials, .endpoint = &authentication};
    struct asking *asking = arena_memdup (arena, &none, sizeof none);
    if (asking)
        asking->message = arena_memdup (arena, &credentials, sizeof credentials);
    if (!asking || !asking->message) {
        token_no_memory (&none);
        return;
    }
    token_address (asking);
    if (token_client_check (asking))
        client_authenticate (asking);
}

static void
client_proven (struct asking *asking)
{
    Jeton__V1__AuthenticateClientReply reply = JETON__V1__AUTHENTICATE_CLIENT_REPLY__INIT;
    char account[ID_SIZE];
    if (asking->client.kind == JETON__V1__CLIENT_KIND__CLIENT_KIND_SALES_CHANNEL) {
        // Whoever knows its id can say so.
        token_refuse (asking, TOKEN_UNAUTHORIZED_CLIENT,
                      "a client of this kind has nothing to prove itself with");
        return;
    }
    id_format ("ACC", asking->client.account, account);
    reply.status = 200;
    reply.account = account;
    request_reply (asking->request, &reply.base);
}
