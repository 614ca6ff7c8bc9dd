// What is known of tokens, in memory: as much as fits, and nothing that is older than a change (stamps.h). It does not know whether it hears of
// all changes: that is its user's matter, who asks it only while it is sure of that.
//
// One thread. cache_find, cache_prefetch and what follows of them allocate nothing.
#ifndef JETON_VALIDATOR_CACHE_H
#define JETON_VALIDATOR_CACHE_H

#include "common/token/value.h"
#include "services/validator/facts.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CACHE_UNKNOWN_MAX = 16384,   // values that the database does not know, kept at a time
    CACHE_BYTES_MIN = 16 << 20,  // the least that the bound of the bytes can be
    CACHE_POLICY_SHARE = 1024,   // a policy larger than this part of the bytes is not kept
    CACHE_ACCOUNT_SLOTS = 65536, // of stamps
    CACHE_TOKEN_SLOTS_MIN = 65536,
};

struct cache;

// The hard bounds of a cache.
struct cache_bounds {
    size_t entries; // where the bytes cannot hold so many, there is room for fewer
    size_t bytes;   // of all of it, policies and names included; CACHE_BYTES_MIN at least
    size_t token_slots,
        account_slots; // 0: as many as is good. For tests: few, so that they collide
};

// For rpc_server_stat: kept up to date.
struct cache_stats {
    uint64_t entries, bytes; // in it now
    uint64_t hits, misses;
    uint64_t outdated; // of the misses: found, but something has changed since
    uint64_t moved;    // of the misses: found by their digest after all
    uint64_t told;     // of the hits and moved: first refused by what was told of their change
    uint64_t unknown;  // hits: known not to be known
    uint64_t refused;  // not kept: something had changed since it was asked, or it does not fit
    uint64_t evicted;
};

// Of 128 bits, under keys that each process draws for itself: nobody can aim at another's.
struct cache_key {
    uint64_t words[2];
};

enum cache_outcome { CACHE_MISS, CACHE_HIT, CACHE_UNKNOWN };

// cache_new (policies, bounds): Takes address space; memory only as it fills. `policies`, whose bytes count as the cache's, must outlive it.
struct cache *cache_new (struct policies *policies, const struct cache_bounds *bounds)
    __attribute__ ((returns_nonnull));
void cache_destroy (struct cache **cache); // NULL-safe
const struct cache_stats *cache_stats (const struct cache *cache);
// cache_room (cache): How many entries fit at most. cache_full (cache): Would one more drive out another?
size_t cache_room (const struct cache *cache);
bool cache_full (const struct cache *cache);

// cache_key (cache, text, length), cache_key_digest (cache, digest): Of a token as it is presented; of an API token whose value nobody has
// presented yet, by what is stored of it. No text has the key of a digest.
struct cache_key cache_key (const struct cache *cache, const char *text, size_t length);
struct cache_key cache_key_digest (const struct cache *cache,
                                   const uint8_t digest[TOKEN_DIGEST_SIZE]);

// cache_find (cache, key, now_ms, facts_r): CACHE_HIT: facts_r; its pointers are valid until the cache is next put to, or told of a
// change. CACHE_UNKNOWN: the database did not know it a moment ago. now_ms is of the clock of cache_put_unknown's until_ms.
enum cache_outcome cache_find (struct cache *cache, const struct cache_key *key, int64_t now_ms,
                               struct facts *facts_r);
// cache_prefetch (cache, key), cache_prefetch_entry (cache, key), cache_prefetch_stamps (cache, key): For many at once: call the first for each, then the second for
// each, then the third, then cache_find for each; memory is slow, but many reads of it can be under way.
void cache_prefetch (const struct cache *cache, const struct cache_key *key);
void cache_prefetch_entry (const struct cache *cache, const struct cache_key *key);
void cache_prefetch_stamps (const struct cache *cache, const struct cache_key *key);

// cache_now (cache): The stamp of a question that is sent to the database now.
uint64_t cache_now (const struct cache *cache);
// cache_put (cache, key, facts, stamp): Keep the answer to a question that was sent at `stamp`, instead of what was there. False: it is not
// kept, because of a change since, or because it does not fit. Others may have to go: those that were not asked for longest. The facts are
// copied, their policy is held once more; they are not cache_find's.
bool cache_put (struct cache *cache, const struct cache_key *key, const struct facts *facts,
                uint64_t stamp);
// cache_put_unknown (cache, key, until_ms, stamp): The same of the answer that there is no such token; kept until then at most, in a room
// of its own, so that a flood of made-up values drives out nothing else.
bool cache_put_unknown (struct cache *cache, const struct cache_key *key, int64_t until_ms,
                        uint64_t stamp);
// cache_move (cache, from, to): What is kept under `from` is from now on under `to`: a token that was put by its digest was presented.
void cache_move (struct cache *cache, const struct cache_key *from, const struct cache_key *to);
// cache_adopt (cache, digest, key, facts_r): For a value that cache_find missed: what is kept of the token with its digest; from now on it is
// kept under the key. Facts as cache_find's. False: nothing is, or something has changed since.
bool cache_adopt (struct cache *cache, const uint8_t digest[TOKEN_DIGEST_SIZE],
                  const struct cache_key *key, struct facts *facts_r);

// Something has changed: what was asked about it before is not believed any more. A token that is new is a change of that token. Of a
// JWT count the token of its jwt_number, its account, the signing keys and everything; a change of a user is one of the account. Each ends the block of the same object.
void cache_change_token (struct cache *cache, int64_t token);
// cache_refuse_token (cache, token, revision, status): A change of that token, by which it became that revision and nothing of it changed but its status, which is none
// that allows anything. What is known of the revision before it is known of this one: it is found with that status. RULE in told.h.
void cache_refuse_token (struct cache *cache, int64_t token, int64_t revision, uint8_t status);
void cache_change_account (struct cache *cache, int64_t account);
void cache_change_keys (struct cache *cache);
void cache_change_all (struct cache *cache);

// cache_forget_jwts (cache): JWTs that were kept before are not believed any more. As cache_change_keys, but ends no block.
void cache_forget_jwts (struct cache *cache);
// cache_forget_all (cache): Nothing that was kept before is believed any more. As cache_change_all, but ends no block.
void cache_forget_all (struct cache *cache);

// Something may change at any time from now on: nothing about it is kept or found until cache_change_… of the same object. False: there are
// STAMPS_BLOCKS_MAX already; now everything is blocked, as by cache_block_all. While a token or account is blocked, no value is known not
// to be known.
bool cache_block_token (struct cache *cache, int64_t token) __attribute__ ((warn_unused_result));
bool cache_block_account (struct cache *cache, int64_t account)
    __attribute__ ((warn_unused_result));
void cache_block_keys (struct cache *cache);
void cache_block_all (struct cache *cache);

#endif
