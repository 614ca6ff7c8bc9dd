// How often something may be used: GCRA, the leaky bucket as a meter in its form of virtual scheduling (ITU-T I.371, annex A), for many
// things at once, in a table of fixed size. It has no clock and no network.
//
// A meter is one moment, the theoretical arrival time: when all of the burst is there again. A use moves it on by the time T in which the
// rate allows one. A use conforms when afterwards the moment is at most burst * T ahead. So in any span of time t no more than
// burst + rate * t uses conform. T is rounded up to whole nanoseconds: the rate that holds is never above the limit, and at most
// 1/10,000 below.
#ifndef JETON_VALIDATOR_METER_H
#define JETON_VALIDATOR_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct meter_limit {
    uint32_t per_minute, burst; // 1 to 6,000,000 each
};

// meter_key (account, number, environment): What is limited: an account or a token, by its number, in an environment (1 or 2). Never 0.
static inline uint64_t
meter_key (bool account, int64_t number, unsigned environment)
{
    return (uint64_t) number << 3 | (uint64_t) account << 2 | (environment & 3);
}

// meter_interval (limit): T, in nanoseconds.
int64_t meter_interval (const struct meter_limit *limit);

// How a meter stands.
struct meter_view {
    uint32_t remaining; // uses that would conform now
    int64_t reset_ns;   // until all of the burst is there again
    int64_t retry_ns;   // until one use conforms; 0: it does now
};
// meter_view (limit, ahead_ns, view_r): Of a meter that is so far ahead of now.
void meter_view (const struct meter_limit *limit, int64_t ahead_ns, struct meter_view *view_r);

struct meters;

struct meter_stats {
    uint64_t entries;   // places that are or were taken
    uint64_t forgotten; // see meters_new
};

// meters_new (entries): For so many at least; 16 bytes each. They are kept in sets of 16 places by a hash under a key of the process. Whoever needs a
// place takes that of a meter whose burst is all there, which loses nothing. When all 16 are in use, the one that would be full soonest is
// forgotten, and counted: its next uses begin with a full burst, so that is what may be allowed too much.
struct meters *meters_new (size_t entries) __attribute__ ((returns_nonnull));
void meters_destroy (struct meters **meters); // NULL-safe
const struct meter_stats *meters_stats (const struct meters *meters);

// `now_ns` is of a clock that never goes back, the same for all calls.

// meters_take (meters, key, limit, now_ns, by_ns, n): Up to n uses that conform now; returns how many. They are counted as if they were at by_ns,
// which is now_ns, or later: for uses that are allowed now and may happen until then. What happens earlier than it was counted conforms
// all the more (services/validator/DESIGN.md).
uint32_t meters_take (struct meters *meters, uint64_t key, const struct meter_limit *limit,
                      int64_t now_ns, int64_t by_ns, uint32_t n);

// meters_ahead (meters, key, limit, now_ns): How far the meter is ahead of now, 0 to burst * T; for meter_view.
int64_t meters_ahead (const struct meters *meters, uint64_t key, const struct meter_limit *limit,
                      int64_t now_ns);

// meters_learn (meters, key, limit, now_ns, ahead_ns): Elsewhere it is known to be that far ahead: it is so at least, within burst * T.
void meters_learn (struct meters *meters, uint64_t key, const struct meter_limit *limit,
                   int64_t now_ns, int64_t ahead_ns);

#endif
