#include "common/token/issuer_home.h"
#include "issuer.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/table.h"

static const struct column columns[] = {
    {.title = "USERNAME", .member = "username"},
    {.title = "TYPE", .member = "token_type"},
    {.title = "ISSUED", .member = "issued_at", .form = COLUMN_TIME},
    {.title = "EXPIRES", .member = "expires_at", .form = COLUMN_TIME},
    {.title = NULL},
};

static int
login (struct cli *cli)
{
    Jeton__V1__LoginRequest request = JETON__V1__LOGIN_REQUEST__INIT;
    const char *environment = option_text (cli, "environment");
    char *password, home[ISSUER_HOME_SIZE];
    const char *username = cli->narguments > 0 ? cli->arguments[0] : option_text (cli, "username");
    int value = 0, status;
    json_t *reply;

    if (username == NULL || (cli->narguments > 0 && option_given (cli, "username"))) {
        return print_usage (cli, "who signs in? Give the user name once");
    }
    if (environment != NULL && !input_enum (cli, "environment", &jeton__v1__environment__descriptor,
                                            environment, &value)) {
        return EX_USAGE;
    }
    status = input_secret (cli, "JETON_PASSWORD", "Password", false, &password);
    if (status != EX_OK) {
        return status;
    }
    request.username = (char *) username;
    request.password = password;
    request.environment = (Jeton__V1__Environment) value;
    issuer_home_user (username, home);
    status = connect_call (cli, &(struct call){SERVICE_ISSUER, "Login", &request.base, NULL, home},
                           &reply);
    input_forget (&password);
    if (status == EX_OK && (cli->json || !option_given (cli, "token-only"))) {
        table_object (cli, columns, reply);
    }
    if (status == EX_OK && !cli->json) {
        fputs (option_given (cli, "token-only") ? "" : "\n", stdout);
        print_text (stdout, json_string_value (json_object_get (reply, "access_token")));
        fputs ("\n", stdout);
    }
    json_decref (reply);
    return status;
}

static const struct option_row options[] = {
    {.name = "username", .value = "USERNAME", .help = "another way to give it"},
    {.name = "environment", .value = "live|test", .help = "where the token is good (live)"},
    {.name = "token-only", .help = "print the token and nothing else"},
    {.name = NULL},
};

const struct command login_commands[] = {
    {"login", NULL, "USERNAME", 0, 1, options, login, "Sign a user in, for a token of 60 minutes",
     "The password is read from standard input or from $JETON_PASSWORD.",
     "jeton login alice\n"
     "jeton login erp --token-only < password | jeton validate --module orders\n"
     "jeton login alice --json | jq -r .access_token\n"},
    {.noun = NULL},
};
