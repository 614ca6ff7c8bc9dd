#include "services/issuer/store.h"

#include "common/caller/caller.h"
#include "common/caller/revoked.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "issuer.pb-c.h"
#include "services/issuer/code_statements.h"
#include "services/issuer/opaque_statements.h"
#include "services/issuer/store_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH(column) "coalesce(extract(epoch FROM " column ")::bigint, 0)"

// clang-format off
const struct db_statement store_statements[] = {
FEED_STATEMENTS (STORE_FEED),
[STORE_PUBLIC_KEYS] = {"public_keys", KEYS_SQL, false},

// One row always: how the database writes the name counts, whether or not there is such a user. A deleted one is none.
[USER_BY_NAME] = {"user_by_name",
    "SELECT u.number, u.account, u.username, u.name, u.password_hash, u.role, u.revision,"
    " u.status = 1 AND a.status = 1, lower($1), " JWT_GENERATION_SQL ("u.account", "(1, u.account), (3, u.number)")
    " FROM (VALUES (1)) one LEFT JOIN (users u JOIN accounts a ON a.number = u.account)"
    " ON lower(u.username) = lower($1) AND u.status <> 3", false},

// One row always, as above. Many may be looked for at once, one of them often.
[CLIENT_BY_NUMBER] = {"client_by_number",
    "SELECT i.n, c.number, c.account, c.name, c.kind, coalesce(c.market, 0), c.access_token_life_s, c.token_format, c.revision,"
    " c.status = 1 AND a.status = 1, array_to_string(c.scopes, ' '), c.secret_digest,"
    " CASE WHEN c.secret_grace_until > now() THEN c.old_secret_digest END, coalesce(c.jwks, ''),"
    " " JWT_GENERATION_SQL ("c.account", "(1, c.account), (2, c.number)")
    // Each client has an account. Joined to each other first, the two would be hashed as a whole where PostgreSQL takes them for small: three times the time.
    " FROM unnest($1::bigint[]) WITH ORDINALITY AS i (number, n) LEFT JOIN clients c ON c.number = i.number AND c.status <> 3"
    " LEFT JOIN accounts a ON a.number = c.account", DB_READ_MANY},

// Takes some of those that have expired along: there are never many.
[ASSERTION_ADD] = {"assertion_add",
    "WITH gone AS (DELETE FROM client_assertions WHERE (client, digest) IN"
    "  (SELECT client, digest FROM client_assertions WHERE expires_at < now() - interval '2 minutes' LIMIT 8 FOR UPDATE SKIP LOCKED))"
    " INSERT INTO client_assertions (client, digest, expires_at) VALUES ($1::bigint, $2, to_timestamp($3))", true},

[CUSTOMER_BY_EMAIL] = {"customer_by_email",
    "SELECT c.number, coalesce(c.customer_group, 0), c.email, c.password_hash, c.revision, c.status = 1, "
    JWT_GENERATION_SQL ("c.account", "(4, c.number)")
    " FROM (VALUES (1)) one LEFT JOIN customers c"
    " ON c.account = $1::bigint AND lower(c.email) = lower($2::text COLLATE \"C\") AND c.status <> 3", false},

[SCOPE_FIND] = {"scope_find", SCOPE_STATEMENT, false},

[SIGNING_KEYS] = {"signing_keys",
    "SELECT kid, state, public_key, private_key, " EPOCH ("created_at") ", " EPOCH ("activated_at") ", "
    EPOCH ("retired_at") ", algorithm FROM signing_keys"
    " WHERE retired_at IS NULL OR retired_at > now() - interval '366 days'"
    " ORDER BY created_at, kid LIMIT 256", false},

[SIGNING_KEY_ADD] = {"signing_key_add",
    "WITH k AS (INSERT INTO signing_keys (kid, algorithm, state, public_key, private_key, activated_at)"
    "  VALUES ($1, $6, $2::smallint, $3, $4, CASE WHEN $2::smallint = 2 THEN now() END)"
    "  RETURNING kid),"
    " c AS (INSERT INTO changes (kind, object, revision) SELECT 'signing_key', 0, 1 FROM k)"
    " INSERT INTO outbox (record) SELECT $5 FROM k", true},

// Each part reads the one before, which makes PostgreSQL run them in this order.
[SIGNING_KEY_ROTATE] = {"signing_key_rotate",
    "WITH r AS (UPDATE signing_keys SET state = $7::smallint, retired_at = now()"
    "  WHERE kid = $1 AND state = 2"
    "  AND EXISTS (SELECT FROM signing_keys WHERE kid = $2 AND state = 1) RETURNING kid),"
    " a AS (UPDATE signing_keys SET state = 2, activated_at = now()"
    "  WHERE kid = $2 AND state = 1 AND EXISTS (SELECT FROM r) RETURNING kid),"
    " n AS (INSERT INTO signing_keys (kid, algorithm, state, public_key, private_key)"
    "  SELECT $3, $8, 1, $4, $5 WHERE EXISTS (SELECT FROM a) RETURNING kid),"
    " c AS (INSERT INTO changes (kind, object, revision) SELECT 'signing_key', 0, 2 FROM n),"
    " o AS (INSERT INTO outbox (record) SELECT $6 FROM n)"
    " SELECT count(*) FROM n", true},

[RECORD_ADD] = {"record_add", "INSERT INTO outbox (record) VALUES ($1)", true},

// Once is enough: again changes nothing.
[JWT_REVOKE] = {"jwt_revoke",
    "WITH r AS (INSERT INTO revoked_jwts (account, jti, expires_at) VALUES ($1::bigint, $2, to_timestamp($3::bigint))"
    "  ON CONFLICT (account, jti) DO NOTHING RETURNING account),"
    " c AS (INSERT INTO changes (kind, object, account, revision) SELECT 'token', $4::bigint, account, 1 FROM r)"
    " INSERT INTO outbox (record) SELECT $5 FROM r", true},

[JWT_REVOKED] = {"jwt_revoked", "SELECT EXISTS (SELECT FROM revoked_jwts WHERE account = $1::bigint AND jti = $2)", false},

REFRESH_STATEMENTS
OPAQUE_STATEMENTS

// Whoever consents: no object is looked for.
[CALLER_USER] = {"caller_user", CALLER_SQL ("NULL", "NULL"), false},
CODE_STATEMENTS

{NULL, NULL, false}};
// clang-format on

