#include "services/issuer/store_refresh.h"

#include "common/log/log.h"
#include "common/memory/memory.h"
#include "services/issuer/store_call.h"

#include <stdlib.h>

void
store_refresh_pair_call (struct db *db, int statement, const struct db_params *params,
                         const struct store_refresh_pair *pair, db_callback *done, void *context)
{
    struct db_params row;
    struct db_step steps[] = {{statement, params}, {0}};
    if (!pair->opaque) {
        db_call (db, statement, params, done, context);
        return;
    }
    steps[1] = store_opaque_step (pair->opaque, pair->digest, &row);
    db_transaction (db, steps, 2, done, context);
}

void
store_refresh_begin (struct db *db, const struct store_client *client,
                     const struct store_refresh *family, const struct store_refresh_pair *pair,
                     store_done_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, client->account);
    db_param_int (&params, client->number);
    db_param_int (&params, family->customer);
    db_param_int (&params, family->environment);
    db_param_text (&params, family->scope);
    db_param_bytes (&params, pair->digest, sizeof pair->digest);
    db_param_text (&params, pair->jti);
    db_param_int (&params, pair->access_expires_at);
    db_param_int (&params, family->generation);
    store_refresh_pair_call (db, REFRESH_BEGIN, &params, pair, store_call_done,
                             store_call_change (callback, context));
}

static bool
refresh_from_row (const PGresult *result, struct store_refresh *refresh_r)
{
    int64_t subject; // somebody who has a display id
    return db_get_int (result, 0, 0, &refresh_r->family) &&
           store_get_number (result, 1, &refresh_r->client) &&
           db_get_int (result, 0, 2, &refresh_r->customer) &&
           db_get_int (result, 0, 3, &refresh_r->user) &&
           store_get_number (result, refresh_r->customer ? 2 : 3, &subject) &&
           (refresh_r->customer == 0 || refresh_r->user == 0) &&
           db_get_int (result, 0, 4, &refresh_r->customer_group) &&
           db_get_text (result, 0, 5, &refresh_r->name) &&
           db_get_int (result, 0, 6, &refresh_r->revision) &&
           db_get_bool (result, 0, 7, &refresh_r->active) &&
           db_get_int (result, 0, 8, &refresh_r->environment) && refresh_r->environment >= 1 &&
           refresh_r->environment <= 2 && db_get_text (result, 0, 9, &refresh_r->scope) &&
           db_get_int (result, 0, 10, &refresh_r->generation) &&
           db_get_bool (result, 0, 11, &refresh_r->ended) &&
           db_get_bool (result, 0, 12, &refresh_r->used) &&
           (PQgetisnull (result, 0, 13) ||
            db_get_bytes (result, 0, 13, refresh_r->reply, sizeof refresh_r->reply,
                          &refresh_r->reply_size));
}

static void
refresh_found (void *context, enum db_outcome outcome, PGresult *const *results,
               const struct db_error *error)
{
    cleanup_free struct store_call *call = context;
    cleanup_free struct store_refresh *refresh = xcalloc (1, sizeof *refresh);
    (void) error;
    if (outcome != DB_OK) {
        call->callback.refresh (call->context, store_outcome_of (outcome), NULL);
    } else if (PQgetisnull (results[0], 0, 0)) {
        call->callback.refresh (call->context, STORE_NOT_FOUND, NULL);
    } else if (!refresh_from_row (results[0], refresh)) {
        log_error ("a refresh token's row makes no sense", "family", PQgetvalue (results[0], 0, 0),
                   NULL);
        call->callback.refresh (call->context, STORE_FAILED, NULL);
    } else {
        call->callback.refresh (call->context, STORE_OK, refresh);
    }
}

void
store_refresh_find (struct db *db, const uint8_t digest[TOKEN_DIGEST_SIZE], int64_t replay_s,
                    store_refresh_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_bytes (&params, digest, TOKEN_DIGEST_SIZE);
    db_param_int (&params, replay_s);
    struct store_call *call = store_call_new (context);
    call->callback.refresh = callback;
    db_call (db, REFRESH_FIND, &params, refresh_found, call);
}

static void
refresh_rotated (void *context, enum db_outcome outcome, PGresult *const *results,
                 const struct db_error *error)
{
    int64_t n = 0;
    if (outcome == DB_OK && (!db_get_int (results[0], 0, 0, &n) || n == 0))
        outcome = DB_CONFLICT;
    store_call_done (context, outcome, results, error);
}

void
store_refresh_rotate (struct db *db, int64_t family, const uint8_t digest[TOKEN_DIGEST_SIZE],
                      const struct store_refresh_pair *pair, const uint8_t *reply, size_t size,
                      store_done_callback *callback, void *context)
{
    struct db_params params = {.lock_order = family};
    db_param_int (&params, family);
    db_param_bytes (&params, digest, TOKEN_DIGEST_SIZE);
    db_param_bytes (&params, reply, size);
    db_param_bytes (&params, pair->digest, sizeof pair->digest);
    db_param_text (&params, pair->jti);
    db_param_int (&params, pair->access_expires_at);
    store_refresh_pair_call (db, REFRESH_ROTATE, &params, pair, refresh_rotated,
                             store_call_change (callback, context));
}

void
store_refresh_revoke (struct db *db, int64_t family, const uint8_t *record, size_t size,
                      store_done_callback *callback, void *context)
{
    struct db_params params = {.lock_order = family};
    db_param_int (&params, family);
    db_param_bytes (&params, record, size);
    db_param_int (&params, STORE_REFRESH_JWTS_MAX);
    db_call (db, REFRESH_REVOKE, &params, store_call_done, store_call_change (callback, context));
}

static void
refresh_erased (void *context, enum db_outcome outcome, PGresult *const *results,
                const struct db_error *error)
{
    cleanup_free struct store_call *call = context;
    int64_t n = 0;
    (void) error;
    if (outcome == DB_OK && !db_get_int (results[0], 0, 0, &n))
        outcome = DB_FAILED;
    call->callback.erased (call->context, store_outcome_of (outcome), n);
}

void
store_refresh_erase (struct db *db, int64_t replay_s, int64_t limit,
                     store_refresh_erase_callback *callback, void *context)
{
    struct db_params params = {.lock_order = INT64_MAX}; // what it locks, others wait for last
    db_param_int (&params, replay_s);
    db_param_int (&params, limit);
    struct store_call *call = store_call_new (context);
    call->callback.erased = callback;
    db_call (db, REFRESH_ERASE, &params, refresh_erased, call);
}
