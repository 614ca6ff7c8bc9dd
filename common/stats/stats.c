#include "common/stats/stats.h"

const uint64_t timing_bounds[TIMING_BOUNDS] = {
    16,    32,    64,    128,    256,    512,    1024,    2048,    4096,    8192,
    16384, 32768, 65536, 131072, 262144, 524288, 1048576, 2097152, 4194304, 8388608};

uint64_t
timing_count (const struct timing *timing)
{
    uint64_t n = 0;
    for (size_t i = 0; i < TIMING_BUCKETS; i++)
        n += timing->buckets[i];
    return n;
}
