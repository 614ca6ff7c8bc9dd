// Scope texts as OAuth clients send them (R13), resolved in a database that has all that they name.
#include "common/scope/module.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

// One row of the statement for each entry; locations are of market 1.
static PGresult *
rows_make (const struct scope *scope)
{
    PGresult *rows = PQmakeEmptyPGresult (NULL, PGRES_TUPLES_OK);
    static char name[] = "column", zero[] = "0", one[] = "1";
    PGresAttDesc attributes[7] = {0};
    for (int i = 0; i < 7; i++)
        attributes[i].name = name;
    PQsetResultAttrs (rows, 7, attributes);
    for (int i = 0; i < (int) scope->n; i++) {
        const struct scope_entry *entry = &scope->entries[i];
        char number[24], kind[2] = {(char) ('0' + entry->kind), '\0'};
        snprintf (number, sizeof number, "%lld",
                  (long long) (entry->number ? entry->number : 50000000 + i));
        PQsetvalue (rows, i, 0, kind, 1);
        PQsetvalue (rows, i, 1, number, (int) strlen (number));
        PQsetvalue (rows, i, 2, (char *) entry->code, (int) strlen (entry->code));
        PQsetvalue (rows, i, 3, one, 1);
        PQsetvalue (rows, i, 4, entry->kind == SCOPE_MARKET ? zero : one, 1);
        PQsetvalue (rows, i, 5, zero, 1);
        PQsetvalue (rows, i, 6, zero, 1);
    }
    return rows;
}

// What was resolved, written and read again, is the same.
static void
resources_check (const struct scope_resources *resources)
{
    char text[SCOPE_FORMAT_SIZE];
    struct scope again;
    scope_format (resources, text);
    assert (scope_parse (text, strlen (text), &again, NULL));
    assert (again.n == resources->n);
    for (size_t i = 0; i < again.n; i++)
        assert (again.entries[i].kind == resources->resources[i].kind &&
                again.entries[i].number == resources->resources[i].number);
}

// Errors are safe to show and to log.
static void
error_check (const struct error *error)
{
    assert (error->text[0] != '\0');
    for (const char *c = error->text; *c; c++)
        assert ((unsigned char) *c >= ' ' && *c != 0x7f);
}

// What is taken out, written and read again, is the same, and nothing of it is left over.
static void
modules_check (const char *data, size_t size)
{
    struct scope_modules modules, again;
    char rest[SCOPE_TEXT_MAX + 1], none[SCOPE_TEXT_MAX + 1];
    char text[SCOPE_MODULES_FORMAT_SIZE];
    struct error error = {.text = ""};
    if (!scope_modules_parse (data, size, &modules, rest, &error)) {
        error_check (&error);
        return;
    }
    assert (strlen (rest) <= size);
    scope_modules_format (&modules, text);
    // Blanks between the parts are counted too: 64 of the longest do not fit.
    if (strlen (text) > SCOPE_TEXT_MAX)
        return;
    assert (scope_modules_parse (text, strlen (text), &again, none, NULL) && *none == '\0');
    assert (again.n == modules.n);
    for (size_t i = 0; i < again.n; i++)
        assert (strcmp (again.modules[i].name, modules.modules[i].name) == 0 &&
                again.modules[i].access == modules.modules[i].access);
    assert (scope_modules_parse (rest, strlen (rest), &again, none, NULL) && again.n == 0 &&
            strcmp (rest, none) == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    struct scope scope;
    struct scope_lists lists;
    struct scope_resources resources;
    struct error error = {.text = ""};
    modules_check ((const char *) data, size);
    if (!scope_parse ((const char *) data, size, &scope, &error)) {
        error_check (&error);
        return 0;
    }
    assert (scope.n <= SCOPE_ENTRIES_MAX);
    struct db_params params = {0};
    scope_params (&scope, 1, &lists, &params);
    assert (params.n == 5);
    PGresult *rows = rows_make (&scope);
    for (int again = 0; again < 2; again++) {
        struct scope_use use = {.again = again};
        enum scope_result end = scope_resolve (&scope, rows, &use, &resources, &error);
        assert (end == SCOPE_OK || (end == SCOPE_INVALID && !again));
        if (end == SCOPE_OK)
            resources_check (&resources);
    }
    PQclear (rows);
    return 0;
}
