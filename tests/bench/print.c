#include "tests/bench/print.h"

#include <inttypes.h>
#include <stdio.h>

void
print_latencies (const char *name, const struct histogram *histogram)
{
    static const struct {
        const char *name;
        double percent;
    } rows[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p999", 99.9}, {"max", 100}};
    printf ("\"%s\": {\"n\": %" PRIu64 ", \"mean\": %.1f", name, histogram->n,
            histogram->n ? (double) histogram->sum / (double) histogram->n / 1e3 : 0.0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf (", \"%s\": %.1f", rows[i].name,
                (double) histogram_percentile (histogram, rows[i].percent) / 1e3);
    printf ("}");
}
