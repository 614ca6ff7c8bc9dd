// jeton grant: tokens by the grants of OAuth 2.0, to try them.
#include "services/cli/grant.h"

#include "common/memory/memory.h"
#include "common/token/issuer_home.h"
#include "common/token/jwt.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/table.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct column columns[] = {
    {.title = "TYPE", .member = "token_type"},
    {.title = "LIFE", .member = "expires_in", .form = COLUMN_PERIOD},
    {.title = "SCOPE", .member = "scope"},
    {.title = NULL},
};

int
grant_secret (struct cli *cli, char **secret_r)
{
    const char *path = option_text (cli, "secret-file");

    *secret_r = NULL;
    if (option_given (cli, "public")) {
        *secret_r = xstrdup ("");
        return EX_OK;
    }
    return path != NULL ? grant_file (cli, path, secret_r)
                        : input_secret (cli, "JETON_CLIENT_SECRET", "Secret", false, secret_r);
}

int
grant_file (struct cli *cli, const char *path, char **secret_r)
{
    char line[JWT_SIZE_MAX + 2];
    ssize_t length;
    int fd;

    *secret_r = NULL;
    fd = open (path, O_RDONLY | O_CLOEXEC);
    length = fd >= 0 ? read (fd, line, sizeof line - 1) : -1;
    if (length < 0) {
        int status = print_fail (cli, EX_NOINPUT, "INPUT", "%s: %s", path, strerror (errno));
        if (fd >= 0) {
            close (fd);
        }
        return status;
    }
    close (fd);
    line[length] = '\0';
    line[strcspn (line, "\r\n")] = '\0';
    *secret_r = xstrdup (line);
    explicit_bzero (line, sizeof line);
    return EX_OK;
}

// A refusal is an answer, with RFC 6749's error.
int
grant_refusal (const struct cli *cli, const json_t *reply)
{
    const char *error = json_string_value (json_object_get (reply, "error")),
               *description = json_string_value (json_object_get (reply, "error_description"));
    int64_t status = json_integer_value (json_object_get (reply, "status")),
            wait = json_integer_value (json_object_get (reply, "retry_after"));
    char again[64] = "";

    if (wait > 0) {
        snprintf (again, sizeof again, "; try again in %lld s", (long long) wait);
    }
    print_fail (cli, 0, error, "%s: %s (HTTP status %d)%s", error, description, (int) status,
                again);
    return status == 503 || status == 429 ? EX_TEMPFAIL : EX_NOPERM;
}

bool
grant_environment (struct cli *cli, int *value_r)
{
    const char *environment = option_text (cli, "environment");

    *value_r = 0;
    return environment == NULL ||
           input_enum (cli, "environment", &jeton__v1__environment__descriptor, environment,
                       value_r);
}

int
grant_call (struct cli *cli, Jeton__V1__TokenRequest *request)
{
    int value, status;
    json_t *reply;

    if (!grant_environment (cli, &value)) {
        return EX_USAGE;
    }
    request->environment = (Jeton__V1__Environment) value;
    request->scope = (char *) option_or (cli, "scope", "");
    char home[ISSUER_HOME_SIZE];
    issuer_home_client (request->client_id, NULL, home);
    status = connect_call (cli, &(struct call){SERVICE_ISSUER, "Token", &request->base, NULL, home},
                           &reply);
    if (status != EX_OK) {
        return status;
    }
    if (json_string_length (json_object_get (reply, "error")) > 0) {
        status = grant_refusal (cli, reply);
    } else {
        if (cli->json || !option_given (cli, "token-only")) {
            table_object (cli, columns, reply);
        }
        if (!cli->json) {
            fputs (option_given (cli, "token-only") ? "" : "\n", stdout);
            print_text (stdout, json_string_value (json_object_get (reply, "access_token")));
            fputs ("\n", stdout);
            const char *next = json_string_value (json_object_get (reply, "refresh_token"));
            if (next != NULL && *next != '\0' && !option_given (cli, "token-only")) {
                fputs ("\nfor the next, within two weeks:\n", stdout);
                print_text (stdout, next);
                fputs ("\n", stdout);
            }
        }
    }
    json_decref (reply);
    return status;
}

