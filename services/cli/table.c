#include "services/cli/table.h"
#include "common/memory/memory.h"
#include "services/cli/print.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS_MAX = 24, CELL_WIDTH_MAX = 60 };

#define NO_TIME "-"

void
table_time (int64_t seconds, char *text_r, size_t size)
{
    time_t t = (time_t) seconds;
    struct tm tm;

    if (gmtime_r (&t, &tm) == NULL || strftime (text_r, size, "%Y-%m-%d %H:%M:%SZ", &tm) == 0) {
        snprintf (text_r, size, "%lld", (long long) seconds);
    }
}

static const json_t *
member_of (const json_t *object, const char *path)
{
    const char *dot = strchr (path, '.');
    size_t length = dot != NULL ? (size_t) (dot - path) : strlen (path);
    const json_t *value = json_object_getn (object, path, length);

    return dot != NULL && value != NULL ? member_of (value, dot + 1) : value;
}

static char *
cell_text (const json_t *value)
{
    if (json_is_string (value)) {
        return xstrdup (json_string_value (value));
    }
    if (json_is_integer (value)) {
        return xasprintf ("%lld", (long long) json_integer_value (value));
    }
    if (json_is_boolean (value)) {
        return xstrdup (json_is_true (value) ? "yes" : "no");
    }
    return xstrdup ("");
}

static char *
cell_time (const json_t *value, int64_t unit, const char *none)
{
    char text[40];

    if (!json_is_integer (value) || json_integer_value (value) == 0) {
        return xstrdup (none);
    }
    table_time (json_integer_value (value) / unit, text, sizeof text);
    return xstrdup (text);
}

static char *
cell_period (const json_t *value)
{
    long long s = json_integer_value (value);

    if (!json_is_integer (value)) {
        return xstrdup ("");
    }
    return s >= 86400  ? xasprintf ("%lldd %lldh", s / 86400, s / 3600 % 24)
           : s >= 3600 ? xasprintf ("%lldh %lldm", s / 3600, s / 60 % 60)
           : s >= 60   ? xasprintf ("%lldm %llds", s / 60, s % 60)
                       : xasprintf ("%llds", s);
}

static char *
cell_item (const json_t *item)
{
    const char *module = json_string_value (json_object_get (item, "module"));
    const char *access = json_string_value (json_object_get (item, "access"));

    return json_is_object (item)
               ? xasprintf ("%s:%s", module != NULL ? module : "?", access != NULL ? access : "?")
               : cell_text (item);
}

static char *
cell_list (const json_t *value)
{
    char *text = xstrdup ("");

    for (size_t i = 0; i < json_array_size (value); i++) {
        cleanup_free char *before = text;
        cleanup_free char *item = cell_item (json_array_get (value, i));
        text = xasprintf ("%s%s%s", before, i > 0 ? ", " : "", item);
    }
    return text;
}

char *
table_cell (const struct column *column, const json_t *object)
{
    const json_t *value = member_of (object, column->member);

    if (column->other != NULL && json_is_null (value)) {
        value = member_of (object, column->other);
    }
    switch (column->form) {
    case COLUMN_TIME:
        return cell_time (value, 1, NO_TIME);
    case COLUMN_TIME_US:
        return cell_time (value, 1000000, NO_TIME);
    case COLUMN_EXPIRY:
        return cell_time (value, 1, "never");
    case COLUMN_PERIOD:
        return cell_period (value);
    case COLUMN_STATUS:
        // Expired is not a state (R4), but it is what people have to see.
        return json_is_true (json_object_get (object, "expired")) ? xstrdup ("expired")
                                                                  : cell_text (value);
    case COLUMN_COUNT:
        if (json_array_size (value) != 1) {
            return xasprintf ("%zu", json_array_size (value));
        }
        return cell_list (value);
    case COLUMN_LIST:
    case COLUMN_GRANTS:
        return cell_list (value);
    case COLUMN_TEXT:
        break;
    }
    return cell_text (value);
}

static const char *
status_color (const char *text)
{
    static const char *const good[] = {"active", "serving", "standby", "allow", NULL};
    static const char *const waiting[] = {"pending", "starting", "draining", "retired", NULL};

    for (size_t i = 0; good[i] != NULL; i++) {
        if (strcmp (text, good[i]) == 0) {
            return "green";
        }
    }
    for (size_t i = 0; waiting[i] != NULL; i++) {
        if (strcmp (text, waiting[i]) == 0) {
            return "yellow";
        }
    }
    return "red";
}

