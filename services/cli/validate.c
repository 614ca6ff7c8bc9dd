#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/table.h"
#include "validator.pb-c.h"
#include <string.h>

static const char *
member (const json_t *reply, const char *name)
{
    const char *text = json_string_value (json_object_get (reply, name));

    return text != NULL ? text : "";
}

static void
print_pair (const char *title, const char *text)
{
    if (*text != '\0') {
        printf ("  %s ", title);
        print_text (stdout, text);
    }
}

static void
print_number (const char *title, const json_t *object, const char *name, const char *unit)
{
    printf ("  %s %d%s", title, (int) json_integer_value (json_object_get (object, name)), unit);
}

static void
print_allowance (const json_t *allowance)
{
    const json_t *limit = json_object_get (allowance, "limit");

    if (!json_is_object (allowance)) {
        return;
    }
    print_number (json_is_true (json_object_get (allowance, "account")) ? "account's limit"
                                                                        : "limit",
                  limit, "per_minute", " a minute");
    print_number ("burst", limit, "burst", "");
    print_number ("remaining", allowance, "remaining", "");
    print_number ("reset", allowance, "reset_s", " s");
    if (json_integer_value (json_object_get (allowance, "retry_after_s")) > 0) {
        print_number ("retry after", allowance, "retry_after_s", " s");
    }
}

static void
print_decision (const struct cli *cli, const json_t *reply)
{
    bool allow = strcmp (member (reply, "decision"), "allow") == 0;

    if (cli->json) {
        print_json (stdout, reply, JSON_INDENT (2));
        return;
    }
    print_color (cli, allow ? "green" : "red");
    print_text (stdout, member (reply, "decision"));
    print_color (cli, NULL);
    fputs ("  ", stdout);
    print_text (stdout, member (reply, "reason"));
    printf (" (%d)", (int) json_integer_value (json_object_get (reply, "status")));
    print_pair ("token", member (reply, "token"));
    print_pair ("account", member (reply, "account"));
    print_pair ("user", member (reply, "user"));
    print_pair ("client", member (reply, "client"));
    print_pair ("customer", member (reply, "customer"));
    print_pair ("scope", member (reply, "scope"));
    print_pair ("access", member (reply, "granted_access"));
    print_allowance (json_object_get (reply, "allowance"));
    putchar ('\n');
}

static int
decision_status (const json_t *reply)
{
    if (strcmp (member (reply, "decision"), "allow") == 0) {
        return EX_OK;
    }
    // "Could not tell" must never be taken for "no", nor for "yes".
    return strcmp (member (reply, "decision"), "deny") != 0 ||
                   strcmp (member (reply, "reason"), "undecided") == 0
               ? EXIT_UNDECIDED
               : EXIT_DENY;
}

static int
validate (struct cli *cli)
{
    Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
    const char *access = option_text (cli, "access"),
               *environment = option_text (cli, "environment");
    int access_value = 0, environment_value = 0, status;
    char *token;
    json_t *reply;

    if ((access != NULL &&
         !input_enum (cli, "access", &jeton__v1__access__descriptor, access, &access_value)) ||
        (environment != NULL &&
         !input_enum (cli, "environment", &jeton__v1__environment__descriptor, environment,
                      &environment_value))) {
        return EX_USAGE;
    }
    status = input_secret (cli, "JETON_TOKEN", "Token", false, &token);
    if (status != EX_OK) {
        return status;
    }
    request.token = token;
    request.module = (char *) option_text (cli, "module");
    request.access = (Jeton__V1__Access) access_value;
    request.environment = (Jeton__V1__Environment) environment_value;
    request.client_address = (char *) option_or (cli, "address", "");
    request.store_client = (char *) option_or (cli, "store-client", "");
    status = connect_call (cli,
                           &(struct call){SERVICE_VALIDATOR, "Validate", &request.base,
                                          option_text (cli, "endpoint"), request.token},
                           &reply);
    input_forget (&token);
    if (status == EX_OK) {
        print_decision (cli, reply);
        status = decision_status (reply);
    }
    json_decref (reply);
    return status;
}

static const struct option_row options[] = {
    {.name = "module",
     .value = "M",
     .required = true,
     .help = "the module that the call belongs to"},
    {.name = "access", .value = "read|write", .help = "what the call does (read)"},
    {.name = "environment", .value = "live|test", .help = "where the call is made (live)"},
    {.name = "address", .value = "IP", .help = "the caller's address"},
    {.name = "store-client",
     .value = "CLI-…",
     .help = "of a customer's token: the client of the store's token that it came beside"},
    {.name = "endpoint", .value = "tcp://…", .help = "ask this validator"},
    {.name = NULL},
};

const struct command validate_commands[] = {
    {"validate", NULL, "", 0, 0, options, validate,
     "Ask a validator whether a token may do something",
     "The token is the first line of standard input, or in $JETON_TOKEN; never an argument.\n"
     "Exit status: 0 allow, 1 deny, 2 undecided (no answer is not a no); others are errors.",
     "jeton validate --module orders < token\n"
     "JETON_TOKEN=$token jeton validate --module stock --access write --json\n"
     "jeton validate --module orders --endpoint tcp://127.0.0.1:7102 < token && echo allowed\n"},
    {.noun = NULL},
};
