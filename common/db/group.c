#include "common/db/internal.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RERUNS_MAX = 3 };

// ---- sending -------------------------------------------------------------------------------------------------------

// Behind all whose order is not higher: mostly the last place, as most calls have none.
static void
insert_ordered (struct call_list *list, struct call *call)
{
    if (!list->first || list->last->lock_order <= call->lock_order) {
        db_list_append (list, call);
        return;
    }
    struct call **at = &list->first;
    while ((*at)->lock_order <= call->lock_order)
        at = &(*at)->next;
    call->next = *at;
    *at = call;
}

static struct call_group *
gather (struct call_list *list, size_t limit)
{
    struct call_group *group = xcalloc (1, sizeof *group);
    do {
        struct call *call = db_list_take (list);
        insert_ordered (&group->calls, call);
        group->n++;
        group->write |= call->write;
        if (call->alone)
            break;
    } while (list->first && !list->first->alone && group->n < limit);
    group->at = group->calls.first;
    group->sent_at = zclock_mono ();
    return group;
}

static bool
call_send (PGconn *pg, struct call *call)
{
    call->together = db_many_run (call);
    if (db_is_many (call))
        return db_many_send (pg, call, call->together);
    for (size_t i = 0; i < call->n; i++) {
        const struct call_step *step = &call->steps[i];
        if (!PQsendQueryPrepared (pg, step->statement->name, step->n, step->values, step->lengths,
                                  step->formats, db_is_binary (step->statement)))
            return false;
    }
    return true;
}

// The first one of the next statement.
static struct call *
after (struct call *call)
{
    for (size_t n = call->together; n > 0; n--)
        call = call->next;
    return call;
}

void
db_group_send (struct connection *connection, struct call_list *list, size_t limit)
{
    struct call_group *group = gather (list, limit);
    if (connection->last)
        connection->last->next = group;
    else
        connection->first = group;
    connection->last = group;
    connection->n_calls += group->n;
    connection->n_writes += group->write;
    connection->n_reads += !group->write;
    connection->db->stats.groups++;

    bool sent = true;
    for (struct call *call = group->calls.first; call && sent; call = after (call))
        sent = call_send (connection->pg, call);
    if (sent) {
        // Without its Sync nothing of it can be committed; and PQpipelineSync may send.
        group->synced = true;
        sent = PQpipelineSync (connection->pg) == 1;
    }
    if (sent)
        db_connection_flush (connection);
    else
        db_connection_drop (connection, "the statements could not be sent");
}

static struct call_group *
take_off (struct connection *connection)
{
    struct call_group *group = connection->first;
    connection->first = group->next;
    if (!connection->first)
        connection->last = NULL;
    connection->n_calls -= group->n;
    connection->n_writes -= group->write;
    connection->n_reads -= !group->write;
    return group;
}

// ---- outcomes ------------------------------------------------------------------------------------------------------

enum verdict {
    VERDICT_CONFLICT,
    VERDICT_UNAVAILABLE,
    VERDICT_RERUN,
    VERDICT_RESEND,
    VERDICT_FAILED
};

static bool
is_class (const char *sqlstate, const char *class)
{
    return strncmp (sqlstate, class, 2) == 0;
}

// PostgreSQL, appendix A. `renew_r`: the session is of no more use.
static enum verdict
judge (const struct db_error *error, bool *renew_r)
{
    const char *s = error->sqlstate;
    *renew_r = false;
    if (is_class (s, "23"))
        return VERDICT_CONFLICT;
    if (strcmp (s, "40001") == 0 || strcmp (s, "40P01") == 0)
        return VERDICT_RERUN;
    // A standby now; a statement that a migration has changed under us, or that somebody deallocated.
    if (strcmp (s, "25006") == 0 || strcmp (s, "26000") == 0 ||
        (strcmp (s, "0A000") == 0 && strstr (error->text, "cached plan"))) {
        *renew_r = true;
        return VERDICT_RESEND;
    }
    if (is_class (s, "08") || is_class (s, "53") || strncmp (s, "57P0", 4) == 0)
        return VERDICT_RESEND;
    if (strcmp (s, "57014") == 0)
        return VERDICT_UNAVAILABLE;
    return VERDICT_FAILED;
}

// The only call of a group, which the server refused.
static void
refused (struct db *db, struct call *call, const struct call_group *group, enum verdict verdict)
{
    call->error = group->error;
    db_call_clear (call);
    switch (verdict) {
    case VERDICT_CONFLICT:
        db_done (db, call, DB_CONFLICT);
        return;
    case VERDICT_RERUN:
        if (call->reruns++ < RERUNS_MAX)
            db_requeue (db, call);
        else
            db_done (db, call, DB_UNAVAILABLE);
        return;
    case VERDICT_RESEND:
        if (!call->resent) {
            call->resent = true;
            db_requeue (db, call);
        } else {
            db_done (db, call, DB_UNAVAILABLE);
        }
        return;
    case VERDICT_UNAVAILABLE:
        db_done (db, call, DB_UNAVAILABLE);
        return;
    case VERDICT_FAILED:
        log_error ("database statement failed", "statement", group->statement, "sqlstate",
                   call->error.sqlstate, "error", call->error.text, NULL);
        db_done (db, call, DB_FAILED);
        return;
    }
}

