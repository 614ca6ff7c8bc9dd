#include "services/validator/meter.h"

#include "common/memory/memory.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum { SET = 16 };
static const int64_t minute_ns = 60000000000;

struct meter {
    uint64_t key;    // 0: free
    int64_t full_ns; // the theoretical arrival time
};
static_assert (sizeof (struct meter) == 16, "as the header says");

struct meters {
    size_t sets;
    uint8_t
        hash_key[crypto_shorthash_KEYBYTES]; // random: nobody can choose keys that meet in a set
    struct meter_stats stats;
    struct meter *places;
};

struct meters *
meters_new (size_t entries)
{
    struct meters *meters = xcalloc (1, sizeof *meters);
    meters->sets = entries / SET + 1;
    meters->places = xcalloc (meters->sets * SET, sizeof *meters->places);
    randombytes_buf (meters->hash_key, sizeof meters->hash_key);
    return meters;
}

void
meters_destroy (struct meters **meters)
{
    if (!*meters)
        return;
    free ((*meters)->places);
    free (*meters);
    *meters = NULL;
}

const struct meter_stats *
meters_stats (const struct meters *meters)
{
    return &meters->stats;
}

int64_t
meter_interval (const struct meter_limit *limit)
{
    return (minute_ns + limit->per_minute - 1) / limit->per_minute;
}

static int64_t
depth_of (const struct meter_limit *limit)
{
    return meter_interval (limit) * limit->burst;
}

void
meter_view (const struct meter_limit *limit, int64_t ahead_ns, struct meter_view *view_r)
{
    int64_t interval = meter_interval (limit), room = depth_of (limit) - ahead_ns;
    view_r->remaining = room > 0 ? (uint32_t) (room / interval) : 0;
    view_r->reset_ns = ahead_ns;
    view_r->retry_ns = room < interval ? interval - room : 0;
}

static struct meter *
set_of (const struct meters *meters, uint64_t key)
{
    uint64_t hash;
    crypto_shorthash ((uint8_t *) &hash, (const uint8_t *) &key, sizeof key, meters->hash_key);
    return &meters->places[hash % meters->sets * SET];
}

static struct meter *
find (const struct meters *meters, uint64_t key)
{
    struct meter *set = set_of (meters, key);
    for (int i = 0; i < SET; i++)
        if (set[i].key == key)
            return &set[i];
    return NULL;
}

// A place for a key that has none, as one that is full.
static struct meter *
place (struct meters *meters, uint64_t key, int64_t now_ns)
{
    struct meter *set = set_of (meters, key), *meter = set;
    for (int i = 0; i < SET; i++)
        if (set[i].full_ns < meter->full_ns)
            meter = &set[i];
    meters->stats.entries += meter->key == 0;
    meters->stats.forgotten += meter->key != 0 && meter->full_ns > now_ns;
    *meter = (struct meter){.key = key, .full_ns = now_ns};
    return meter;
}

static int64_t
ahead_of (const struct meter *meter, const struct meter_limit *limit, int64_t now_ns)
{
    int64_t ahead = meter ? meter->full_ns - now_ns : 0, depth = depth_of (limit);
    if (ahead < 0)
        return 0;
    return ahead < depth ? ahead : depth;
}

int64_t
meters_ahead (const struct meters *meters, uint64_t key, const struct meter_limit *limit,
              int64_t now_ns)
{
    return ahead_of (find (meters, key), limit, now_ns);
}

uint32_t
meters_take (struct meters *meters, uint64_t key, const struct meter_limit *limit, int64_t now_ns,
             int64_t by_ns, uint32_t n)
{
    struct meter *meter = find (meters, key);
    int64_t from = ahead_of (meter, limit, now_ns), later = by_ns - now_ns;
    assert (key != 0 && later >= 0);
    // A limit that was changed leaves nothing to wait for but the time in which the new burst comes.
    if (meter && meter->full_ns > now_ns + from)
        meter->full_ns = now_ns + from;
    if (from < later)
        from = later;
    int64_t interval = meter_interval (limit), room = (depth_of (limit) - from) / interval;
    if (room <= 0 || n == 0)
        return 0;
    if (n > room)
        n = (uint32_t) room;
    if (!meter)
        meter = place (meters, key, now_ns);
    meter->full_ns = now_ns + from + n * interval;
    return n;
}

void
meters_learn (struct meters *meters, uint64_t key, const struct meter_limit *limit, int64_t now_ns,
              int64_t ahead_ns)
{
    struct meter *meter = find (meters, key);
    int64_t depth = depth_of (limit);
    if (ahead_ns > depth)
        ahead_ns = depth;
    if (ahead_ns <= ahead_of (meter, limit, now_ns))
        return;
    if (!meter)
        meter = place (meters, key, now_ns);
    meter->full_ns = now_ns + ahead_ns;
}
