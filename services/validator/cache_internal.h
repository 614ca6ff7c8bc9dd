// How the files of the cache share its state: cache.c (life, finding, changes), cache_put.c (keeping, and making room for it). Not for others.
#ifndef JETON_VALIDATOR_CACHE_INTERNAL_H
#define JETON_VALIDATOR_CACHE_INTERNAL_H

#include "services/validator/cache.h"
#include "services/validator/hash_index.h"
#include "services/validator/stamps.h"
#include "services/validator/told.h"
#include "services/validator/unknown.h"

#include <assert.h>
#include <sodium.h>

enum {
    LINE = 64,      // bytes of a cache line
    STATE_MAX = 15, // the largest status, kind or environment that an entry has bits for
};

// One token, in one line of the processor's cache.
struct entry {
    struct cache_key key;
    uint64_t stamp;          // when it was asked for
    int64_t expires_at : 40; // enough until the year 19391
    uint64_t revision : TOLD_REVISION_BITS;
    union {
        int64_t grace_until; // of an API token
        char *jti;           // of a JWT, owned
    };
    struct policy *policy; // held; NULL: the entry is free
    uint32_t token,
        account; // of a JWT, token is jwt_number less JWT_NUMBER_MIN; of a free one, the next free one
    uint32_t user; // or customer
    unsigned kind : 4, environment : 4;
    unsigned token_status : 4, account_status : 4, user_status : 4;
    unsigned of_customer : 1, jwt : 1;
    unsigned visited : 1; // found since the hand passed
};
static_assert (sizeof (struct entry) == LINE, "one read of memory");

struct cache {
    struct policies *policies;
    size_t room, bytes_max;
    size_t reserved;  // bytes of all arrays, used or not
    size_t jti_bytes; // of the entries' texts
    struct stamps stamps;
    struct cache_stats stats;
    uint8_t text_key[crypto_shorthash_siphashx24_KEYBYTES];
    uint8_t digest_key[crypto_shorthash_siphashx24_KEYBYTES];
    struct hash_index hashes; // of the keys, to numbers of entries
    void *memory;             // of the entries
    struct entry *entries;    // from 1
    uint32_t last, free;      // the highest that was ever used; the first that was given back
    uint32_t hand;            // of the clock
    struct unknown *unknown;
    struct told *told;
};

static inline uint32_t
cache_hash (const struct cache_key *key)
{
    return (uint32_t) key->words[0];
}

// cache_bytes (cache): Of all of it, policies and names included. cache_stats_update (cache): They may have changed.
size_t cache_bytes (const struct cache *cache);
void cache_stats_update (struct cache *cache);

// cache_entry_find (cache, key): The number of the key's entry, or 0. cache_entry_remove (cache, number): It is free from now on.
uint32_t cache_entry_find (const struct cache *cache, const struct cache_key *key);
void cache_entry_remove (struct cache *cache, uint32_t number);
// cache_entry_good (cache, entry): Has nothing changed since it was asked for, or only what was told? cache_entry_read (entry, facts_r): As cache_find.
bool cache_entry_good (struct cache *cache, struct entry *entry)
    __attribute__ ((warn_unused_result));
void cache_entry_read (const struct entry *entry, struct facts *facts_r);

#endif
