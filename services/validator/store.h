// The validator's statements and their rows. It only ever reads.
#ifndef JETON_VALIDATOR_STORE_H
#define JETON_VALIDATOR_STORE_H

#include "common/db/db.h"
#include "common/token/value.h"
#include "services/validator/facts.h"
#include "services/validator/row.h"
#include <stdbool.h>
#include <stdint.h>

extern const struct db_statement store_statements[];
// Rows that others read with: the public keys (common/caller/keys), prefixes of imported values (foreign.c), what has changed and who writes
// (truth.c), names of modules (warm.c).
enum { STORE_PUBLIC_KEYS = 3, STORE_FOREIGN, STORE_CHANGES, STORE_WRITERS, STORE_MODULES };

// The tokens that were used last, by db_copy, in two halves ($3: 0 and 1), which are read at once: the first row_facts columns after STORE_WARM_DIGEST. None that is deleted or has expired, none twice. $1: so many of a half
// at most; $2: the horizon (xmax) of a snapshot that the database has reached at least, otherwise no rows. First those that were used so lately that only token_use
// tells; then by when they were shown to be used: in the last hour, in the last day, before. Among these the order is the database's.
enum { STORE_WARM_DIGEST, STORE_WARM_FACTS, STORE_WARM_COLUMNS = STORE_WARM_FACTS + ROW_COLUMNS };
extern const char store_warm[];

enum store_outcome {
    STORE_OK,
    STORE_NOT_FOUND,
    STORE_UNAVAILABLE, // could not tell: no database, or a row that does not make sense (logged)
};

// The callbacks' pointers are valid during the call. Facts that are kept are copied, and their policy is held.
typedef void store_facts_callback (void *context, enum store_outcome outcome,
                                   const struct facts *facts);

// store_token_facts (db, policies, digest, callback, context): Of the API token with this digest.
void store_token_facts (struct db *db, struct policies *policies,
                        const uint8_t digest[TOKEN_DIGEST_SIZE], store_facts_callback *callback,
                        void *context);
// store_user_facts (db, policies, user, jti, generation, callback, context): Of what a user may do with a login token of this id and generation (common/caller/revoked.h). STORE_NOT_FOUND, here and below: there is no such user or client, or
// the token was revoked.
void store_user_facts (struct db *db, struct policies *policies, int64_t user, const char *jti,
                       int64_t generation, store_facts_callback *callback, void *context);

// What a client's token says of itself, in canonical form: "module:orders:read module:stock:write", and numbers with commas between them. markets "": it is not restricted to any.
struct store_client_token {
    int64_t client;
    int64_t customer, user; // whom it stands for, one of these; both 0: the client itself
    const char *modules, *markets, *locations;
    const char *jti;
    int64_t generation;
};
// store_client_facts (db, policies, token, callback, context): Of what a client may do with a token that says this.
void store_client_facts (struct db *db, struct policies *policies,
                         const struct store_client_token *token, store_facts_callback *callback,
                         void *context);

// An opaque access token, by its value (common/token/value.h).
struct store_opaque_key {
    uint8_t digest[TOKEN_DIGEST_SIZE];
    uint32_t day;
    char jti[TOKEN_ACCESS_JTI_SIZE];
};
// store_opaque_facts (db, policies, key, callback, context): As store_client_facts, with what its row says: expiry, environment and customer, but without the jti.
void store_opaque_facts (struct db *db, struct policies *policies,
                         const struct store_opaque_key *key, store_facts_callback *callback,
                         void *context);

// The text is valid during the callback. STORE_NOT_FOUND: there is none, or its partition has gone.
typedef void store_opaque_said_callback (void *context, enum store_outcome outcome,
                                         const char *scope, int64_t issued_at);
// store_opaque_said (db, key, callback, context): What a JWT says of itself that no decision needs: the scope as it was granted, and when. It never changes.
void store_opaque_said (struct db *db, const struct store_opaque_key *key,
                        store_opaque_said_callback *callback, void *context);

#endif
