#include "services/cli/option.h"
#include "common/memory/memory.h"
#include "services/cli/command.h"
#include "services/cli/print.h"
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

// What getopt_long returns for the first row, beyond all characters. The values must differ: it takes options of one value for the same option, and
// what both begin with for either.
enum { ROWS_MAX = 32, FIRST = 256 };

const struct option_row option_globals[] = {
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

// ---- what was given

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

// ---- what options take

enum option_takes
option_takes (const char *value)
{
    return value == NULL                      ? OPTION_TAKES_NOTHING
           : strchr (value, '|') != NULL      ? OPTION_TAKES_CHOICE
           : strstr (value, "FILE") != NULL   ? OPTION_TAKES_FILE
           : strstr (value, "DIR") != NULL    ? OPTION_TAKES_DIRECTORY
           : strstr (value, "METHOD") != NULL ? OPTION_TAKES_METHOD
           : strstr (value, "SYMBOL") != NULL ? OPTION_TAKES_SYMBOL
                                              : OPTION_TAKES_TEXT;
}

bool
option_choice (const char **rest, char word_r[OPTION_WORD_MAX + 1])
{
    size_t length;

    *rest += strspn (*rest, "[|");
    length = strcspn (*rest, "|],");
    if (length == 0) {
        return false;
    }
    assert (length <= OPTION_WORD_MAX);
    snprintf (word_r, OPTION_WORD_MAX + 1, "%.*s", (int) length, *rest);
    *rest += length;
    return true;
}

bool
option_is_list (const char *value)
{
    return strstr (value, ",…") != NULL;
}

// One word that was given: is it one of the choices?
static bool
check_word (const struct cli *cli, const char *of, const char *value, const char *word)
{
    char choice[OPTION_WORD_MAX + 1], nearest[OPTION_WORD_MAX + 1] = "", all[512] = "";
    size_t best = SIZE_MAX;

    for (const char *rest = value; option_choice (&rest, choice);) {
        size_t used = strlen (all);
        if (strcmp (choice, word) == 0) {
            return true;
        }
        if (command_nearest (word, choice, &best)) {
            memcpy (nearest, choice, sizeof nearest);
        }
        snprintf (all + used, sizeof all - used, "%s%s", used > 0 ? ", " : "", choice);
    }
    print_usage (cli, "%s\"%s\" is none of %s%s%s%s", of, word, all,
                 *nearest != '\0' ? "; did you mean \"" : "", nearest,
                 *nearest != '\0' ? "\"?" : "");
    return false;
}

bool
option_check_choice (const struct cli *cli, const char *of, const char *value, const char *given)
{
    cleanup_free char *words = NULL;
    char *rest = NULL;

    if (option_takes (value) != OPTION_TAKES_CHOICE) {
        return true;
    }
    if (!option_is_list (value)) {
        return check_word (cli, of, value, given);
    }
    words = xstrdup (given);
    for (char *word = strtok_r (words, ",", &rest); word != NULL;
         word = strtok_r (NULL, ",", &rest)) {
        if (!check_word (cli, of, value, word)) {
            return false;
        }
    }
    return true;
}

// ---- what they set

bool
option_sets (const struct option_row *row, const char *field)
{
    size_t i = 0;

    if (row->field != NULL) {
        return strcmp (row->field, field) == 0;
    }
    while (row->name[i] != '\0' && field[i] == (row->name[i] == '-' ? '_' : row->name[i])) {
        i++;
    }
    return row->name[i] == '\0' && (field[i] == '\0' || strcmp (field + i, "_id") == 0 ||
                                    (row->many && strcmp (field + i, "s") == 0));
}

const struct option_row *
option_of_field (const struct option_row *rows, const char *path)
{
    char field[OPTION_WORD_MAX + 1];

    snprintf (field, sizeof field, "%.*s", (int) strcspn (path, ".["), path);
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (option_sets (rows, field)) {
            return rows;
        }
    }
    return NULL;
}

