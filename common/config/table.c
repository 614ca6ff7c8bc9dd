#include "common/config/table.h"
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static bool
has_key (const struct config_rows *rows, const char *key)
{
    for (size_t i = 0; i < rows->n; i++)
        if (strcmp (rows->rows[i]->key, key) == 0)
            return true;
    return false;
}

void
config_collect (const struct config_row *const *tables, struct config_rows *rows_r)
{
    rows_r->n = 0;
    for (; *tables; tables++)
        for (const struct config_row *row = *tables; row->key; row++) {
            assert (rows_r->n < CONFIG_ROWS_MAX && strlen (row->key) < CONFIG_KEY_MAX);
            if (!has_key (rows_r, row->key))
                rows_r->rows[rows_r->n++] = row;
        }
}

void
config_environment_name (const struct config_row *row, char name_r[CONFIG_KEY_MAX + 8])
{
    snprintf (name_r, CONFIG_KEY_MAX + 8, "JETON_%s", row->key);
    for (char *p = name_r; *p; p++)
        *p = (char) toupper ((unsigned char) *p);
}

void
config_flag_name (const struct config_row *row, char name_r[CONFIG_KEY_MAX])
{
    snprintf (name_r, CONFIG_KEY_MAX, "%s", row->key);
    for (char *p = name_r; *p; p++)
        if (*p == '_')
            *p = '-';
}

static char
normal (char c)
{
    return c == '-' ? '_' : (char) tolower ((unsigned char) c);
}

// Levenshtein's distance, one row at a time. Both are shorter than CONFIG_KEY_MAX.
static size_t
distance (const char *a, const char *b)
{
    size_t row[CONFIG_KEY_MAX], n = strlen (b);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (normal (a[i - 1]) != normal (b[j - 1]));
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

const char *
config_closest (const struct config_rows *rows, const char *key)
{
    if (strlen (key) >= CONFIG_KEY_MAX)
        return NULL;
    const char *closest = NULL;
    size_t least = 2 + strlen (key) / 4; // more than that is another word
    for (size_t i = 0; i < rows->n; i++) {
        size_t d = distance (key, rows->rows[i]->key);
        if (d < least) {
            least = d;
            closest = rows->rows[i]->key;
        }
    }
    return closest;
}

// ---- printing -------------------------------------------------------------------------------------------------------

static const char *
type_name (const struct config_row *row)
{
    switch (row->type) {
    case CONFIG_TEXT:
        return "TEXT";
    case CONFIG_SECRET:
        return "SECRET";
    case CONFIG_PATH:
        return "PATH";
    case CONFIG_NUMBER:
        return "NUMBER";
    case CONFIG_BOOL:
        return "YES|NO";
    }
    return "TEXT";
}

void
config_print_help (FILE *file, const struct config_rows *rows, const char *program,
                   const char *summary)
{
    fprintf (
        file,
        "Usage: %s [--config FILE] [--SETTING=VALUE]...\n\n%s\n\n"
        "  -n, --check     check the settings and exit\n"
        "      --settings  print the settings as a Markdown table and exit\n"
        "  -V, --version   print the version and exit\n"
        "  -h, --help      print this and exit\n\n"
        "A setting comes from its default, the file (lines of `key = value`), the environment\n"
        "(JETON_KEY, or JETON_KEY_FILE for the name of a file that holds the value) and the flag; "
        "the\n"
        "last of these that has it counts. Keys in the file are spelled with _. SIGHUP reads the\n"
        "settings again; those marked * take effect then.\n\nSettings:\n",
        program, summary);
    for (size_t i = 0; i < rows->n; i++) {
        const struct config_row *row = rows->rows[i];
        char name[CONFIG_KEY_MAX + 8];
        if (row->type == CONFIG_SECRET) {
            config_environment_name (row, name);
            fprintf (file, "    %s (file or environment only)%s\n", name,
                     row->reloadable ? " *" : "");
        } else {
            config_flag_name (row, name);
            fprintf (file, "  --%s=%s%s\n", name, type_name (row), row->reloadable ? " *" : "");
        }
        fprintf (file, "        %s", row->help);
        if (row->type == CONFIG_NUMBER)
            fprintf (file, "; %" PRId64 " to %" PRId64, row->minimum, row->maximum);
        if (row->initial && *row->initial)
            fprintf (file, " [%s]", row->initial);
        fputc ('\n', file);
    }
}

static void
print_cell (FILE *file, const char *text)
{
    fputs (" ", file);
    for (; *text; text++) {
        if (*text == '|')
            fputc ('\\', file);
        fputc (*text, file);
    }
    fputs (" |", file);
}

void
config_print_markdown (FILE *file, const struct config_rows *rows)
{
    fputs ("| setting | type | default | on SIGHUP | what it is |\n|---|---|---|---|---|\n", file);
    for (size_t i = 0; i < rows->n; i++) {
        const struct config_row *row = rows->rows[i];
        char cell[128];
        fputc ('|', file);
        snprintf (cell, sizeof cell, "`%s`", row->key);
        print_cell (file, cell);
        snprintf (cell, sizeof cell, "%s", type_name (row));
        for (char *p = cell; *p; p++)
            *p = (char) tolower ((unsigned char) *p);
        if (row->type == CONFIG_NUMBER)
            snprintf (cell, sizeof cell, "%" PRId64 " to %" PRId64, row->minimum, row->maximum);
        print_cell (file, cell);
        print_cell (file, row->initial ? row->initial : "");
        print_cell (file, row->reloadable ? "yes" : "");
        print_cell (file, row->help);
        fputc ('\n', file);
    }
}
