// The commands of an account's resources: their options, and what is shown of them.
#include "services/cli/connect.h"
#include "services/cli/input.h"
#include "services/cli/resource.h"
#include "services/cli/token.h"
#include <stddef.h>

#define COLUMNS_ENDING                                                                             \
    {.title = "STATUS", .member = "status", .form = COLUMN_STATUS},                                \
        {.title = "CREATED", .member = "created_at", .form = COLUMN_TIME},                         \
        {.title = "UPDATED", .member = "updated_at", .form = COLUMN_TIME, .detail = true},         \
        {.title = "REVISION", .member = "revision", .detail = true},                               \
    {                                                                                              \
        .title = NULL                                                                              \
    }
static const struct column group_columns[] = {
    {.title = "ID", .member = "id"},
    {.title = "CODE", .member = "code"},
    {.title = "NAME", .member = "name"},
    {.title = "ACCOUNT", .member = "account_id", .detail = true},
    COLUMNS_ENDING,
};
static const struct column market_columns[] = {
    {.title = "ID", .member = "id"},
    {.title = "NUMBER", .member = "number"},
    {.title = "CODE", .member = "code"},
    {.title = "NAME", .member = "name"},
    {.title = "GROUP", .member = "customer_group_id"},
    {.title = "ACCOUNT", .member = "account_id", .detail = true},
    COLUMNS_ENDING,
};
static const struct column location_columns[] = {
    {.title = "ID", .member = "id"},
    {.title = "NUMBER", .member = "number"},
    {.title = "CODE", .member = "code"},
    {.title = "NAME", .member = "name"},
    {.title = "MARKET", .member = "market_id"},
    {.title = "ACCOUNT", .member = "account_id", .detail = true},
    COLUMNS_ENDING,
};
static const struct column client_columns[] = {
    {.title = "ID", .member = "id"},
    {.title = "NAME", .member = "name"},
    {.title = "KIND", .member = "kind"},
    {.title = "MARKET", .member = "market_id"},
    {.title = "LIFE", .member = "access_token_life_s", .form = COLUMN_PERIOD},
    {.title = "FORMAT", .member = "token_format"},
    {.title = "REDIRECTS TO", .member = "redirect_uris", .form = COLUMN_LIST, .detail = true},
    {.title = "SCOPES", .member = "scopes", .form = COLUMN_LIST, .detail = true},
    {.title = "KEYS", .member = "jwks", .detail = true},
    {.title = "SECRET MADE", .member = "secret_made_at", .form = COLUMN_TIME, .detail = true},
    {.title = "SECRET BEFORE UNTIL",
     .member = "secret_grace_until",
     .form = COLUMN_TIME,
     .detail = true},
    {.title = "ACCOUNT", .member = "account_id", .detail = true},
    COLUMNS_ENDING,
};

static const struct column customer_columns[] = {
    {.title = "ID", .member = "id"},
    {.title = "EMAIL", .member = "email"},
    {.title = "GROUP", .member = "customer_group_id"},
    {.title = "CAN SIGN IN", .member = "can_sign_in"},
    {.title = "ACCOUNT", .member = "account_id", .detail = true},
    COLUMNS_ENDING,
};

const struct resource_noun resource_nouns[] = {
    {"account", "Account", "account", account_columns},
    {"user", "User", "user", user_columns},
    {"module", "Module", "module", module_columns},
    {"token", "Token", "token", token_columns},
    {"group", "CustomerGroup", "customer_group", group_columns},
    {"market", "Market", "market", market_columns},
    {"location", "StockLocation", "stock_location", location_columns},
    {"client", "Client", "client", client_columns},
    {"customer", "Customer", "customer", customer_columns},
    {NULL, NULL, NULL, NULL},
};

#define STATUS_OPTION                                                                              \
    {                                                                                              \
        .name = "status", .value = "active|inactive", .help = "those that are so"                  \
    }
#define CODE_HELP "what scopes and programs call it: a-z, 0-9, _ and -"
static const struct option_row delete_options[] = {RESOURCE_YES, {.name = NULL}};

