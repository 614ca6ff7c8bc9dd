// The issuer's public keys, for checking JWTs without asking anyone.
#ifndef JETON_CALLER_KEYS_H
#define JETON_CALLER_KEYS_H

#include "common/db/db.h"
#include "common/token/jwt.h"
#include <czmq.h>

// Called in the loop's thread, never before the starter has returned, unless keys_destroy comes first. `loaded`: the keys were read
// after the call was made.
typedef void keys_callback (void *context, bool loaded);

// The statement that reads them: not those that are revoked (4); a retired key's last token lives for at most a year (R18). A process's table of statements has a row with it.
#define KEYS_SQL                                                                                   \
    "SELECT kid, public_key FROM signing_keys"                                                     \
    " WHERE state <> 4"                                                                            \
    " AND (retired_at IS NULL OR retired_at > now() - interval '366 days')"                        \
    " ORDER BY created_at DESC LIMIT 256"

// keys_new (loop, db, statement, interval_ms): Begins to read them every *interval_ms, a setting. `statement` is the row with KEYS_SQL.
struct public_keys *keys_new (zloop_t *loop, struct db *db, int statement,
                              const int64_t *interval_ms) __attribute__ ((returns_nonnull));
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
