// The commands of `jeton`: their tables, how arguments become a call of a handler, and their help.
#ifndef JETON_CLI_COMMAND_H
#define JETON_CLI_COMMAND_H

#include "services/cli/option.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One command: a noun and a verb, or a noun alone. A table of them is ended by a row whose noun is NULL.
struct command {
    const char *noun;
    const char *verb;      // NULL: the noun is the whole command
    const char *arguments; // as help shows them, "" for none
    int arguments_min, arguments_max;
    const struct option_row *options; // may be NULL
    int (*run) (struct cli *cli);     // returns the exit status; has printed what there is to say
    const char *help;                 // one line
    const char *more;                 // paragraphs, or NULL
    const char *examples;             // lines of commands, each ended by a newline
};

// One group of commands in the help. The list is ended by a row whose name is NULL.
struct noun {
    const char *name;
    const char *help;
    const struct command *commands;
};

extern const struct command account_commands[], user_commands[], module_commands[],
    token_commands[], login_commands[], validate_commands[], audit_commands[], health_commands[],
    stats_commands[], keys_commands[], database_commands[], init_commands[], reload_commands[],
    help_commands[], completion_commands[], prefix_commands[];
extern const struct command log_commands[], usage_commands[];
extern const struct command group_commands[], market_commands[], location_commands[],
    scope_commands[], client_commands[], customer_commands[], grant_commands[],
    introspect_commands[], call_commands[], describe_commands[];

// One run of `jeton`: what was asked for, and the connections that it needed.
struct cli {
    const struct noun *nouns; // all that there are
    const struct command *command;
    bool help, version;          // --help, --version
    bool json;                   // print JSON instead of text
    bool color;                  // standard output is a terminal, and nobody objects
    const char *config;          // --config, or NULL
    uint32_t timeout_ms;         // of one call
    const char *idempotency_key; // --idempotency-key, or NULL
    char key_sent[132];          // of the last call that changes something; "": it had none
    int keys_sent;
    int narguments; // words after noun and verb
    char **arguments;
    struct option_value {
        const struct option_row *row;
        const char *value;
    } * options; // in the order given
    size_t noptions;
    struct connection *connection; // NULL until something has to be called
};

// command_run (cli, nouns, argc, argv): Parse the arguments, serve help and mistakes, or run the handler. Returns the exit status.
int command_run (struct cli *cli, const struct noun *nouns, int argc, char **argv);

// command_nearest (word, candidate, best): For suggestions: true when `candidate` is nearer to `word` than *best, and near enough to
// be meant; *best starts as SIZE_MAX.
bool command_nearest (const char *word, const char *candidate, size_t *best);

// command_find_noun (cli, word), command_find_verb (cli, noun, word): By name. NULL: there is none; that has been printed, with what may
// have been meant.
const struct noun *command_find_noun (const struct cli *cli, const char *word);
const struct command *command_find_verb (const struct cli *cli, const struct noun *noun,
                                         const char *word);

// help_program (nouns), help_noun (noun), help_command (command): On standard output.
void help_program (const struct noun *nouns);
void help_noun (const struct noun *noun);
void help_command (const struct command *command);
// help_usage (command): One line on standard error.
void help_usage (const struct command *command);

#endif
