// jeton grant store, jeton grant customer: short tokens for stores, and tokens for their customers beside them.
#include "common/token/issuer_home.h"
#include "issuer.pb-c.h"
#include "services/cli/connect.h"
#include "services/cli/grant.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/table.h"

static const struct column store_columns[] = {
    {.title = "GRANT", .member = "identifier"},
    {.title = "TYPE", .member = "token_type"},
    {.title = "LIFE", .member = "expires_in", .form = COLUMN_PERIOD},
    {.title = "EXPIRES", .member = "expires", .form = COLUMN_TIME},
    {.title = NULL},
};
static const struct column customer_columns[] = {
    {.title = "CUSTOMER", .member = "customer"},
    {.title = "TYPE", .member = "token_type"},
    {.title = "LIFE", .member = "expires_in", .form = COLUMN_PERIOD},
    {.title = "EXPIRES", .member = "expires", .form = COLUMN_TIME},
    {.title = "SCOPE", .member = "scope"},
    {.title = NULL},
};

#define ENVIRONMENT_OPTION                                                                         \
    {                                                                                              \
        .name = "environment", .value = "live|test", .help = "where the token is good (live)"      \
    }
#define TOKEN_ONLY_OPTION                                                                          \
    {                                                                                              \
        .name = "token-only", .help = "print the token and nothing else"                           \
    }
const struct option_row grant_store_options[] = {
    ENVIRONMENT_OPTION,
    {.name = "secret-file", .value = "FILE", .help = "the client's secret is its first line"},
    {.name = "public", .help = "by implicit: a sales channel, which has no secret"},
    TOKEN_ONLY_OPTION,
    {.name = NULL},
};
const struct option_row grant_customer_options[] = {
    {.name = "store-token-file",
     .value = "FILE",
     .required = true,
     .help = "the store's token is its first line"},
    {.name = "username", .value = "EMAIL", .required = true, .help = "the customer's email"},
    TOKEN_ONLY_OPTION,
    {.name = NULL},
};

// The call, and its answer: its member `token`, or the refusal.
static int
store_call (struct cli *cli, const char *method, const ProtobufCMessage *request,
            const struct column *columns)
{
    json_t *reply, *token;
    char home[ISSUER_HOME_SIZE];
    int status;

    issuer_home_client (cli->arguments[0], NULL, home);
    status =
        connect_call (cli, &(struct call){SERVICE_ISSUER, method, request, NULL, home}, &reply);

    if (status != EX_OK) {
        return status;
    }
    token = json_object_get (reply, "token");
    if (json_string_length (json_object_get (reply, "error")) > 0) {
        status = grant_refusal (cli, reply);
    } else {
        bool only = option_given (cli, "token-only");

        if (cli->json || !only) {
            table_object (cli, columns, token);
        }
        if (!cli->json) {
            fputs (only ? "" : "\n", stdout);
            print_text (stdout, json_string_value (json_object_get (token, "access_token")));
            fputs ("\n", stdout);
        }
    }
    json_decref (reply);
    return status;
}

int
grant_store (struct cli *cli)
{
    Jeton__V1__StoreTokenRequest request = JETON__V1__STORE_TOKEN_REQUEST__INIT;
    bool implicit = option_given (cli, "public");
    char *secret;
    int value, status;

    if (!grant_environment (cli, &value)) {
        return EX_USAGE;
    }
    status = grant_secret (cli, &secret);
    if (status != EX_OK) {
        return status;
    }
    request.grant_type = (char *) (implicit ? "implicit" : "client_credentials");
    request.client_id = cli->arguments[0];
    request.client_secret = secret;
    request.environment = (Jeton__V1__Environment) value;
    status = store_call (cli, "StoreToken", &request.base, store_columns);
    input_forget (&secret);
    return status;
}

int
grant_customer (struct cli *cli)
{
    Jeton__V1__CustomerTokenRequest request = JETON__V1__CUSTOMER_TOKEN_REQUEST__INIT;
    char *token, *password = NULL;
    int status = grant_file (cli, option_text (cli, "store-token-file"), &token);

    if (status == EX_OK) {
        status = input_secret (cli, "JETON_PASSWORD", "Password", false, &password);
    }
    if (status == EX_OK) {
        request.store_token = token;
        request.email = (char *) option_text (cli, "username");
        request.password = password;
        status = store_call (cli, "CustomerToken", &request.base, customer_columns);
    }
    input_forget (&token);
    input_forget (&password);
    return status;
}
