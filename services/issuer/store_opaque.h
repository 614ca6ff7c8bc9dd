// Opaque access tokens in the database.
#ifndef JETON_ISSUER_STORE_OPAQUE_H
#define JETON_ISSUER_STORE_OPAQUE_H

#include "services/issuer/store.h"

// A token that is given: the row of it.
struct store_opaque {
    uint8_t digest[TOKEN_DIGEST_SIZE];
    uint32_t day;                   // of its partition, as its value says
    int64_t client, customer, user; // customer and user: whom it stands for, 0: nobody else
    int64_t environment;            // Jeton__V1__Environment
    int64_t generation;             // common/caller/revoked.h
    int64_t issued_at, expires_at;
    const char *scope; // as it is granted
};

// store_opaque_day (expires_at, life_s): The day of the partition for a token that lives so long: a week ahead, there are partitions for all (deploy/schema).
uint32_t store_opaque_day (int64_t expires_at, int64_t life_s);

// store_opaque_add (db, token, callback, context): STORE_CONFLICT: there is no partition for its day.
void store_opaque_add (struct db *db, const struct store_opaque *token,
                       store_done_callback *callback, void *context);
// store_opaque_step (token, refresh, params_r): The same as the last step of a transaction, if that has written down the refresh token with this digest.
struct db_step store_opaque_step (const struct store_opaque *token,
                                  const uint8_t refresh[TOKEN_DIGEST_SIZE],
                                  struct db_params *params_r);

// store_opaque_revoke (db, digest, day, client, jwt, record, size, callback, context): The token with this digest, if it is the client's. STORE_OK: it is revoked, now or before, or it is none
// of the client's; then without a record. Of `jwt`: account and jti.
void store_opaque_revoke (struct db *db, const uint8_t digest[TOKEN_DIGEST_SIZE], uint32_t day,
                          int64_t client, const struct store_jwt *jwt, const uint8_t *record,
                          size_t size, store_done_callback *callback, void *context);

#endif
