#include "services/issuer/store_standing.h"

#include "common/memory/memory.h"
#include "services/issuer/store_call.h"

#include <stdlib.h>

static void
standing_found (void *context, enum db_outcome outcome, PGresult *const *results,
                const struct db_error *error)
{
    cleanup_free struct store_call *call = context;
    bool revoked = true;
    (void) error;
    if (outcome == DB_OK && !db_get_bool (results[0], 0, 0, &revoked))
        outcome = DB_FAILED;
    call->callback.done (call->context, outcome == DB_OK && revoked ? STORE_NOT_FOUND
                                                                    : store_outcome_of (outcome));
}

void
store_jwt_standing (struct db *db, int64_t account, const char *jti, store_done_callback *callback,
                    void *context)
{
    struct db_params params = {0};
    db_param_int (&params, account);
    db_param_text (&params, jti);
    db_call (db, JWT_REVOKED, &params, standing_found, store_call_change (callback, context));
}