// ---- customer groups -------------------------------------------------------------------------------------------------

static const struct option_row group_create[] = {
    RESOURCE_ACCOUNT,
    {.name = "code", .value = "CODE", .required = true, .help = CODE_HELP},
    {.name = "name", .value = "NAME", .required = true, .help = "1-128 characters"},
    {.name = NULL},
};
static const struct option_row group_edit[] = {
    {.name = "code", .value = "CODE", .help = CODE_HELP},
    {.name = "name", .value = "NAME", .help = "1-128 characters"},
    RESOURCE_REVISION,
    {.name = NULL},
};
static const struct option_row group_list[] = {
    RESOURCE_ACCOUNT, STATUS_OPTION, CONNECT_PAGE_OPTIONS, {.name = NULL}};

const struct command group_commands[] = {
    {"group", "create", "", 0, 0, group_create, resource_create, "Make a customer group",
     "A market that is bound to a group is private: only customers of the group get tokens for it.",
     "jeton group create --account ACC-0123-4567 --code wholesale --name Wholesale\n"},
    {"group", "list", "", 0, 0, group_list, resource_list, "Customer groups of an account", NULL,
     "jeton group list --account ACC-0123-4567\n"},
    {"group", "show", "CGR-…", 1, 1, NULL, resource_show, "One customer group", NULL,
     "jeton group show CGR-0123-4567\n"},
    {"group", "edit", "CGR-…", 1, 1, group_edit, resource_edit, "Change code or name", NULL,
     "jeton group edit CGR-0123-4567 --name \"Wholesale, EU\"\n"},
    {"group", "deactivate", "CGR-…", 1, 1, NULL, resource_deactivate,
     "Close the group's markets to its customers", NULL, "jeton group deactivate CGR-0123-4567\n"},
    {"group", "activate", "CGR-…", 1, 1, NULL, resource_activate, "End that", NULL,
     "jeton group activate CGR-0123-4567\n"},
    {"group", "delete", "CGR-…", 1, 1, delete_options, resource_delete,
     "Delete a group that nothing refers to, for ever", NULL, "jeton group delete CGR-0123-4567\n"},
    {.noun = NULL},
};

// ---- markets ---------------------------------------------------------------------------------------------------------

static const struct option_row market_create[] = {
    RESOURCE_ACCOUNT,
    {.name = "code", .value = "CODE", .required = true, .help = CODE_HELP},
    {.name = "name", .value = "NAME", .required = true, .help = "1-128 characters"},
    {.name = "group",
     .value = "CGR-…",
     .field = "customer_group_id",
     .help = "private, for customers of this group"},
    {.name = NULL},
};
static const struct option_row market_edit[] = {
    {.name = "code", .value = "CODE", .help = CODE_HELP},
    {.name = "name", .value = "NAME", .help = "1-128 characters"},
    {.name = "group",
     .value = "CGR-…",
     .field = "customer_group_id",
     .help = "private, for customers of this group; \"\": public"},
    RESOURCE_REVISION,
    {.name = NULL},
};
static const struct option_row market_list[] = {RESOURCE_ACCOUNT,
                                                STATUS_OPTION,
                                                {.name = "group",
                                                 .value = "CGR-…",
                                                 .field = "customer_group_id",
                                                 .help = "those for this group"},
                                                CONNECT_PAGE_OPTIONS,
                                                {.name = NULL}};

