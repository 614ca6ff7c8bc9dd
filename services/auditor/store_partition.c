// Partitions of the trail: what is to do, and doing it. The functions that do it belong to the owner: see deploy/schema.
#include "common/memory/memory.h"
#include "services/auditor/statements.h"
#include <stdlib.h>

static bool
get_exactly (const PGresult *result, int column, uint8_t *data_r, size_t size)
{
    size_t length;
    return db_get_bytes (result, 0, column, data_r, size, &length) && length == size;
}

static bool
partitions_read (const PGresult *result, struct store_partitions *partitions_r)
{
    struct store_partitions *p = partitions_r;
    if (PQntuples (result) != 1 || !db_get_int (result, 0, 0, &p->first) ||
        !db_get_bool (result, 0, 1, &p->missing) || !db_get_bool (result, 0, 2, &p->aged))
        return false;
    p->droppable = !PQgetisnull (result, 0, 3);
    if (!p->droppable)
        return true;
    if (!db_get_int (result, 0, 3, &p->old_first) || !db_get_int (result, 0, 4, &p->old_last) ||
        !get_exactly (result, 5, p->digest_before, sizeof p->digest_before))
        return false;
    p->vouched = !PQgetisnull (result, 0, 6);
    return !p->vouched || (get_exactly (result, 6, p->digest, sizeof p->digest) &&
                           db_get_int (result, 0, 7, &p->time_us) &&
                           get_exactly (result, 8, p->key_id, sizeof p->key_id) &&
                           get_exactly (result, 9, p->signature, sizeof p->signature));
}

static void
partitions_done (void *context, enum db_outcome outcome, PGresult *const *results,
                 const struct db_error *error)
{
    cleanup_free struct call *call = context;
    struct store_partitions partitions = {0};
    (void) error;
    if (outcome == DB_OK && !partitions_read (results[0], &partitions))
        outcome = DB_FAILED;
    call->callback.partitions (call->context, outcome, outcome == DB_OK ? &partitions : NULL);
}

void
store_partitions (struct db *db, int64_t days, int64_t keep_days,
                  store_partitions_callback *callback, void *context)
{
    static const uint8_t before_first[CHAIN_DIGEST_SIZE];
    struct call *call = call_new (context);
    struct db_params params = {0};
    call->callback.partitions = callback;
    db_param_int (&params, days);
    db_param_int (&params, keep_days);
    db_param_bytes (&params, before_first, sizeof before_first);
    db_call (db, PARTITIONS, &params, partitions_done, call);
}

void
store_close (struct db *db, store_callback *callback, void *context)
{
    struct call *call = call_new (context);
    call->callback.done = callback;
    db_call (db, CLOSE, NULL, call_written, call);
}

void
store_drop (struct db *db, const Jeton__V1__TrailEntry *entry, int64_t keep_days, int64_t last,
            store_callback *callback, void *context)
{
    struct db_params params[2] = {{0}, {0}};
    const struct db_step steps[2] = {{APPEND, &params[0]}, {DROP, &params[1]}};
    struct call *call = call_new (context);
    call->callback.done = callback;
    cleanup_free __attribute__ ((unused)) void *appended = call_append (&params[0], entry, 1);
    db_param_int (&params[1], keep_days);
    db_param_int (&params[1], last);
    db_param_int (&params[1], entry->sequence);
    db_transaction (db, steps, 2, call_written, call);
}
