// What the commands of most nouns have in common (accounts, users, tokens, modules, and an account's markets, stock locations, customer groups, clients and
// customers): the messages' own descriptors say how an option becomes a field.
#ifndef JETON_CLI_RESOURCE_H
#define JETON_CLI_RESOURCE_H

#include "services/cli/command.h"
#include "services/cli/table.h"

struct resource_noun {
    const char *noun;   // of the command
    const char *name;   // in methods: "StockLocation"
    const char *member; // in replies: "stock_location"
    const struct column *columns;
};

// The nouns, ended by a row whose noun is NULL (resource_nouns.c).
extern const struct resource_noun resource_nouns[];

extern const struct column account_columns[], user_columns[], module_columns[];

// The commands' handlers, for all nouns. An edit sets the fields whose options are given.
int resource_create (struct cli *cli);
int resource_list (struct cli *cli);
int resource_show (struct cli *cli);
int resource_edit (struct cli *cli);
// Of those that have such states:
int resource_activate (struct cli *cli);
int resource_deactivate (struct cli *cli);
int resource_enable (struct cli *cli);
int resource_disable (struct cli *cli);
int resource_suspend (struct cli *cli);
int resource_resume (struct cli *cli);
int resource_delete (struct cli *cli);
// Of nouns that have a password, which input_password reads:
int resource_create_password (struct cli *cli);
int resource_password (struct cli *cli);

// Of nouns that may get a secret, which the reply shows once:
int resource_create_secret (struct cli *cli);
// `jeton client secret rotate CLI-…`
int client_secret (struct cli *cli);

// Options that several nouns have.
#define RESOURCE_ACCOUNT                                                                           \
    {                                                                                              \
        .name = "account", .value = "ACC-…", .required = true, .help = "the account"               \
    }
#define RESOURCE_REVISION                                                                          \
    {                                                                                              \
        .name = "revision", .value = "N",                                                          \
        .help = "refuse when it has another by now (the one that it has)"                          \
    }
#define RESOURCE_YES                                                                               \
    {                                                                                              \
        .name = "yes", .help = "do not ask, on a terminal either"                                  \
    }

#endif
