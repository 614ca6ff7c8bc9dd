#include "common/config/config.h"
#include "common/config/table.h"
#include "common/crypto/crypto.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FILE_SIZE_MAX = 65536, VALUE_SIZE_MAX = 4096 };

// What the flags say. Values are borrowed from argv.
struct flags {
    const char *config;
    bool check, help, version, settings;
    const char *values[CONFIG_ROWS_MAX]; // NULL: not given
};

static void *
field (const struct config_row *row, void *settings)
{
    return (char *) settings + row->offset;
}

static bool
is_text (const struct config_row *row)
{
    switch (row->type) {
    case CONFIG_TEXT:
    case CONFIG_SECRET:
    case CONFIG_PATH:
        return true;
    case CONFIG_NUMBER:
    case CONFIG_BOOL:
        return false;
    }
    return false;
}

static void
free_text (const struct config_row *row, void *settings)
{
    char **text = field (row, settings);
    if (*text && row->type == CONFIG_SECRET)
        sodium_memzero (*text, strlen (*text));
    free (*text);
    *text = NULL;
}

// ---- one value ------------------------------------------------------------------------------------------------------

static bool
set_number (const struct config_row *row, int64_t *number_r, const char *text,
            struct error *error_r)
{
    char *end;
    errno = 0;
    long long number = strtoll (text, &end, 10);
    if (errno || end == text || *end || number < row->minimum || number > row->maximum) {
        error_set (error_r, "\"%s\" is not a number from %" PRId64 " to %" PRId64, text,
                   row->minimum, row->maximum);
        return false;
    }
    *number_r = number;
    return true;
}

static bool
set_bool (bool *value_r, const char *text, struct error *error_r)
{
    static const char *const words[][2] = {
        {"yes", "no"}, {"true", "false"}, {"on", "off"}, {"1", "0"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (int no = 0; no < 2; no++)
            if (strcasecmp (text, words[i][no]) == 0) {
                *value_r = !no;
                return true;
            }
    error_set (error_r, "\"%s\" is neither yes nor no", text);
    return false;
}

// `source` is where the text comes from, for the error.
static bool
set (const struct config_row *row, void *settings, const char *text, const char *source,
     struct error *error_r)
{
    bool good = true;
    switch (row->type) {
    case CONFIG_TEXT:
    case CONFIG_SECRET:
    case CONFIG_PATH:
        free_text (row, settings);
        *(char **) field (row, settings) = xstrdup (text);
        break;
    case CONFIG_NUMBER:
        good = set_number (row, field (row, settings), text, error_r);
        break;
    case CONFIG_BOOL:
        good = set_bool (field (row, settings), text, error_r);
        break;
    }
    if (!good)
        error_prefix (error_r, "%s: %s", source, row->key);
    return good;
}

// ---- sources, in rising order of rank -------------------------------------------------------------------------------

static void
set_defaults (const struct config_rows *rows, void *settings)
{
    for (size_t i = 0; i < rows->n; i++) {
        const char *initial = rows->rows[i]->initial;
        bool good = set (rows->rows[i], settings, initial ? initial : "", "default", NULL);
        assert (good);
        (void) good;
    }
}

static bool
unknown_key (const struct config_rows *rows, const char *source, const char *key,
             struct error *error_r)
{
    const char *closest = config_closest (rows, key);
    if (closest)
        error_set (error_r, "%s: no setting \"%.64s\"; is it \"%s\"?", source, key, closest);
    else
        error_set (error_r, "%s: no setting \"%.64s\"; --help lists them", source, key);
    return false;
}

struct file {
    const char *path;
    bool seen[CONFIG_ROWS_MAX];
};

// One line of the file: key = value. The value is what is left after blanks at both ends; it may hold #.
static bool
set_line (const struct config_rows *rows, void *settings, struct file *file, char *line, int number,
          struct error *error_r)
{
    char source[300];
    snprintf (source, sizeof source, "%.256s:%d", file->path, number);
    char *equals = strchr (line, '=');
    if (!equals) {
        error_set (error_r, "%s: not of the form: key = value", source);
        return false;
    }
    char *value = equals + 1 + strspn (equals + 1, " \t");
    while (equals > line && strchr (" \t", equals[-1]))
        equals--;
    *equals = 0;
    size_t i = 0;
    while (i < rows->n && strcmp (rows->rows[i]->key, line) != 0)
        i++;
    if (i == rows->n)
        return unknown_key (rows, source, line, error_r);
    if (file->seen[i]) {
        error_set (error_r, "%s: %s is there twice", source, line);
        return false;
    }
    file->seen[i] = true;
    return set (rows->rows[i], settings, value, source, error_r);
}

static bool
holds_secret (const struct config_rows *rows, const struct file *file)
{
    for (size_t i = 0; i < rows->n; i++)
        if (file->seen[i] && rows->rows[i]->type == CONFIG_SECRET)
            return true;
    return false;
}

static bool
set_from_text (const struct config_rows *rows, void *settings, struct file *file, char *text,
               struct error *error_r)
{
    char *cursor = text, *line;
    int number = 0;
    while ((line = crypto_file_line (&cursor, &number)) != NULL)
        if (!set_line (rows, settings, file, line, number, error_r))
            return false;
    return true;
}

static bool
set_from_file (const struct config_rows *rows, void *settings, const char *path,
               struct error *error_r)
{
    uint8_t *text = xcalloc (1, FILE_SIZE_MAX + 1);
    struct file file = {.path = path};
    size_t length = 0;
    bool good = crypto_file_read (path, false, text, FILE_SIZE_MAX, &length, error_r) &&
                set_from_text (rows, settings, &file, (char *) text, error_r);
    // Only now is it known that the file has to be private.
    if (good && holds_secret (rows, &file))
        good = crypto_file_read (path, true, text, FILE_SIZE_MAX, &length, error_r);
    sodium_memzero (text, FILE_SIZE_MAX);
    free (text);
    return good;
}

// JETON_KEY_FILE: the value is what the named file holds, without its last newline.
static bool
set_from_named_file (const struct config_row *row, void *settings, const char *name,
                     const char *path, struct error *error_r)
{
    char value[VALUE_SIZE_MAX + 1];
    size_t length;
    if (!crypto_file_read (path, row->type == CONFIG_SECRET, (uint8_t *) value, VALUE_SIZE_MAX,
                           &length, error_r)) {
        error_prefix (error_r, "%s", name);
        return false;
    }
    if (length > 0 && value[length - 1] == '\n')
        length--;
    value[length] = 0;
    bool good = strlen (value) == length;
    if (good)
        good = set (row, settings, value, path, error_r);
    else
        error_set (error_r, "%s: %s: holds a NUL", name, path);
    sodium_memzero (value, sizeof value);
    return good;
}

// A variable that is empty is as good as none: compose files pass on what they were not given as empty.
static const char *
environment (const char *name)
{
    const char *value = getenv (name);
    return value && *value ? value : NULL;
}

static bool
set_from_environment (const struct config_rows *rows, void *settings, struct error *error_r)
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct config_row *row = rows->rows[i];
        char name[CONFIG_KEY_MAX + 8], file_name[CONFIG_KEY_MAX + 16];
        config_environment_name (row, name);
        snprintf (file_name, sizeof file_name, "%s_FILE", name);
        const char *value = environment (name), *path = environment (file_name);
        if (value && path) {
            error_set (error_r, "%s and %s are both set: unset one", name, file_name);
            return false;
        }
        if (value && !set (row, settings, value, name, error_r))
            return false;
        if (path && !set_from_named_file (row, settings, file_name, path, error_r))
            return false;
    }
    return true;
}

