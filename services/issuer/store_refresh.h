// Refresh tokens in the database.
#ifndef JETON_ISSUER_STORE_REFRESH_H
#define JETON_ISSUER_STORE_REFRESH_H

#include "common/scope/scope.h"
#include "services/issuer/store_opaque.h"

enum {
    STORE_REFRESH_REPLY_MAX = 16384, // bytes of a sealed reply
    STORE_REFRESH_JWTS_MAX = 256,    // access tokens that are revoked with a family, at most
};

// What is given: a refresh token, by its digest, and the access token that comes with it.
struct store_refresh_pair {
    uint8_t digest[TOKEN_DIGEST_SIZE];
    const char *jti;
    int64_t access_expires_at;
    const struct store_opaque
        *opaque; // the access token's row, written down with it; NULL: it has none
};

// A refresh token that was given, its family and whom it acts for. Texts are valid during the callback.
struct store_refresh {
    int64_t family, client;
    int64_t customer, user; // who signed in, or consented: one is 0
    int64_t customer_group; // 0: of none
    const char *name;       // the customer's email, or the user's name
    int64_t revision;       // of the customer or user
    bool active;            // the customer or user is
    int64_t environment;    // Jeton__V1__Environment
    const char *scope;      // as it was granted first
    int64_t
        generation; // of account, client and customer or user when the family began (common/caller/revoked.h)
    bool
        ended; // it has expired, or its family was revoked, or all of the account's, client's, customer's or user's tokens were
    bool used;
    size_t reply_size; // 0: none is kept; the sealed reply to its use
    uint8_t reply[STORE_REFRESH_REPLY_MAX];
};

// store_refresh_begin (db, client, family, pair, callback, context): A family of a customer, with its first token: of `family`, customer, environment, scope and generation count.
void store_refresh_begin (struct db *db, const struct store_client *client,
                          const struct store_refresh *family, const struct store_refresh_pair *pair,
                          store_done_callback *callback, void *context);

// store_refresh_pair_call (db, statement, params, pair, done, context): A statement that writes the pair's refresh token down, in one transaction with the access token's row, where it has one.
// The statement's rows are the first result.
void store_refresh_pair_call (struct db *db, int statement, const struct db_params *params,
                              const struct store_refresh_pair *pair, db_callback *done,
                              void *context);

typedef void store_refresh_callback (void *context, enum store_outcome outcome,
                                     const struct store_refresh *refresh);
// store_refresh_find (db, digest, replay_s, callback, context): A reply is told that is younger than replay_s. STORE_NOT_FOUND: nobody was given it, or it expired long ago.
void store_refresh_find (struct db *db, const uint8_t digest[TOKEN_DIGEST_SIZE], int64_t replay_s,
                         store_refresh_callback *callback, void *context);

// store_refresh_rotate (db, family, digest, pair, reply, size, callback, context): `digest` has been used, and `pair` comes in its place; what is told of it is kept, sealed.
// STORE_CONFLICT: it is not the one that is good any more: somebody else was first, or the family was revoked; nothing was done.
void store_refresh_rotate (struct db *db, int64_t family, const uint8_t digest[TOKEN_DIGEST_SIZE],
                           const struct store_refresh_pair *pair, const uint8_t *reply, size_t size,
                           store_done_callback *callback, void *context);

// store_refresh_revoke (db, family, record, size, callback, context): None of the family's tokens is good any more, nor are the access tokens that came with them. STORE_OK: now or
// before; then without another record.
void store_refresh_revoke (struct db *db, int64_t family, const uint8_t *record, size_t size,
                           store_done_callback *callback, void *context);

typedef void store_refresh_erase_callback (void *context, enum store_outcome outcome, int64_t n);
// store_refresh_erase (db, replay_s, limit, callback, context): Erase replies that are as old, so many at most; tells how many.
void store_refresh_erase (struct db *db, int64_t replay_s, int64_t limit,
                          store_refresh_erase_callback *callback, void *context);

#endif
