// The issuer's statements and their rows.
#ifndef JETON_ISSUER_STORE_H
#define JETON_ISSUER_STORE_H

#include "common/crypto/crypto.h"
#include "common/db/db.h"
#include "common/feed/feed.h"
#include "common/scope/scope.h"
#include "common/token/jwt.h"
#include "common/token/value.h"
#include <stdbool.h>
#include <stdint.h>

extern const struct db_statement store_statements[];
enum {
    STORE_FEED = 0,
    STORE_PUBLIC_KEYS = STORE_FEED + FEED_N
}; // where the feed's rows begin; KEYS_SQL

enum store_outcome {
    STORE_OK,
    STORE_NOT_FOUND,
    STORE_CONFLICT,    // somebody else changed it first
    STORE_UNAVAILABLE, // not now; nothing was done
    STORE_UNCERTAIN,   // it may have been done
    STORE_FAILED,      // a defect, or a row that makes no sense; logged
};

// A user as sign-in needs it. Texts are valid during the callback.
struct store_user {
    const char *asked; // the name that was asked for, without case: the same however it was written
    int64_t number, account;
    const char *username, *name;
    const char *password_hash; // NULL: cannot sign in
    int64_t role, revision;
    int64_t generation; // that its tokens say (common/caller/revoked.h)
    bool active;        // the user is, and the account
};
typedef void store_user_callback (void *context, enum store_outcome outcome,
                                  const struct store_user *user);
// store_user_by_name (db, username, callback, context): Compared without case, as the database compares. STORE_NOT_FOUND comes with a
// user too, of which only `asked` is set.
void store_user_by_name (struct db *db, const char *username, store_user_callback *callback,
                         void *context);

// A client as its grants need it. Texts are valid during the callback.
struct store_client {
    int64_t number, account;
    const char *name;
    int64_t kind;       // Jeton__V1__ClientKind
    int64_t market;     // that it is bound to; 0: none
    int64_t life_s;     // of its access tokens
    int64_t format;     // Jeton__V1__TokenFormat
    int64_t generation; // that its tokens say (common/caller/revoked.h)
    int64_t revision;
    bool active;        // the client is, and the account
    const char *scopes; // that it may have, separated by spaces
    const char *jwks;   // "": it has no keys
    bool has_secret, has_old_secret;
    uint8_t secret[TOKEN_DIGEST_SIZE],
        old_secret[TOKEN_DIGEST_SIZE]; // SHA-256; the old one in its grace period only
};
typedef void store_client_callback (void *context, enum store_outcome outcome,
                                    const struct store_client *client);
// store_client (db, number, callback, context): STORE_NOT_FOUND: it does not exist, or is deleted; client is NULL.
void store_client (struct db *db, int64_t number, store_client_callback *callback, void *context);

// A customer as the password grant needs it. Texts are valid during the callback.
struct store_customer {
    int64_t number, group; // 0: of no group
    const char *email;
    const char *password_hash; // NULL: cannot sign in
    int64_t revision;
    bool active;
    int64_t generation; // its part of what its tokens say
};
typedef void store_customer_callback (void *context, enum store_outcome outcome,
                                      const struct store_customer *customer);
// store_customer (db, account, email, callback, context): Compared without case. STORE_NOT_FOUND: there is none, or it is deleted; customer is NULL.
void store_customer (struct db *db, int64_t account, const char *email,
                     store_customer_callback *callback, void *context);

typedef void store_scope_callback (void *context, enum store_outcome outcome, const PGresult *rows);
// store_scope (db, account, scope, callback, context): The rows for scope_resolve.
void store_scope (struct db *db, int64_t account, const struct scope *scope,
                  store_scope_callback *callback, void *context);

struct store_signing_key {
    char kid[JWT_KID_SIZE];
    enum jwt_algorithm algorithm;
    int64_t state; // Jeton__V1__SigningKeyState
    uint8_t public_key[JWT_PUBLIC_MAX], sealed_key[JWT_PRIVATE_MAX + CRYPTO_SEAL_OVERHEAD];
    size_t public_size, sealed_size;
    int64_t created_at, activated_at, retired_at;
};
typedef void store_signing_keys_callback (void *context, enum store_outcome outcome,
                                          const struct store_signing_key *keys, size_t n);
// store_signing_keys (db, callback, context): All that may have signed a token that still lives, oldest first.
void store_signing_keys (struct db *db, store_signing_keys_callback *callback, void *context);

// What changes something ends in one of these.
typedef void store_done_callback (void *context, enum store_outcome outcome);

// store_signing_key_add (db, key, record, size, callback, context): With its state, which decides what it is for.
void store_signing_key_add (struct db *db, const struct store_signing_key *key,
                            const uint8_t *record, size_t size, store_done_callback *callback,
                            void *context);
// store_signing_key_rotate (db, active, pending, next, revoke, record, size, callback, context): active retires, or is revoked; pending becomes active, next is
// added as pending: all or nothing. STORE_CONFLICT: they are not active and pending any more.
void store_signing_key_rotate (struct db *db, const char *active, const char *pending,
                               const struct store_signing_key *next, bool revoke,
                               const uint8_t *record, size_t size, store_done_callback *callback,
                               void *context);

// A signed token that is revoked.
struct store_jwt {
    int64_t account, expires_at; // expires_at: of the token, or later
    const char *jti;
};
// store_jwt_revoke (db, jwt, record, size, callback, context): STORE_OK: it is revoked, now or before; then without another record.
void store_jwt_revoke (struct db *db, const struct store_jwt *jwt, const uint8_t *record,
                       size_t size, store_done_callback *callback, void *context);
// store_assertion_add (db, client, digest, expires_at, callback, context): What a client has proved itself with is used up. STORE_CONFLICT: it was already.
void store_assertion_add (struct db *db, int64_t client, const uint8_t digest[TOKEN_DIGEST_SIZE],
                          int64_t expires_at, store_done_callback *callback, void *context);
// store_record_add (db, record, size, callback, context): An audit record of what changes nothing: a failed sign-in.
void store_record_add (struct db *db, const uint8_t *record, size_t size,
                       store_done_callback *callback, void *context);

#endif
