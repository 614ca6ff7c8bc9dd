// Where the facts about tokens come from. Today: the database, each time, equal lookups shared. The callers know only this interface,
// so that a cache can come behind it.
#ifndef JETON_VALIDATOR_LOOKUP_H
#define JETON_VALIDATOR_LOOKUP_H

#include "services/validator/store.h"
#include "services/validator/validator.h"

struct lookup *lookup_new (struct validator *validator) __attribute__ ((returns_nonnull));
// lookup_destroy (&lookup): After the database is closed, when no lookup is open any more. NULL-safe.
void lookup_destroy (struct lookup **lookup);

// lookup_token (lookup, digest, callback, context), lookup_user (lookup, user, callback, context):
// Called back once, with facts that were read after the call was made; valid during the callback.
void lookup_token (struct lookup *lookup, const uint8_t digest[TOKEN_DIGEST_SIZE],
                   store_facts_callback *callback, void *context);
void lookup_user (struct lookup *lookup, int64_t user, store_facts_callback *callback,
                  void *context);

#endif
