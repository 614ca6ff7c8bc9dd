#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/table.h"
#include <stdlib.h>

static const struct column columns[] = {
    {.title = "ID", .member = "id"},
    {.title = "NAME", .member = "name"},
    {.title = "STATUS", .member = "status", .form = COLUMN_STATUS},
    {.title = "MODULES", .member = "modules", .form = COLUMN_LIST},
    {.title = "TOKEN LIMIT", .member = "token_limit"},
    {.title = "PER MINUTE", .member = "rate_limit.per_minute", .detail = true},
    {.title = "BURST", .member = "rate_limit.burst", .detail = true},
    {.title = "BASE PER MINUTE", .member = "base_rate_limit.per_minute", .detail = true},
    {.title = "BASE BURST", .member = "base_rate_limit.burst", .detail = true},
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

// --rate-limit and --base-rate-limit; NULL: not given, or none.
struct rates {
    Jeton__V1__RateLimit own, base;
    Jeton__V1__RateLimit *rate_limit, *base_rate_limit;
};

static bool
rates_parse (const struct cli *cli, struct rates *rates_r)
{
    bool own, base;

    if (!input_rate_limit (cli, "rate-limit", &rates_r->own, &own) ||
        !input_rate_limit (cli, "base-rate-limit", &rates_r->base, &base)) {
        return false;
    }
    rates_r->rate_limit = own ? &rates_r->own : NULL;
    rates_r->base_rate_limit = base ? &rates_r->base : NULL;
    return true;
}

static int
create (struct cli *cli)
{
    Jeton__V1__CreateAccountRequest request = JETON__V1__CREATE_ACCOUNT_REQUEST__INIT;
    struct rates rates;
    int64_t limit = 0;
    int status;

    if (!option_number (cli, "token-limit", 1, 10000000, &limit) || !rates_parse (cli, &rates)) {
        return EX_USAGE;
    }
    request.rate_limit = rates.rate_limit;
    request.base_rate_limit = rates.base_rate_limit;
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
    static const char *const options[][2] = {{"name", "name"},
                                             {"token-limit", "token_limit"},
                                             {"rate-limit", "rate_limit"},
                                             {"base-rate-limit", "base_rate_limit"}};
    char *fields[sizeof options / sizeof *options];
    struct rates rates;
    int64_t limit = 0;
    json_t *reply;
    int status;

    if (!rates_parse (cli, &rates) || !option_number (cli, "token-limit", 1, 10000000, &limit) ||
        !option_number (cli, "revision", 1, INT64_MAX, &request.revision)) {
        return EX_USAGE;
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (option_given (cli, options[i][0])) {
            fields[request.n_fields++] = (char *) options[i][1];
        }
    }
    if (request.n_fields == 0) {
        return print_usage (cli, "nothing to change was given");
    }
    request.id = get.id = cli->arguments[0];
    request.fields = fields;
    request.name = (char *) option_or (cli, "name", "");
    request.token_limit = (int32_t) limit;
    request.rate_limit = rates.rate_limit;
    request.base_rate_limit = rates.base_rate_limit;
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

#define RATE_OPTIONS                                                                               \
    {.name = "rate-limit",                                                                         \
     .value = "N[:BURST]",                                                                         \
     .help = "requests a minute of all its tokens together, and how many at once (as many)"},      \
    {                                                                                              \
        .name = "base-rate-limit", .value = "N[:BURST]",                                           \
        .help = "the same of each base token that has no limit of its own"                         \
    }

static const struct option_row create_options[] = {
    {.name = "name", .value = "NAME", .required = true, .help = "1-128 characters"},
    {.name = "module", .value = "M", .many = true, .help = "a module to enable from the start"},
    {.name = "token-limit", .value = "N", .help = "live tokens that it may have (1000)"},
    RATE_OPTIONS,
    {.name = NULL},
};
static const struct option_row edit_options[] = {
    {.name = "name", .value = "NAME", .help = "1-128 characters"},
    {.name = "token-limit", .value = "N", .help = "live tokens that it may have"},
    RATE_OPTIONS,
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
    {"account", "edit", "ACC-…", 1, 1, edit_options, edit, "Change its name or its limits",
     "A limit below the number of live tokens takes none away: none is made until there are "
     "fewer.\n"
     "A rate limit holds at all validators together, for live and for test by itself.",
     "jeton account edit ACC-0123-4567 --token-limit 5000\n"
     "jeton account edit ACC-0123-4567 --rate-limit 6000:500 --base-rate-limit 60\n"
     "jeton account edit ACC-0123-4567 --rate-limit none\n"},
    {"account", "suspend", "ACC-…", 1, 1, NULL, suspend,
     "Refuse all tokens of an account, until it is resumed", NULL,
     "jeton account suspend ACC-0123-4567\n"},
    {"account", "resume", "ACC-…", 1, 1, NULL, resume, "End a suspension", NULL,
     "jeton account resume ACC-0123-4567\n"},
    {.noun = NULL},
};
