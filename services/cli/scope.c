#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include "services/cli/table.h"

static const struct column columns[] = {
    {.title = "KIND", .member = "kind"},        {.title = "ID", .member = "id"},
    {.title = "NUMBER", .member = "number"},    {.title = "CODE", .member = "code"},
    {.title = "MARKET", .member = "market_id"}, {.title = NULL},
};

static int
resolve (struct cli *cli)
{
    Jeton__V1__ResolveScopeRequest request = JETON__V1__RESOLVE_SCOPE_REQUEST__INIT;
    json_t *reply;
    int status;

    request.account_id = (char *) option_text (cli, "account");
    request.customer_id = (char *) option_or (cli, "customer", "");
    request.again = option_given (cli, "again");
    request.scope = cli->arguments[0];
    status = connect_call (
        cli, &(struct call){SERVICE_ADMIN, "ResolveScope", &request.base, NULL, NULL}, &reply);
    if (status == EX_OK && cli->json) {
        print_json (stdout, reply, JSON_INDENT (2));
    } else if (status == EX_OK) {
        table_list (cli, columns, json_object_get (reply, "resources"));
    }
    json_decref (reply);
    return status;
}

static const struct option_row options[] = {
    {.name = "account", .value = "ACC-…", .required = true, .help = "the account"},
    {.name = "customer", .value = "CUS-…", .help = "as for this customer"},
    {.name = "again", .help = "as for a token that there is already: leave out what it would lose"},
    {.name = NULL},
};

const struct command scope_commands[] = {
    {"scope", "resolve", "SCOPE", 1, 1, options, resolve,
     "What a scope stands for, or why it is refused",
     "SCOPE is one argument: parts separated by spaces, each market:… or stock_location:… with a "
     "number, id:MKT-…,\n"
     "or code:CODE. A stock location needs its market in the same scope.",
     "jeton scope resolve --account ACC-0123-4567 \"market:1234 stock_location:4567\"\n"
     "jeton scope resolve --account ACC-0123-4567 market:code:b2b --customer CUS-0123-4567 "
     "--json\n"},
    {.noun = NULL},
};