const struct command market_commands[] = {
    {"market", "create", "", 0, 0, market_create, resource_create, "Make a market",
     "Scopes name it by the number that is shown, by its id or by its code: market:1234, "
     "market:id:MKT-0123-4567,\n"
     "market:code:eu.",
     "jeton market create --account ACC-0123-4567 --code eu --name Europe\n"
     "jeton market create --account ACC-0123-4567 --code b2b --name Trade --group CGR-0123-4567\n"},
    {"market", "list", "", 0, 0, market_list, resource_list, "Markets of an account", NULL,
     "jeton market list --account ACC-0123-4567 --status active\n"},
    {"market", "show", "MKT-…", 1, 1, NULL, resource_show, "One market", NULL,
     "jeton market show MKT-0123-4567\n"},
    {"market", "edit", "MKT-…", 1, 1, market_edit, resource_edit,
     "Change code, name or customer group", NULL,
     "jeton market edit MKT-0123-4567 --name \"European Union\" --revision 3\n"
     "jeton market edit MKT-0123-4567 --group \"\"\n"},
    {"market", "deactivate", "MKT-…", 1, 1, NULL, resource_deactivate,
     "Refuse it in scopes, until it is activated again", NULL,
     "jeton market deactivate MKT-0123-4567\n"},
    {"market", "activate", "MKT-…", 1, 1, NULL, resource_activate, "End that", NULL,
     "jeton market activate MKT-0123-4567\n"},
    {"market", "delete", "MKT-…", 1, 1, delete_options, resource_delete,
     "Delete a market that nothing refers to, for ever", NULL,
     "jeton market delete MKT-0123-4567\n"},
    {.noun = NULL},
};

// ---- stock locations -------------------------------------------------------------------------------------------------

static const struct option_row location_create[] = {
    RESOURCE_ACCOUNT,
    {.name = "code", .value = "CODE", .required = true, .help = CODE_HELP},
    {.name = "name", .value = "NAME", .required = true, .help = "1-128 characters"},
    {.name = "market", .value = "MKT-…", .required = true, .help = "the market that it is of"},
    {.name = NULL},
};
static const struct option_row location_edit[] = {
    {.name = "code", .value = "CODE", .help = CODE_HELP},
    {.name = "name", .value = "NAME", .help = "1-128 characters"},
    {.name = "market", .value = "MKT-…", .help = "the market that it is of"},
    RESOURCE_REVISION,
    {.name = NULL},
};
static const struct option_row location_list[] = {
    RESOURCE_ACCOUNT,
    STATUS_OPTION,
    {.name = "market", .value = "MKT-…", .help = "those of this market"},
    CONNECT_PAGE_OPTIONS,
    {.name = NULL}};

const struct command location_commands[] = {
    {"location", "create", "", 0, 0, location_create, resource_create, "Make a stock location",
     "Scopes name it by the number that is shown, by its id or by its code, together with its "
     "market:\n"
     "\"market:1234 stock_location:4567\".",
     "jeton location create --account ACC-0123-4567 --code rotterdam --name Rotterdam --market "
     "MKT-0123-4567\n"},
    {"location", "list", "", 0, 0, location_list, resource_list, "Stock locations of an account",
     NULL, "jeton location list --account ACC-0123-4567 --market MKT-0123-4567\n"},
    {"location", "show", "STL-…", 1, 1, NULL, resource_show, "One stock location", NULL,
     "jeton location show STL-0123-4567\n"},
    {"location", "edit", "STL-…", 1, 1, location_edit, resource_edit, "Change code, name or market",
     NULL, "jeton location edit STL-0123-4567 --market MKT-0123-4567\n"},
    {"location", "deactivate", "STL-…", 1, 1, NULL, resource_deactivate,
     "Refuse it in scopes, until it is activated again", NULL,
     "jeton location deactivate STL-0123-4567\n"},
    {"location", "activate", "STL-…", 1, 1, NULL, resource_activate, "End that", NULL,
     "jeton location activate STL-0123-4567\n"},
    {"location", "delete", "STL-…", 1, 1, delete_options, resource_delete,
     "Delete a stock location, for ever", NULL, "jeton location delete STL-0123-4567\n"},
    {.noun = NULL},
};

// ---- clients ---------------------------------------------------------------------------------------------------------

