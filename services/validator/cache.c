#include "common/memory/memory.h"
#include "services/validator/cache_internal.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRY_COST = 128 }; // more than an entry takes with its part of index and slots

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

size_t
cache_bytes (const struct cache *cache)
{
    return cache->reserved + cache->jti_bytes + policies_bytes (cache->policies);
}

void
cache_stats_update (struct cache *cache)
{
    cache->stats.bytes = cache_bytes (cache);
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
           cache_bytes (cache) + cache->bytes_max / CACHE_POLICY_SHARE > cache->bytes_max;
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

// By what number changes of it are told (number_of in cache_put.c).
static int64_t
changes_of (const struct entry *entry)
{
    return entry->jwt ? JWT_NUMBER_MIN + entry->token : entry->token;
}

static bool
key_equals (const struct cache_key *a, const struct cache_key *b)
{
    return a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

uint32_t
cache_entry_find (const struct cache *cache, const struct cache_key *key)
{
    size_t at = cache_hash (key);
    uint32_t number;
    do
        number = hash_index_next (&cache->hashes, cache_hash (key), &at);
    while (number && !key_equals (&cache->entries[number].key, key));
    return number;
}

void
cache_entry_remove (struct cache *cache, uint32_t number)
{
    struct entry *entry = &cache->entries[number];
    hash_index_remove (&cache->hashes, cache_hash (&entry->key), number);
    entry_clear (cache, entry);
    entry->token = cache->free;
    cache->free = number;
    cache->stats.entries--;
}

void
cache_prefetch (const struct cache *cache, const struct cache_key *key)
{
    hash_index_prefetch (&cache->hashes, cache_hash (key));
}

// What the key's hash leads to first, which is nearly always its own; NULL: nothing.
static const struct entry *
entry_likely (const struct cache *cache, const struct cache_key *key)
{
    size_t at = cache_hash (key);
    uint32_t number = hash_index_next (&cache->hashes, cache_hash (key), &at);
    return number ? &cache->entries[number] : NULL;
}

void
cache_prefetch_entry (const struct cache *cache, const struct cache_key *key)
{
    const struct entry *entry = entry_likely (cache, key);
    if (entry)
        __builtin_prefetch (entry);
}

void
cache_prefetch_stamps (const struct cache *cache, const struct cache_key *key)
{
    const struct entry *entry = entry_likely (cache, key);
    if (!entry)
        return;
    __builtin_prefetch (stamps_slot (&cache->stamps.tokens, changes_of (entry)));
    __builtin_prefetch (stamps_slot (&cache->stamps.accounts, entry->account));
}

// ---- finding -------------------------------------------------------------------------------------------------------

void
cache_entry_read (const struct entry *entry, struct facts *facts_r)
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

bool
cache_entry_good (struct cache *cache, struct entry *entry)
{
    return stamps_good (&cache->stamps, changes_of (entry), entry->account, entry->stamp) ||
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
    uint32_t number = cache_entry_find (cache, key);
    if (!number)
        return unknown_find (cache, key, now_ms);
    struct entry *entry = &cache->entries[number];
    if (!cache_entry_good (cache, entry)) {
        cache_entry_remove (cache, number);
        cache_stats_update (cache);
        cache->stats.outdated++;
        cache->stats.misses++;
        return CACHE_MISS;
    }
    if (!entry->visited) // so that a line that is only read stays clean
        entry->visited = 1;
    cache_entry_read (entry, facts_r);
    cache->stats.hits++;
    return CACHE_HIT;
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

void
cache_forget_all (struct cache *cache)
{
    if (cache->stamps.all != STAMPS_BLOCKED)
        cache_change_all (cache);
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
