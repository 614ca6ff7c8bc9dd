#include "tests/bench/value.h"

#include <string.h>

// SplitMix64 (Steele, Lea, Flood 2014).
static uint64_t
mix (uint64_t x)
{
    x += UINT64_C (0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C (0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C (0x94D049BB133111EB);
    return x ^ (x >> 31);
}

void
bench_value (const struct token_keys *keys, uint64_t number, char value_r[TOKEN_VALUE_LENGTH + 1])
{
    uint8_t random[TOKEN_RANDOM_SIZE];
    for (uint64_t i = 0; i * 8 < sizeof random; i++) {
        uint64_t word = mix (number * 4 + i);
        size_t left = sizeof random - i * 8;
        memcpy (random + i * 8, &word, left < 8 ? left : 8);
    }
    token_value_encode (keys, TOKEN_LIVE, random, value_r);
}
