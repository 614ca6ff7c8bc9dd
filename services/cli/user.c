#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/table.h"
#include <stdlib.h>

static const struct column columns[] = {
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

static int
show_reply (struct cli *cli, const char *method, const ProtobufCMessage *request)
{
    json_t *reply;
    int status =
        connect_call (cli, &(struct call){SERVICE_ADMIN, method, request, NULL, NULL}, &reply);

    if (status == EX_OK) {
        table_object (cli, columns, json_object_get (reply, "user"));
    }
    json_decref (reply);
    return status;
}

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
    status = show_reply (cli, "CreateUser", &request.base);
    input_forget (&password);
    return status;
}

static int
list (struct cli *cli)
{
    Jeton__V1__ListUsersRequest request = JETON__V1__LIST_USERS_REQUEST__INIT;
    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    json_t *rows;
    int status;

    request.page = &page;
    request.account_id = (char *) option_or (cli, "account", "");
    status =
        connect_pages (cli, &(struct call){SERVICE_ADMIN, "ListUsers", &request.base, NULL, NULL},
                       &page, "users", &rows);
    if (status == EX_OK) {
        table_list (cli, columns, rows);
    }
    json_decref (rows);
    return status;
}

static int
show (struct cli *cli)
{
    Jeton__V1__GetUserRequest request = JETON__V1__GET_USER_REQUEST__INIT;

    request.id = cli->arguments[0];
    return show_reply (cli, "GetUser", &request.base);
}

static int delete (struct cli *cli)
{
    Jeton__V1__DeleteUserRequest request = JETON__V1__DELETE_USER_REQUEST__INIT;

    if (!input_confirm (cli, "Delete user %s? This is final.", cli->arguments[0])) {
        return print_fail (cli, EX_USAGE, "CANCELLED", "nothing was deleted");
    }
    request.id = cli->arguments[0];
    return show_reply (cli, "DeleteUser", &request.base);
}

// Edits the revision that is given, or else the one that the user has.
static int
edit_revision (struct cli *cli, Jeton__V1__EditUserRequest *request)
{
    Jeton__V1__GetUserRequest get = JETON__V1__GET_USER_REQUEST__INIT;
    int64_t revision = 0;
    json_t *reply;
    int status;

    request->id = get.id = cli->arguments[0];
    if (!option_number (cli, "revision", 1, INT64_MAX, &revision)) {
        return EX_USAGE;
    }
    if (revision == 0) {
        status = connect_call (cli, &(struct call){SERVICE_ADMIN, "GetUser", &get.base, NULL, NULL},
                               &reply);
        revision =
            json_integer_value (json_object_get (json_object_get (reply, "user"), "revision"));
        json_decref (reply);
        if (status != EX_OK) {
            return status;
        }
    }
    request->revision = revision;
    return show_reply (cli, "EditUser", &request->base);
}

static int
edit (struct cli *cli)
{
    static const char *const options[] = {"username", "name", "role"};
    Jeton__V1__EditUserRequest request = JETON__V1__EDIT_USER_REQUEST__INIT;
    const char *role = option_text (cli, "role");
    char *fields[3];
    int value = 0;

    if (role != NULL &&
        !input_enum (cli, "role", &jeton__v1__user_role__descriptor, role, &value)) {
        return EX_USAGE;
    }
    for (size_t i = 0; i < 3; i++) {
        if (option_given (cli, options[i])) {
            fields[request.n_fields++] = (char *) options[i];
        }
    }
    if (request.n_fields == 0) {
        return print_usage (cli, "nothing to change was given");
    }
    request.fields = fields;
    request.username = (char *) option_or (cli, "username", "");
    request.name = (char *) option_or (cli, "name", "");
    request.role = (Jeton__V1__UserRole) value;
    return edit_revision (cli, &request);
}

static int
password (struct cli *cli)
{
    Jeton__V1__EditUserRequest request = JETON__V1__EDIT_USER_REQUEST__INIT;
    char *fields[] = {(char *) "password"};
    int status = input_password (cli, &request.password);

    if (status == EX_OK) {
        request.n_fields = 1;
        request.fields = fields;
        status = edit_revision (cli, &request);
        input_forget (&request.password);
    }
    return status;
}

static int
disable (struct cli *cli)
{
    Jeton__V1__DisableUserRequest request = JETON__V1__DISABLE_USER_REQUEST__INIT;

    request.id = cli->arguments[0];
    return show_reply (cli, "DisableUser", &request.base);
}

static int
enable (struct cli *cli)
{
    Jeton__V1__EnableUserRequest request = JETON__V1__ENABLE_USER_REQUEST__INIT;

    request.id = cli->arguments[0];
    return show_reply (cli, "EnableUser", &request.base);
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
#define REVISION_OPTION                                                                            \
    {                                                                                              \
        .name = "revision", .value = "N",                                                          \
        .help = "refuse when it has another by now (the one that it has)"                          \
    }
static const struct option_row edit_options[] = {
    {.name = "username", .value = "NAME", .help = "what it signs in with; no blanks"},
    {.name = "name", .value = "NAME", .help = "what people call it"},
    {.name = "role",
     .value = "member|administrator|operator|integration",
     .help = "what it may do"},
    REVISION_OPTION,
    {.name = NULL},
};
static const struct option_row password_options[] = {
    INPUT_NO_PASSWORD, REVISION_OPTION, {.name = NULL}};
static const struct option_row delete_options[] = {
    {.name = "yes", .help = "do not ask, on a terminal either"}, {.name = NULL}};
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
    {"user", "list", "", 0, 0, list_options, list, "Users, in order of creation", NULL,
     "jeton user list --account ACC-0123-4567\n"},
    {"user", "show", "USR-…", 1, 1, NULL, show, "One user", NULL,
     "jeton user show USR-0123-4567\n"},
    {"user", "edit", "USR-…", 1, 1, edit_options, edit, "Change user name, name or role", NULL,
     "jeton user edit USR-0123-4567 --role administrator\n"},
    {"user", "password", "USR-…", 1, 1, password_options, password, "Set another password, or none",
     "The password, of 8 bytes and more, is read from standard input (asked for twice on a "
     "terminal) or from\n"
     "$JETON_PASSWORD.",
     "jeton user password USR-0123-4567 < password\n"
     "jeton user password USR-0123-4567 --no-password\n"},
    {"user", "delete", "USR-…", 1, 1, delete_options, delete,
     "Delete a user who owns no tokens, for ever", "Its user name is free for another then.",
     "jeton user delete USR-0123-4567\n"},
    {"user", "disable", "USR-…", 1, 1, NULL, disable, "Refuse sign-in and the user's login tokens",
     NULL, "jeton user disable USR-0123-4567\n"},
    {"user", "enable", "USR-…", 1, 1, NULL, enable, "End that", NULL,
     "jeton user enable USR-0123-4567\n"},
    {.noun = NULL},
};
