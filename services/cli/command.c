#include "services/cli/command.h"
#include "common/memory/memory.h"
#include "services/cli/print.h"
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 32, WORD_MAX = 64 };

const struct option_row command_globals[] = {
    {.name = "json", .help = "print JSON, for programs"},
    {.name = "config", .value = "FILE", .help = "where the processes and the keys are"},
    {.name = "timeout", .value = "SECONDS", .help = "how long to wait for an answer (10)"},
    {.name = "idempotency-key",
     .value = "KEY",
     .help = "of a change: repeated with the same key, it is done once and answered the same"},
    {.name = "no-color", .help = "no colours, on a terminal either"},
    {.name = "help", .help = "this text"},
    {.name = "version", .help = "the version"},
    {.name = NULL},
};

// What the arguments amount to, apart from what is kept in struct cli.
struct parse {
    struct cli *cli;
    const struct noun *nouns;
    bool help, version;
};

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
    distance = n >= 2 && strncmp (word, candidate, n) == 0 ? 1 : row[m];
    if (distance > 1 + n / 3 || distance >= *best) {
        return false;
    }
    *best = distance;
    return true;
}

const char *
option_text (const struct cli *cli, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < cli->noptions; i++) {
        if (strcmp (cli->options[i].row->name, name) == 0) {
            value = cli->options[i].value;
        }
    }
    return value;
}

const char *
option_or (const struct cli *cli, const char *name, const char *otherwise)
{
    const char *value = option_text (cli, name);

    return value != NULL ? value : otherwise;
}

bool
option_given (const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->noptions; i++) {
        if (strcmp (cli->options[i].row->name, name) == 0) {
            return true;
        }
    }
    return false;
}

char **
option_list (const struct cli *cli, const char *name, size_t *n_r)
{
    char **values = xcalloc (cli->noptions + 1, sizeof *values);

    *n_r = 0;
    for (size_t i = 0; i < cli->noptions; i++) {
        if (strcmp (cli->options[i].row->name, name) == 0) {
            values[(*n_r)++] = (char *) cli->options[i].value;
        }
    }
    return values;
}

bool
option_number (const struct cli *cli, const char *name, int64_t minimum, int64_t maximum,
               int64_t *number_r)
{
    const char *text = option_text (cli, name);
    char *end;
    long long number;

    if (text == NULL) {
        return true;
    }
    errno = 0;
    number = strtoll (text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < minimum || number > maximum) {
        print_usage (cli, "--%s: \"%s\" is not a number from %lld to %lld", name, text,
                     (long long) minimum, (long long) maximum);
        return false;
    }
    *number_r = number;
    return true;
}

static size_t
rows_count (const struct option_row *rows)
{
    size_t n = 0;

    while (rows[n].name != NULL) {
        n++;
    }
    return n;
}

// Room is left for the number that further calls of one command add.
static bool
take_key (struct cli *cli, const char *value)
{
    enum { KEY_MAX = 120 };
    size_t length = strlen (value);

    for (size_t i = 0; i < length; i++) {
        if (value[i] < ' ' || value[i] > '~') {
            length = 0;
        }
    }
    if (length < 1 || length > KEY_MAX) {
        print_usage (cli, "--idempotency-key: 1 to %d printable characters", KEY_MAX);
        return false;
    }
    cli->idempotency_key = value;
    return true;
}

// An option that every command has. False: its value is wrong; that has been printed.
static bool
take_global (struct parse *parse, const char *name, const char *value)
{
    struct cli *cli = parse->cli;

    if (strcmp (name, "json") == 0) {
        cli->json = true;
    } else if (strcmp (name, "config") == 0) {
        cli->config = value;
    } else if (strcmp (name, "idempotency-key") == 0) {
        return take_key (cli, value);
    } else if (strcmp (name, "no-color") == 0) {
        cli->color = false;
    } else if (strcmp (name, "help") == 0) {
        parse->help = true;
    } else if (strcmp (name, "version") == 0) {
        parse->version = true;
    } else {
        char *end;
        double seconds = strtod (value, &end);
        if (end == value || *end != '\0' || !(seconds >= 0.001 && seconds <= 600)) {
            print_usage (cli, "--timeout: \"%s\" is not a number of seconds from 0.001 to 600",
                         value);
            return false;
        }
        cli->timeout_ms = (uint32_t) (seconds * 1000);
    }
    return true;
}

static void
unknown_option (const struct cli *cli, const char *word, const struct option_row *rows)
{
    const struct option_row *tables[] = {rows, command_globals};
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    char name[WORD_MAX + 1];

    word += strspn (word, "-");
    snprintf (name, sizeof name, "%.*s", (int) strcspn (word, "="), word);
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; tables[t] != NULL && tables[t][i].name != NULL; i++) {
            if (command_nearest (name, tables[t][i].name, &best)) {
                nearest = tables[t][i].name;
            }
        }
    }
    if (nearest != NULL) {
        print_usage (cli, "there is no option --%s here; did you mean --%s?", name, nearest);
    } else {
        print_usage (cli, "there is no option --%s here; --help lists them", name);
    }
}

