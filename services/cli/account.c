#include "services/cli/command.h"
#include "services/cli/connect.h"
#include "services/cli/resource.h"

const struct column account_columns[] = {
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
    RESOURCE_REVISION,
    {.name = NULL},
};
static const struct option_row list_options[] = {CONNECT_PAGE_OPTIONS, {.name = NULL}};

const struct command account_commands[] = {
    {"account", "create", "", 0, 0, create_options, resource_create, "Make an account", NULL,
     "jeton account create --name \"Acme Ltd\" --module orders --module stock\n"
     "jeton account create --name Acme --json | jq -r .id\n"},
    {"account", "list", "", 0, 0, list_options, resource_list, "All accounts, in order of creation",
     NULL,
     "jeton account list\n"
     "jeton account list --all --json | jq -r '.[].id'\n"},
    {"account", "show", "ACC-…", 1, 1, NULL, resource_show, "One account", NULL,
     "jeton account show ACC-0123-4567\n"},
    {"account", "edit", "ACC-…", 1, 1, edit_options, resource_edit, "Change its name or its limits",
     "A limit below the number of live tokens takes none away: none is made until there are "
     "fewer.\n"
     "A rate limit holds at all validators together, for live and for test by itself.",
     "jeton account edit ACC-0123-4567 --token-limit 5000\n"
     "jeton account edit ACC-0123-4567 --rate-limit 6000:500 --base-rate-limit 60\n"
     "jeton account edit ACC-0123-4567 --rate-limit none\n"},
    {"account", "suspend", "ACC-…", 1, 1, NULL, resource_suspend,
     "Refuse all tokens of an account, until it is resumed", NULL,
     "jeton account suspend ACC-0123-4567\n"},
    {"account", "resume", "ACC-…", 1, 1, NULL, resource_resume, "End a suspension", NULL,
     "jeton account resume ACC-0123-4567\n"},
    {.noun = NULL},
};
