// Settings: one table per process. A setting comes from, in rising order of rank: its default, the file named by --config
// (lines of `key = value`, # comments), the environment (JETON_KEY, or JETON_KEY_FILE: the value is the content of that file,
// without its last newline), and a flag (--key=value or --key value; `_` may be written `-`). An empty variable is as good as none.
// A # begins a comment only at the beginning of a line. A file that holds a secret must be readable by its owner only.
// --help prints the table, -n checks the settings and exits, --settings prints the table as Markdown for the README.
#ifndef JETON_CONFIG_H
#define JETON_CONFIG_H

#include "common/error/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
    CONFIG_TEXT,   // char *, never NULL
    CONFIG_SECRET, // char *; never printed, not accepted as a flag
    CONFIG_PATH,   // char *; a file or directory
    CONFIG_NUMBER, // int64_t, with minimum and maximum
    CONFIG_BOOL,   // bool: yes/no, true/false, on/off, 1/0
};

// One row. Rows of a process are ended by one whose key is NULL.
struct config_row {
    const char *key;          // lower case with _
    enum config_type type;    // what the field at `offset` is
    size_t offset;            // of the field in the struct of settings
    const char *initial;      // the default, as text
    int64_t minimum, maximum; // CONFIG_NUMBER only
    bool
        reloadable; // read again on SIGHUP; others keep their value, with a warning when it changed
    const char *help; // one line; names the unit
};

enum config_result { CONFIG_RUN, CONFIG_EXIT_OK, CONFIG_EXIT_USAGE };

// config_load (tables, program, summary, argc, argv, settings, error_r):
// Fill `settings` (a zeroed struct) from all sources. `tables` is an array of row tables ended by NULL (common ones and the
// process's own); where several have a key, the row of the first counts. CONFIG_RUN: go on. CONFIG_EXIT_OK: --help, --version, --settings or -n was served. CONFIG_EXIT_USAGE: error_r
// says what is wrong, with the source and the key. `settings` is filled after CONFIG_RUN only.
enum config_result config_load (const struct config_row *const *tables, const char *program,
                                const char *summary, int argc, char **argv, void *settings,
                                struct error *error_r) __attribute__ ((warn_unused_result));

// config_reload (tables, argc, argv, settings, size, error_r):
// Parse all again into a fresh struct of `size` bytes; only if that is whole, take over the reloadable values. On false the old
// ones stay, and error_r says why. Reloadable texts that changed are freed: do not keep copies of their pointers.
bool config_reload (const struct config_row *const *tables, int argc, char **argv, void *settings,
                    size_t size, struct error *error_r) __attribute__ ((warn_unused_result));

// config_free (tables, settings): Free the texts (secrets are wiped first). NULL-safe, idempotent.
void config_free (const struct config_row *const *tables, void *settings);

#endif
