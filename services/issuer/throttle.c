#include "services/issuer/throttle.h"

#include "common/memory/memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKET = 8 };

struct entry {
    uint64_t name;   // its keyed hash; 0: free
    int64_t full_ms; // GCRA's theoretical arrival time: when all tries are available again
};

struct throttle {
    int64_t interval_ms, burst_ms;
    size_t buckets;
    uint8_t key[crypto_shorthash_KEYBYTES]; // random: nobody can choose names that meet in a bucket
    struct entry *entries;
};

struct throttle *
throttle_new (int64_t per_minute, size_t entries)
{
    return throttle_new_per (per_minute, 60000, entries);
}

struct throttle *
throttle_new_per (int64_t n, int64_t period_ms, size_t entries)
{
    struct throttle *throttle = xcalloc (1, sizeof *throttle);
    throttle->interval_ms = period_ms / n;
    throttle->burst_ms = throttle->interval_ms * n;
    throttle->buckets = entries / BUCKET + 1;
    throttle->entries = xcalloc (throttle->buckets * BUCKET, sizeof *throttle->entries);
    randombytes_buf (throttle->key, sizeof throttle->key);
    return throttle;
}

void
throttle_destroy (struct throttle **throttle)
{
    if (!*throttle)
        return;
    free ((*throttle)->entries);
    free (*throttle);
    *throttle = NULL;
}

static uint64_t
name_hash (const struct throttle *throttle, const char *name)
{
    uint64_t hash;
    crypto_shorthash ((unsigned char *) &hash, (const unsigned char *) name, strlen (name),
                      throttle->key);
    return hash | 1;
}

// The entry of a name; one that can be had for it when it has none.
static struct entry *
entry_find (struct throttle *throttle, uint64_t hash)
{
    struct entry *bucket = &throttle->entries[(hash >> 8) % throttle->buckets * BUCKET];
    struct entry *oldest = bucket;
    for (int i = 0; i < BUCKET; i++) {
        if (bucket[i].name == hash)
            return &bucket[i];
        if (bucket[i].full_ms < oldest->full_ms)
            oldest = &bucket[i];
    }
    return oldest;
}

// When all tries of a name are available again, if that is not now already.
static int64_t
full_of (const struct entry *entry, uint64_t hash, int64_t now_ms)
{
    return entry->name == hash && entry->full_ms > now_ms ? entry->full_ms : now_ms;
}

int64_t
throttle_take (struct throttle *throttle, const char *name, int64_t now_ms)
{
    uint64_t hash = name_hash (throttle, name);
    struct entry *entry = entry_find (throttle, hash);
    int64_t full = full_of (entry, hash, now_ms);
    int64_t early = full + throttle->interval_ms - throttle->burst_ms - now_ms;
    if (early > 0)
        return early;
    entry->name = hash;
    entry->full_ms = full + throttle->interval_ms;
    return 0;
}

int64_t
throttle_wait (struct throttle *throttle, const char *name, int64_t now_ms)
{
    uint64_t hash = name_hash (throttle, name);
    int64_t full = full_of (entry_find (throttle, hash), hash, now_ms);
    int64_t early = full + throttle->interval_ms - throttle->burst_ms - now_ms;
    return early > 0 ? early : 0;
}

void
throttle_mark (struct throttle *throttle, const char *name, int64_t now_ms)
{
    uint64_t hash = name_hash (throttle, name);
    struct entry *entry = entry_find (throttle, hash);
    entry->name = hash;
    entry->full_ms = now_ms + throttle->burst_ms;
}

void
throttle_give_back (struct throttle *throttle, const char *name)
{
    uint64_t hash = name_hash (throttle, name);
    struct entry *entry = entry_find (throttle, hash);
    if (entry->name == hash)
        entry->full_ms -= throttle->interval_ms;
}
