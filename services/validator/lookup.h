// Facts from the database, equal lookups shared.
#ifndef JETON_VALIDATOR_LOOKUP_H
#define JETON_VALIDATOR_LOOKUP_H

#include "services/validator/store.h"
#include "services/validator/validator.h"

// As store_facts_callback. `stamp` is the cache's of when the query that this answers was sent: facts are kept with it.
typedef void lookup_callback (void *context, enum store_outcome outcome, const struct facts *facts,
                              uint64_t stamp);

struct lookup *lookup_new (struct validator *validator) __attribute__ ((returns_nonnull));
// lookup_destroy (&lookup): After the database is closed, when no lookup is open any more. NULL-safe.
void lookup_destroy (struct lookup **lookup);

// lookup_token (lookup, digest, callback, context), lookup_user (lookup, user, jti, generation, callback, context), lookup_client (lookup, token, callback, context),
// lookup_opaque (lookup, token, callback, context):
// Called back once, with facts that were read after the call was made; valid during the callback.
void lookup_token (struct lookup *lookup, const uint8_t digest[TOKEN_DIGEST_SIZE],
                   lookup_callback *callback, void *context);
void lookup_user (struct lookup *lookup, int64_t user, const char *jti, int64_t generation,
                  lookup_callback *callback, void *context);
void lookup_client (struct lookup *lookup, const struct store_client_token *token,
                    lookup_callback *callback, void *context);
void lookup_opaque (struct lookup *lookup, const struct store_opaque_key *token,
                    lookup_callback *callback, void *context);

#endif
