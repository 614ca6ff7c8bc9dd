// When the next call of a load is to begin: a schedule that does not wait for answers (an open loop).
#ifndef JETON_BENCH_PACE_H
#define JETON_BENCH_PACE_H

#include <stdbool.h>
#include <stdint.h>

// Random numbers that are the same in every run (xorshift64*, Vigna 2014).
struct dice {
    uint64_t state; // not 0
};
uint64_t dice_roll (struct dice *dice);
// dice_below (dice, n): 0 … n - 1.
uint64_t dice_below (struct dice *dice, uint64_t n);

struct pace {
    double interval_ns; // on average
    bool
        poisson; // exponentially distributed intervals: calls of many who do not know of each other
    struct dice dice;
    double next_ns;
};

// pace_begin (pace, per_second, poisson, now_ns): The first call is due one interval from now.
void pace_begin (struct pace *pace, double per_second, bool poisson, int64_t now_ns);
// pace_due (pace): When the next call is to begin; pace_next (pace): The same, and on to the one after it.
int64_t pace_due (const struct pace *pace);
int64_t pace_next (struct pace *pace);

// clock_ns (): CLOCK_MONOTONIC.
int64_t clock_ns (void);

#endif
