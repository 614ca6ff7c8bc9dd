#include "services/admin/change.h"
#include "common/log/log.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/idempotency.h"
#include "services/admin/reply.h"
#include <string.h>
#include <time.h>

enum { ATTEMPTS_MAX = 3 };

void
change_no_memory (struct request *request)
{
    request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                  "the request needs more memory than the setting arena_limit allows");
}

struct change *
change_begin (struct request *request)
{
    struct change *change = request_context (request);
    if (!change) {
        change = arena_alloc (request_arena (request), sizeof *change);
        if (!change) {
            change_no_memory (request);
            return NULL;
        }
        Jeton__V1__Actor actor = JETON__V1__ACTOR__INIT;
        audit_actor (request, &actor);
        change->created_by_id = actor.id;
        change->created_by_name = actor.name;
        request_context_set (request, change);
    }
    if (change->attempts++ == ATTEMPTS_MAX) {
        request_fail (request, JETON__V1__CODE__CODE_ABORTED,
                      "others keep changing the same object: nothing was done, read it and repeat");
        return NULL;
    }
    change->at = time (NULL);
    return change;
}

// As PostgreSQL's bytea[].
static bool
told_pack (struct request *request, const struct db_item *parts, size_t n)
{
    struct change *change = request_context (request);
    size_t size = db_array_size (parts, n);
    uint8_t *data = arena_alloc (request_arena (request), size);
    if (!data) {
        change_no_memory (request);
        return false;
    }
    db_array_pack (DB_BYTEA, parts, n, data);
    change->told = data;
    change->told_size = size;
    return true;
}

// What validators keep of the object in memory, if anything.
static struct feed_change
change_for_validators (const struct change *change, const struct audit_change *audit)
{
    const char *type = audit->object_type;
    int64_t account;
    if (strcmp (type, "token") == 0 || strcmp (type, "jwt") == 0)
        return (struct feed_change){JETON__V1__CHANGE_KIND__CHANGE_KIND_TOKEN, change->number,
                                    change->account};
    if (strcmp (type, "account") == 0)
        return (struct feed_change){JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT, change->number,
                                    change->number};
    // What tokens of the account stand on: its users, clients and customers, and the resources that scopes name.
    static const char *const of_account[] = {"user",   "client",         "customer",
                                             "market", "stock_location", "customer_group"};
    for (size_t i = 0; i < sizeof of_account / sizeof *of_account; i++)
        if (strcmp (type, of_account[i]) == 0 && id_parse ("ACC", audit->account_id, &account))
            return (struct feed_change){JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT, change->number,
                                        account};
    return (struct feed_change){JETON__V1__CHANGE_KIND__CHANGE_KIND_NONE, 0, 0};
}

bool
change_record (struct request *request, struct audit_change *audit, const char *format, ...)
{
    struct change *change = request_context (request);
    char summary[1024];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (summary, sizeof summary, format, arguments);
    va_end (arguments);
    audit->summary = summary;
    change->object_type = audit->object_type;
    change->object_id = audit->object_id;
    change->told_to_validators = change_for_validators (change, audit);
    change->record = audit_pack (request, audit, &change->record_size);
    if (!change->record) {
        change_no_memory (request);
        return false;
    }
    if (audit->after && !(change->reply = reply_of (request, audit->after, change->rest)))
        return false;
    if (!idempotency_keep (request, change->reply, &change->kept))
        return false;
    const struct idempotency_kept *kept = &change->kept;
    const char *method = request_method (request);
    const struct db_item parts[] = {{change->record, change->record_size},
                                    {kept->hash, sizeof kept->hash},
                                    {method, strlen (method)},
                                    {kept->sealed, kept->size}};
    return told_pack (request, parts, kept->keyed ? 4 : 1);
}

// Defects, and what only an operator can mend: the peer gets a number, the log what goes with it.
static void
fail_internal (struct request *request, enum db_outcome outcome, const struct db_error *error)
{
    const char *correlation = request_correlation (request);
    log_error ("request failed", "request", correlation, "method", request_method (request),
               "outcome", db_outcome_name (outcome), "sqlstate", error ? error->sqlstate : "",
               "constraint", error ? error->constraint : "", NULL);
    request_fail (request, JETON__V1__CODE__CODE_INTERNAL,
                  "internal error: the log of jeton-admin tells more under request %s",
                  correlation);
}

static void
fail_unavailable (struct request *request)
{
    request_fail (request, JETON__V1__CODE__CODE_UNAVAILABLE,
                  "no database at the moment: nothing was done, try again");
}

bool
change_read (struct request *request, enum db_outcome outcome, const struct db_error *error)
{
    switch (outcome) {
    case DB_OK:
        return true;
    case DB_UNAVAILABLE:
    case DB_UNCERTAIN: // of a read: nothing can have been changed
        fail_unavailable (request);
        return false;
    case DB_CONFLICT:
    case DB_FAILED:
        break;
    }
    fail_internal (request, outcome, error);
    return false;
}

enum change_end
change_end (struct request *request, enum db_outcome outcome, PGresult *const *results,
            const struct db_error *error)
{
    const struct admin *admin = request_owner (request);
    const struct change *change = request_context (request);
    switch (outcome) {
    case DB_OK:
        if (PQntuples (results[0]) != 1)
            return CHANGE_OVERTAKEN;
        // The write demanded that revision, and made the next one.
        feed_tell_status (admin->feed, &change->told_to_validators,
                          change->status ? change->revision + 1 : 0, change->status);
        return CHANGE_DONE;
    case DB_CONFLICT:
        if (error && strcmp (error->constraint, IDEMPOTENCY_CONSTRAINT) == 0) {
            // Held back: the gate finds what the other call was answered.
            request_fail (request, JETON__V1__CODE__CODE_ABORTED,
                          "a call with the same idempotency-key came first: repeat it");
            return CHANGE_ANSWERED;
        }
        // What the guards had seen free was taken since: they will see it now, and name it. A check constraint is stricter than ours
        // only by a defect.
        if (!error || strcmp (error->sqlstate, "23514") != 0)
            return CHANGE_OVERTAKEN;
        break;
    case DB_UNAVAILABLE:
        fail_unavailable (request);
        return CHANGE_ANSWERED;
    case DB_UNCERTAIN:
        feed_tell_unsure (admin->feed, &change->told_to_validators);
        log_warn ("outcome of a change unknown", "request", request_correlation (request), "method",
                  request_method (request), NULL);
        request_fail (request, JETON__V1__CODE__CODE_UNKNOWN,
                      "the database was lost while the change was being committed: it may or may "
                      "not have been done, look before repeating");
        return CHANGE_ANSWERED;
    case DB_FAILED:
        break;
    }
    fail_internal (request, outcome, error);
    return CHANGE_ANSWERED;
}

void
change_finish (struct request *request, enum db_outcome outcome, PGresult *const *results,
               const struct db_error *error, const char *msg, request_callback *again)
{
    const struct change *change = request_context (request);
    switch (change_end (request, outcome, results, error)) {
    case CHANGE_DONE:
        log_info (msg, "request", request_correlation (request), change->object_type,
                  change->object_id, "actor", change->created_by_id, NULL);
        request_reply (request, change->reply); // what it holds of secrets is wiped with the arena
        break;
    case CHANGE_OVERTAKEN:
        again (request);
        break;
    case CHANGE_ANSWERED:
        break;
    }
}
