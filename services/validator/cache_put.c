// What the cache keeps, and what goes to make room for it.
#include "common/memory/memory.h"
#include "services/validator/cache_internal.h"

#include <string.h>

enum {
    CLOCK_STEPS =
        16384, // spared in a row, which takes less than a millisecond; then one goes, found or not
};

#define EXPIRES_MAX ((INT64_C (1) << 39) - 1)

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
        cache_entry_remove (cache, cache->hand);
        cache->stats.evicted++;
        return;
    }
}

// Makes room for an entry and so many bytes of its own. False: there is not so much.
static bool
room_make (struct cache *cache, size_t bytes)
{
    while (cache->stats.entries > 0 &&
           (cache->stats.entries == cache->room || cache_bytes (cache) + bytes > cache->bytes_max))
        evict (cache);
    return cache_bytes (cache) + bytes <= cache->bytes_max;
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

// By what changes of it are told: those of an API token by its number, those of a JWT by that of its id.
static int64_t
number_of (const struct facts *facts)
{
    return facts->token ? facts->token : jwt_number (facts->jti);
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
    uint32_t number = cache_entry_find (cache, key);
    if (number) {
        visited = cache->entries[number].visited;
        cache_entry_remove (cache, number);
    }
    if (!room_make (cache, facts->jti ? heap_bytes (strlen (facts->jti) + 1) : 0))
        return false;
    number = entry_take (cache);
    struct entry *entry = &cache->entries[number];
    entry_write (cache, entry, facts, changes);
    entry->key = *key;
    entry->stamp = stamp;
    entry->visited = visited;
    hash_index_add (&cache->hashes, cache_hash (key), number);
    return true;
}

bool
cache_put (struct cache *cache, const struct cache_key *key, const struct facts *facts,
           uint64_t stamp)
{
    assert (stamp <= cache->stamps.now);
    bool kept = put (cache, key, facts, stamp);
    cache->stats.refused += !kept;
    cache_stats_update (cache);
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
    uint32_t number = cache_entry_find (cache, from), there = cache_entry_find (cache, to);
    if (!number || number == there)
        return;
    if (there)
        cache_entry_remove (cache, there);
    hash_index_remove (&cache->hashes, cache_hash (from), number);
    cache->entries[number].key = *to;
    hash_index_add (&cache->hashes, cache_hash (to), number);
    cache_stats_update (cache);
}

bool
cache_adopt (struct cache *cache, const uint8_t digest[TOKEN_DIGEST_SIZE],
             const struct cache_key *key, struct facts *facts_r)
{
    struct cache_key from = cache_key_digest (cache, digest);
    uint32_t number = cache_entry_find (cache, &from);
    if (!number)
        return false;
    struct entry *entry = &cache->entries[number];
    if (!cache_entry_good (cache, entry)) {
        cache_entry_remove (cache, number);
        cache_stats_update (cache);
        return false;
    }
    cache_move (cache, &from, key);
    entry->visited = 1;
    cache_entry_read (entry, facts_r);
    cache->stats.moved++;
    return true;
}
