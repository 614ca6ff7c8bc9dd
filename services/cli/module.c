#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include "services/cli/table.h"

static const struct column columns[] = {
    {.title = "NAME", .member = "name"},
    {.title = "TITLE", .member = "title"},
    {.title = "ID", .member = "id"},
    {.title = "CREATED", .member = "created_at", .form = COLUMN_TIME},
    {.title = NULL},
};
static const struct column account_columns[] = {
    {.title = "ACCOUNT", .member = "id"},
    {.title = "NAME", .member = "name"},
    {.title = "MODULES", .member = "modules", .form = COLUMN_LIST},
    {.title = NULL},
};

static int
show_reply (struct cli *cli, const char *method, const ProtobufCMessage *request,
            const char *member, const struct column *shown)
{
    json_t *reply;
    int status =
        connect_call (cli, &(struct call){SERVICE_ADMIN, method, request, NULL, NULL}, &reply);

    if (status == EX_OK) {
        table_object (cli, shown, json_object_get (reply, member));
    }
    json_decref (reply);
    return status;
}

static int
create (struct cli *cli)
{
    Jeton__V1__CreateModuleRequest request = JETON__V1__CREATE_MODULE_REQUEST__INIT;

    request.name = cli->arguments[0];
    request.title = (char *) option_or (cli, "title", "");
    return show_reply (cli, "CreateModule", &request.base, "module", columns);
}

static int
list (struct cli *cli)
{
    Jeton__V1__ListModulesRequest request = JETON__V1__LIST_MODULES_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    json_t *rows;
    int status;

    request.page = &page;
    status =
        connect_pages (cli, &(struct call){SERVICE_ADMIN, "ListModules", &request.base, NULL, NULL},
                       &page, "modules", &rows);
    if (status == EX_OK) {
        table_list (cli, columns, rows);
    }
    json_decref (rows);
    return status;
}

static int
enable (struct cli *cli)
{
    Jeton__V1__EnableModuleRequest request = JETON__V1__ENABLE_MODULE_REQUEST__INIT;

    request.account_id = (char *) option_text (cli, "account");
    request.module = cli->arguments[0];
    return show_reply (cli, "EnableModule", &request.base, "account", account_columns);
}

static int
disable (struct cli *cli)
{
    Jeton__V1__DisableModuleRequest request = JETON__V1__DISABLE_MODULE_REQUEST__INIT;

    request.account_id = (char *) option_text (cli, "account");
    request.module = cli->arguments[0];
    return show_reply (cli, "DisableModule", &request.base, "account", account_columns);
}

static const struct option_row create_options[] = {
    {.name = "title", .value = "TITLE", .help = "what people call it (the name)"}, {.name = NULL}};
static const struct option_row list_options[] = {CONNECT_PAGE_OPTIONS, {.name = NULL}};
static const struct option_row account_options[] = {
    {.name = "account", .value = "ACC-…", .required = true, .help = "the account"}, {.name = NULL}};

const struct command module_commands[] = {
    {"module", "create", "NAME", 1, 1, create_options, create,
     "Make a module, for accounts to enable",
     "NAME is what requests call it: up to 64 of a-z, 0-9, _ and -, beginning with a letter.",
     "jeton module create orders --title Orders\n"},
    {"module", "list", "", 0, 0, list_options, list, "All modules", NULL, "jeton module list\n"},
    {"module", "enable", "NAME", 1, 1, account_options, enable,
     "Let an account's tokens be granted a module", NULL,
     "jeton module enable orders --account ACC-0123-4567\n"},
    {"module", "disable", "NAME", 1, 1, account_options, disable,
     "Take a module away from an account and all its tokens, at once",
     "Grants stay: enabling it again gives them back.",
     "jeton module disable orders --account ACC-0123-4567\n"},
    {.noun = NULL},
};