// ---- users ---------------------------------------------------------------------------------------------------------

static bool
user_from_row (const PGresult *result, struct store_user *user_r)
{
    return store_get_number (result, 0, &user_r->number) &&
           store_get_number (result, 1, &user_r->account) &&
           db_get_text (result, 0, 2, &user_r->username) &&
           db_get_text (result, 0, 3, &user_r->name) &&
           (PQgetisnull (result, 0, 4) || db_get_text (result, 0, 4, &user_r->password_hash)) &&
           db_get_int (result, 0, 5, &user_r->role) &&
           db_get_int (result, 0, 6, &user_r->revision) &&
           db_get_bool (result, 0, 7, &user_r->active) &&
           db_get_int (result, 0, 9, &user_r->generation);
}

static void
store_user_done (void *context, enum db_outcome outcome, PGresult *const *results,
                 const struct db_error *error)
{
    cleanup_free struct store_call *call = context;
    struct store_user user = {0};
    (void) error;
    if (outcome != DB_OK) {
        call->callback.user (call->context, store_outcome_of (outcome), NULL);
    } else if (!db_get_text (results[0], 0, 8, &user.asked)) {
        call->callback.user (call->context, STORE_FAILED, NULL); // cannot be: it is what was asked
    } else if (PQgetisnull (results[0], 0, 0)) {
        call->callback.user (call->context, STORE_NOT_FOUND, &user);
    } else if (!user_from_row (results[0], &user)) {
        log_error ("a user's row makes no sense", "number", PQgetvalue (results[0], 0, 0), NULL);
        call->callback.user (call->context, STORE_FAILED, NULL);
    } else {
        call->callback.user (call->context, STORE_OK, &user);
    }
}

void
store_user_by_name (struct db *db, const char *username, store_user_callback *callback,
                    void *context)
{
    struct db_params params = {0};
    db_param_text (&params, username);
    struct store_call *call = store_call_new (context);
    call->callback.user = callback;
    db_call (db, USER_BY_NAME, &params, store_user_done, call);
}

// ---- clients -------------------------------------------------------------------------------------------------------

// A digest, or none.
static bool
get_digest (const PGresult *result, int column, bool *has_r, uint8_t digest_r[TOKEN_DIGEST_SIZE])
{
    size_t length;
    *has_r = !PQgetisnull (result, 0, column);
    return !*has_r || (db_get_bytes (result, 0, column, digest_r, TOKEN_DIGEST_SIZE, &length) &&
                       length == TOKEN_DIGEST_SIZE);
}

