#include "tests/bench/histogram.h"

#include <math.h>

enum { LINEAR = 1 << HISTOGRAM_LINEAR_BITS };
#define VALUE_MAX ((UINT64_C (1) << HISTOGRAM_VALUE_BITS) - 1)

// By how much a value is shifted so that 8 bits of it are left.
static unsigned
value_shift (uint64_t value)
{
    unsigned bits = value == 0 ? 0 : 64 - (unsigned) __builtin_clzll (value);
    return bits > HISTOGRAM_LINEAR_BITS + 1 ? bits - HISTOGRAM_LINEAR_BITS - 1 : 0;
}

// The first 256 values have a bucket each; after them, each shift has the 128 whose highest bit is set.
static unsigned
bucket_of (uint64_t value)
{
    unsigned shift = value_shift (value);
    return shift * LINEAR + (unsigned) (value >> shift);
}

static uint64_t
bucket_end (unsigned bucket)
{
    unsigned shift = bucket < 2 * LINEAR ? 0 : bucket / LINEAR - 1;
    uint64_t first = bucket - shift * LINEAR;
    return ((first + 1) << shift) - 1;
}

void
histogram_record (struct histogram *histogram, uint64_t value)
{
    if (value > VALUE_MAX)
        value = VALUE_MAX;
    if (histogram->n == 0 || value < histogram->min)
        histogram->min = value;
    if (value > histogram->max)
        histogram->max = value;
    histogram->n++;
    histogram->sum += value;
    histogram->counts[bucket_of (value)]++;
}

void
histogram_merge (struct histogram *into, const struct histogram *from)
{
    if (from->n == 0)
        return;
    if (into->n == 0 || from->min < into->min)
        into->min = from->min;
    if (from->max > into->max)
        into->max = from->max;
    into->n += from->n;
    into->sum += from->sum;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
}

uint64_t
histogram_percentile (const struct histogram *histogram, double percent)
{
    uint64_t wanted = (uint64_t) ceil (percent / 100 * (double) histogram->n), seen = 0;
    if (wanted == 0)
        return histogram->min;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted)
            return bucket_end (i) < histogram->max ? bucket_end (i) : histogram->max;
    }
    return histogram->max;
}
