// The options of commands: their rows, how they are taken from the arguments, and what was given. Everything that is told of a command (help,
// manual page, completion) comes from these rows too.
#ifndef JETON_CLI_OPTION_H
#define JETON_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;

enum { OPTION_WORD_MAX = 64 };

// One option of a command. A table of them is ended by a row whose name is NULL.
struct option_row {
    const char *name;  // without "--"
    const char *value; // what it takes, as help shows it, see option_takes; NULL: nothing
    bool many;         // may be given several times; otherwise the last one counts
    bool required;
    const char *field; // of the request that it sets, where option_sets could not tell by its name
    const char *help;  // one line
};

// What every command has.
extern const struct option_row option_globals[];

// What an option takes, or a command as its argument, is read from how help shows it:
//   FILE, DIR     the name of a file or directory
//   a|b|c         one of these words; with ",…" at its end, several with commas
//   METHOD, SYMBOL  a method of proto/; or that, a service, a message (describe.h)
//   else          text
// Brackets around it change nothing.
enum option_takes {
    OPTION_TAKES_NOTHING,
    OPTION_TAKES_TEXT,
    OPTION_TAKES_CHOICE,
    OPTION_TAKES_FILE,
    OPTION_TAKES_DIRECTORY,
    OPTION_TAKES_METHOD,
    OPTION_TAKES_SYMBOL,
};
enum option_takes option_takes (const char *value);
// option_choice (&rest, word_r): The words of a choice, one after the other; rest starts as the value. False: no more.
bool option_choice (const char **rest, char word_r[OPTION_WORD_MAX + 1]);
// option_is_list (value): Does it take several of these words, with commas?
bool option_is_list (const char *value);
// option_check_choice (cli, of, value, given): If `value` is a choice, is `given` in it? False: no; that has been printed, with `of` before it.
bool option_check_choice (const struct cli *cli, const char *of, const char *value,
                          const char *given) __attribute__ ((warn_unused_result));

// option_sets (row, field): Does the option set this field of a request? It does when the field is called like it (with _ for -), with _id after
// that (--account: account_id), or, of one that may be given several times, with s (--module: modules); or as row->field says.
bool option_sets (const struct option_row *row, const char *field);
// option_of_field (rows, path): The option that sets the field that a server has found wrong: "account_id", "modules[0].module". NULL: none of these
// (rows may be NULL).
const struct option_row *option_of_field (const struct option_row *rows, const char *path);

// option_take (cli, rows, stop, argc, argv): Take the options of argv, whose first element is skipped: those of every command and `rows`
// (may be NULL). With `stop`, up to the first word that is none; otherwise words are moved to the end. Returns the index of the first
// word, -1 when a mistake has been printed.
int option_take (struct cli *cli, const struct option_row *rows, bool stop, int argc, char **argv);

// option_text (cli, name): The value given for an option, or NULL.
const char *option_text (const struct cli *cli, const char *name);
// option_or (cli, name, otherwise): The same, with a value for when it was not given.
const char *option_or (const struct cli *cli, const char *name, const char *otherwise);
// option_given (cli, name): Was it?
bool option_given (const struct cli *cli, const char *name);
// option_list (cli, name, n_r): All values of an option that may be given several times. The caller frees the array.
char **option_list (const struct cli *cli, const char *name, size_t *n_r);
// option_number (cli, name, minimum, maximum, number_r): Leaves number_r alone when the option was not given. False: not a number
// in that range; the mistake has been printed.
bool option_number (const struct cli *cli, const char *name, int64_t minimum, int64_t maximum,
                    int64_t *number_r) __attribute__ ((warn_unused_result));

#endif
