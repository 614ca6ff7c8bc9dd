// The bench's histogram: percentiles that are known, and what its error may be.
// objects: tests/bench/histogram.o
#include "tests/bench/histogram.h"
#include <check.h>
#include <stdlib.h>

static struct histogram *
histogram (void)
{
    struct histogram *made = calloc (1, sizeof *made);
    ck_assert_ptr_nonnull (made);
    return made;
}

// May `got` stand for `exact`?
static void
close_to (uint64_t got, uint64_t exact)
{
    ck_assert_msg (got >= exact && got - exact <= exact / 128, "%llu for %llu",
                   (unsigned long long) got, (unsigned long long) exact);
}

START_TEST (test_empty)
{
    struct histogram *h = histogram ();
    ck_assert_uint_eq (histogram_percentile (h, 50), 0);
    ck_assert_uint_eq (histogram_percentile (h, 100), 0);
    free (h);
}
END_TEST

START_TEST (test_one)
{
    static const uint64_t values[] = {0, 1, 127, 128, 255, 256, 257, 1000000, 123456789012};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct histogram *h = histogram ();
        histogram_record (h, values[i]);
        ck_assert_uint_eq (histogram_percentile (h, 0), values[i]);
        ck_assert_uint_eq (histogram_percentile (h, 50), values[i]);
        ck_assert_uint_eq (histogram_percentile (h, 100), values[i]);
        free (h);
    }
}
END_TEST

// 1 … 1,000,000, once each: the p-th percentile is p times 10,000.
START_TEST (test_uniform)
{
    static const double percents[] = {0.1, 1, 25, 50, 75, 90, 99, 99.9, 99.99};
    struct histogram *h = histogram ();
    for (uint64_t value = 1000000; value > 0; value--)
        histogram_record (h, value);
    ck_assert_uint_eq (h->n, 1000000);
    ck_assert_uint_eq (h->sum, UINT64_C (500000500000));
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++)
        close_to (histogram_percentile (h, percents[i]), (uint64_t) (percents[i] * 10000 + 0.5));
    ck_assert_uint_eq (histogram_percentile (h, 0), 1);
    ck_assert_uint_eq (histogram_percentile (h, 100), 1000000);
    free (h);
}
END_TEST

// 99 calls of 1 ms and one that stalled for a second: the median does not see it, the end does.
START_TEST (test_tail)
{
    struct histogram *h = histogram ();
    for (int i = 0; i < 99; i++)
        histogram_record (h, 1000000);
    histogram_record (h, 1000000000);
    close_to (histogram_percentile (h, 50), 1000000);
    close_to (histogram_percentile (h, 99), 1000000);
    ck_assert_uint_eq (histogram_percentile (h, 99.5), 1000000000);
    free (h);
}
END_TEST

// Every power of two and its neighbours: no bucket is missing, none is twice, and none is wider than promised.
START_TEST (test_error_bound)
{
    for (int bit = 0; bit < HISTOGRAM_VALUE_BITS; bit++)
        for (int64_t off = -2; off <= 2; off++) {
            int64_t value = (INT64_C (1) << bit) + off;
            if (value < 0 || value >= INT64_C (1) << HISTOGRAM_VALUE_BITS)
                continue;
            struct histogram *h = histogram ();
            histogram_record (h, (uint64_t) value);
            histogram_record (h, UINT64_MAX);
            close_to (histogram_percentile (h, 50), (uint64_t) value);
            free (h);
        }
}
END_TEST

START_TEST (test_too_great)
{
    struct histogram *h = histogram ();
    histogram_record (h, UINT64_MAX);
    ck_assert_uint_eq (histogram_percentile (h, 50), (UINT64_C (1) << HISTOGRAM_VALUE_BITS) - 1);
    free (h);
}
END_TEST

START_TEST (test_merge)
{
    struct histogram *all = histogram (), *even = histogram (), *odd = histogram (),
                     *none = histogram ();
    for (uint64_t value = 10; value < 100000; value++) {
        histogram_record (all, value);
        histogram_record (value % 2 ? odd : even, value);
    }
    histogram_merge (odd, none);
    histogram_merge (none, odd);
    histogram_merge (none, even);
    ck_assert_mem_eq (none, all, sizeof *all);
    free (all);
    free (even);
    free (odd);
    free (none);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("histogram");
    TCase *tcase = tcase_create ("histogram");
    tcase_add_test (tcase, test_empty);
    tcase_add_test (tcase, test_one);
    tcase_add_test (tcase, test_uniform);
    tcase_add_test (tcase, test_tail);
    tcase_add_test (tcase, test_error_bound);
    tcase_add_test (tcase, test_too_great);
    tcase_add_test (tcase, test_merge);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
