// The issuer's public keys, for checking JWTs without asking anyone.
#ifndef JETON_VALIDATOR_KEYS_H
#define JETON_VALIDATOR_KEYS_H

#include "common/token/jwt.h"
#include "services/validator/validator.h"

// Called in the loop's thread, never before the starter has returned, unless keys_destroy comes first. `loaded`: the keys were read
// after the call was made.
typedef void keys_callback (void *context, bool loaded);

// keys_new (validator): Begins to read them every keys_interval_ms.
struct public_keys *keys_new (struct validator *validator) __attribute__ ((returns_nonnull));
// keys_destroy (&keys): After the database is closed. Calls nobody back. NULL-safe.
void keys_destroy (struct public_keys **keys);

// keys_loaded (keys): Were they read at least once?
bool keys_loaded (const struct public_keys *keys);

// keys_find (keys, kid), with the keys as `context`: NULL when there is none. A jwt_find_key.
const struct jwt_key *keys_find (void *context, const char *kid);

// keys_refresh (keys, callback, context): Read them now: a token names a key that is not known. Equal wishes share a query, and there
// are at most ten queries a second, whatever made-up tokens come.
void keys_refresh (struct public_keys *keys, keys_callback *callback, void *context);

#endif
