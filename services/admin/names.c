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

static struct module *
modules_read (struct row *row, size_t *n_r)
{
    char **list = row_list (row, n_r);
    struct module *modules = arena_alloc (row->arena, (*n_r + 1) * sizeof *modules);
    if (!modules)
        row->full = true;
    for (size_t i = 0; list && modules && i < *n_r; i++)
        if (!module_parse (list[i], &modules[i]))
            row->wrong = true;
    return modules;
}

static const struct module *
module_find (const struct module *modules, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp (modules[i].name, name) == 0)
            return &modules[i];
    return NULL;
}

char *
names_match (struct request *request, struct row *row, const char *suffix, const char *account_id,
             size_t n, const char *const *names)
{
    size_t known;
    const struct module *modules = modules_read (row, &known);
    if (!row_good (request, row))
        return NULL;
    const char **numbers = arena_alloc (request_arena (request), (n + 1) * sizeof *numbers);
    if (!numbers) {
        change_no_memory (request);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const struct module *module = module_find (modules, known, names[i]);
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
