// The meter of rate limits (R30): against a reference that remembers every use, and what no span of time may see more of.
// objects: services/validator/meter.o
#include "services/validator/meter.h"

#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { USES = 400 };
static const int64_t second = 1000000000;

static uint64_t state;

// splitmix64
static uint64_t
random_below (uint64_t n)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % n;
}

START_TEST (test_burst_then_rate)
{
    struct meters *meters = meters_new (16);
    const struct meter_limit limit = {.per_minute = 60, .burst = 3};
    struct meter_view view;
    uint64_t key = meter_key (false, 7, 1);
    int64_t now = 5 * second;
    ck_assert_int_eq (meter_interval (&limit), second);
    meter_view (&limit, meters_ahead (meters, key, &limit, now), &view);
    ck_assert_uint_eq (view.remaining, 3);
    ck_assert_int_eq (view.reset_ns, 0);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq (meters_take (meters, key, &limit, now, now, 1), 1);
    ck_assert_uint_eq (meters_take (meters, key, &limit, now, now, 1), 0);
    meter_view (&limit, meters_ahead (meters, key, &limit, now), &view);
    ck_assert_uint_eq (view.remaining, 0);
    ck_assert_int_eq (view.reset_ns, 3 * second);
    ck_assert_int_eq (view.retry_ns, second);
    ck_assert_uint_eq (meters_take (meters, key, &limit, now + second - 1, now + second - 1, 1), 0);
    meter_view (&limit, meters_ahead (meters, key, &limit, now + second - 1), &view);
    ck_assert_int_eq (view.retry_ns, 1);
    ck_assert_uint_eq (meters_take (meters, key, &limit, now + second, now + second, 1), 1);
    ck_assert_uint_eq (meters_take (meters, key, &limit, now + second, now + second, 1), 0);
    // After a quiet time all of the burst is there, and no more; as many as there are are given of what is asked for.
    now += 3600 * second;
    ck_assert_uint_eq (meters_take (meters, key, &limit, now, now, 5), 3);
    ck_assert_uint_eq (meters_take (meters, key, &limit, now, now, 1), 0);
    meters_destroy (&meters);
}
END_TEST

// Live and test, an account and a token of the same number, are apart.
START_TEST (test_apart)
{
    struct meters *meters = meters_new (1024);
    const struct meter_limit limit = {.per_minute = 1, .burst = 1};
    for (int64_t number = 1; number <= 8; number++)
        for (unsigned environment = 1; environment <= 2; environment++)
            for (int account = 0; account < 2; account++) {
                uint64_t key = meter_key (account, number, environment);
                ck_assert_uint_eq (meters_take (meters, key, &limit, 1, 1, 1), 1);
                ck_assert_uint_eq (meters_take (meters, key, &limit, 1, 1, 1), 0);
            }
    ck_assert_uint_eq (meters_stats (meters)->entries, 32);
    meters_destroy (&meters);
}
END_TEST

// What was counted, and when.
struct history {
    size_t n;
    int64_t counted[USES];
};

// The theoretical arrival time after all of it, by its definition.
static int64_t
reference_full (const struct history *history, int64_t interval)
{
    int64_t full = 0;
    for (size_t i = 0; i < history->n; i++)
        full = (full > history->counted[i] ? full : history->counted[i]) + interval;
    return full;
}

static int
compare (const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

// No span of time sees more than burst + rate * its length.
static void
assert_conform (int64_t *used, size_t n, const struct meter_limit *limit)
{
    int64_t interval = meter_interval (limit);
    qsort (used, n, sizeof *used, compare);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++) {
            int64_t uses = (int64_t) (j - i) + 1, span = used[j] - used[i];
            if (uses * interval > span + limit->burst * interval)
                ck_abort_msg ("%lld uses in %lld ns, rate %u, burst %u", (long long) uses,
                              (long long) span, limit->per_minute, limit->burst);
        }
}

static struct meter_limit
random_limit (void)
{
    static const uint32_t rates[] = {1, 7, 60, 601, 60000, 5999999, 6000000};
    return (struct meter_limit){.per_minute = rates[random_below (7)],
                                .burst = (uint32_t) random_below (40) + 1};
}

// As many as the reference allows, neither more nor fewer, each time.
START_TEST (test_against_reference)
{
    static struct history history;
    static int64_t used[USES];
    for (int round = 0; round < 40; round++) {
        struct meters *meters = meters_new (16);
        struct meter_limit limit = random_limit ();
        int64_t interval = meter_interval (&limit), now = (int64_t) random_below (1000) * second;
        uint64_t key = meter_key (round & 1, round + 1, 1);
        history.n = 0;
        while (history.n < USES) {
            now += (int64_t) random_below ((uint64_t) interval * (random_below (20) ? 2 : 50));
            uint32_t n = (uint32_t) random_below (3) + 1, given = 0;
            while (given < n && history.n < USES) {
                int64_t full = reference_full (&history, interval);
                if ((full > now ? full : now) + interval > now + limit.burst * interval)
                    break;
                used[history.n] = history.counted[history.n] = now;
                history.n++;
                given++;
            }
            if (history.n < USES)
                ck_assert_uint_eq (meters_take (meters, key, &limit, now, now, n), given);
        }
        assert_conform (used, history.n, &limit);
        meters_destroy (&meters);
    }
}
END_TEST

