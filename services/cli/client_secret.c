// jeton client secret rotate
#include "admin.pb-c.h"
#include "services/cli/print.h"
#include "services/cli/resource.h"
#include "services/cli/token.h"
#include <string.h>

int
client_secret (struct cli *cli)
{
    Jeton__V1__RotateClientSecretRequest request = JETON__V1__ROTATE_CLIENT_SECRET_REQUEST__INIT;
    Jeton__V1__Period grace = JETON__V1__PERIOD__INIT;
    const struct resource_noun *noun = resource_nouns;

    if (strcmp (cli->arguments[0], "rotate") != 0) {
        return print_usage (cli, "\"%s\" is nothing that can be done to a secret: write rotate",
                            cli->arguments[0]);
    }
    request.id = cli->arguments[1];
    if (option_given (cli, "grace")) {
        if (!value_parse_grace (cli, &grace)) {
            return EX_USAGE;
        }
        request.grace = &grace;
    }
    if (!option_number (cli, "revision", 1, INT64_MAX, &request.revision)) {
        return EX_USAGE;
    }
    while (strcmp (noun->noun, "client") != 0) {
        noun++;
    }
    return value_call (cli, &(struct value_kind){noun->member, "secret", noun->columns},
                       "RotateClientSecret", &request.base);
}
