// client_credentials (RFC 6749 section 4.4): a token for the client itself.
#include "services/issuer/asking_scope.h"
#include "services/issuer/token.h"

void
grant_client_credentials (struct asking *asking)
{
    asking_scope_resolve (asking, token_give);
}