static bool
take_option (struct parse *parse, const struct option_row *rows, size_t nrows, size_t index,
             const char *value)
{
    struct cli *cli = parse->cli;

    if (index >= nrows) {
        return take_global (parse, command_globals[index - nrows].name, value);
    }
    if (!rows[index].many && option_given (cli, rows[index].name)) {
        print_usage (cli, "--%s is given twice", rows[index].name);
        return false;
    }
    cli->options = xrealloc (cli->options, (cli->noptions + 1) * sizeof *cli->options);
    cli->options[cli->noptions++] = (struct option_value){&rows[index], value};
    return true;
}

// Take the options of argv (whose first element is skipped): the globals and `rows`. With `stop`, up to the first word that is none;
// otherwise words are moved to the end. Returns the index of the first word, -1 when a mistake has been printed.
static int
take_options (struct parse *parse, const struct option_row *rows, bool stop, int argc, char **argv)
{
    static const struct option_row none[] = {{.name = NULL}};
    struct option table[2 * ROWS_MAX + 1] = {{0}};
    size_t nrows, nglobals = rows_count (command_globals);
    int index, c;

    rows = rows != NULL ? rows : none;
    nrows = rows_count (rows);
    assert (nrows <= ROWS_MAX && nglobals <= ROWS_MAX);
    for (size_t i = 0; i < nrows + nglobals; i++) {
        const struct option_row *row = i < nrows ? &rows[i] : &command_globals[i - nrows];
        table[i] = (struct option){row->name, row->value != NULL ? required_argument : no_argument,
                                   NULL, 0};
    }
    opterr = 0;
    optind = 0; // begin anew, with glibc's own state too
    while ((c = getopt_long (argc, argv, stop ? "+:h" : ":h", table, &index)) != -1) {
        if (c == 'h') {
            parse->help = true;
        } else if (c == ':') {
            print_usage (parse->cli, "%s needs a value", argv[optind - 1]);
            return -1;
        } else if (c == '?') {
            unknown_option (parse->cli, argv[optind - 1], rows);
            return -1;
        } else if (!take_option (parse, rows, nrows, (size_t) index, optarg)) {
            return -1;
        }
    }
    return optind;
}

static const struct noun *
find_noun (const struct parse *parse, const char *word)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;

    for (const struct noun *noun = parse->nouns; noun->name != NULL; noun++) {
        if (strcmp (noun->name, word) == 0) {
            return noun;
        }
        if (command_nearest (word, noun->name, &best)) {
            nearest = noun->name;
        }
    }
    if (nearest != NULL) {
        print_usage (parse->cli, "there is no command \"%s\"; did you mean \"jeton %s\"?", word,
                     nearest);
    } else {
        print_usage (parse->cli, "there is no command \"%s\"; \"jeton --help\" lists them", word);
    }
    return NULL;
}

static const struct command *
find_verb (const struct parse *parse, const struct noun *noun, const char *word)
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
        print_usage (parse->cli, "there is no \"jeton %s %s\"; did you mean \"jeton %s %s\"?",
                     noun->name, word, noun->name, nearest);
    } else {
        print_usage (parse->cli,
                     "there is no \"jeton %s %s\"; \"jeton %s --help\" lists what there is",
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
    return true;
}

static int
run_verb (struct parse *parse, const struct command *command, int argc, char **argv)
{
    struct cli *cli = parse->cli;
    int words = take_options (parse, command->options, false, argc, argv);

    if (words < 0) {
        return EX_USAGE;
    }
    if (parse->help) {
        help_command (command);
        return EX_OK;
    }
    cli->command = command;
    cli->arguments = argv + words;
    cli->narguments = argc - words;
    return check_complete (cli) ? command->run (cli) : EX_USAGE;
}

static int
run_noun (struct parse *parse, const struct noun *noun, int argc, char **argv)
{
    const struct command *command;
    int word;

    if (noun->commands[0].verb == NULL) {
        return run_verb (parse, &noun->commands[0], argc, argv);
    }
    word = take_options (parse, NULL, true, argc, argv);
    if (word < 0) {
        return EX_USAGE;
    }
    if (word == argc) {
        if (parse->help) {
            help_noun (noun);
            return EX_OK;
        }
        return print_usage (parse->cli,
                            "what to do with %s? \"jeton %s --help\" lists what there is",
                            noun->name, noun->name);
    }
    command = find_verb (parse, noun, argv[word]);
    return command != NULL ? run_verb (parse, command, argc - word, argv + word) : EX_USAGE;
}

int
command_run (struct cli *cli, const struct noun *nouns, int argc, char **argv)
{
    struct parse parse = {.cli = cli, .nouns = nouns};
    const struct noun *noun;
    int word = take_options (&parse, NULL, true, argc, argv);

    if (word < 0) {
        return EX_USAGE;
    }
    if (parse.version) {
        printf ("jeton %s\n", JETON_VERSION);
        return EX_OK;
    }
    // "jeton help token create" is "jeton token create --help".
    if (word < argc && strcmp (argv[word], "help") == 0) {
        parse.help = true;
        word++;
    }
    if (word >= argc) {
        if (parse.help) {
            help_program (nouns);
            return EX_OK;
        }
        return print_usage (cli, "what to do? \"jeton --help\" lists the commands");
    }
    noun = find_noun (&parse, argv[word]);
    return noun != NULL ? run_noun (&parse, noun, argc - word, argv + word) : EX_USAGE;
}
