#include "services/validator/cache.h"

#include "common/memory/memory.h"
#include "services/validator/hash_index.h"
#include "services/validator/stamps.h"
#include "services/validator/told.h"
#include "services/validator/unknown.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE = 64, // bytes of a cache line
    CLOCK_STEPS =
        16384, // spared in a row, which takes less than a millisecond; then one goes, found or not
    STATE_MAX = 15,   // the largest status, kind or environment that an entry has bits for
    ENTRY_COST = 128, // more than an entry takes with its part of index and slots
};

#define EXPIRES_MAX ((INT64_C (1) << 39) - 1)

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

// ---- life ----------------------------------------------------------------------------------------------------------

// The sizes of the arrays; returns the bytes of all.
static size_t
sizes_of (const struct cache_bounds *bounds, size_t room, size_t *token_slots_r,
          size_t *account_slots_r)
{
    *token_slots_r = room < CACHE_TOKEN_SLOTS_MIN ? CACHE_TOKEN_SLOTS_MIN : room;
    if (bounds->token_slots)
        *token_slots_r = bounds->token_slots;
    *account_slots_r = bounds->account_slots ? bounds->account_slots : CACHE_ACCOUNT_SLOTS;
    return sizeof (struct cache) + unknown_bytes () + told_bytes () +
           stamps_bytes (*token_slots_r, *account_slots_r) + hash_index_bytes (room) +
           (room + 2) * sizeof (struct entry);
}

struct cache *
cache_new (struct policies *policies, const struct cache_bounds *bounds)
{
    size_t token_slots, account_slots;
    assert (bounds->entries > 0 && bounds->entries < UINT32_MAX / 2 &&
            bounds->bytes >= CACHE_BYTES_MIN);
    struct cache *cache = xcalloc (1, sizeof *cache);
    size_t fixed = sizes_of (bounds, 0, &token_slots, &account_slots) + policies_bytes (policies);
    assert (fixed < bounds->bytes / 2);
    cache->room = (bounds->bytes - fixed) / ENTRY_COST;
    if (cache->room > bounds->entries)
        cache->room = bounds->entries;
    cache->reserved = sizes_of (bounds, cache->room, &token_slots, &account_slots);
    cache->bytes_max = bounds->bytes;
    cache->policies = policies;
    randombytes_buf (cache->text_key, sizeof cache->text_key);
    randombytes_buf (cache->digest_key, sizeof cache->digest_key);

    // So large that calloc gets them from the kernel, and each page is there when it is first written to.
    stamps_start (&cache->stamps, token_slots, account_slots);
    cache->unknown = unknown_new ();
    cache->told = told_new ();
    hash_index_start (&cache->hashes, cache->room);
    cache->memory = xcalloc (cache->room + 2, sizeof cache->entries[0]);
    size_t aligned = (LINE - (uintptr_t) cache->memory % LINE) % LINE;
    cache->entries = (void *) ((char *) cache->memory + aligned);
    return cache;
}

static void
entry_clear (struct cache *cache, struct entry *entry)
{
    if (entry->jwt) {
        cache->jti_bytes -= heap_bytes (strlen (entry->jti) + 1);
        free (entry->jti);
    }
    policy_release (cache->policies, entry->policy);
    *entry = (struct entry){0};
}

void
cache_destroy (struct cache **cache)
{
    if (!*cache)
        return;
    for (uint32_t number = 1; number <= (*cache)->last; number++)
        if ((*cache)->entries[number].policy)
            entry_clear (*cache, &(*cache)->entries[number]);
    assert ((*cache)->jti_bytes == 0);
    stamps_end (&(*cache)->stamps);
    free ((*cache)->unknown);
    free ((*cache)->told);
    hash_index_end (&(*cache)->hashes);
    free ((*cache)->memory);
    sodium_memzero (*cache, sizeof **cache);
    free (*cache);
    *cache = NULL;
}

static size_t
bytes_of (const struct cache *cache)
{
    return cache->reserved + cache->jti_bytes + policies_bytes (cache->policies);
}

static void
stats_update (struct cache *cache)
{
    cache->stats.bytes = bytes_of (cache);
}

const struct cache_stats *
cache_stats (const struct cache *cache)
{
    return &cache->stats;
}

size_t
cache_room (const struct cache *cache)
{
    return cache->room;
}

