// What the commands of an account's resources have in common (markets, stock locations, customer groups, clients, customers): each noun has a table of options,
// and the messages' own descriptors say how an option becomes a field.
#ifndef JETON_CLI_RESOURCE_H
#define JETON_CLI_RESOURCE_H

#include "services/cli/command.h"
#include "services/cli/table.h"

// An option that sets a field of the requests. A table of them is ended by a row whose option is NULL.
struct resource_field {
    const char *option;
    const char *field; // of CreateX, EditX and ListXs, where they have it
};

struct resource_noun {
    const char *noun;   // of the command
    const char *name;   // in methods: "StockLocation"
    const char *member; // in replies: "stock_location"
    const struct resource_field *fields;
    const struct column *columns;
};

// The nouns, ended by a row whose noun is NULL (resource_nouns.c).
extern const struct resource_noun resource_nouns[];

// The commands' handlers, for all nouns.
int resource_create (struct cli *cli);
int resource_list (struct cli *cli);
int resource_show (struct cli *cli);
int resource_edit (struct cli *cli);
int resource_activate (struct cli *cli);
int resource_deactivate (struct cli *cli);
int resource_delete (struct cli *cli);
// Of nouns that have a password, which input_password reads:
int resource_create_password (struct cli *cli);
int resource_password (struct cli *cli);

#endif
