// Objects and lists of objects as text for people, from their JSON form.
#ifndef JETON_CLI_TABLE_H
#define JETON_CLI_TABLE_H

#include "services/cli/command.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum column_form {
    COLUMN_TEXT,
    COLUMN_TIME,    // seconds since the epoch
    COLUMN_TIME_US, // microseconds since the epoch
    COLUMN_EXPIRY,  // seconds since the epoch; none is "never"
    COLUMN_STATUS,  // coloured by whether it is good
    COLUMN_LIST,    // texts
    COLUMN_GRANTS,  // module grants
    COLUMN_COUNT,   // how many items a list has; the item itself when it is the only one (R31)
    COLUMN_PERIOD,  // seconds
};

// One column. A table of them is ended by a row whose title is NULL.
struct column {
    const char *title;
    const char *member; // of the object; "created_by.name" goes into an object in it
    const char *other;  // the member that is shown where that one is null; NULL: none
    enum column_form form;
    bool detail; // shown with one object only, not in lists
    bool list;   // shown in lists only
};

// table_list (cli, columns, rows): An array of objects, aligned, with a heading; with --json the array as it is.
void table_list (const struct cli *cli, const struct column *columns, const json_t *rows);
// table_object (cli, columns, object): One object, a member a line; with --json the object as it is.
void table_object (const struct cli *cli, const struct column *columns, const json_t *object);

// table_row (cli, columns, row): One row of a list that has no end: its cells, not aligned; with --json the object, on one line. False: standard output
// cannot be written.
bool table_row (const struct cli *cli, const struct column *columns, const json_t *row)
    __attribute__ ((warn_unused_result));

// table_cell (column, object): A member as text. The caller frees it.
char *table_cell (const struct column *column, const json_t *object);

// table_time (seconds, text_r, size): "2026-12-31 23:59:59Z".
void table_time (int64_t seconds, char *text_r, size_t size);

#endif
