// The issuer's public keys, for checking JWTs without asking anyone.
#ifndef JETON_CALLER_KEYS_H
#define JETON_CALLER_KEYS_H

#include "common/db/db.h"
#include "common/token/jwt.h"
#include <czmq.h>
#include <jansson.h>

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
struct public_keys *keys_new (struct loop *loop, struct db *db, int statement,
                              const int64_t *interval_ms) __attribute__ ((returns_nonnull));
// keys_destroy (&keys): After the database is closed. Calls nobody back. NULL-safe.
void keys_destroy (struct public_keys **keys);

// keys_loaded (keys): Were they read at least once?
bool keys_loaded (const struct public_keys *keys);

// keys_verify (keys, token, length, claims_r): jwt_verify of an access token ("at+jwt") with these keys.
enum jwt_result keys_verify (struct public_keys *keys, const char *token, size_t length,
                             json_t **claims_r) __attribute__ ((warn_unused_result));

// How long, and of how many, it is remembered that there was no key of a name. A name is the digest of its key: nobody can have asked for
// one that is made later.
enum { KEYS_MISSING_MS = 10000, KEYS_MISSING_MAX = 1024 };

// For how long whoever hears of each new key believes that there is none but those that were read: so long a token may be refused whose key was made and
// used (by force, as a key is shown for longer otherwise) and not heard of.
enum { KEYS_BELIEVED_MS = 1000 };

// keys_refresh (keys, told, callback, context): Directly after JWT_UNKNOWN_KEY of keys_verify: read them now, perhaps the key is there since. Equal
// wishes share a query, and there are at most ten queries a second, whatever made-up tokens come. `told`: the caller hears of new keys and has had them
// read; then it is one query in KEYS_BELIEVED_MS. False: nothing is gained by it, and `callback` is not called: the token names no key that could be one of the
// issuer's, or one that was not there a moment ago.
bool keys_refresh (struct public_keys *keys, bool told, keys_callback *callback, void *context)
    __attribute__ ((warn_unused_result));

// keys_read_now (keys, callback, context): Read them now, whatever is in memory. Shared and limited in the same way.
void keys_read_now (struct public_keys *keys, keys_callback *callback, void *context);

#endif
