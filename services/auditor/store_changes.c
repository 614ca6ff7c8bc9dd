// The table changes: how far every transaction has ended, and deleting what is before that. And partitions of opaque access tokens.
#include "common/memory/memory.h"
#include "services/auditor/statements.h"
#include <stdlib.h>

void
call_number (void *context, enum db_outcome outcome, PGresult *const *results,
             const struct db_error *error)
{
    cleanup_free struct call *call = context;
    int64_t number = 0;
    (void) error;
    if (outcome == DB_OK &&
        (PQntuples (results[0]) != 1 || !db_get_int (results[0], 0, 0, &number)))
        outcome = DB_FAILED;
    call->callback.number (call->context, outcome, number);
}

void
store_changes_horizon (struct db *db, store_number_callback *callback, void *context)
{
    struct call *call = call_new (context);
    call->callback.number = callback;
    db_call (db, CHANGES_HORIZON, NULL, call_number, call);
}

void
store_changes_trim (struct db *db, int64_t horizon, size_t limit, store_number_callback *callback,
                    void *context)
{
    struct call *call = call_new (context);
    struct db_params params = {0};
    call->callback.number = callback;
    db_param_int (&params, horizon);
    db_param_int (&params, (int64_t) limit);
    db_call (db, CHANGES_TRIM, &params, call_number, call);
}

void
store_access_ahead (struct db *db, store_number_callback *callback, void *context)
{
    struct call *call = call_new (context);
    call->callback.number = callback;
    db_call (db, ACCESS_AHEAD, NULL, call_number, call);
}

void
store_access_drop (struct db *db, int64_t day, store_number_callback *callback, void *context)
{
    struct call *call = call_new (context);
    struct db_params params = {0};
    call->callback.number = callback;
    db_param_int (&params, day);
    db_call (db, ACCESS_DROP, &params, call_number, call);
}
