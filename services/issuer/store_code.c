#include "services/issuer/store_code.h"

#include "common/log/log.h"
#include "common/memory/memory.h"
#include "services/issuer/store_call.h"

#include <stdlib.h>
#include <string.h>

// What changes a code is sent in one order by all issuers, so that none of two that change the same codes waits for the other for ever.
static int64_t
lock_order (const uint8_t digest[TOKEN_DIGEST_SIZE])
{
    int64_t order = 0;
    memcpy (&order, digest, sizeof order);
    return order & INT64_MAX;
}

static void
redirect_done (void *context, enum db_outcome outcome, PGresult *const *results,
               const struct db_error *error)
{
    cleanup_free struct store_call *call = context;
    const char *account = NULL;
    enum store_outcome found = store_outcome_of (outcome);
    (void) error;
    if (found == STORE_OK && PQntuples (results[0]) == 0)
        found = STORE_NOT_FOUND;
    else if (found == STORE_OK && !db_get_text (results[0], 0, 0, &account))
        found = STORE_FAILED;
    call->callback.redirect (call->context, found, account);
}

void
store_code_redirect (struct db *db, int64_t client, const char *uri,
                     store_code_redirect_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, client);
    db_param_text (&params, uri);
    struct store_call *call = store_call_new (context);
    call->callback.redirect = callback;
    db_call (db, CODE_REDIRECT, &params, redirect_done, call);
}

void
store_code_add (struct db *db, const struct store_code_new *code, const uint8_t *record,
                size_t size, store_done_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_bytes (&params, code->digest, sizeof code->digest);
    db_param_int (&params, code->client);
    db_param_int (&params, code->user);
    db_param_int (&params, code->environment);
    db_param_text (&params, code->scope);
    db_param_text (&params, code->redirect_uri);
    db_param_text (&params, code->challenge);
    db_param_text (&params, code->login);
    db_param_int (&params, code->login_generation);
    db_param_bytes (&params, record, size);
    db_call (db, CODE_ADD, &params, store_call_changed, store_call_change (callback, context));
}

static bool
code_from_row (const PGresult *result, struct store_code *code_r)
{
    return store_get_number (result, 0, &code_r->client) &&
           db_get_int (result, 0, 1, &code_r->family) &&
           store_get_number (result, 2, &code_r->user) &&
           db_get_text (result, 0, 3, &code_r->username) &&
           db_get_int (result, 0, 4, &code_r->revision) &&
           db_get_bool (result, 0, 5, &code_r->active) &&
           db_get_int (result, 0, 6, &code_r->environment) && code_r->environment >= 1 &&
           code_r->environment <= 2 && db_get_text (result, 0, 7, &code_r->scope) &&
           db_get_int (result, 0, 8, &code_r->generation) &&
           db_get_bool (result, 0, 9, &code_r->ended) &&
           db_get_text (result, 0, 10, &code_r->redirect_uri) &&
           db_get_text (result, 0, 11, &code_r->challenge);
}

static void
code_found (void *context, enum db_outcome outcome, PGresult *const *results,
            const struct db_error *error)
{
    cleanup_free struct store_call *call = context;
    struct store_code code = {0};
    (void) error;
    if (outcome != DB_OK) {
        call->callback.code (call->context, store_outcome_of (outcome), NULL);
    } else if (PQgetisnull (results[0], 0, 0)) {
        call->callback.code (call->context, STORE_NOT_FOUND, NULL);
    } else if (!code_from_row (results[0], &code)) {
        log_error ("an authorization code's row makes no sense", "client",
                   PQgetvalue (results[0], 0, 0), NULL);
        call->callback.code (call->context, STORE_FAILED, NULL);
    } else {
        call->callback.code (call->context, STORE_OK, &code);
    }
}

void
store_code_find (struct db *db, const uint8_t digest[TOKEN_DIGEST_SIZE],
                 store_code_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_bytes (&params, digest, TOKEN_DIGEST_SIZE);
    struct store_call *call = store_call_new (context);
    call->callback.code = callback;
    db_call (db, CODE_FIND, &params, code_found, call);
}

void
store_code_use (struct db *db, const uint8_t digest[TOKEN_DIGEST_SIZE], const char *scope,
                const struct store_refresh_pair *pair, store_done_callback *callback, void *context)
{
    struct db_params params = {.lock_order = lock_order (digest)};
    db_param_bytes (&params, digest, TOKEN_DIGEST_SIZE);
    db_param_text (&params, scope);
    db_param_bytes (&params, pair->digest, sizeof pair->digest);
    db_param_text (&params, pair->jti);
    db_param_int (&params, pair->access_expires_at);
    store_refresh_pair_call (db, CODE_USE, &params, pair, store_call_changed,
                             store_call_change (callback, context));
}

void
store_code_end (struct db *db, const uint8_t digest[TOKEN_DIGEST_SIZE], const uint8_t *record,
                size_t size, store_done_callback *callback, void *context)
{
    struct db_params params = {.lock_order = lock_order (digest)};
    db_param_bytes (&params, digest, TOKEN_DIGEST_SIZE);
    db_param_bytes (&params, record, size);
    db_call (db, CODE_END, &params, store_call_changed, store_call_change (callback, context));
}