static bool
client_from_row (const PGresult *result, struct store_client *client_r)
{
    return store_get_number (result, 1, &client_r->number) &&
           store_get_number (result, 2, &client_r->account) &&
           db_get_text (result, 0, 3, &client_r->name) &&
           db_get_int (result, 0, 4, &client_r->kind) && client_r->kind >= 1 &&
           client_r->kind <= 3 && db_get_int (result, 0, 5, &client_r->market) &&
           db_get_int (result, 0, 6, &client_r->life_s) && client_r->life_s > 0 &&
           db_get_int (result, 0, 7, &client_r->format) &&
           db_get_int (result, 0, 8, &client_r->revision) &&
           db_get_bool (result, 0, 9, &client_r->active) &&
           db_get_text (result, 0, 10, &client_r->scopes) &&
           get_digest (result, 11, &client_r->has_secret, client_r->secret) &&
           get_digest (result, 12, &client_r->has_old_secret, client_r->old_secret) &&
           db_get_text (result, 0, 13, &client_r->jwks) &&
           db_get_int (result, 0, 14, &client_r->generation);
}

static void
store_client_done (void *context, enum db_outcome outcome, PGresult *const *results,
                   const struct db_error *error)
{
    cleanup_free struct store_call *call = context;
    struct store_client client = {0};
    (void) error;
    if (outcome != DB_OK) {
        call->callback.client (call->context, store_outcome_of (outcome), NULL);
    } else if (PQgetisnull (results[0], 0, 1)) {
        call->callback.client (call->context, STORE_NOT_FOUND, NULL);
    } else if (!client_from_row (results[0], &client)) {
        char number[24];
        snprintf (number, sizeof number, "%lld", (long long) client.number);
        log_error ("a client's row makes no sense", "number", number, NULL);
        call->callback.client (call->context, STORE_FAILED, NULL);
    } else {
        call->callback.client (call->context, STORE_OK, &client);
    }
}

void
store_client (struct db *db, int64_t number, store_client_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, number);
    struct store_call *call = store_call_new (context);
    call->callback.client = callback;
    db_call (db, CLIENT_BY_NUMBER, &params, store_client_done, call);
}

static bool
customer_from_row (const PGresult *result, struct store_customer *customer_r)
{
    return store_get_number (result, 0, &customer_r->number) &&
           db_get_int (result, 0, 1, &customer_r->group) &&
           db_get_text (result, 0, 2, &customer_r->email) &&
           (PQgetisnull (result, 0, 3) || db_get_text (result, 0, 3, &customer_r->password_hash)) &&
           db_get_int (result, 0, 4, &customer_r->revision) &&
           db_get_bool (result, 0, 5, &customer_r->active) &&
           db_get_int (result, 0, 6, &customer_r->generation);
}

static void
store_customer_done (void *context, enum db_outcome outcome, PGresult *const *results,
                     const struct db_error *error)
{
    cleanup_free struct store_call *call = context;
    struct store_customer customer = {0};
    (void) error;
    if (outcome != DB_OK) {
        call->callback.customer (call->context, store_outcome_of (outcome), NULL);
    } else if (PQgetisnull (results[0], 0, 0)) {
        call->callback.customer (call->context, STORE_NOT_FOUND, NULL);
    } else if (!customer_from_row (results[0], &customer)) {
        log_error ("a customer's row makes no sense", "number", PQgetvalue (results[0], 0, 0),
                   NULL);
        call->callback.customer (call->context, STORE_FAILED, NULL);
    } else {
        call->callback.customer (call->context, STORE_OK, &customer);
    }
}

void
store_customer (struct db *db, int64_t account, const char *email,
                store_customer_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, account);
    db_param_text (&params, email);
    struct store_call *call = store_call_new (context);
    call->callback.customer = callback;
    db_call (db, CUSTOMER_BY_EMAIL, &params, store_customer_done, call);
}

static void
store_scope_done (void *context, enum db_outcome outcome, PGresult *const *results,
                  const struct db_error *error)
{
    cleanup_free struct store_call *call = context;
    (void) error;
    call->callback.scope (call->context, store_outcome_of (outcome),
                          outcome == DB_OK ? results[0] : NULL);
}

void
store_scope (struct db *db, int64_t account, const struct scope *scope,
             store_scope_callback *callback, void *context)
{
    struct db_params params = {0};
    struct scope_lists lists;
    scope_params (scope, account, &lists, &params);
    struct store_call *call = store_call_new (context);
    call->callback.scope = callback;
    db_call (db, SCOPE_FIND, &params, store_scope_done, call);
}

// ---- signing keys --------------------------------------------------------------------------------------------------

