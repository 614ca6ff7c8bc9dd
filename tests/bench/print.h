// What programs of the bench print, as members of a JSON object.
#ifndef JETON_BENCH_PRINT_H
#define JETON_BENCH_PRINT_H

#include "tests/bench/histogram.h"

// print_latencies (name, histogram): "name": {"n": …, "mean": …, "p50": …, …, "max": …}, in microseconds, from nanoseconds.
void print_latencies (const char *name, const struct histogram *histogram);

#endif
