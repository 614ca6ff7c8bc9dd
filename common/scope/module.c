#include "common/scope/module.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "module:";
enum { PREFIX_LENGTH = sizeof prefix - 1, READ = 1, WRITE = 2 };

const char *
scope_module_parse (const char *part, size_t length, struct scope_module *module_r)
{
    const char *name = part + PREFIX_LENGTH, *end = part + length;
    if (length < PREFIX_LENGTH || strncmp (part, prefix, PREFIX_LENGTH) != 0)
        return "is no module:NAME:read or module:NAME:write";
    size_t n = 0;
    while (name + n < end && strchr ("abcdefghijklmnopqrstuvwxyz0123456789_-", name[n]) && name[n])
        n++;
    if (n == 0 || n >= sizeof module_r->name || *name < 'a' || *name > 'z')
        return "has no name of a module after its first colon";
    const char *access = name + n;
    size_t rest = (size_t) (end - access);
    if (rest == 5 && memcmp (access, ":read", 5) == 0)
        module_r->access = READ;
    else if (rest == 6 && memcmp (access, ":write", 6) == 0)
        module_r->access = WRITE;
    else
        return "has neither :read nor :write after the module's name";
    memcpy (module_r->name, name, n);
    module_r->name[n] = '\0';
    return NULL;
}

const struct scope_module *
scope_modules_find (const struct scope_modules *modules, const char *name)
{
    for (size_t i = 0; i < modules->n; i++)
        if (strcmp (modules->modules[i].name, name) == 0)
            return &modules->modules[i];
    return NULL;
}

// NULL: it was taken; otherwise what is wrong with it.
static const char *
take (struct scope_modules *modules, const char *part, size_t length)
{
    struct scope_module module;
    const char *wrong = scope_module_parse (part, length, &module);
    if (wrong)
        return wrong;
    if (scope_modules_find (modules, module.name))
        return "is there twice, or with another access: write includes read";
    if (modules->n == SCOPE_MODULES_MAX)
        return "is one module more than a scope may have";
    modules->modules[modules->n++] = module;
    return NULL;
}

bool
scope_modules_parse (const char *text, size_t size, struct scope_modules *modules_r,
                     char rest_r[SCOPE_TEXT_MAX + 1], struct error *error_r)
{
    size_t used = 0;
    modules_r->n = 0;
    rest_r[0] = '\0';
    if (size > SCOPE_TEXT_MAX) {
        error_set (error_r, "the scope has more than %d bytes", SCOPE_TEXT_MAX);
        return false;
    }
    for (size_t i = 0; i < size;) {
        size_t length = 0;
        const char *wrong = NULL;
        while (i + length < size && text[i + length] != ' ')
            length++;
        bool module = length >= PREFIX_LENGTH && memcmp (text + i, prefix, PREFIX_LENGTH) == 0;
        if (module)
            wrong = take (modules_r, text + i, length);
        else if (length > 0 && memchr (text + i, '\0', length))
            wrong = "has a NUL byte"; // which would end rest_r
        if (wrong) {
            char part[SCOPE_PART_SIZE];
            scope_part_show (text + i, length, part);
            error_set (error_r, "\"%s\" %s", part, wrong);
            return false;
        }
        if (!module && length > 0) {
            if (used > 0)
                rest_r[used++] = ' ';
            memcpy (rest_r + used, text + i, length);
            used += length;
            rest_r[used] = '\0';
        }
        i += length + 1;
    }
    return true;
}

void
scope_modules_format (const struct scope_modules *modules, char text_r[SCOPE_MODULES_FORMAT_SIZE])
{
    size_t used = 0;
    text_r[0] = '\0';
    for (size_t i = 0; i < modules->n; i++)
        used += (size_t) snprintf (text_r + used, SCOPE_MODULES_FORMAT_SIZE - used, "%s%s%s:%s",
                                   i > 0 ? " " : "", prefix, modules->modules[i].name,
                                   modules->modules[i].access == WRITE ? "write" : "read");
}