bool
cache_full (const struct cache *cache)
{
    return cache->stats.entries == cache->room ||
           bytes_of (cache) + cache->bytes_max / CACHE_POLICY_SHARE > cache->bytes_max;
}

// ---- keys and the index --------------------------------------------------------------------------------------------

static struct cache_key
key_of (const void *data, size_t size, const uint8_t *key)
{
    struct cache_key made;
    static_assert (sizeof made == crypto_shorthash_siphashx24_BYTES, "SipHash-2-4, 128 bits");
    crypto_shorthash_siphashx24 ((uint8_t *) &made, data, size, key);
    return made;
}

struct cache_key
cache_key (const struct cache *cache, const char *text, size_t length)
{
    return key_of (text, length, cache->text_key);
}

struct cache_key
cache_key_digest (const struct cache *cache, const uint8_t digest[TOKEN_DIGEST_SIZE])
{
    return key_of (digest, TOKEN_DIGEST_SIZE, cache->digest_key);
}

static bool
key_equals (const struct cache_key *a, const struct cache_key *b)
{
    return a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

static uint32_t
hash_of (const struct cache_key *key)
{
    return (uint32_t) key->words[0];
}

// The number of the key's entry, or 0.
static uint32_t
entry_find (const struct cache *cache, const struct cache_key *key)
{
    size_t at = hash_of (key);
    uint32_t number;
    do
        number = hash_index_next (&cache->hashes, hash_of (key), &at);
    while (number && !key_equals (&cache->entries[number].key, key));
    return number;
}

static void
entry_remove (struct cache *cache, uint32_t number)
{
    struct entry *entry = &cache->entries[number];
    hash_index_remove (&cache->hashes, hash_of (&entry->key), number);
    entry_clear (cache, entry);
    entry->token = cache->free;
    cache->free = number;
    cache->stats.entries--;
}

void
cache_prefetch (const struct cache *cache, const struct cache_key *key)
{
    hash_index_prefetch (&cache->hashes, hash_of (key));
}

void
cache_prefetch_entry (const struct cache *cache, const struct cache_key *key)
{
    size_t at = hash_of (key);
    uint32_t number = hash_index_next (&cache->hashes, hash_of (key), &at);
    if (number)
        __builtin_prefetch (&cache->entries[number]);
}

// ---- finding -------------------------------------------------------------------------------------------------------

static void
entry_read (const struct entry *entry, struct facts *facts_r)
{
    *facts_r = (struct facts){
        .token = entry->jwt ? 0 : entry->token,
        .account = entry->account,
        .user = entry->of_customer ? 0 : entry->user,
        .customer = entry->of_customer ? entry->user : 0,
        .revision = entry->revision,
        .expires_at = entry->expires_at,
        .grace_until = entry->jwt ? 0 : entry->grace_until,
        .kind = entry->kind,
        .environment = entry->environment,
        .token_status = entry->token_status,
        .account_status = entry->account_status,
        .user_status = entry->user_status,
        .policy = entry->policy,
        .jti = entry->jwt ? entry->jti : NULL,
    };
}

// By what changes of it are told: those of an API token by its number, those of a JWT by that of its id.
static int64_t
number_of (const struct facts *facts)
{
    return facts->token ? facts->token : jwt_number (facts->jti);
}

// Is it good by what was told of the one change since? Then it becomes what it is since then.
static bool
entry_told (struct cache *cache, struct entry *entry)
{
    const struct told *told = told_find (cache->told, entry->token);
    if (entry->jwt || !told ||
        !told_follows (told, &cache->stamps, entry->account, entry->stamp, entry->revision,
                       entry->token_status))
        return false;
    cache->stats.told += entry->token_status != told->status;
    entry->token_status = told->status & STATE_MAX;
    entry->revision = told_revision (told->revision);
    entry->stamp = told->after;
    return true;
}

static bool
entry_good (struct cache *cache, struct entry *entry)
{
    int64_t number = entry->jwt ? JWT_NUMBER_MIN + entry->token : entry->token;
    return stamps_good (&cache->stamps, number, entry->account, entry->stamp) ||
           entry_told (cache, entry);
}

static enum cache_outcome
unknown_find (struct cache *cache, const struct cache_key *key, int64_t now_ms)
{
    if (unknown_has (cache->unknown, key, now_ms, &cache->stamps)) {
        cache->stats.unknown++;
        return CACHE_UNKNOWN;
    }
    cache->stats.misses++;
    return CACHE_MISS;
}

enum cache_outcome
cache_find (struct cache *cache, const struct cache_key *key, int64_t now_ms, struct facts *facts_r)
{
    uint32_t number = entry_find (cache, key);
    if (!number)
        return unknown_find (cache, key, now_ms);
    struct entry *entry = &cache->entries[number];
    if (!entry_good (cache, entry)) {
        entry_remove (cache, number);
        stats_update (cache);
        cache->stats.outdated++;
        cache->stats.misses++;
        return CACHE_MISS;
    }
    if (!entry->visited) // so that a line that is only read stays clean
        entry->visited = 1;
    entry_read (entry, facts_r);
    cache->stats.hits++;
    return CACHE_HIT;
}

// ---- putting -------------------------------------------------------------------------------------------------------

// The clock's hand goes round the entries. It spares once what was found since it passed, and takes the first that was not.
static void
evict (struct cache *cache)
{
    for (int spared = 0;;) {
        cache->hand = cache->hand >= cache->last ? 1 : cache->hand + 1;
        struct entry *entry = &cache->entries[cache->hand];
        if (!entry->policy)
            continue;
        if (entry->visited && spared < CLOCK_STEPS) {
            entry->visited = 0;
            spared++;
            continue;
        }
        entry_remove (cache, cache->hand);
        cache->stats.evicted++;
        return;
    }
}

// Makes room for an entry and so many bytes of its own. False: there is not so much.
static bool
room_make (struct cache *cache, size_t bytes)
{
    while (cache->stats.entries > 0 &&
           (cache->stats.entries == cache->room || bytes_of (cache) + bytes > cache->bytes_max))
        evict (cache);
    return bytes_of (cache) + bytes <= cache->bytes_max;
}

// Has an entry bits for all of it?
static bool
facts_fit (const struct cache *cache, const struct facts *facts)
{
    return facts->token >= 0 && facts->token <= UINT32_MAX && facts->account >= 0 &&
           facts->account <= UINT32_MAX && facts->user >= 0 && facts->user <= UINT32_MAX &&
           facts->customer >= 0 && facts->customer <= UINT32_MAX &&
           (facts->user == 0 || facts->customer == 0) && facts->expires_at >= 0 &&
           facts->expires_at <= EXPIRES_MAX && facts->kind <= STATE_MAX &&
           facts->environment <= STATE_MAX && facts->token_status <= STATE_MAX &&
           facts->account_status <= STATE_MAX && facts->user_status <= STATE_MAX &&
           (facts->token == 0) == (facts->jti != NULL) &&
           (facts->token != 0 || facts->grace_until == 0) &&
           policy_bytes (facts->policy) <= cache->bytes_max / CACHE_POLICY_SHARE;
}

static void
entry_write (struct cache *cache, struct entry *entry, const struct facts *facts, int64_t number)
{
    *entry = (struct entry){
        .expires_at = facts->expires_at,
        .revision = told_revision (facts->revision),
        .policy = policy_hold (facts->policy),
        .token = (uint32_t) number, // of a JWT, without JWT_NUMBER_MIN
        .account = (uint32_t) facts->account,
        .user = (uint32_t) (facts->customer ? facts->customer : facts->user),
        .of_customer = facts->customer != 0,
        .kind = facts->kind & STATE_MAX,
        .environment = facts->environment & STATE_MAX,
        .token_status = facts->token_status & STATE_MAX,
        .account_status = facts->account_status & STATE_MAX,
        .user_status = facts->user_status & STATE_MAX,
        .jwt = facts->token == 0,
    };
    if (facts->token) {
        entry->grace_until = facts->grace_until;
    } else {
        entry->jti = xstrdup (facts->jti);
        cache->jti_bytes += heap_bytes (strlen (facts->jti) + 1);
    }
}

static uint32_t
entry_take (struct cache *cache)
{
    uint32_t number = cache->free;
    if (number)
        cache->free = cache->entries[number].token;
    else
        number = ++cache->last;
    assert (number <= cache->room);
    cache->stats.entries++;
    return number;
}

static bool
put (struct cache *cache, const struct cache_key *key, const struct facts *facts, uint64_t stamp)
{
    if (!facts_fit (cache, facts))
        return false;
    int64_t changes = number_of (facts);
    if (!stamps_good (&cache->stamps, changes, facts->account, stamp))
        return false;
    bool visited = false;
    uint32_t number = entry_find (cache, key);
    if (number) {
        visited = cache->entries[number].visited;
        entry_remove (cache, number);
    }
    if (!room_make (cache, facts->jti ? heap_bytes (strlen (facts->jti) + 1) : 0))
        return false;
    number = entry_take (cache);
    struct entry *entry = &cache->entries[number];
    entry_write (cache, entry, facts, changes);
    entry->key = *key;
    entry->stamp = stamp;
    entry->visited = visited;
    hash_index_add (&cache->hashes, hash_of (key), number);
    return true;
}

bool
cache_put (struct cache *cache, const struct cache_key *key, const struct facts *facts,
           uint64_t stamp)
{
    assert (stamp <= cache->stamps.now);
    bool kept = put (cache, key, facts, stamp);
    cache->stats.refused += !kept;
    stats_update (cache);
    return kept;
}

bool
cache_put_unknown (struct cache *cache, const struct cache_key *key, int64_t until_ms,
                   uint64_t stamp)
{
    assert (stamp <= cache->stamps.now);
    if (!stamps_good_unknown (&cache->stamps, stamp)) {
        cache->stats.refused++;
        return false;
    }
    unknown_put (cache->unknown, key, until_ms, stamp);
    return true;
}

void
cache_move (struct cache *cache, const struct cache_key *from, const struct cache_key *to)
{
    uint32_t number = entry_find (cache, from), there = entry_find (cache, to);
    if (!number || number == there)
        return;
    if (there)
        entry_remove (cache, there);
    hash_index_remove (&cache->hashes, hash_of (from), number);
    cache->entries[number].key = *to;
    hash_index_add (&cache->hashes, hash_of (to), number);
    stats_update (cache);
}

bool
cache_adopt (struct cache *cache, const uint8_t digest[TOKEN_DIGEST_SIZE],
             const struct cache_key *key, struct facts *facts_r)
{
    struct cache_key from = cache_key_digest (cache, digest);
    uint32_t number = entry_find (cache, &from);
    if (!number)
        return false;
    struct entry *entry = &cache->entries[number];
    if (!entry_good (cache, entry)) {
        entry_remove (cache, number);
        stats_update (cache);
        return false;
    }
    cache_move (cache, &from, key);
    entry->visited = 1;
    entry_read (entry, facts_r);
    cache->stats.moved++;
    return true;
}

// ---- changes -------------------------------------------------------------------------------------------------------

uint64_t
cache_now (const struct cache *cache)
{
    return cache->stamps.now;
}

void
cache_change_token (struct cache *cache, int64_t token)
{
    stamps_change (&cache->stamps, &cache->stamps.tokens, token);
    cache->stamps.unknown = cache->stamps.now;
}

void
cache_refuse_token (struct cache *cache, int64_t token, int64_t revision, uint8_t status)
{
    uint64_t before = *stamps_slot (&cache->stamps.tokens, token);
    cache_change_token (cache, token);
    if (token < JWT_NUMBER_MIN && status <= STATE_MAX)
        told_put (cache->told, token, revision, status, before,
                  *stamps_slot (&cache->stamps.tokens, token));
}

void
cache_change_account (struct cache *cache, int64_t account)
{
    stamps_change (&cache->stamps, &cache->stamps.accounts, account);
    cache->stamps.unknown = cache->stamps.now; // tokens may have been imported
}

void
cache_change_keys (struct cache *cache)
{
    cache->stamps.keys = ++cache->stamps.now;
}

void
cache_forget_jwts (struct cache *cache)
{
    if (cache->stamps.keys != STAMPS_BLOCKED)
        cache_change_keys (cache);
}

void
cache_change_all (struct cache *cache)
{
    cache->stamps.all = ++cache->stamps.now;
}

bool
cache_block_token (struct cache *cache, int64_t token)
{
    return stamps_block (&cache->stamps, &cache->stamps.tokens, token);
}

bool
cache_block_account (struct cache *cache, int64_t account)
{
    return stamps_block (&cache->stamps, &cache->stamps.accounts, account);
}

void
cache_block_keys (struct cache *cache)
{
    cache->stamps.keys = STAMPS_BLOCKED;
}

void
cache_block_all (struct cache *cache)
{
    cache->stamps.all = STAMPS_BLOCKED;
}