// ---- flags ----------------------------------------------------------------------------------------------------------

enum { FLAG_CONFIG = 1000, FLAG_SETTINGS, FLAG_ROW };

struct flag_names {
    struct option options[2 * CONFIG_ROWS_MAX + 8];
    char dashed[CONFIG_ROWS_MAX][CONFIG_KEY_MAX];
};

// Each setting is known by its key and by its key with - for _. Secrets are none: others see a command line.
static void
name_flags (const struct config_rows *rows, struct flag_names *names_r)
{
    static const struct option fixed[] = {
        {"config", required_argument, NULL, FLAG_CONFIG},
        {"check", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {"settings", no_argument, NULL, FLAG_SETTINGS},
    };
    size_t n = 0;
    for (; n < sizeof fixed / sizeof *fixed; n++)
        names_r->options[n] = fixed[n];
    for (size_t i = 0; i < rows->n; i++) {
        const struct config_row *row = rows->rows[i];
        if (row->type == CONFIG_SECRET)
            continue;
        config_flag_name (row, names_r->dashed[i]);
        names_r->options[n++] =
            (struct option){names_r->dashed[i], required_argument, NULL, FLAG_ROW + (int) i};
        if (strchr (row->key, '_'))
            names_r->options[n++] =
                (struct option){row->key, required_argument, NULL, FLAG_ROW + (int) i};
    }
    names_r->options[n] = (struct option){0};
}

static bool
bad_flag (const struct config_rows *rows, const char *argument, bool value_missing,
          struct error *error_r)
{
    // Not what follows "=": it may be a secret that somebody tried to pass.
    int length = (int) strcspn (argument, "=");
    if (value_missing) {
        error_set (error_r, "%.*s needs a value", length, argument);
        return false;
    }
    char key[CONFIG_KEY_MAX];
    snprintf (key, sizeof key, "%.*s", length, argument + strspn (argument, "-"));
    char *equals = strchr (key, '=');
    if (equals)
        *equals = 0;
    for (size_t i = 0; i < rows->n; i++) {
        char flag[CONFIG_KEY_MAX];
        config_flag_name (rows->rows[i], flag);
        if (rows->rows[i]->type == CONFIG_SECRET &&
            (strcmp (key, flag) == 0 || strcmp (key, rows->rows[i]->key) == 0)) {
            error_set (error_r,
                       "--%s: a secret is not taken from the command line, where others see it",
                       key);
            return false;
        }
    }
    return unknown_key (rows, "flags", key, error_r);
}

static bool
read_flags (const struct config_rows *rows, int argc, char **argv, struct flags *flags_r,
            struct error *error_r)
{
    struct flag_names *names = xcalloc (1, sizeof *names);
    name_flags (rows, names);
    *flags_r = (struct flags){0};
    bool good = true;
    optind = 0; // begin anew: this is called again on reload
    opterr = 0;
    int flag;
    while (good && (flag = getopt_long (argc, argv, "+:nhV", names->options, NULL)) != -1) {
        if (flag == 'n')
            flags_r->check = true;
        else if (flag == 'h')
            flags_r->help = true;
        else if (flag == 'V')
            flags_r->version = true;
        else if (flag == FLAG_SETTINGS)
            flags_r->settings = true;
        else if (flag == FLAG_CONFIG)
            flags_r->config = optarg;
        else if (flag >= FLAG_ROW)
            flags_r->values[flag - FLAG_ROW] = optarg;
        else
            good = bad_flag (rows, argv[optind - 1], flag == ':', error_r);
    }
    if (good && optind < argc) {
        error_set (error_r, "\"%.64s\" is not a flag; --help lists them", argv[optind]);
        good = false;
    }
    free (names);
    return good;
}

static bool
set_from_flags (const struct config_rows *rows, void *settings, const struct flags *flags,
                struct error *error_r)
{
    for (size_t i = 0; i < rows->n; i++)
        if (flags->values[i] && !set (rows->rows[i], settings, flags->values[i], "flags", error_r))
            return false;
    return true;
}

static bool
read_all (const struct config_rows *rows, const struct flags *flags, void *settings,
          struct error *error_r)
{
    set_defaults (rows, settings);
    return (!flags->config || set_from_file (rows, settings, flags->config, error_r)) &&
           set_from_environment (rows, settings, error_r) &&
           set_from_flags (rows, settings, flags, error_r);
}

// ---- public ---------------------------------------------------------------------------------------------------------

enum config_result
config_load (const struct config_row *const *tables, const char *program, const char *summary,
             int argc, char **argv, void *settings, struct error *error_r)
{
    struct config_rows rows;
    struct flags flags;
    config_collect (tables, &rows);
    if (!read_flags (&rows, argc, argv, &flags, error_r))
        return CONFIG_EXIT_USAGE;
    if (flags.help || flags.version || flags.settings) {
        if (flags.help)
            config_print_help (stdout, &rows, program, summary);
        else if (flags.version)
            printf ("%s %s\n", program, JETON_VERSION);
        else
            config_print_markdown (stdout, &rows);
        return CONFIG_EXIT_OK;
    }
    if (!read_all (&rows, &flags, settings, error_r)) {
        config_free (tables, settings);
        return CONFIG_EXIT_USAGE;
    }
    if (flags.check) {
        puts ("settings are good");
        config_free (tables, settings);
        return CONFIG_EXIT_OK;
    }
    return CONFIG_RUN;
}

static bool
same (const struct config_row *row, void *a, void *b)
{
    if (is_text (row))
        return strcmp (*(char **) field (row, a), *(char **) field (row, b)) == 0;
    if (row->type == CONFIG_NUMBER)
        return *(int64_t *) field (row, a) == *(int64_t *) field (row, b);
    return *(bool *) field (row, a) == *(bool *) field (row, b);
}

static void
take_over (const struct config_row *row, void *settings, void *fresh)
{
    if (is_text (row)) {
        char **old = field (row, settings), **new = field (row, fresh);
        char *text = *old;
        *old = *new;
        *new = text; // freed with the fresh settings
    } else if (row->type == CONFIG_NUMBER) {
        *(int64_t *) field (row, settings) = *(int64_t *) field (row, fresh);
    } else {
        *(bool *) field (row, settings) = *(bool *) field (row, fresh);
    }
}

bool
config_reload (const struct config_row *const *tables, int argc, char **argv, void *settings,
               size_t size, struct error *error_r)
{
    struct config_rows rows;
    struct flags flags;
    config_collect (tables, &rows);
    void *fresh = xcalloc (1, size);
    bool good =
        read_flags (&rows, argc, argv, &flags, error_r) && read_all (&rows, &flags, fresh, error_r);
    for (size_t i = 0; good && i < rows.n; i++) {
        if (same (rows.rows[i], settings, fresh))
            continue;
        if (rows.rows[i]->reloadable)
            take_over (rows.rows[i], settings, fresh);
        else
            log_warn ("a setting that changed needs a restart", "setting", rows.rows[i]->key, NULL);
    }
    config_free (tables, fresh);
    free (fresh);
    return good;
}

void
config_free (const struct config_row *const *tables, void *settings)
{
    for (; *tables; tables++)
        for (const struct config_row *row = *tables; row->key; row++)
            if (is_text (row))
                free_text (row, settings);
}
