#include "services/issuer/store_call.h"

#include "common/memory/memory.h"
#include "common/token/id.h"

#include <stdlib.h>

struct store_call *
store_call_new (void *context)
{
    struct store_call *call = xcalloc (1, sizeof *call);
    call->context = context;
    return call;
}

struct store_call *
store_call_change (store_done_callback *callback, void *context)
{
    struct store_call *call = store_call_new (context);
    call->callback.done = callback;
    return call;
}

void
store_call_done (void *context, enum db_outcome outcome, PGresult *const *results,
                 const struct db_error *error)
{
    cleanup_free struct store_call *call = context;
    (void) results;
    (void) error;
    call->callback.done (call->context, store_outcome_of (outcome));
}

void
store_call_changed (void *context, enum db_outcome outcome, PGresult *const *results,
                    const struct db_error *error)
{
    int64_t n = 0;
    if (outcome == DB_OK && (!db_get_int (results[0], 0, 0, &n) || n == 0))
        outcome = DB_CONFLICT;
    store_call_done (context, outcome, results, error);
}

enum store_outcome
store_outcome_of (enum db_outcome outcome)
{
    switch (outcome) {
    case DB_OK:
        return STORE_OK;
    case DB_CONFLICT:
        return STORE_CONFLICT;
    case DB_UNAVAILABLE:
        return STORE_UNAVAILABLE;
    case DB_UNCERTAIN:
        return STORE_UNCERTAIN;
    case DB_FAILED:
        return STORE_FAILED;
    }
    return STORE_FAILED;
}

bool
store_get_number (const PGresult *result, int column, int64_t *number_r)
{
    return db_get_int (result, 0, column, number_r) && *number_r >= 1 && *number_r <= ID_NUMBER_MAX;
}
