#include "services/admin/names.h"
#include "services/admin/change.h"
#include <stdio.h>
#include <string.h>

char *
names_join (struct request *request, size_t n, const char *const *names)
{
    size_t size = 1;
    for (size_t i = 0; i < n; i++)
        size += strlen (names[i]) + 1;
    char *text = arena_alloc (request_arena (request), size);
    if (!text) {
        change_no_memory (request);
        return NULL;
    }
    char *end = text;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *end++ = ',';
        end = stpcpy (end, names[i]);
    }
    return text;
}

// One module of the column.
struct module {
    const char *name, *number;
    bool enabled;
};

static bool
module_parse (char *text, struct module *module_r)
{
    module_r->name = strsep (&text, ":");
    module_r->number = text ? strsep (&text, ":") : NULL;
    if (!text || (strcmp (text, "0") != 0 && strcmp (text, "1") != 0))
        return false;
    module_r->enabled = *text == '1';
    return strspn (module_r->number, "0123456789") == strlen (module_r->number);
}

struct names {
    size_t n;
    struct module modules[];
};

const struct names *
names_read (struct request *request, struct row *row)
{
    size_t n;
    char **list = row_list (row, &n);
    struct names *names =
        row_alloc (row, sizeof *names + (list ? n : 0) * sizeof names->modules[0]);
    for (size_t i = 0; list && names && i < n; i++)
        if (!module_parse (list[i], &names->modules[names->n++]))
            row->wrong = true;
    return row_good (request, row) ? names : NULL;
}

static const struct module *
module_find (const struct names *known, const char *name)
{
    for (size_t i = 0; i < known->n; i++)
        if (strcmp (known->modules[i].name, name) == 0)
            return &known->modules[i];
    return NULL;
}

char *
names_numbers (struct request *request, const struct names *known, const char *suffix,
               const char *account_id, size_t n, const char *const *names)
{
    const char **numbers = arena_alloc (request_arena (request), (n + 1) * sizeof *numbers);
    if (!numbers) {
        change_no_memory (request);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const struct module *module = module_find (known, names[i]);
        char field[64];
        snprintf (field, sizeof field, "modules[%zu]%s", i, suffix);
        if (!module) {
            request_fail_field (request, field, "there is no module \"%s\"", names[i]);
            return NULL;
        }
        if (!module->enabled) {
            request_fail_field (request, field, "module \"%s\" is not enabled for account %s",
                                names[i], account_id);
            return NULL;
        }
        numbers[i] = module->number;
    }
    return names_join (request, n, numbers);
}

char *
names_match (struct request *request, struct row *row, const char *suffix, const char *account_id,
             size_t n, const char *const *names)
{
    const struct names *known = names_read (request, row);
    return known ? names_numbers (request, known, suffix, account_id, n, names) : NULL;
}
