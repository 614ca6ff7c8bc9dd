// jeton token revoke-jwts: access tokens that were signed are good no longer.
#include "admin.pb-c.h"
#include "common/token/id.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include "services/cli/token.h"
#include <stdio.h>

int
token_revoke_jwts (struct cli *cli)
{
    Jeton__V1__RevokeAccessTokensRequest request = JETON__V1__REVOKE_ACCESS_TOKENS_REQUEST__INIT;
    char *whose = cli->arguments[0];
    json_t *reply = NULL;
    int64_t number;
    int status;

    request.account_id = (char *) option_text (cli, "account");
    // A jti has another form than ids have.
    if (id_parse ("ACC", whose, &number) || id_parse ("CLI", whose, &number) ||
        id_parse ("USR", whose, &number) || id_parse ("CUS", whose, &number)) {
        request.id = whose;
    } else {
        request.jti = whose;
    }
    status = connect_call (
        cli, &(struct call){SERVICE_ADMIN, "RevokeAccessTokens", &request.base, NULL, whose},
        &reply);
    if (status == EX_OK && !cli->json) {
        puts ("revoked: what was signed before is refused from now on");
    }
    json_decref (reply);
    return status;
}

const struct option_row token_revoke_options[] = {
    {.name = "account", .value = "ACC-…", .required = true, .help = "whose account's they are"},
    {.name = NULL},
};
