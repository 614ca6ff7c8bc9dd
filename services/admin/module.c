// Modules: global ones, and which of them each account has (R12).
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/account.h"
#include "services/admin/admin.h"
#include "services/admin/check.h"
#include "services/admin/page.h"
#include "services/admin/store.h"
#include <stdio.h>
#include <string.h>

static void admin_create_module_read (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);
static void admin_create_module_done (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);

void
admin_create_module (struct request *request)
{
    const Jeton__V1__CreateModuleRequest *message = request_message (request);
    if (!check_module_name (request, "name", message->name) ||
        (*message->title && !check_name (request, "title", message->title)))
        return;
    if (change_begin (request))
        store_module_prepare (request, message->name, admin_create_module_read);
}

// The module as it will be.
static Jeton__V1__Module *
module_of (struct request *request)
{
    const Jeton__V1__CreateModuleRequest *message = request_message (request);
    const struct change *change = request_context (request);
    Jeton__V1__Module *module = arena_alloc (request_arena (request), sizeof *module);
    char *id = arena_alloc (request_arena (request), ID_SIZE);
    if (!module || !id) {
        change_no_memory (request);
        return NULL;
    }
    id_format ("MOD", change->number, id);
    jeton__v1__module__init (module);
    module->id = id;
    module->name = message->name;
    module->title = *message->title ? message->title : message->name;
    module->created_at = change->at;
    module->revision = 1;
    return module;
}

static void
admin_create_module_read (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__CreateModuleRequest *message = request_message (request);
    struct change *change = request_context (request);
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    change->number = row_number (&row);
    bool taken = row_bool (&row);
    if (!row_good (request, &row))
        return;
    if (taken) {
        request_fail (request, JETON__V1__CODE__CODE_ALREADY_EXISTS,
                      "name: there is a module \"%s\" already", message->name);
        return;
    }
    Jeton__V1__Module *module = module_of (request);
    if (!module)
        return;
    struct audit_change audit = {.event = "platform.modules.module.created",
                                 .object_type = "module",
                                 .object_id = module->id,
                                 .object_name = module->name,
                                 .account_id = "",
                                 .revision = module->revision,
                                 .after = &module->base};
    if (change_record (request, &audit, "Module %s (%s) was created.", module->id, module->name))
        store_module_create (request, change, module, admin_create_module_done);
}

static void
admin_create_module_done (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    change_finish (context, outcome, results, error, "module created", admin_create_module);
}

static void admin_list_modules_done (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);

void
admin_list_modules (struct request *request)
{
    struct page *page = page_begin (request);
    if (page)
        store_module_list (request, page, admin_list_modules_done);
}

static void
admin_list_modules_done (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    struct request *request = context;
    if (change_read (request, outcome, error))
        page_reply (request, results[0], view_module, NULL);
}

// An account, and a module that may be enabled for it.
struct pair {
    Jeton__V1__Account *account;
    int64_t module; // its number
    bool enabled;
};

// Begins, or begins again, what enable and disable have in common: a read, for the guards.
static void
module_set_begin (struct request *request, const char *account_id, const char *module,
                  db_callback *callback)
{
    int64_t number;
    if (!check_id (request, "account_id", "ACC", account_id, &number) ||
        !check_module_name (request, "module", module))
        return;
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->number = change->account = number;
    store_module_get_of_account (request, number, module, callback);
}

// False: the request was answered.
static bool
module_set_read (struct request *request, const char *account_id, const char *module,
                 enum db_outcome outcome, PGresult *const *results, const struct db_error *error,
                 struct pair *pair_r)
{
    if (!change_read (request, outcome, error))
        return false;
    struct row row = row_of (request_arena (request), results[0], 0);
    *pair_r = (struct pair){.account = account_read (request, account_id, &row)};
    if (!pair_r->account)
        return false;
    pair_r->module = row_int (&row);
    if (!row_good (request, &row))
        return false;
    if (pair_r->module == 0) {
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no module \"%s\"", module);
        return false;
    }
    for (size_t i = 0; i < pair_r->account->n_modules; i++)
        if (strcmp (pair_r->account->modules[i], module) == 0)
            pair_r->enabled = true;
    return true;
}

// The account with the module in its list, in its place, or without it. NULL: the request was answered.
static Jeton__V1__Account *
account_with (struct request *request, const Jeton__V1__Account *before, char *module, bool enabled)
{
    struct arena *arena = request_arena (request);
    Jeton__V1__Account *after = arena_memdup (arena, before, sizeof *before);
    char **modules = arena_alloc (arena, (before->n_modules + 1) * sizeof *modules);
    if (!after || !modules) {
        change_no_memory (request);
        return NULL;
    }
    size_t n = 0, i = 0;
    for (; i < before->n_modules && strcmp (before->modules[i], module) < 0; i++)
        modules[n++] = before->modules[i];
    if (enabled)
        modules[n++] = module;
    else
        i++; // it is the one here: the guard has seen it
    for (; i < before->n_modules; i++)
        modules[n++] = before->modules[i];
    after->modules = modules;
    after->n_modules = n;
    return after;
}

static void
module_set_write (struct request *request, const struct pair *pair, char *module, bool enabled,
                  db_callback *callback)
{
    Jeton__V1__Account *after = account_with (request, pair->account, module, enabled);
    if (!after)
        return;
    char what[96];
    snprintf (what, sizeof what, "module %s %s", module, enabled ? "enabled" : "disabled");
    if (account_record (request, pair->account, after,
                        enabled ? "platform.accounts.module.enabled"
                                : "platform.accounts.module.disabled",
                        what))
        store_module_set (request, request_context (request), pair->module, enabled, callback);
}

static void admin_enable_module_read (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);
static void admin_enable_module_done (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);

void
admin_enable_module (struct request *request)
{
    const Jeton__V1__EnableModuleRequest *message = request_message (request);
    module_set_begin (request, message->account_id, message->module, admin_enable_module_read);
}

static void
admin_enable_module_read (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__EnableModuleRequest *message = request_message (request);
    struct pair pair;
    if (!module_set_read (request, message->account_id, message->module, outcome, results, error,
                          &pair))
        return;
    if (pair.enabled)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "module \"%s\" is already enabled for account %s", message->module,
                      message->account_id);
    else
        module_set_write (request, &pair, message->module, true, admin_enable_module_done);
}

static void
admin_enable_module_done (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    change_finish (context, outcome, results, error, "module enabled", admin_enable_module);
}

static void admin_disable_module_read (void *context, enum db_outcome outcome,
                                       PGresult *const *results, const struct db_error *error);
static void admin_disable_module_done (void *context, enum db_outcome outcome,
                                       PGresult *const *results, const struct db_error *error);

void
admin_disable_module (struct request *request)
{
    const Jeton__V1__DisableModuleRequest *message = request_message (request);
    module_set_begin (request, message->account_id, message->module, admin_disable_module_read);
}

static void
admin_disable_module_read (void *context, enum db_outcome outcome, PGresult *const *results,
                           const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__DisableModuleRequest *message = request_message (request);
    struct pair pair;
    if (!module_set_read (request, message->account_id, message->module, outcome, results, error,
                          &pair))
        return;
    if (!pair.enabled)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "module \"%s\" is not enabled for account %s", message->module,
                      message->account_id);
    else
        module_set_write (request, &pair, message->module, false, admin_disable_module_done);
}

static void
admin_disable_module_done (void *context, enum db_outcome outcome, PGresult *const *results,
                           const struct db_error *error)
{
    change_finish (context, outcome, results, error, "module disabled", admin_disable_module);
}
