#include "services/admin/change.h"
#include "common/log/log.h"
#include "envelope.pb-c.h"
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
    change->after = (void *) audit->after; // made by the handler, in the arena
    change->record = audit_pack (request, audit, &change->record_size);
    if (!change->record)
        change_no_memory (request);
    return change->record;
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
    switch (outcome) {
    case DB_OK:
        return PQntuples (results[0]) == 1 ? CHANGE_DONE : CHANGE_OVERTAKEN;
    case DB_CONFLICT:
        // What the guards had seen free was taken since: they will see it now, and name it. A check constraint is stricter than ours
        // only by a defect.
        if (!error || strcmp (error->sqlstate, "23514") != 0)
            return CHANGE_OVERTAKEN;
        break;
    case DB_UNAVAILABLE:
        fail_unavailable (request);
        return CHANGE_ANSWERED;
    case DB_UNCERTAIN:
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
change_log (struct request *request, const char *msg, const char *kind, const char *id)
{
    const struct change *change = request_context (request);
    log_info (msg, "request", request_correlation (request), kind, id, "actor",
              change->created_by_id, NULL);
}
