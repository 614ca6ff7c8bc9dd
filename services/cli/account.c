#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include "services/cli/table.h"
#include <stdlib.h>

static const struct column columns[] = {
    {.title = "ID", .member = "id"},
    {.title = "NAME", .member = "name"},
    {.title = "STATUS", .member = "status", .form = COLUMN_STATUS},
    {.title = "MODULES", .member = "modules", .form = COLUMN_LIST},
    {.title = "TOKEN LIMIT", .member = "token_limit"},
    {.title = "CREATED", .member = "created_at", .form = COLUMN_TIME},
    {.title = "REVISION", .member = "revision", .detail = true},
    {.title = NULL},
};

// Call a method whose reply holds an account, and show it.
static int
show_reply (struct cli *cli, const char *method, const ProtobufCMessage *request)
{
    json_t *reply;
    int status =
        connect_call (cli, &(struct call){SERVICE_ADMIN, method, request, NULL, NULL}, &reply);

    if (status == EX_OK) {
        table_object (cli, columns, json_object_get (reply, "account"));
    }
    json_decref (reply);
    return status;
}

static int
create (struct cli *cli)
{
    Jeton__V1__CreateAccountRequest request = JETON__V1__CREATE_ACCOUNT_REQUEST__INIT;
    int64_t limit = 0;
    int status;

    if (!option_number (cli, "token-limit", 1, 10000000, &limit)) {
        return EX_USAGE;
    }
    request.name = (char *) option_text (cli, "name");
    request.token_limit = (int32_t) limit;
    request.modules = option_list (cli, "module", &request.n_modules);
    status = show_reply (cli, "CreateAccount", &request.base);
    free (request.modules);
    return status;
}

static int
list (struct cli *cli)
{
    Jeton__V1__ListAccountsRequest request = JETON__V1__LIST_ACCOUNTS_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    json_t *rows;
    int status;

    request.page = &page;
    status = connect_pages (
        cli, &(struct call){SERVICE_ADMIN, "ListAccounts", &request.base, NULL, NULL}, &page,
        "accounts", &rows);
    if (status == EX_OK) {
        table_list (cli, columns, rows);
    }
    json_decref (rows);
    return status;
}

static int
show (struct cli *cli)
{
    Jeton__V1__GetAccountRequest request = JETON__V1__GET_ACCOUNT_REQUEST__INIT;

    request.id = cli->arguments[0];
    return show_reply (cli, "GetAccount", &request.base);
}

static int
edit (struct cli *cli)
{
    Jeton__V1__EditAccountRequest request = JETON__V1__EDIT_ACCOUNT_REQUEST__INIT;
    Jeton__V1__GetAccountRequest get = JETON__V1__GET_ACCOUNT_REQUEST__INIT;
    char *fields[2];
    int64_t limit = 0;
    json_t *reply;
    int status;

    if (!option_number (cli, "token-limit", 1, 10000000, &limit) ||
        !option_number (cli, "revision", 1, INT64_MAX, &request.revision)) {
        return EX_USAGE;
    }
    if (option_given (cli, "name")) {
        fields[request.n_fields++] = (char *) "name";
    }
    if (option_given (cli, "token-limit")) {
        fields[request.n_fields++] = (char *) "token_limit";
    }
    if (request.n_fields == 0) {
        return print_usage (cli, "nothing to change was given");
    }
    request.id = get.id = cli->arguments[0];
    request.fields = fields;
    request.name = (char *) option_or (cli, "name", "");
    request.token_limit = (int32_t) limit;
    if (request.revision == 0) {
        status = connect_call (
            cli, &(struct call){SERVICE_ADMIN, "GetAccount", &get.base, NULL, NULL}, &reply);
        request.revision =
            json_integer_value (json_object_get (json_object_get (reply, "account"), "revision"));
        json_decref (reply);
        if (status != EX_OK) {
            return status;
        }
    }
    return show_reply (cli, "EditAccount", &request.base);
}

static int
suspend (struct cli *cli)
{
    Jeton__V1__SuspendAccountRequest request = JETON__V1__SUSPEND_ACCOUNT_REQUEST__INIT;

    request.id = cli->arguments[0];
    return show_reply (cli, "SuspendAccount", &request.base);
}

static int
resume (struct cli *cli)
{
    Jeton__V1__ResumeAccountRequest request = JETON__V1__RESUME_ACCOUNT_REQUEST__INIT;

    request.id = cli->arguments[0];
    return show_reply (cli, "ResumeAccount", &request.base);
}

static const struct option_row create_options[] = {
    {.name = "name", .value = "NAME", .required = true, .help = "1-128 characters"},
    {.name = "module", .value = "M", .many = true, .help = "a module to enable from the start"},
    {.name = "token-limit", .value = "N", .help = "live tokens that it may have (1000)"},
    {.name = NULL},
};
static const struct option_row edit_options[] = {
    {.name = "name", .value = "NAME", .help = "1-128 characters"},
    {.name = "token-limit", .value = "N", .help = "live tokens that it may have"},
    {.name = "revision",
     .value = "N",
     .help = "refuse when it has another by now (the one that it has)"},
    {.name = NULL},
};
static const struct option_row list_options[] = {CONNECT_PAGE_OPTIONS, {.name = NULL}};

const struct command account_commands[] = {
    {"account", "create", "", 0, 0, create_options, create, "Make an account", NULL,
     "jeton account create --name \"Acme Ltd\" --module orders --module stock\n"
     "jeton account create --name Acme --json | jq -r .id\n"},
    {"account", "list", "", 0, 0, list_options, list, "All accounts, in order of creation", NULL,
     "jeton account list\n"
     "jeton account list --all --json | jq -r '.[].id'\n"},
    {"account", "show", "ACC-…", 1, 1, NULL, show, "One account", NULL,
     "jeton account show ACC-0123-4567\n"},
    {"account", "edit", "ACC-…", 1, 1, edit_options, edit, "Change name or token limit",
     "A limit below the number of live tokens takes none away: none is made until there are fewer.",
     "jeton account edit ACC-0123-4567 --token-limit 5000\n"},
    {"account", "suspend", "ACC-…", 1, 1, NULL, suspend,
     "Refuse all tokens of an account, until it is resumed", NULL,
     "jeton account suspend ACC-0123-4567\n"},
    {"account", "resume", "ACC-…", 1, 1, NULL, resume, "End a suspension", NULL,
     "jeton account resume ACC-0123-4567\n"},
    {.noun = NULL},
};
