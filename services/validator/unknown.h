// Values that the database does not know, remembered for a moment: a place for each key, and one candidate in it, so that a flood of made-up values
// overwrites itself and drives out nothing else.
#ifndef JETON_VALIDATOR_UNKNOWN_H
#define JETON_VALIDATOR_UNKNOWN_H

#include "services/validator/cache.h"
#include "services/validator/stamps.h"

struct unknown {
    struct cache_key key;
    uint64_t stamp;
    int64_t until_ms;
};

// unknown_new (): CACHE_UNKNOWN_MAX places, unknown_bytes () of memory. To be freed.
struct unknown *unknown_new (void) __attribute__ ((returns_nonnull));
size_t unknown_bytes (void);

// unknown_has (places, key, now_ms, stamps): Is it known not to be known? unknown_put (places, key, until_ms, stamp): As cache_put_unknown.
bool unknown_has (const struct unknown *places, const struct cache_key *key, int64_t now_ms,
                  const struct stamps *stamps);
void unknown_put (struct unknown *places, const struct cache_key *key, int64_t until_ms,
                  uint64_t stamp);

#endif