static void
print_cell (const struct cli *cli, const struct column *column, const char *text, int width)
{
    if (column->form == COLUMN_STATUS) {
        print_color (cli, status_color (text));
    }
    print_text (stdout, text);
    if (column->form == COLUMN_STATUS) {
        print_color (cli, NULL);
    }
    for (int i = print_width (text); i < width; i++) {
        putchar (' ');
    }
}

// All cells of a list, row after row; cells[0 … columns - 1] are the heading.
struct grid {
    const struct column *columns[COLUMNS_MAX];
    int widths[COLUMNS_MAX];
    size_t ncolumns, nrows;
    char **cells;
};

static void
grid_fill (struct grid *grid, const struct column *columns, const json_t *rows)
{
    for (; columns->title != NULL && grid->ncolumns < COLUMNS_MAX; columns++) {
        if (!columns->detail) {
            grid->columns[grid->ncolumns++] = columns;
        }
    }
    grid->nrows = json_array_size (rows) + 1;
    grid->cells = xcalloc (grid->nrows * grid->ncolumns, sizeof *grid->cells);
    for (size_t r = 0; r < grid->nrows; r++) {
        for (size_t c = 0; c < grid->ncolumns; c++) {
            char *cell = r == 0 ? xstrdup (grid->columns[c]->title)
                                : table_cell (grid->columns[c], json_array_get (rows, r - 1));
            int width = print_width (cell);
            grid->cells[r * grid->ncolumns + c] = cell;
            // One long text shall not push all rows apart.
            if (width > grid->widths[c] && width <= CELL_WIDTH_MAX) {
                grid->widths[c] = width;
            }
        }
    }
}

static void
print_grid_row (const struct cli *cli, const struct grid *grid, size_t r)
{
    static const struct column heading = {.form = COLUMN_TEXT};
    char **cells = grid->cells + r * grid->ncolumns;
    size_t n = grid->ncolumns;

    // Nothing but blanks at the end of a line is nothing.
    while (n > 1 && *cells[n - 1] == '\0') {
        n--;
    }
    if (r == 0) {
        print_color (cli, "bold");
    }
    for (size_t c = 0; c < n; c++) {
        bool last = c + 1 == n;
        print_cell (cli, r == 0 ? &heading : grid->columns[c], cells[c],
                    last ? 0 : grid->widths[c]);
        fputs (last ? "" : "  ", stdout);
    }
    if (r == 0) {
        print_color (cli, NULL);
    }
    putchar ('\n');
}

void
table_list (const struct cli *cli, const struct column *columns, const json_t *rows)
{
    struct grid grid = {.ncolumns = 0};

    if (cli->json) {
        print_json (stdout, rows, JSON_INDENT (2));
        return;
    }
    grid_fill (&grid, columns, rows);
    for (size_t r = 0; r < grid.nrows; r++) {
        print_grid_row (cli, &grid, r);
    }
    for (size_t i = 0; i < grid.nrows * grid.ncolumns; i++) {
        free (grid.cells[i]);
    }
    free (grid.cells);
}

void
table_object (const struct cli *cli, const struct column *columns, const json_t *object)
{
    static const struct column plain = {.form = COLUMN_TEXT};
    int width = 0;

    if (cli->json) {
        print_json (stdout, object, JSON_INDENT (2));
        return;
    }
    for (const struct column *column = columns; column->title != NULL; column++) {
        int title = print_width (column->title);
        width = title > width ? title : width;
    }
    for (const struct column *column = columns; column->title != NULL; column++) {
        cleanup_free char *cell = table_cell (column, object);
        if (!column->list && *cell != '\0' && strcmp (cell, NO_TIME) != 0) {
            print_cell (cli, &plain, column->title, width + 2);
            print_cell (cli, column, cell, 0);
            putchar ('\n');
        }
    }
}

bool
table_row (const struct cli *cli, const struct column *columns, const json_t *row)
{
    const char *gap = "";

    if (cli->json) {
        print_json (stdout, row, JSON_COMPACT);
        return fflush (stdout) == 0;
    }
    for (const struct column *column = columns; column->title != NULL; column++) {
        if (!column->detail) {
            cleanup_free char *cell = table_cell (column, row);
            fputs (gap, stdout);
            print_text (stdout, cell);
            gap = "  ";
        }
    }
    putchar ('\n');
    return fflush (stdout) == 0;
}
