// Accounts: a suspension refuses all tokens of an account; it does not stop anyone from managing them.
#include "services/admin/account.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/check.h"
#include "services/admin/names.h"
#include "services/admin/page.h"
#include "services/admin/reply.h"
#include "services/admin/store.h"
#include <stdlib.h>
#include <string.h>

#define ACTIVE    JETON__V1__ACCOUNT_STATUS__ACCOUNT_STATUS_ACTIVE
#define SUSPENDED JETON__V1__ACCOUNT_STATUS__ACCOUNT_STATUS_SUSPENDED
enum { TOKEN_LIMIT_DEFAULT = 1000 };

static void admin_create_account_read (void *context, enum db_outcome outcome,
                                       PGresult *const *results, const struct db_error *error);
static void admin_create_account_done (void *context, enum db_outcome outcome,
                                       PGresult *const *results, const struct db_error *error);

void
admin_create_account (struct request *request)
{
    const Jeton__V1__CreateAccountRequest *message = request_message (request);
    const char *const *modules = (const char *const *) message->modules;
    struct change *change = change_begin (request);
    if (!change || !check_name (request, "name", message->name) ||
        !check_module_names (request, "", message->n_modules, modules))
        return;
    if (message->token_limit < 0 || message->token_limit > ACCOUNT_TOKEN_LIMIT_MAX) {
        request_fail_field (request, "token_limit", "must be 1 to %d, or 0 for %d",
                            ACCOUNT_TOKEN_LIMIT_MAX, TOKEN_LIMIT_DEFAULT);
        return;
    }
    if (!check_rate_limit (request, "rate_limit", message->rate_limit) ||
        !check_rate_limit (request, "base_rate_limit", message->base_rate_limit))
        return;
    char *names = names_join (request, message->n_modules, modules);
    if (names)
        store_account_prepare (request, names, admin_create_account_read);
}

static int
compare (const void *a, const void *b)
{
    return strcmp (*(char *const *) a, *(char *const *) b);
}

// The account as it will be.
static Jeton__V1__Account *
account_of (struct request *request)
{
    const Jeton__V1__CreateAccountRequest *message = request_message (request);
    const struct change *change = request_context (request);
    struct arena *arena = request_arena (request);
    size_t size = (message->n_modules + 1) * sizeof (char *);
    Jeton__V1__Account *account = arena_alloc (arena, sizeof *account);
    char *id = arena_alloc (arena, ID_SIZE), **modules = arena_alloc (arena, size);
    if (!account || !id || !modules) {
        change_no_memory (request);
        return NULL;
    }
    id_format ("ACC", change->number, id);
    for (size_t i = 0; i < message->n_modules; i++)
        modules[i] = message->modules[i];
    qsort (modules, message->n_modules, sizeof *modules, compare);
    jeton__v1__account__init (account);
    account->id = id;
    account->name = message->name;
    account->status = ACTIVE;
    account->revision = 1;
    account->created_at = change->at;
    account->token_limit = message->token_limit ? message->token_limit : TOKEN_LIMIT_DEFAULT;
    account->n_modules = message->n_modules;
    account->modules = modules;
    account->rate_limit = message->rate_limit;
    account->base_rate_limit = message->base_rate_limit;
    return account;
}

static void
admin_create_account_read (void *context, enum db_outcome outcome, PGresult *const *results,
                           const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__CreateAccountRequest *message = request_message (request);
    if (!change_read (request, outcome, error))
        return;
    struct change *change = request_context (request);
    struct row row = row_of (request_arena (request), results[0], 0);
    change->number = row_number (&row);
    char *modules = names_match (request, &row, "", "", message->n_modules,
                                 (const char *const *) message->modules);
    Jeton__V1__Account *account = modules ? account_of (request) : NULL;
    if (!account)
        return;
    struct audit_change audit = {.event = "platform.accounts.account.created",
                                 .object_type = "account",
                                 .object_id = account->id,
                                 .object_name = account->name,
                                 .account_id = account->id,
                                 .revision = account->revision,
                                 .after = &account->base};
    if (change_record (request, &audit, "Account %s (%s) was created.", account->id, account->name))
        store_account_create (request, change, account, modules, admin_create_account_done);
}

static void
admin_create_account_done (void *context, enum db_outcome outcome, PGresult *const *results,
                           const struct db_error *error)
{
    change_finish (context, outcome, results, error, "account created", admin_create_account);
}

Jeton__V1__Account *
account_read (struct request *request, const char *id, struct row *row)
{
    return row_object (request, "account", id, view_account, row);
}

static void admin_get_account_done (void *context, enum db_outcome outcome,
                                    PGresult *const *results, const struct db_error *error);

