// EditAccount: what an account is called, how many live tokens it may have (R11), and how often they may be used (R30). Of two who edit what both have seen, one wins.
#include "envelope.pb-c.h"
#include "services/admin/account.h"
#include "services/admin/admin.h"
#include "services/admin/check.h"
#include "services/admin/resource.h"
#include "services/admin/store.h"
#include <inttypes.h>
#include <stdio.h>

static const char *const field_names[] = {"name", "token_limit", "rate_limit", "base_rate_limit",
                                          NULL};

static bool
sets (const Jeton__V1__EditAccountRequest *message, const char *field)
{
    return resource_sets (message->n_fields, message->fields, field);
}

static bool
check_edit (struct request *request, const Jeton__V1__EditAccountRequest *message)
{
    if (!resource_check_fields (request, "account", field_names, message->n_fields,
                                message->fields))
        return false;
    if (message->revision < 1) {
        request_fail_field (
            request, "revision",
            "must be that of the account as it was read, so that no change is lost");
        return false;
    }
    if (sets (message, "token_limit") &&
        (message->token_limit < 1 || message->token_limit > ACCOUNT_TOKEN_LIMIT_MAX)) {
        request_fail_field (request, "token_limit", "must be 1 to %d", ACCOUNT_TOKEN_LIMIT_MAX);
        return false;
    }
    return (!sets (message, "name") || check_name (request, "name", message->name)) &&
           (!sets (message, "rate_limit") ||
            check_rate_limit (request, "rate_limit", message->rate_limit)) &&
           (!sets (message, "base_rate_limit") ||
            check_rate_limit (request, "base_rate_limit", message->base_rate_limit));
}

static void admin_edit_account_read (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);
static void admin_edit_account_done (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);

void
admin_edit_account (struct request *request)
{
    const Jeton__V1__EditAccountRequest *message = request_message (request);
    int64_t number;
    if (!check_id (request, "id", "ACC", message->id, &number) || !check_edit (request, message))
        return;
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->number = change->account = number;
    store_account_get (request, number, admin_edit_account_read);
}

// A limit below the number of live tokens is good: it takes no token away, and lets none be made until there are fewer.
static void
account_edit_write (struct request *request, const Jeton__V1__Account *before)
{
    const Jeton__V1__EditAccountRequest *message = request_message (request);
    Jeton__V1__Account *after = arena_memdup (request_arena (request), before, sizeof *before);
    if (!after) {
        change_no_memory (request);
        return;
    }
    if (sets (message, "name"))
        after->name = message->name;
    if (sets (message, "token_limit"))
        after->token_limit = message->token_limit;
    if (sets (message, "rate_limit"))
        after->rate_limit = message->rate_limit;
    if (sets (message, "base_rate_limit"))
        after->base_rate_limit = message->base_rate_limit;
    char what[64] = "edited";
    size_t n = sizeof "edited" - 1;
    for (size_t i = 0; i < message->n_fields && n < sizeof what; i++)
        n += (size_t) snprintf (what + n, sizeof what - n, "%s %s", i == 0 ? ":" : ",",
                                message->fields[i]);
    if (account_record (request, before, after, "platform.accounts.account.edited", what))
        store_account_edit (request, request_context (request), after, admin_edit_account_done);
}

static void
admin_edit_account_read (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__EditAccountRequest *message = request_message (request);
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    const Jeton__V1__Account *account = account_read (request, message->id, &row);
    if (!account)
        return;
    if (account->revision != message->revision)
        request_fail (request, JETON__V1__CODE__CODE_ABORTED,
                      "account %s has revision %" PRId64 " by now, not %" PRId64
                      ": another change came first, nothing was done",
                      account->id, account->revision, message->revision);
    else
        account_edit_write (request, account);
}

static void
admin_edit_account_done (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    change_finish (context, outcome, results, error, "account edited", admin_edit_account);
}
