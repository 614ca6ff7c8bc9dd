// What reading and printing of settings share. For common/config only.
#ifndef JETON_CONFIG_TABLE_H
#define JETON_CONFIG_TABLE_H

#include "common/config/config.h"
#include <stdio.h>

enum { CONFIG_ROWS_MAX = 128, CONFIG_KEY_MAX = 64 };

// The rows of all tables. Where a key is in several, the first one counts: so a process can give a common setting another default.
struct config_rows {
    size_t n;
    const struct config_row *rows[CONFIG_ROWS_MAX];
};

// config_collect (tables, rows_r): Asserts that there are no more than CONFIG_ROWS_MAX.
void config_collect (const struct config_row *const *tables, struct config_rows *rows_r);
// config_environment_name (row, name_r): JETON_DATABASE_URL.
void config_environment_name (const struct config_row *row, char name_r[CONFIG_KEY_MAX + 8]);
// config_flag_name (row, name_r): database-url.
void config_flag_name (const struct config_row *row, char name_r[CONFIG_KEY_MAX]);
// config_closest (rows, key): The key that `key` may be a misspelling of, or NULL. '-' and '_' are alike.
const char *config_closest (const struct config_rows *rows, const char *key);

// config_print_help (…): For people. config_print_markdown (…): A table for the README.
void config_print_help (FILE *file, const struct config_rows *rows, const char *program,
                        const char *summary);
void config_print_markdown (FILE *file, const struct config_rows *rows);

#endif
