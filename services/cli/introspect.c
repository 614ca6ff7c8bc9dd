// jeton introspect: what a token is.
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/table.h"
#include "validator.pb-c.h"
#include <stdio.h>

static const struct column columns[] = {
    {.title = "KIND", .member = "kind"},
    {.title = "ENVIRONMENT", .member = "environment"},
    {.title = "SCOPE", .member = "scope"},
    {.title = "CLIENT", .member = "client_id"},
    {.title = "SUBJECT", .member = "sub"},
    {.title = "CUSTOMER", .member = "customer"},
    {.title = "ACCOUNT", .member = "account"},
    {.title = "ID", .member = "jti"},
    {.title = "ISSUER", .member = "iss"},
    {.title = "AUDIENCE", .member = "aud"},
    {.title = "ISSUED", .member = "iat", .form = COLUMN_TIME},
    {.title = "EXPIRES", .member = "exp", .form = COLUMN_EXPIRY},
    {.title = NULL},
};

static int
introspect (struct cli *cli)
{
    Jeton__V1__IntrospectRequest request = JETON__V1__INTROSPECT_REQUEST__INIT;
    char *token;
    json_t *reply;
    int status = input_secret (cli, "JETON_TOKEN", "Token", false, &token);

    if (status != EX_OK) {
        return status;
    }
    request.token = token;
    status = connect_call (cli,
                           &(struct call){SERVICE_VALIDATOR, "Introspect", &request.base,
                                          option_text (cli, "endpoint"), request.token},
                           &reply);
    input_forget (&token);
    if (status != EX_OK) {
        return status;
    }
    bool active = json_is_true (json_object_get (reply, "active"));
    if (!cli->json) {
        puts (active ? "active" : "not active");
    }
    if (cli->json || active) {
        table_object (cli, columns, reply);
    }
    json_decref (reply);
    return active ? EX_OK : EXIT_DENY;
}

static const struct option_row options[] = {
    {.name = "endpoint", .value = "tcp://…", .help = "ask this validator"},
    {.name = NULL},
};

const struct command introspect_commands[] = {
    {"introspect", NULL, "", 0, 0, options, introspect, "What a token is, while it is good",
     "As RFC 7662 has it: of a token that is not active nothing is told but that. It is no use of "
     "the token.\n"
     "The token is the first line of standard input, or in $JETON_TOKEN; never an argument.\n"
     "Exit status: 0 active, 1 not active (69: nobody can tell now); others are errors.",
     "jeton introspect < token\n"
     "JETON_TOKEN=$token jeton introspect --json\n"},
    {.noun = NULL},
};
