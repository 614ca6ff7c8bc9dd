// What values of imported tokens begin with.
#include "admin.pb-c.h"
#include "services/cli/command.h"
#include "services/cli/input.h"
#include "services/cli/print.h"
#include "services/cli/resource.h"
#include "services/cli/show.h"

static const struct column columns[] = {
    {.title = "PREFIX", .member = "prefix"},
    {.title = "TOKENS", .member = "tokens"},
    {.title = "CREATED", .member = "created_at", .form = COLUMN_TIME},
    {.title = NULL},
};

static int
list (struct cli *cli)
{
    Jeton__V1__ListForeignPrefixesRequest request = JETON__V1__LIST_FOREIGN_PREFIXES_REQUEST__INIT;
    json_t *reply;
    int status = connect_call (
        cli, &(struct call){SERVICE_ADMIN, "ListForeignPrefixes", &request.base, NULL, NULL},
        &reply);

    if (status == EX_OK) {
        table_list (cli, columns, json_object_get (reply, "prefixes"));
    }
    json_decref (reply);
    return status;
}

static int
remove_prefix (struct cli *cli)
{
    Jeton__V1__RemoveForeignPrefixRequest request = JETON__V1__REMOVE_FOREIGN_PREFIX_REQUEST__INIT;

    if (!input_confirm (cli, "Remove %s? Values that begin with it are malformed from then on.",
                        cli->arguments[0])) {
        return print_fail (cli, EX_USAGE, "CANCELLED", "nothing was removed");
    }
    request.prefix = cli->arguments[0];
    return show_object (
        cli, &(struct call){SERVICE_ADMIN, "RemoveForeignPrefix", &request.base, NULL, NULL},
        "prefix", columns);
}

static const struct option_row remove_options[] = {RESOURCE_YES, {.name = NULL}};

const struct command prefix_commands[] = {
    {"prefix", "list", "", 0, 0, NULL, list, "All prefixes, and how many tokens need them",
     "\"token import\" registers them, for all accounts together. 1000 tokens are these or more.",
     "jeton prefix list\n"},
    {"prefix", "remove", "PREFIX", 1, 1, remove_options, remove_prefix,
     "Take back a prefix that no token's value begins with any more",
     "Tokens that are deleted, and values that were rotated and are not accepted any more, need "
     "none. An import\nregisters it again.",
     "jeton prefix remove sk_live_\n"},
    {.noun = NULL},
};
