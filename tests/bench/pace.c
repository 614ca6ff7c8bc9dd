#include "tests/bench/pace.h"

#include <math.h>
#include <time.h>

uint64_t
dice_roll (struct dice *dice)
{
    dice->state ^= dice->state >> 12;
    dice->state ^= dice->state << 25;
    dice->state ^= dice->state >> 27;
    return dice->state * UINT64_C (0x2545F4914F6CDD1D);
}

uint64_t
dice_below (struct dice *dice, uint64_t n)
{
    return (uint64_t) (((unsigned __int128) dice_roll (dice) * n) >> 64);
}

static double
interval (struct pace *pace)
{
    if (!pace->poisson)
        return pace->interval_ns;
    // In (0, 1], so that its logarithm is a number.
    double u = ((double) (dice_roll (&pace->dice) >> 11) + 1) / 0x1p53;
    return -log (u) * pace->interval_ns;
}

void
pace_begin (struct pace *pace, double per_second, bool poisson, int64_t now_ns)
{
    pace->interval_ns = 1e9 / per_second;
    pace->poisson = poisson;
    pace->dice.state = UINT64_C (0x9E3779B97F4A7C15);
    pace->next_ns = (double) now_ns;
    pace->next_ns += interval (pace);
}

int64_t
pace_due (const struct pace *pace)
{
    return (int64_t) pace->next_ns;
}

int64_t
pace_next (struct pace *pace)
{
    int64_t due = pace_due (pace);
    pace->next_ns += interval (pace);
    return due;
}

int64_t
clock_ns (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C (1000000000) + now.tv_nsec;
}
