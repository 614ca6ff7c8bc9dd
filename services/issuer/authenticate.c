// AuthenticateClient: a client proves who it is, and gets nothing for it but that.
#include "common/token/id.h"
#include "services/issuer/token.h"

static void client_proven (struct asking *asking);

static const struct endpoint authentication = {
    .aims = "wanted to prove itself",
    .proven = client_proven,
    .reply = &jeton__v1__authenticate_client_reply__descriptor,
};

void
issuer_authenticate_client (struct request *request)
{
    Jeton__V1__TokenRequest message = JETON__V1__TOKEN_REQUEST__INIT;
    struct asking *asking = asking_new (request, &authentication, &message);
    if (asking && token_client_check (asking))
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