// Uses that are allowed now and happen later, whenever they like until then, mixed with others.
START_TEST (test_ahead)
{
    static int64_t used[USES];
    for (int round = 0; round < 100; round++) {
        struct meters *meters = meters_new (16);
        struct meter_limit limit = random_limit ();
        int64_t interval = meter_interval (&limit), now = second;
        // From much shorter than the burst takes to come to longer than that.
        int64_t hold = (int64_t) random_below ((uint64_t) interval * (limit.burst + 2)) + 1;
        size_t n = 0;
        for (int step = 0; step < 5000 && n < USES; step++) {
            now += (int64_t) random_below ((uint64_t) interval);
            bool later = random_below (2) == 0;
            int64_t by = later ? now + hold : now;
            uint32_t given = meters_take (meters, 8, &limit, now, by, (uint32_t) random_below (6));
            // Each alone, or all together, early, late or at the last moment.
            for (uint32_t i = 0; i < given && n < USES; i++)
                used[n++] = now + (!later           ? 0
                                   : round % 2 == 0 ? hold
                                                    : (int64_t) random_below ((uint64_t) hold + 1));
        }
        assert_conform (used, n, &limit);
        meters_destroy (&meters);
    }
}
END_TEST

START_TEST (test_changed_limit)
{
    struct meters *meters = meters_new (16);
    const struct meter_limit slow = {.per_minute = 1, .burst = 100},
                             quick = {.per_minute = 6000, .burst = 10};
    ck_assert_uint_eq (meters_take (meters, 9, &slow, second, second, 100), 100);
    // 100 minutes are not waited for.
    ck_assert_int_eq (meters_ahead (meters, 9, &quick, second), second / 10);
    ck_assert_uint_eq (meters_take (meters, 9, &quick, second, second, 1), 0);
    ck_assert_uint_eq (
        meters_take (meters, 9, &quick, second + second / 100, second + second / 100, 2), 1);
    meters_destroy (&meters);
}
END_TEST

START_TEST (test_learn)
{
    struct meters *meters = meters_new (16);
    const struct meter_limit limit = {.per_minute = 60, .burst = 10};
    meters_learn (meters, 9, &limit, second, 7 * second);
    ck_assert_int_eq (meters_ahead (meters, 9, &limit, second), 7 * second);
    meters_learn (meters, 9, &limit, second, 6 * second);
    ck_assert_int_eq (meters_ahead (meters, 9, &limit, second), 7 * second);
    ck_assert_uint_eq (meters_take (meters, 9, &limit, second, second, 5), 3);
    meters_learn (meters, 9, &limit, second, INT64_MAX);
    ck_assert_int_eq (meters_ahead (meters, 9, &limit, second), 10 * second);
    meters_learn (meters, 10, &limit, second, -second);
    ck_assert_int_eq (meters_ahead (meters, 10, &limit, second), 0);
    meters_destroy (&meters);
}
END_TEST

// A place is taken from a meter that is full again; when there is none, from the one that soonest will be, and that is counted.
START_TEST (test_bounded)
{
    struct meters *meters = meters_new (1); // a set
    const struct meter_limit limit = {.per_minute = 60, .burst = 10};
    for (uint64_t key = 1; key <= 16; key++)
        ck_assert_uint_eq (meters_take (meters, key, &limit, second, second, key == 5 ? 1 : 9),
                           key == 5 ? 1 : 9);
    ck_assert_uint_eq (meters_stats (meters)->entries, 16);
    int64_t now = 2 * second;
    ck_assert_uint_eq (meters_take (meters, 17, &limit, now, now, 9), 9); // in the place of 5
    ck_assert_uint_eq (meters_stats (meters)->forgotten, 0);
    ck_assert_int_eq (meters_ahead (meters, 6, &limit, now), 8 * second);
    ck_assert_int_eq (meters_ahead (meters, 17, &limit, now), 9 * second);
    // What is refused needs no place.
    ck_assert_uint_eq (meters_take (meters, 18, &limit, now, now + 60 * second, 1), 0);
    ck_assert_int_eq (meters_ahead (meters, 6, &limit, now), 8 * second);
    ck_assert_uint_eq (meters_take (meters, 18, &limit, now, now, 10), 10);
    ck_assert_uint_eq (meters_stats (meters)->forgotten, 1);
    int there = 0;
    for (uint64_t key = 1; key <= 18; key++)
        there += meters_ahead (meters, key, &limit, now) > 0;
    ck_assert_int_eq (there, 16);
    ck_assert_uint_eq (meters_stats (meters)->entries, 16);
    meters_destroy (&meters);
}
END_TEST

int
main (void)
{
    if (sodium_init () == -1)
        return EXIT_FAILURE;
    const char *seed = getenv ("JETON_SEED");
    state = seed ? strtoull (seed, NULL, 10) : randombytes_random ();
    printf ("seed %llu\n", (unsigned long long) state);
    Suite *suite = suite_create ("meter");
    TCase *tcase = tcase_create ("all");
    tcase_set_timeout (tcase, 60);
    tcase_add_test (tcase, test_burst_then_rate);
    tcase_add_test (tcase, test_apart);
    tcase_add_test (tcase, test_against_reference);
    tcase_add_test (tcase, test_ahead);
    tcase_add_test (tcase, test_changed_limit);
    tcase_add_test (tcase, test_learn);
    tcase_add_test (tcase, test_bounded);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
