// Latencies, counted in the way of HdrHistogram: log-linear buckets, a fixed amount of memory, and no sample thrown away.
//
// Values below 256 are counted exactly, greater ones with an error below 1/128 (0.8 %). Values of 2^40 and more (in nanoseconds: 18
// minutes) count as 2^40 - 1. Whoever records decides what is measured: a load with a schedule records from the time at which the
// schedule wanted the call to begin, so that a server which holds up the schedule cannot hide it (coordinated omission).
#ifndef JETON_BENCH_HISTOGRAM_H
#define JETON_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_LINEAR_BITS = 7, // 128 buckets for each power of two
    HISTOGRAM_VALUE_BITS = 40,
    HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_LINEAR_BITS + 1) << HISTOGRAM_LINEAR_BITS,
};

// Empty when zeroed. 34 KiB.
struct histogram {
    uint64_t n, sum, min, max; // of what was recorded; min and max are exact
    uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_record (struct histogram *histogram, uint64_t value);
// histogram_merge (into, from): As if what was recorded in `from` had been recorded in `into` too.
void histogram_merge (struct histogram *into, const struct histogram *from);
// histogram_percentile (histogram, percent): The least value that at least `percent` (0 to 100) of the recorded values do not exceed,
// rounded up to the end of its bucket, and never above the greatest one recorded. 0 when nothing was.
uint64_t histogram_percentile (const struct histogram *histogram, double percent);

#endif
