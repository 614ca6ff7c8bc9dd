// The modules that a client's tokens may reach (R12, R17).
#include "common/scope/module.h"
#include "common/token/id.h"
#include "services/admin/client.h"
#include "services/admin/names.h"
#include "services/admin/store.h"
#include <stdio.h>
#include <string.h>

// A check under way: what comes after it. It is the request's context meanwhile, instead of its change, if that was begun already.
struct scopes_check {
    void *change;
    request_callback *next;
    size_t n;
    char *const *scopes;
};

static void
fail_scope (struct request *request, size_t i, const char *scope, const char *wrong)
{
    char field[32], part[SCOPE_PART_SIZE];
    snprintf (field, sizeof field, "scopes[%zu]", i);
    scope_part_show (scope, strlen (scope), part);
    request_fail_field (request, field, "\"%s\" %s", part, wrong);
}

// Their modules' names, in the arena. NULL: the request was answered.
static const char **
names_of (struct request *request, size_t n, char *const *scopes)
{
    struct scope_modules *modules = arena_alloc (request_arena (request), sizeof *modules);
    const char **names = arena_alloc (request_arena (request), (n + 1) * sizeof *names);
    if (!modules || !names) {
        change_no_memory (request);
        return NULL;
    }
    for (; modules->n < n; modules->n++) {
        size_t i = modules->n;
        struct scope_module *module = &modules->modules[i];
        const char *wrong = scope_module_parse (scopes[i], strlen (scopes[i]), module);
        if (!wrong && scope_modules_find (modules, module->name))
            wrong = "is there twice, or with another access: write includes read";
        if (wrong) {
            fail_scope (request, i, scopes[i], wrong);
            return NULL;
        }
        names[i] = module->name;
    }
    return names;
}

static void
client_scopes_read (void *context, enum db_outcome outcome, PGresult *const *results,
                    const struct db_error *error)
{
    struct request *request = context;
    const struct scopes_check *check = request_context (request);
    request_context_set (request, check->change);
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    int64_t bad = row_int (&row); // the place of the first that may not be, from 1
    if (!row_good (request, &row))
        return;
    if (bad >= 1 && (size_t) bad <= check->n)
        fail_scope (request, (size_t) bad - 1, check->scopes[bad - 1],
                    "names no module that is enabled for the account");
    else
        check->next (request);
}

void
client_scopes_check (struct request *request, const char *account_id, const char *client_id,
                     size_t n, char *const *scopes, request_callback *next)
{
    int64_t account = 0, client = 0;
    if (n > SCOPE_MODULES_MAX) {
        request_fail_field (request, "scopes", "must be %d at most", SCOPE_MODULES_MAX);
        return;
    }
    // What has no id is refused by who comes next.
    if (n == 0 ||
        (!id_parse ("ACC", account_id, &account) && !id_parse ("CLI", client_id, &client))) {
        next (request);
        return;
    }
    const char **names = names_of (request, n, scopes);
    char *joined = names ? names_join (request, n, names) : NULL;
    if (!joined)
        return;
    struct scopes_check *check = arena_alloc (request_arena (request), sizeof *check);
    if (!check) {
        change_no_memory (request);
        return;
    }
    *check = (struct scopes_check){request_context (request), next, n, scopes};
    request_context_set (request, check);
    store_client_scopes (request, account, client, joined, client_scopes_read);
}
