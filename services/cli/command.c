#include "services/cli/command.h"
#include "services/cli/print.h"
#include <string.h>

enum { WORD_MAX = 64 };

bool
command_nearest (const char *word, const char *candidate, size_t *best)
{
    size_t n = strlen (word), m = strlen (candidate), row[WORD_MAX + 1], distance;

    if (n > WORD_MAX || m > WORD_MAX || n == 0) {
        return false;
    }
    for (size_t j = 0; j <= m; j++) {
        row[j] = j;
    }
    // Levenshtein's distance, one row at a time.
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j], change = diagonal + (word[i - 1] != candidate[j - 1]);
            size_t step = (above < row[j - 1] ? above : row[j - 1]) + 1;
            row[j] = change < step ? change : step;
            diagonal = above;
        }
    }
    // A beginning is as good as a typing error: "acc" means "account".
    distance = n >= 2 && n < m && strncmp (word, candidate, n) == 0 ? 1 : row[m];
    if (distance > 1 + n / 3 || distance >= *best) {
        return false;
    }
    *best = distance;
    return true;
}

const struct noun *
command_find_noun (const struct cli *cli, const char *word)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;

    for (const struct noun *noun = cli->nouns; noun->name != NULL; noun++) {
        if (strcmp (noun->name, word) == 0) {
            return noun;
        }
        if (command_nearest (word, noun->name, &best)) {
            nearest = noun->name;
        }
    }
    if (nearest != NULL) {
        print_usage (cli, "there is no command \"%s\"; did you mean \"jeton %s\"?", word, nearest);
    } else {
        print_usage (cli, "there is no command \"%s\"; \"jeton --help\" lists them", word);
    }
    return NULL;
}

const struct command *
command_find_verb (const struct cli *cli, const struct noun *noun, const char *word)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;

    for (const struct command *command = noun->commands; command->noun != NULL; command++) {
        if (strcmp (command->verb, word) == 0) {
            return command;
        }
        if (command_nearest (word, command->verb, &best)) {
            nearest = command->verb;
        }
    }
    if (nearest != NULL) {
        print_usage (cli, "there is no \"jeton %s %s\"; did you mean \"jeton %s %s\"?", noun->name,
                     word, noun->name, nearest);
    } else {
        print_usage (cli, "there is no \"jeton %s %s\"; \"jeton %s --help\" lists what there is",
                     noun->name, word, noun->name);
    }
    return NULL;
}

static void
show_usage (const struct cli *cli)
{
    if (!cli->json) {
        help_usage (cli->command);
    }
}

// All options and words of the command are there: do they suffice?
static bool
check_complete (const struct cli *cli)
{
    const struct command *command = cli->command;

    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++) {
        if (row->required && !option_given (cli, row->name)) {
            show_usage (cli);
            print_usage (cli, "--%s is missing: %s", row->name, row->help);
            return false;
        }
    }
    if (cli->narguments < command->arguments_min) {
        show_usage (cli);
        print_usage (cli, "%s is missing", command->arguments);
        return false;
    }
    if (cli->narguments > command->arguments_max) {
        show_usage (cli);
        print_usage (cli, "\"%s\" is one word too many", cli->arguments[command->arguments_max]);
        return false;
    }
    // A command whose argument is a choice has no other.
    return cli->narguments == 0 ||
           option_check_choice (cli, "", command->arguments, cli->arguments[0]);
}

static void
print_version (void)
{
    printf ("jeton %s\n", JETON_VERSION);
}

static int
run_command (struct cli *cli, const struct command *command, int argc, char **argv)
{
    int words = option_take (cli, command->options, false, argc, argv);

    if (words < 0) {
        return EX_USAGE;
    }
    if (cli->help || cli->version) {
        cli->help ? help_command (command) : print_version ();
        return EX_OK;
    }
    cli->command = command;
    cli->arguments = argv + words;
    cli->narguments = argc - words;
    return check_complete (cli) ? command->run (cli) : EX_USAGE;
}

static int
run_noun (struct cli *cli, const struct noun *noun, int argc, char **argv)
{
    const struct command *command;
    int word;

    if (noun->commands[0].verb == NULL) {
        return run_command (cli, &noun->commands[0], argc, argv);
    }
    word = option_take (cli, NULL, true, argc, argv);
    if (word < 0) {
        return EX_USAGE;
    }
    if (word == argc && (cli->help || cli->version)) {
        cli->help ? help_noun (noun) : print_version ();
        return EX_OK;
    }
    if (word == argc) {
        return print_usage (cli, "what to do with %s? \"jeton %s --help\" lists what there is",
                            noun->name, noun->name);
    }
    command = command_find_verb (cli, noun, argv[word]);
    return command != NULL ? run_command (cli, command, argc - word, argv + word) : EX_USAGE;
}

// "jeton create token": the verb before its noun. True when that has been printed.
static bool
is_turned (const struct cli *cli, const char *verb, const char *name)
{
    for (const struct noun *noun = cli->nouns; noun->name != NULL; noun++) {
        for (const struct command *command = noun->commands; command->noun != NULL; command++) {
            if (command->verb != NULL && strcmp (command->verb, verb) == 0 &&
                strcmp (noun->name, name) == 0) {
                print_usage (cli, "there is no command \"%s\"; did you mean \"jeton %s %s\"?", verb,
                             name, verb);
                return true;
            }
        }
    }
    return false;
}

int
command_run (struct cli *cli, const struct noun *nouns, int argc, char **argv)
{
    const struct noun *noun;
    int word;

    cli->nouns = nouns;
    word = option_take (cli, NULL, true, argc, argv);
    if (word < 0) {
        return EX_USAGE;
    }
    if (word >= argc && (cli->help || cli->version)) {
        cli->help ? help_program (nouns) : print_version ();
        return EX_OK;
    }
    if (word >= argc) {
        return print_usage (cli, "what to do? \"jeton --help\" lists the commands");
    }
    if (word + 1 < argc && is_turned (cli, argv[word], argv[word + 1])) {
        return EX_USAGE;
    }
    noun = command_find_noun (cli, argv[word]);
    return noun != NULL ? run_noun (cli, noun, argc - word, argv + word) : EX_USAGE;
}