// ---- taking them from the arguments

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
take_global (struct cli *cli, const char *name, const char *value)
{
    if (strcmp (name, "json") == 0) {
        cli->json = true;
    } else if (strcmp (name, "config") == 0) {
        cli->config = value;
    } else if (strcmp (name, "idempotency-key") == 0) {
        return take_key (cli, value);
    } else if (strcmp (name, "no-color") == 0) {
        cli->color = false;
    } else if (strcmp (name, "help") == 0) {
        cli->help = true;
    } else if (strcmp (name, "version") == 0) {
        cli->version = true;
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

// The options whose names begin so; for those that are not told apart by what was given. Returns how many there are.
static size_t
beginning (const struct option_row *rows, const char *name, char *text, size_t size)
{
    size_t n = 0;

    for (; rows != NULL && rows->name != NULL; rows++) {
        if (strncmp (rows->name, name, strlen (name)) == 0) {
            size_t used = strlen (text);
            snprintf (text + used, size - used, "%s--%s", used > 0 ? ", " : "", rows->name);
            n++;
        }
    }
    return n;
}

// What getopt_long refuses: an unknown option, one that is not told apart from others, or a value for one that takes none.
static void
print_unknown (const struct cli *cli, const char *word, const struct option_row *rows)
{
    const struct option_row *tables[] = {rows, option_globals};
    const char *nearest = NULL;
    char name[OPTION_WORD_MAX + 1], several[1024] = "";
    size_t best = SIZE_MAX, n = 0;

    if (optopt != 0 && word[1] != '-') {
        print_usage (cli, "there is no option -%c here; --help lists what there is", optopt);
        return;
    }
    word += strspn (word, "-");
    snprintf (name, sizeof name, "%.*s", (int) strcspn (word, "="), word);
    for (size_t t = 0; t < 2; t++) {
        n += beginning (tables[t], name, several, sizeof several);
        for (const struct option_row *row = tables[t]; row != NULL && row->name != NULL; row++) {
            if (command_nearest (name, row->name, &best)) {
                nearest = row->name;
            }
        }
    }
    if (best == 0) {
        print_usage (cli, "--%s takes no value", name);
    } else if (n > 1) {
        print_usage (cli, "--%s may be any of %s", name, several);
    } else if (nearest != NULL) {
        print_usage (cli, "there is no option --%s here; did you mean --%s?", name, nearest);
    } else {
        print_usage (cli, "there is no option --%s here; --help lists them", name);
    }
}

static bool
take_option (struct cli *cli, const struct option_row *rows, size_t nrows, size_t index,
             const char *value)
{
    char of[OPTION_WORD_MAX + 8];

    if (index >= nrows) {
        return take_global (cli, option_globals[index - nrows].name, value);
    }
    if (!rows[index].many && option_given (cli, rows[index].name)) {
        print_usage (cli, "--%s is given twice", rows[index].name);
        return false;
    }
    snprintf (of, sizeof of, "--%s: ", rows[index].name);
    if (!option_check_choice (cli, of, rows[index].value, value)) {
        return false;
    }
    cli->options = xrealloc (cli->options, (cli->noptions + 1) * sizeof *cli->options);
    cli->options[cli->noptions++] = (struct option_value){&rows[index], value};
    return true;
}

int
option_take (struct cli *cli, const struct option_row *rows, bool stop, int argc, char **argv)
{
    static const struct option_row none[] = {{.name = NULL}};
    struct option table[2 * ROWS_MAX + 1] = {{0}};
    size_t nrows, nglobals = rows_count (option_globals);
    int c;

    rows = rows != NULL ? rows : none;
    nrows = rows_count (rows);
    assert (nrows <= ROWS_MAX && nglobals <= ROWS_MAX);
    for (size_t i = 0; i < nrows + nglobals; i++) {
        const struct option_row *row = i < nrows ? &rows[i] : &option_globals[i - nrows];
        table[i] = (struct option){row->name, row->value != NULL ? required_argument : no_argument,
                                   NULL, FIRST + (int) i};
    }
    opterr = 0;
    optind = 0; // begin anew, with glibc's own state too
    while ((c = getopt_long (argc, argv, stop ? "+:h" : ":h", table, NULL)) != -1) {
        if (c == 'h') {
            cli->help = true;
        } else if (c == ':') {
            print_usage (cli, "%s needs a value", argv[optind - 1]);
            return -1;
        } else if (c == '?') {
            print_unknown (cli, argv[optind - 1], rows);
            return -1;
        } else if (!take_option (cli, rows, nrows, (size_t) (c - FIRST), optarg)) {
            return -1;
        }
    }
    return optind;
}
