#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/resource.h"
#include "services/cli/show.h"

const struct column user_columns[] = {
    {.title = "ID", .member = "id"},
    {.title = "USERNAME", .member = "username"},
    {.title = "NAME", .member = "name"},
    {.title = "ACCOUNT", .member = "account_id"},
    {.title = "ROLE", .member = "role"},
    {.title = "STATUS", .member = "status", .form = COLUMN_STATUS},
    {.title = "CREATED", .member = "created_at", .form = COLUMN_TIME},
    {.title = "REVISION", .member = "revision", .detail = true},
    {.title = NULL},
};

// Whose name is its user name, unless another is given.
static int
create (struct cli *cli)
{
    Jeton__V1__CreateUserRequest request = JETON__V1__CREATE_USER_REQUEST__INIT;
    const char *role = option_text (cli, "role");
    char *password = NULL;
    int value = 0, status;

    if (role != NULL &&
        !input_enum (cli, "role", &jeton__v1__user_role__descriptor, role, &value)) {
        return EX_USAGE;
    }
    status = input_password (cli, &password);
    if (status != EX_OK) {
        return status;
    }
    request.password = password;
    request.account_id = (char *) option_text (cli, "account");
    request.username = (char *) option_text (cli, "username");
    request.name = (char *) option_or (cli, "name", request.username);
    request.role = (Jeton__V1__UserRole) value;
    status =
        show_object (cli, &(struct call){SERVICE_ADMIN, "CreateUser", &request.base, NULL, NULL},
                     "user", user_columns);
    input_forget (&password);
    return status;
}

static const struct option_row create_options[] = {
    {.name = "account", .value = "ACC-…", .required = true, .help = "the account it belongs to"},
    {.name = "username",
     .value = "NAME",
     .required = true,
     .help = "what it signs in with; no blanks"},
    {.name = "name", .value = "NAME", .help = "what people call it (the username)"},
    {.name = "role",
     .value = "member|administrator|operator|integration",
     .help = "what it may do (member)"},
    INPUT_NO_PASSWORD,
    {.name = NULL},
};
static const struct option_row edit_options[] = {
    {.name = "username", .value = "NAME", .help = "what it signs in with; no blanks"},
    {.name = "name", .value = "NAME", .help = "what people call it"},
    {.name = "role",
     .value = "member|administrator|operator|integration",
     .help = "what it may do"},
    RESOURCE_REVISION,
    {.name = NULL},
};
static const struct option_row password_options[] = {
    INPUT_NO_PASSWORD, RESOURCE_REVISION, {.name = NULL}};
static const struct option_row delete_options[] = {RESOURCE_YES, {.name = NULL}};
static const struct option_row list_options[] = {
    {.name = "account", .value = "ACC-…", .help = "of this account only"},
    CONNECT_PAGE_OPTIONS,
    {.name = NULL}};

const struct command user_commands[] = {
    {"user", "create", "", 0, 0, create_options, create, "Make a user of an account",
     "The password, of 8 bytes and more, is read from standard input (asked for twice on a "
     "terminal) or from\n"
     "$JETON_PASSWORD.",
     "jeton user create --account ACC-0123-4567 --username alice --name \"Alice Adams\"\n"
     "jeton user create --account ACC-0123-4567 --username erp --role integration < password\n"
     "jeton user create --account ACC-0123-4567 --username bot --no-password\n"},
    {"user", "list", "", 0, 0, list_options, resource_list, "Users, in order of creation", NULL,
     "jeton user list --account ACC-0123-4567\n"},
    {"user", "show", "USR-…", 1, 1, NULL, resource_show, "One user", NULL,
     "jeton user show USR-0123-4567\n"},
    {"user", "edit", "USR-…", 1, 1, edit_options, resource_edit, "Change user name, name or role",
     NULL, "jeton user edit USR-0123-4567 --role administrator\n"},
    {"user", "password", "USR-…", 1, 1, password_options, resource_password,
     "Set another password, or none",
     "The password, of 8 bytes and more, is read from standard input (asked for twice on a "
     "terminal) or from\n"
     "$JETON_PASSWORD.",
     "jeton user password USR-0123-4567 < password\n"
     "jeton user password USR-0123-4567 --no-password\n"},
    {"user", "delete", "USR-…", 1, 1, delete_options, resource_delete,
     "Delete a user who owns no tokens, for ever", "Its user name is free for another then.",
     "jeton user delete USR-0123-4567\n"},
    {"user", "disable", "USR-…", 1, 1, NULL, resource_disable,
     "Refuse sign-in and the user's login tokens", NULL, "jeton user disable USR-0123-4567\n"},
    {"user", "enable", "USR-…", 1, 1, NULL, resource_enable, "End that", NULL,
     "jeton user enable USR-0123-4567\n"},
    {.noun = NULL},
};
