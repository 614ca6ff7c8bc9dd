// What a process shows of itself: counters since it began, gauges, and histograms of how long things took. Whoever has figures keeps them in a struct of uint64_t and struct
// timing, and describes its members in one table of rows; rpc_server_stats (common/rpc/server.h) shows them in Stats/Get, from where the gateway's /metrics and
// `jeton stats` have them.
//
// A name is dotted, of small letters, digits and _: "db.calls". One of a time ends in _us or _ms, one of a size in _bytes. None has a secret, a token, an account or an address of a
// client in it or in its label: labels have few values, which the code knows.
#ifndef JETON_STATS_H
#define JETON_STATS_H

#include <stddef.h>
#include <stdint.h>

// Times in microseconds. The bounds double: 16 us, 32 us, … 8.4 s; a bound belongs to the bucket below it. The last bucket is for all that is longer.
enum { TIMING_FIRST_US = 16, TIMING_BOUNDS = 20, TIMING_BUCKETS = TIMING_BOUNDS + 1 };
struct timing {
    uint64_t sum_us;
    uint64_t buckets[TIMING_BUCKETS]; // each for itself: not those below as well
};
extern const uint64_t timing_bounds[TIMING_BOUNDS];

// timing_add (timing, us): One more of that many microseconds. Less than 0 is 0.
static inline void
timing_add (struct timing *timing, int64_t us)
{
    uint64_t value = us > 0 ? (uint64_t) us : 0;
    unsigned bucket = 0;
    if (value > TIMING_FIRST_US)
        bucket = 60 - (unsigned) __builtin_clzll (value - 1);
    if (bucket >= TIMING_BUCKETS)
        bucket = TIMING_BUCKETS - 1;
    timing->sum_us += value;
    timing->buckets[bucket]++;
}
// timing_count (timing): How many there were.
uint64_t timing_count (const struct timing *timing);

enum stat_kind { STAT_COUNTER, STAT_GAUGE, STAT_HISTOGRAM };

// One member of a struct: a uint64_t, or a struct timing. A table of them is ended by STAT_END.
struct stat_row {
    const char *name;
    enum stat_kind kind;
    size_t offset;
    const char *help; // one line, for people: what is counted
};
#define STAT_COUNTER(type, member, name, help)                                                     \
    {                                                                                              \
        name, STAT_COUNTER, offsetof (type, member), help                                          \
    }
#define STAT_GAUGE(type, member, name, help)                                                       \
    {                                                                                              \
        name, STAT_GAUGE, offsetof (type, member), help                                            \
    }
#define STAT_HISTOGRAM(type, member, name, help)                                                   \
    {                                                                                              \
        name, STAT_HISTOGRAM, offsetof (type, member), help                                        \
    }
#define STAT_END                                                                                   \
    {                                                                                              \
        NULL, STAT_COUNTER, 0, NULL                                                                \
    }

// Figures that are shown together.
struct stat_source {
    const struct stat_row *rows;
    const void *base; // the struct that they are in
    // Called before they are read, for gauges that are worked out only then; NULL: there are none.
    void (*refresh) (void *context);
    void *context;
    const char *label, *value; // of all of them; NULL: none
};

#endif