static int
client_credentials (struct cli *cli)
{
    Jeton__V1__TokenRequest request = JETON__V1__TOKEN_REQUEST__INIT;
    char *secret;
    int status = grant_secret (cli, &secret);

    if (status != EX_OK) {
        return status;
    }
    request.grant_type = (char *) "client_credentials";
    request.client_id = cli->arguments[0];
    request.client_secret = secret;
    status = grant_call (cli, &request);
    input_forget (&secret);
    return status;
}

static int
password (struct cli *cli)
{
    Jeton__V1__TokenRequest request = JETON__V1__TOKEN_REQUEST__INIT;
    char *given;
    int status = input_secret (cli, "JETON_PASSWORD", "Password", false, &given);

    if (status != EX_OK) {
        return status;
    }
    request.grant_type = (char *) "password";
    request.client_id = cli->arguments[0];
    request.username = (char *) option_text (cli, "username");
    request.password = given;
    status = grant_call (cli, &request);
    input_forget (&given);
    return status;
}

// Without a file a sales channel's: it has no secret.
static int
refresh (struct cli *cli)
{
    Jeton__V1__TokenRequest request = JETON__V1__TOKEN_REQUEST__INIT;
    char *secret = NULL, *token = NULL;
    int status = EX_OK;

    if (option_given (cli, "secret-file")) {
        status = grant_secret (cli, &secret);
    }
    if (status == EX_OK) {
        status = input_secret (cli, "JETON_REFRESH_TOKEN", "Refresh token", false, &token);
    }
    if (status == EX_OK) {
        request.grant_type = (char *) "refresh_token";
        request.client_id = cli->arguments[0];
        request.client_secret = secret != NULL ? secret : (char *) "";
        request.refresh_token = token;
        status = grant_call (cli, &request);
    }
    input_forget (&secret);
    input_forget (&token);
    return status;
}

#define SCOPE_OPTION                                                                               \
    {                                                                                              \
        .name = "scope", .value = "SCOPE",                                                         \
        .help =                                                                                    \
            "what the token is for: \"market:1234 module:orders:read\" (all that the client may)"  \
    }
static const struct option_row password_options[] = {
    {.name = "username", .value = "EMAIL", .required = true, .help = "the customer's email"},
    SCOPE_OPTION,
    {.name = "environment", .value = "live|test", .help = "where the token is good (live)"},
    {.name = "token-only", .help = "print the token and nothing else"},
    {.name = NULL},
};
// The token is read last, as its place is standard input.
static int
give_back (struct cli *cli)
{
    Jeton__V1__RevokeRequest request = JETON__V1__REVOKE_REQUEST__INIT;
    char *secret, *token = NULL;
    json_t *reply = NULL;

    if (!option_given (cli, "secret-file") && !option_given (cli, "public")) {
        return print_fail (cli, EX_USAGE, "USAGE", "--secret-file or --public is required");
    }
    int status = grant_secret (cli, &secret);
    if (status == EX_OK) {
        status = input_secret (cli, "JETON_TOKEN", "Token", false, &token);
    }
    if (status == EX_OK) {
        request.token = token;
        request.client_id = cli->arguments[0];
        request.client_secret = secret;
        status = connect_call (
            cli, &(struct call){SERVICE_ISSUER, "Revoke", &request.base, NULL, request.client_id},
            &reply);
    }
    if (status == EX_OK && json_string_length (json_object_get (reply, "error")) > 0) {
        status = grant_refusal (cli, reply);
    } else if (status == EX_OK && !cli->json) {
        puts ("done: if it was this client's token, it is good for nothing now");
    }
    input_forget (&secret);
    input_forget (&token);
    json_decref (reply);
    return status;
}

static const struct option_row refresh_options[] = {
    {.name = "scope",
     .value = "SCOPE",
     .help = "less than was granted first: \"module:orders:read\" (all of it)"},
    {.name = "environment", .value = "live|test", .help = "where it has to be good (wherever)"},
    {.name = "secret-file", .value = "FILE", .help = "the client's secret is its first line"},
    {.name = "token-only", .help = "print the access token and nothing else"},
    {.name = NULL},
};
static const struct option_row revoke_options[] = {
    {.name = "secret-file", .value = "FILE", .help = "the client's secret is its first line"},
    {.name = "public", .help = "a sales channel: it has no secret"},
    {.name = NULL},
};
static const struct option_row code_options[] = {
    {.name = "redirect",
     .value = "URI",
     .required = true,
     .help = "one that the client has registered"},
    SCOPE_OPTION,
    {.name = "environment", .value = "live|test", .help = "where the token is good (live)"},
    {.name = "secret-file", .value = "FILE", .help = "the client's secret is its first line"},
    {.name = "token-only", .help = "print the access token and nothing else"},
    {.name = NULL},
};
static const struct option_row options[] = {
    SCOPE_OPTION,
    {.name = "environment", .value = "live|test", .help = "where the token is good (live)"},
    {.name = "secret-file", .value = "FILE", .help = "the client's secret is its first line"},
    {.name = "public", .help = "a sales channel: it has no secret"},
    {.name = "token-only", .help = "print the token and nothing else"},
    {.name = NULL},
};