void
admin_get_account (struct request *request)
{
    const Jeton__V1__GetAccountRequest *message = request_message (request);
    int64_t number;
    if (check_id (request, "id", "ACC", message->id, &number))
        store_account_get (request, number, admin_get_account_done);
}

static void
admin_get_account_done (void *context, enum db_outcome outcome, PGresult *const *results,
                        const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__GetAccountRequest *message = request_message (request);
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    const Jeton__V1__Account *account = account_read (request, message->id, &row);
    if (account)
        reply_object (request, &account->base);
}

static void admin_list_accounts_done (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);

void
admin_list_accounts (struct request *request)
{
    const struct caller *caller = request_caller (request);
    struct page *page = page_begin (request);
    if (page && caller && caller->role != CALLER_OPERATOR)
        store_account_get (request, caller->account, admin_list_accounts_done); // the only one
    else if (page)
        store_account_list (request, page, admin_list_accounts_done);
}

static void
admin_list_accounts_done (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    struct request *request = context;
    if (change_read (request, outcome, error))
        page_reply (request, results[0], view_account, NULL);
}

// Begins, or begins again, what suspend and resume have in common: a read, for the guard.
static void
account_change_begin (struct request *request, const char *id, db_callback *callback)
{
    int64_t number;
    if (!check_id (request, "id", "ACC", id, &number))
        return;
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->number = change->account = number;
    store_account_get (request, number, callback);
}

bool
account_record (struct request *request, const Jeton__V1__Account *before,
                Jeton__V1__Account *after, const char *event, const char *what)
{
    struct change *change = request_context (request);
    change->revision = before->revision;
    after->revision = before->revision + 1;
    struct audit_change audit = {.event = event,
                                 .object_type = "account",
                                 .object_id = after->id,
                                 .object_name = after->name,
                                 .account_id = after->id,
                                 .revision = after->revision,
                                 .before = &before->base,
                                 .after = &after->base};
    return change_record (request, &audit, "Account %s (%s): %s.", after->id, after->name, what);
}

// Writes an account's new status.
static void
account_change_write (struct request *request, const Jeton__V1__Account *before,
                      Jeton__V1__AccountStatus status, const char *event, const char *what,
                      db_callback *callback)
{
    Jeton__V1__Account *after = arena_memdup (request_arena (request), before, sizeof *before);
    if (!after) {
        change_no_memory (request);
        return;
    }
    after->status = status;
    if (account_record (request, before, after, event, what))
        store_account_status (request, request_context (request), status, callback);
}

static void admin_suspend_account_read (void *context, enum db_outcome outcome,
                                        PGresult *const *results, const struct db_error *error);
static void admin_suspend_account_done (void *context, enum db_outcome outcome,
                                        PGresult *const *results, const struct db_error *error);

void
admin_suspend_account (struct request *request)
{
    const Jeton__V1__SuspendAccountRequest *message = request_message (request);
    account_change_begin (request, message->id, admin_suspend_account_read);
}

static void
admin_suspend_account_read (void *context, enum db_outcome outcome, PGresult *const *results,
                            const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__SuspendAccountRequest *message = request_message (request);
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    Jeton__V1__Account *account = account_read (request, message->id, &row);
    if (!account)
        return;
    if (account->status != ACTIVE)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "account %s is suspended: suspend is for an active one", account->id);
    else
        account_change_write (request, account, SUSPENDED, "platform.accounts.account.suspended",
                              "suspended", admin_suspend_account_done);
}

static void
admin_suspend_account_done (void *context, enum db_outcome outcome, PGresult *const *results,
                            const struct db_error *error)
{
    change_finish (context, outcome, results, error, "account suspended", admin_suspend_account);
}

static void admin_resume_account_read (void *context, enum db_outcome outcome,
                                       PGresult *const *results, const struct db_error *error);
static void admin_resume_account_done (void *context, enum db_outcome outcome,
                                       PGresult *const *results, const struct db_error *error);

void
admin_resume_account (struct request *request)
{
    const Jeton__V1__ResumeAccountRequest *message = request_message (request);
    account_change_begin (request, message->id, admin_resume_account_read);
}

static void
admin_resume_account_read (void *context, enum db_outcome outcome, PGresult *const *results,
                           const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__ResumeAccountRequest *message = request_message (request);
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    Jeton__V1__Account *account = account_read (request, message->id, &row);
    if (!account)
        return;
    if (account->status != SUSPENDED)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "account %s is active: resume is for a suspended one", account->id);
    else
        account_change_write (request, account, ACTIVE, "platform.accounts.account.resumed",
                              "resumed", admin_resume_account_done);
}

static void
admin_resume_account_done (void *context, enum db_outcome outcome, PGresult *const *results,
                           const struct db_error *error)
{
    change_finish (context, outcome, results, error, "account resumed", admin_resume_account);
}
