#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/resource.h"
#include "services/cli/show.h"

const struct column module_columns[] = {
    {.title = "NAME", .member = "name"},
    {.title = "TITLE", .member = "title"},
    {.title = "ID", .member = "id"},
    {.title = "CREATED", .member = "created_at", .form = COLUMN_TIME},
    {.title = NULL},
};
// What of an account.
static const struct column enabled_columns[] = {
    {.title = "ACCOUNT", .member = "id"},
    {.title = "NAME", .member = "name"},
    {.title = "MODULES", .member = "modules", .form = COLUMN_LIST},
    {.title = NULL},
};

static int
create (struct cli *cli)
{
    Jeton__V1__CreateModuleRequest request = JETON__V1__CREATE_MODULE_REQUEST__INIT;

    request.name = cli->arguments[0];
    request.title = (char *) option_or (cli, "title", "");
    return show_object (cli,
                        &(struct call){SERVICE_ADMIN, "CreateModule", &request.base, NULL, NULL},
                        "module", module_columns);
}

static int
enable (struct cli *cli)
{
    Jeton__V1__EnableModuleRequest request = JETON__V1__ENABLE_MODULE_REQUEST__INIT;

    request.account_id = (char *) option_text (cli, "account");
    request.module = cli->arguments[0];
    return show_object (cli,
                        &(struct call){SERVICE_ADMIN, "EnableModule", &request.base, NULL, NULL},
                        "account", enabled_columns);
}

static int
disable (struct cli *cli)
{
    Jeton__V1__DisableModuleRequest request = JETON__V1__DISABLE_MODULE_REQUEST__INIT;

    request.account_id = (char *) option_text (cli, "account");
    request.module = cli->arguments[0];
    return show_object (cli,
                        &(struct call){SERVICE_ADMIN, "DisableModule", &request.base, NULL, NULL},
                        "account", enabled_columns);
}

static const struct option_row create_options[] = {
    {.name = "title", .value = "TITLE", .help = "what people call it (the name)"}, {.name = NULL}};
static const struct option_row list_options[] = {CONNECT_PAGE_OPTIONS, {.name = NULL}};
static const struct option_row account_options[] = {RESOURCE_ACCOUNT, {.name = NULL}};

const struct command module_commands[] = {
    {"module", "create", "NAME", 1, 1, create_options, create,
     "Make a module, for accounts to enable",
     "NAME is what requests call it: up to 64 of a-z, 0-9, _ and -, beginning with a letter.",
     "jeton module create orders --title Orders\n"},
    {"module", "list", "", 0, 0, list_options, resource_list, "All modules", NULL,
     "jeton module list\n"},
    {"module", "enable", "NAME", 1, 1, account_options, enable,
     "Let an account's tokens be granted a module", NULL,
     "jeton module enable orders --account ACC-0123-4567\n"},
    {"module", "disable", "NAME", 1, 1, account_options, disable,
     "Take a module away from an account and all its tokens, at once",
     "Grants stay: enabling it again gives them back.",
     "jeton module disable orders --account ACC-0123-4567\n"},
    {.noun = NULL},
};