static bool
key_from_row (const PGresult *result, int row, struct store_signing_key *key_r)
{
    const char *kid, *algorithm;
    if (!db_get_text (result, row, 0, &kid) || strlen (kid) >= sizeof key_r->kid ||
        !db_get_text (result, row, 7, &algorithm) ||
        !jwt_algorithm_find (algorithm, &key_r->algorithm))
        return false;
    memcpy (key_r->kid, kid, strlen (kid) + 1);
    return db_get_int (result, row, 1, &key_r->state) &&
           db_get_bytes (result, row, 2, key_r->public_key, sizeof key_r->public_key,
                         &key_r->public_size) &&
           db_get_bytes (result, row, 3, key_r->sealed_key, sizeof key_r->sealed_key,
                         &key_r->sealed_size) &&
           db_get_int (result, row, 4, &key_r->created_at) &&
           db_get_int (result, row, 5, &key_r->activated_at) &&
           db_get_int (result, row, 6, &key_r->retired_at);
}

static void
store_signing_keys_done (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    cleanup_free struct store_call *call = context;
    (void) error;
    if (outcome != DB_OK) {
        call->callback.keys (call->context, store_outcome_of (outcome), NULL, 0);
        return;
    }
    int rows = PQntuples (results[0]);
    cleanup_free struct store_signing_key *keys = xcalloc ((size_t) rows + 1, sizeof *keys);
    size_t n = 0;
    for (int row = 0; row < rows; row++) {
        if (key_from_row (results[0], row, &keys[n]))
            n++;
        else
            log_error ("a signing key's row makes no sense", "kid", PQgetvalue (results[0], row, 0),
                       NULL);
    }
    call->callback.keys (call->context, STORE_OK, keys, n);
}

void
store_signing_keys (struct db *db, store_signing_keys_callback *callback, void *context)
{
    struct store_call *call = store_call_new (context);
    call->callback.keys = callback;
    db_call (db, SIGNING_KEYS, NULL, store_signing_keys_done, call);
}

// ---- changes -------------------------------------------------------------------------------------------------------

void
store_signing_key_add (struct db *db, const struct store_signing_key *key, const uint8_t *record,
                       size_t size, store_done_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_text (&params, key->kid);
    db_param_int (&params, key->state);
    db_param_bytes (&params, key->public_key, key->public_size);
    db_param_bytes (&params, key->sealed_key, key->sealed_size);
    db_param_bytes (&params, record, size);
    db_param_text (&params, jwt_algorithm_name (key->algorithm));
    db_call (db, SIGNING_KEY_ADD, &params, store_call_done, store_call_change (callback, context));
}

void
store_signing_key_rotate (struct db *db, const char *active, const char *pending,
                          const struct store_signing_key *next, bool revoke, const uint8_t *record,
                          size_t size, store_done_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_text (&params, active);
    db_param_text (&params, pending);
    db_param_text (&params, next->kid);
    db_param_bytes (&params, next->public_key, next->public_size);
    db_param_bytes (&params, next->sealed_key, next->sealed_size);
    db_param_bytes (&params, record, size);
    db_param_int (&params, revoke ? JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_REVOKED
                                  : JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_RETIRED);
    db_param_text (&params, jwt_algorithm_name (next->algorithm));
    db_call (db, SIGNING_KEY_ROTATE, &params, store_call_changed,
             store_call_change (callback, context));
}

void
store_assertion_add (struct db *db, int64_t client, const uint8_t digest[TOKEN_DIGEST_SIZE],
                     int64_t expires_at, store_done_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, client);
    db_param_bytes (&params, digest, TOKEN_DIGEST_SIZE);
    db_param_int (&params, expires_at);
    db_call (db, ASSERTION_ADD, &params, store_call_done, store_call_change (callback, context));
}

void
store_record_add (struct db *db, const uint8_t *record, size_t size, store_done_callback *callback,
                  void *context)
{
    struct db_params params = {0};
    db_param_bytes (&params, record, size);
    db_call (db, RECORD_ADD, &params, store_call_done, store_call_change (callback, context));
}

void
store_jwt_revoke (struct db *db, const struct store_jwt *jwt, const uint8_t *record, size_t size,
                  store_done_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, jwt->account);
    db_param_text (&params, jwt->jti);
    db_param_int (&params, jwt->expires_at);
    db_param_int (&params, jwt_number (jwt->jti));
    db_param_bytes (&params, record, size);
    db_call (db, JWT_REVOKE, &params, store_call_done, store_call_change (callback, context));
}