#define CLIENT_OPTIONS                                                                             \
    {.name = "life",                                                                               \
     .field = "access_token_life_s",                                                               \
     .value = "SECONDS",                                                                           \
     .help = "of an access token, 7200 to 31536000 (14400 for a sales channel, 7200)"},            \
        {.name = "format",                                                                         \
         .value = "jwt|opaque",                                                                    \
         .field = "token_format",                                                                  \
         .help = "of access tokens (jwt)"},                                                        \
        {.name = "redirect-uri",                                                                   \
         .value = "URI",                                                                           \
         .many = true,                                                                             \
         .help = "where a web application's users are sent back to"},                              \
        {.name = "jwks",                                                                           \
         .value = "JSON",                                                                          \
         .help = "public keys that it proves itself with: a JWK set of P-256 or Ed25519"},         \
    {                                                                                              \
        .name = "scope", .value = "SCOPE", .many = true,                                           \
        .help = "what its tokens may reach: module:orders:read, module:orders:write"               \
    }
static const struct option_row client_create[] = {
    RESOURCE_ACCOUNT,
    {.name = "name", .value = "NAME", .required = true, .help = "1-128 characters"},
    {.name = "kind",
     .value = "sales_channel|integration|webapp",
     .required = true,
     .help = "of this kind"},
    {.name = "market", .value = "MKT-…", .help = "for this market only; a sales channel needs one"},
    CLIENT_OPTIONS,
    TOKEN_VALUE_OPTION,
    {.name = NULL},
};
static const struct option_row client_secret_options[] = {
    VALUE_ROTATE_OPTIONS, TOKEN_VALUE_OPTION, {.name = NULL}};
static const struct option_row client_edit[] = {
    {.name = "name", .value = "NAME", .help = "1-128 characters"},
    {.name = "market", .value = "MKT-…", .help = "for this market only; \"\": for any"},
    CLIENT_OPTIONS,
    RESOURCE_REVISION,
    {.name = NULL},
};
static const struct option_row client_list[] = {
    RESOURCE_ACCOUNT,
    STATUS_OPTION,
    {.name = "market", .value = "MKT-…", .help = "those of this market"},
    CONNECT_PAGE_OPTIONS,
    {.name = NULL}};

const struct command client_commands[] = {
    {"client", "create", "", 0, 0, client_create, resource_create_secret,
     "Make a client: an OAuth application",
     "sales_channel  public: a shop's front end, of one market\n"
     "integration    confidential: a program\n"
     "webapp         confidential: acts for users, who are sent back to one of its redirect URIs\n"
     "A confidential one gets a secret, which is shown now and never again.",
     "jeton client create --account ACC-0123-4567 --name Shop --kind sales_channel --market "
     "MKT-0123-4567\n"
     "jeton client create --account ACC-0123-4567 --name ERP --kind integration --life 86400 "
     "--scope module:orders:read\n"
     "jeton client create --account ACC-0123-4567 --name ERP --kind integration --value-file "
     "secret\n"
     "jeton client create --account ACC-0123-4567 --name Desk --kind webapp --redirect-uri "
     "https://desk.example/back\n"},
    {"client", "list", "", 0, 0, client_list, resource_list, "Clients of an account", NULL,
     "jeton client list --account ACC-0123-4567\n"},
    {"client", "show", "CLI-…", 1, 1, NULL, resource_show, "One client", NULL,
     "jeton client show CLI-0123-4567\n"},
    {"client", "edit", "CLI-…", 1, 1, client_edit, resource_edit, "Change what is given",
     "Redirect URIs that are given replace all that there were; so do scopes.",
     "jeton client edit CLI-0123-4567 --format opaque --life 7200\n"},
    {"client", "secret", "rotate CLI-…", 2, 2, client_secret_options, client_secret,
     "A new secret for a confidential client",
     "The one before is accepted for a while, so that all that use it can be told the new one.",
     "jeton client secret rotate CLI-0123-4567\n"
     "jeton client secret rotate CLI-0123-4567 --grace 0 --value-file secret\n"},
    {"client", "deactivate", "CLI-…", 1, 1, NULL, resource_deactivate,
     "Give it no more tokens, until it is activated again", NULL,
     "jeton client deactivate CLI-0123-4567\n"},
    {"client", "activate", "CLI-…", 1, 1, NULL, resource_activate, "End that", NULL,
     "jeton client activate CLI-0123-4567\n"},
    {"client", "delete", "CLI-…", 1, 1, delete_options, resource_delete,
     "Delete a client, for ever", NULL, "jeton client delete CLI-0123-4567\n"},
    {.noun = NULL},
};