// Put the calls back in their order, before those that wait.
static void
requeue_all (struct db *db, struct call_list *calls)
{
    struct call_list reversed = {0};
    struct call *call;
    while ((call = db_list_take (calls)))
        db_list_prepend (&reversed, call);
    while ((call = db_list_take (&reversed)))
        db_requeue (db, call);
}

// False: the connection must be made anew.
static bool
group_end (struct connection *connection)
{
    struct db *db = connection->db;
    struct call_group *group = take_off (connection);
    bool renew = false;
    struct call *call;
    if (!group->failed) {
        while ((call = db_list_take (&group->calls)))
            db_done (db, call, DB_OK);
    } else if (group->n == 1) {
        enum verdict verdict = judge (&group->error, &renew);
        if (renew)
            error_set (&connection->fault, "the session is of no more use: %s", group->error.text);
        refused (db, db_list_take (&group->calls), group, verdict);
    } else {
        db->stats.regrouped++;
        for (call = group->calls.first; call; call = call->next) {
            db_call_clear (call);
            call->alone = true;
        }
        requeue_all (db, &group->calls);
    }
    free (group);
    return !renew;
}

void
db_group_lost (struct connection *connection)
{
    struct db *db = connection->db;
    struct call_group *group = take_off (connection);
    bool uncertain = group->write && group->synced && !group->failed;
    struct call_list again = {0};
    struct call *call;
    while ((call = db_list_take (&group->calls))) {
        db_call_clear (call);
        if (uncertain) {
            db_done (db, call, DB_UNCERTAIN);
        } else if (call->resent || db->n_ready == 0 || db->ending) {
            db_done (db, call, DB_UNAVAILABLE);
        } else {
            call->resent = true;
            db_list_append (&again, call);
        }
    }
    requeue_all (db, &again);
    free (group);
}

// ---- results -------------------------------------------------------------------------------------------------------

static void
copy_field (char *to, size_t size, const char *from)
{
    snprintf (to, size, "%s", from ? from : "");
}

// The first failure; the ones after it only say that the group is aborted.
static void
note_error (struct call_group *group, const PGresult *result)
{
    if (group->failed)
        return;
    group->failed = true;
    group->statement = group->at ? group->at->steps[group->step].statement->name : "COMMIT";
    struct db_error *error = &group->error;
    copy_field (error->sqlstate, sizeof error->sqlstate,
                PQresultErrorField (result, PG_DIAG_SQLSTATE));
    copy_field (error->constraint, sizeof error->constraint,
                PQresultErrorField (result, PG_DIAG_CONSTRAINT_NAME));
    // Messages on malformed values (class 22) quote them.
    copy_field (error->text, sizeof error->text,
                is_class (error->sqlstate, "22")
                    ? "data exception (the message may quote a value)"
                    : PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY));
}

// The result of a statement, or of the commit itself, where deferred constraints and failures of serialisation show. False: it was the
// session's end, or not what was to come.
static bool
statement_result (struct connection *connection, PGresult *result)
{
    struct call_group *group = connection->first;
    if (group->between)
        return false;
    const char *severity = PQresultErrorField (result, PG_DIAG_SEVERITY_NONLOCALIZED);
    group->between = true;
    // As int: newer versions of libpq have more of them.
    switch ((int) PQresultStatus (result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (!group->at)
            return false;
        if (db_is_many (group->at)) {
            if (!db_many_divide (group->at, group->at->together, result))
                return false;
            PQclear (result);
            return true;
        }
        group->at->results[group->step] = result;
        return true;
    case PGRES_FATAL_ERROR:
        if (severity && strcmp (severity, "ERROR") == 0) {
            note_error (group, result);
            PQclear (result);
            return true;
        }
        return false;
    case PGRES_PIPELINE_ABORTED:
        if (group->failed)
            PQclear (result);
        return group->failed;
    default:
        return false;
    }
}

static bool
statement_over (struct call_group *group)
{
    if (!group->between)
        return false;
    group->between = false;
    if (group->at && ++group->step == group->at->n) {
        group->at = after (group->at);
        group->step = 0;
    }
    return true;
}

bool
db_group_result (struct connection *connection, PGresult *result)
{
    struct call_group *group = connection->first;
    if (!result)
        return statement_over (group);
    if (PQresultStatus (result) != PGRES_PIPELINE_SYNC) {
        if (statement_result (connection, result))
            return true;
        const char *primary = PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY);
        error_set (&connection->fault, "%s", primary ? primary : "unexpected result");
        PQclear (result);
        return false;
    }
    PQclear (result);
    // Only all statements and then the Sync prove that it is committed.
    return !group->at && group_end (connection);
}