const struct command grant_commands[] = {
    {"grant", "client-credentials", "CLI-…", 1, 1, options, client_credentials,
     "A token for a client itself",
     "The secret is read from standard input, from $JETON_CLIENT_SECRET or from a file; it is "
     "never "
     "an argument.\n"
     "Exit status: 77 refused, 75 nobody can tell now, or too many requests.",
     "jeton grant client-credentials CLI-0123-4567 --secret-file secret\n"
     "jeton grant client-credentials CLI-0123-4567 --public --scope market:code:eu --token-only\n"
     "jeton grant client-credentials CLI-0123-4567 --token-only < secret | jeton validate --module "
     "orders\n"},
    {"grant", "password", "CLI-…", 1, 1, password_options, password,
     "A token for a customer, by a sales channel",
     "The customer's password is read from standard input or from $JETON_PASSWORD.\n"
     "Exit status: 77 refused, 75 nobody can tell now, or too many requests.",
     "jeton grant password CLI-0123-4567 --username ada@shop.example < password\n"},
    {"grant", "authorization-code", "CLI-…", 1, 1, code_options, grant_code,
     "A token for a web application, which acts for a user",
     "The user is the one whose login token is in $JETON_LOGIN_TOKEN or the file that "
     "$JETON_LOGIN_TOKEN_FILE names, and consents by this. The client's secret is read from "
     "standard input, from $JETON_CLIENT_SECRET or from a file.\n"
     "Exit status: 77 refused, 75 nobody can tell now, or too many requests.",
     "JETON_LOGIN_TOKEN=$(jeton login ada --token-only) jeton grant authorization-code "
     "CLI-0123-4567 --redirect https://desk.example/back --secret-file secret\n"},
    {"grant", "refresh", "CLI-…", 1, 1, refresh_options, refresh,
     "The next tokens for a refresh token",
     "The refresh token is read from standard input or from $JETON_REFRESH_TOKEN. It is used once: "
     "the answer has the next one. Using an old one revokes all of them.\n"
     "Exit status: 77 refused, 75 nobody can tell now, or too many requests: repeat it at once.",
     "jeton grant refresh CLI-0123-4567 < refresh-token\n"
     "jeton grant refresh CLI-0123-4567 --scope module:orders:read --json < refresh-token\n"},
    {"grant", "store", "CLI-…", 1, 1, grant_store_options, grant_store,
     "A token of an hour for a store: its server, or with --public for browsers",
     "The secret is read from standard input, from $JETON_CLIENT_SECRET or from a file.\n"
     "Exit status: 77 refused, 75 nobody can tell now, or too many requests.",
     "jeton grant store CLI-0123-4567 --secret-file secret --token-only > store-token\n"
     "jeton grant store CLI-0123-4567 --public\n"},
    {"grant", "customer", "CLI-…", 1, 1, grant_customer_options, grant_customer,
     "A token for a customer, good beside the store's own",
     "The customer's password is read from standard input or from $JETON_PASSWORD. CLI-… is the "
     "client of the store's token.\n"
     "Exit status: 77 refused, 75 nobody can tell now, or too many requests.",
     "jeton grant customer CLI-0123-4567 --store-token-file store-token --username "
     "ada@shop.example < password\n"
     "jeton validate --module orders --store-client CLI-0123-4567 < customer-token\n"},
    {"grant", "revoke", "CLI-…", 1, 1, revoke_options, give_back,
     "Give back a token that a client was given",
     "The token is read from standard input or from $JETON_TOKEN. The answer is the same whatever "
     "the token was.\n"
     "Exit status: 77 refused, 75 nobody can tell now.",
     "jeton grant revoke CLI-0123-4567 --secret-file secret < token\n"},
    {.noun = NULL},
};