// ---- customers -------------------------------------------------------------------------------------------------------

static const struct option_row customer_create[] = {
    RESOURCE_ACCOUNT,
    {.name = "email", .value = "EMAIL", .required = true, .help = "what it signs in with"},
    {.name = "group",
     .value = "CGR-…",
     .field = "customer_group_id",
     .help = "open this group's private markets to it"},
    INPUT_NO_PASSWORD,
    {.name = NULL},
};
static const struct option_row customer_edit[] = {
    {.name = "email", .value = "EMAIL", .help = "what it signs in with"},
    {.name = "group",
     .value = "CGR-…",
     .field = "customer_group_id",
     .help = "open this group's private markets to it; \"\": of no group"},
    RESOURCE_REVISION,
    {.name = NULL},
};
static const struct option_row customer_list[] = {
    RESOURCE_ACCOUNT,
    STATUS_OPTION,
    {.name = "group",
     .value = "CGR-…",
     .field = "customer_group_id",
     .help = "those of this group"},
    {.name = "text", .value = "TEXT", .help = "whose email has this in it"},
    {.name = "sort", .value = "created|email", .help = "in this order (created)"},
    {.name = "descending", .help = "the last one first"},
    CONNECT_PAGE_OPTIONS,
    {.name = NULL}};
static const struct option_row customer_password[] = {INPUT_NO_PASSWORD, {.name = NULL}};

#define PASSWORD_NOTES                                                                             \
    "The password, of 8 bytes and more, is read from standard input (asked for twice on a "        \
    "terminal) or from\n"                                                                          \
    "$JETON_PASSWORD."

const struct command customer_commands[] = {
    {"customer", "create", "", 0, 0, customer_create, resource_create_password,
     "Make a customer of an account's shops", PASSWORD_NOTES,
     "jeton customer create --account ACC-0123-4567 --email ada@shop.example < password\n"
     "jeton customer create --account ACC-0123-4567 --email ada@shop.example --group CGR-0123-4567 "
     "--no-password\n"},
    {"customer", "list", "", 0, 0, customer_list, resource_list, "Customers of an account", NULL,
     "jeton customer list --account ACC-0123-4567 --sort email\n"
     "jeton customer list --account ACC-0123-4567 --text @shop.example --status inactive\n"},
    {"customer", "show", "CUS-…", 1, 1, NULL, resource_show, "One customer", NULL,
     "jeton customer show CUS-0123-4567\n"},
    {"customer", "edit", "CUS-…", 1, 1, customer_edit, resource_edit,
     "Change email or customer group", NULL,
     "jeton customer edit CUS-0123-4567 --group CGR-0123-4567 --revision 3\n"
     "jeton customer edit CUS-0123-4567 --group \"\"\n"},
    {"customer", "password", "CUS-…", 1, 1, customer_password, resource_password,
     "Set another password, or none", PASSWORD_NOTES,
     "jeton customer password CUS-0123-4567 < password\n"
     "jeton customer password CUS-0123-4567 --no-password\n"},
    {"customer", "deactivate", "CUS-…", 1, 1, NULL, resource_deactivate,
     "Refuse its sign-in, until it is activated again", NULL,
     "jeton customer deactivate CUS-0123-4567\n"},
    {"customer", "activate", "CUS-…", 1, 1, NULL, resource_activate, "End that", NULL,
     "jeton customer activate CUS-0123-4567\n"},
    {"customer", "delete", "CUS-…", 1, 1, delete_options, resource_delete,
     "Delete a customer, for ever", "Its email is free for another then.",
     "jeton customer delete CUS-0123-4567\n"},
    {.noun = NULL},
};
