// password (RFC 6749 section 4.3): a token for a customer of the client's account, who gives email and password (R15, R17).
#include "services/issuer/asking_scope.h"
#include "services/issuer/customer.h"
#include "services/issuer/refresh.h"

static void
signed_in (struct asking *asking)
{
    asking_scope_resolve (asking, refresh_begin);
}

void
grant_password (struct asking *asking)
{
    customer_sign_in (asking, "username", signed_in);
}
