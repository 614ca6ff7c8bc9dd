#include "services/validator/unknown.h"

#include "common/memory/memory.h"

static size_t
place_of (const struct cache_key *key)
{
    return key->words[1] % CACHE_UNKNOWN_MAX;
}

struct unknown *
unknown_new (void)
{
    return xcalloc (CACHE_UNKNOWN_MAX, sizeof (struct unknown));
}

size_t
unknown_bytes (void)
{
    return CACHE_UNKNOWN_MAX * sizeof (struct unknown);
}

bool
unknown_has (const struct unknown *places, const struct cache_key *key, int64_t now_ms,
             const struct stamps *stamps)
{
    const struct unknown *unknown = &places[place_of (key)];
    return unknown->key.words[0] == key->words[0] && unknown->key.words[1] == key->words[1] &&
           now_ms < unknown->until_ms && stamps_good_unknown (stamps, unknown->stamp);
}

void
unknown_put (struct unknown *places, const struct cache_key *key, int64_t until_ms, uint64_t stamp)
{
    places[place_of (key)] = (struct unknown){*key, stamp, until_ms};
}
