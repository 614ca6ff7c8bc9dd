#include "common/scope/scope.h"
#include "common/token/id.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What tells the kinds apart, by enum scope_kind.
static const struct {
    const char *name;
    const char *prefix; // of ids
} kinds[] = {
    [SCOPE_MARKET] = {"market", "MKT"}, [SCOPE_STOCK_LOCATION] = {"stock_location", "STL"}};

void
scope_part_show (const char *part, size_t length, char part_r[SCOPE_PART_SIZE])
{
    size_t n = 0;
    for (; n < length && n < SCOPE_PART_SIZE - 4; n++)
        part_r[n] = part[n] > ' ' && part[n] < 0x7f ? part[n] : '?';
    part_r[n] = '\0';
    if (n < length)
        memcpy (part_r + n, "...", 4);
}

static bool
number_parse (const char *text, int64_t *number_r)
{
    size_t n = strspn (text, "0123456789");
    if (n == 0 || text[n] != '\0' || n > 8 || *text == '0')
        return false;
    *number_r = strtoll (text, NULL, 10);
    return true;
}

static bool
code_parse (const char *text, char code_r[SCOPE_CODE_SIZE])
{
    size_t length = strlen (text);
    if (length == 0 || length >= SCOPE_CODE_SIZE || *text == '_' || *text == '-' ||
        strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789_-") != length)
        return false;
    memcpy (code_r, text, length + 1);
    return true;
}

// What follows "market:". NULL: it is right; otherwise what is wrong.
static const char *
name_parse (const char *text, struct scope_entry *entry)
{
    if (strncmp (text, "id:", 3) == 0)
        return id_parse (kinds[entry->kind].prefix, text + 3, &entry->number) ? NULL
                                                                              : "has no such id";
    if (strncmp (text, "code:", 5) == 0)
        return code_parse (text + 5, entry->code) ? NULL : "has no code of the right form";
    return number_parse (text, &entry->number)
               ? NULL
               : "has neither a number nor id:… nor code:… after its first colon";
}

// NULL: it is right; otherwise what is wrong.
static const char *
entry_parse (const char *part, size_t length, struct scope_entry *entry_r)
{
    char text[SCOPE_PART_SIZE];
    *entry_r = (struct scope_entry){.number = 0};
    scope_part_show (part, length, entry_r->part);
    if (length >= sizeof text)
        return "is too long";
    memcpy (text, part, length);
    text[length] = '\0';
    if (strlen (text) != length)
        return "has a NUL in it";
    for (enum scope_kind kind = SCOPE_MARKET; kind <= SCOPE_STOCK_LOCATION; kind++) {
        size_t name = strlen (kinds[kind].name);
        if (strncmp (text, kinds[kind].name, name) == 0 && text[name] == ':') {
            entry_r->kind = kind;
            return name_parse (text + name + 1, entry_r);
        }
    }
    return "is neither market:… nor stock_location:…";
}

static bool
is_there (const struct scope *scope, const struct scope_entry *entry)
{
    for (size_t i = 0; i < scope->n; i++)
        if (scope->entries[i].kind == entry->kind && scope->entries[i].number == entry->number &&
            strcmp (scope->entries[i].code, entry->code) == 0)
            return true;
    return false;
}

bool
scope_parse (const char *text, size_t size, struct scope *scope_r, struct error *error_r)
{
    scope_r->n = 0;
    if (size > SCOPE_TEXT_MAX) {
        error_set (error_r, "the scope has more than %d bytes", SCOPE_TEXT_MAX);
        return false;
    }
    for (size_t i = 0; i < size;) {
        if (text[i] == ' ') {
            i++;
            continue;
        }
        size_t length = 0;
        while (i + length < size && text[i + length] != ' ')
            length++;
        struct scope_entry entry;
        const char *wrong = entry_parse (text + i, length, &entry);
        if (!wrong && is_there (scope_r, &entry))
            wrong = "is there twice";
        if (wrong) {
            error_set (error_r, "\"%s\" %s", entry.part, wrong);
            return false;
        }
        if (scope_r->n == SCOPE_ENTRIES_MAX) {
            error_set (error_r, "\"%s\" is one more than the %d parts that a scope may have",
                       entry.part, SCOPE_ENTRIES_MAX);
            return false;
        }
        scope_r->entries[scope_r->n++] = entry;
        i += length;
    }
    return true;
}

void
scope_format (const struct scope_resources *resources, char text_r[SCOPE_FORMAT_SIZE])
{
    size_t used = 0;
    text_r[0] = '\0';
    for (size_t i = 0; i < resources->n; i++)
        used += (size_t) snprintf (text_r + used, SCOPE_FORMAT_SIZE - used, "%s%s:%lld",
                                   i > 0 ? " " : "", kinds[resources->resources[i].kind].name,
                                   (long long) resources->resources[i].number);
}
