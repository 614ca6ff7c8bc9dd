// How often something may be tried; sign-ins that fail (R17, R22, R23).
// objects: services/issuer/throttle.o services/issuer/attempts.o
#include "services/issuer/attempts.h"

#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST (test_burst_then_rate)
{
    struct throttle *throttle = throttle_new (10, 64);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq (throttle_take (throttle, "alice", 5000), 0);
    ck_assert_int_eq (throttle_take (throttle, "alice", 5000), 6000);
    ck_assert_int_eq (throttle_take (throttle, "bob", 5000), 0);
    ck_assert_int_eq (throttle_take (throttle, "alice", 10999), 1);
    ck_assert_int_eq (throttle_take (throttle, "alice", 11000), 0);
    ck_assert_int_gt (throttle_take (throttle, "alice", 11000), 0);
    // After a quiet minute all tries are there again, and no more.
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq (throttle_take (throttle, "alice", 200000), 0);
    ck_assert_int_gt (throttle_take (throttle, "alice", 200000), 0);
    throttle_destroy (&throttle);
    throttle_destroy (&throttle);
}
END_TEST

START_TEST (test_give_back)
{
    struct throttle *throttle = throttle_new (2, 64);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq (throttle_take (throttle, "alice", 1), 0);
        throttle_give_back (throttle, "alice");
    }
    throttle_give_back (throttle, "nobody");
    for (int i = 0; i < 100; i++) // to ask counts for nothing
        ck_assert_int_eq (throttle_wait (throttle, "alice", 1), 0);
    ck_assert_int_eq (throttle_take (throttle, "alice", 1), 0);
    ck_assert_int_eq (throttle_take (throttle, "alice", 1), 0);
    ck_assert_int_eq (throttle_wait (throttle, "alice", 1), 30000);
    ck_assert_int_eq (throttle_take (throttle, "alice", 1), 30000);
    ck_assert_int_eq (throttle_wait (throttle, "alice", 30001), 0);
    throttle_destroy (&throttle);
}
END_TEST

// A flood of names must not take memory, nor forget the names that are counted most right away.
START_TEST (test_flood)
{
    struct throttle *throttle = throttle_new (60, 1024);
    for (int i = 0; i < 60; i++)
        ck_assert_int_eq (throttle_take (throttle, "victim", 1), 0);
    for (int i = 0; i < 100000; i++) {
        char name[32];
        snprintf (name, sizeof name, "made-up-%d", i);
        ck_assert_int_eq (throttle_take (throttle, name, 1 + i / 100), 0);
    }
    ck_assert_int_gt (throttle_take (throttle, "victim", 2), 0);
    throttle_destroy (&throttle);
}
END_TEST

// ---- sign-ins -------------------------------------------------------------------------------------------------------

enum { HOUR_MS = 3600000, FIRST = 300, OTHERS = 60, PAIR = 10 };

static struct throttle *by_address;
static struct attempts *attempts;

static void
setup (void)
{
    by_address = throttle_new (60000, 65536);
    attempts = attempts_new (by_address, &(struct attempts_limits){.name_per_minute = PAIR,
                                                                   .first_per_hour = FIRST,
                                                                   .others_per_hour = OTHERS,
                                                                   .entries = 65536});
}

static void
teardown (void)
{
    attempts_destroy (&attempts);
    attempts_destroy (&attempts);
    throttle_destroy (&by_address);
}

// A try that ends so: may it be made at all?
static bool
try_once (const char *name, const char *address, bool right, int64_t now_ms)
{
    char place[CIDR_PLACE_SIZE];
    cidr_place (address, place);
    struct attempt attempt = {.name = name, .place = place};
    if (attempts_begin (attempts, &attempt, now_ms) != 0)
        return false;
    if (right)
        attempts_succeeded (attempts, &attempt, now_ms);
    return true;
}

static const char *
address_of (int i)
{
    static char text[32];
    snprintf (text, sizeof text, "198.51.%d.%d", i / 250, i % 250);
    return text;
}

// From so many addresses, each as often as it may, from `from` to `until`: how many guesses?
static int
guess (int addresses, int64_t from_ms, int64_t until_ms)
{
    int n = 0;
    for (int64_t now = from_ms; now < until_ms; now += 60000)
        for (int i = 0; i < addresses; i++)
            while (try_once ("victim", address_of (i), false, now))
                n++;
    return n;
}

// Whoever guesses gets no more than is said, from however many addresses, in any hour and in the long run; a user who has signed in gets in all the while, and one at a new address, too, as long as there
// are fewer addresses that guess than first tries.
START_TEST (test_stranger)
{
    static const struct {
        int addresses, first;
    } rows[] = {{1, 1}, {200, 200}, {280, 280}, {1000, FIRST}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t begin = 1 + (int64_t) i * 100 * HOUR_MS;
        ck_assert (try_once ("victim", "192.0.2.1", true, begin));
        int hour = guess (rows[i].addresses, begin, begin + HOUR_MS);
        ck_assert_int_ge (hour, rows[i].first);
        ck_assert_int_le (hour,
                          2 * OTHERS + (rows[i].addresses < FIRST ? rows[i].addresses : 2 * FIRST));
        for (int hours = 1; hours < 5; hours++) {
            int64_t now = begin + hours * HOUR_MS;
            int n = guess (rows[i].addresses, now, now + HOUR_MS);
            ck_assert_int_le (n, OTHERS + 1 + rows[i].first + (rows[i].first == FIRST));
            for (int tries = 0; tries < PAIR; tries++) // a slip now and then
                ck_assert (try_once ("victim", "192.0.2.1", false, now + HOUR_MS));
            ck_assert (!try_once ("victim", "192.0.2.1", true, now + HOUR_MS));
            ck_assert (try_once ("victim", "192.0.2.1", true, now + HOUR_MS + 6000));
            guess (rows[i].addresses, now + HOUR_MS, now + HOUR_MS + 1);
            char fresh[32];
            snprintf (fresh, sizeof fresh, "203.0.113.%d", hours + 10 * (int) i);
            ck_assert_int_eq (try_once ("victim", fresh, true, now + HOUR_MS),
                              rows[i].addresses < FIRST);
        }
    }
}
END_TEST

// What is known of a name at an address is of no other name, and no other address, but for the rest of an IPv6 network.
START_TEST (test_known)
{
    ck_assert (try_once ("victim", "2001:db8:1:2::1", true, 1));
    ck_assert (try_once ("other", "192.0.2.1", true, 1));
    ck_assert_int_gt (guess (1000, 1, HOUR_MS), FIRST);
    guess (1000, HOUR_MS, HOUR_MS + 1);
    ck_assert (!try_once ("victim", "2001:db8:1:3::1", true, HOUR_MS));
    ck_assert (!try_once ("victim", "192.0.2.1", true, HOUR_MS));
    ck_assert (try_once ("victim ", "192.0.2.1", true, HOUR_MS));
    ck_assert (try_once ("victim", "2001:db8:1:2:ffff::9", false, HOUR_MS));
    // For thirty days.
    int64_t later = INT64_C (24) * ATTEMPT_KNOWN_DAYS * HOUR_MS;
    guess (1000, later - HOUR_MS, later + 2 * HOUR_MS);
    guess (1000, later + 2 * HOUR_MS, later + 2 * HOUR_MS + 1);
    ck_assert (!try_once ("victim", "2001:db8:1:2::1", true, later + 2 * HOUR_MS));
    // One that cannot be decided counts for nothing.
    for (int i = 0; i < 1000; i++) {
        struct attempt attempt = {.name = "new", .place = "192.0.2.7"};
        ck_assert_int_eq (attempts_begin (attempts, &attempt, 1), 0);
        attempts_undo (attempts, &attempt);
        attempts_undo (attempts, &attempt);
    }
}
END_TEST

int
main (void)
{
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("throttle");
    TCase *tcase = tcase_create ("throttle");
    tcase_add_test (tcase, test_burst_then_rate);
    tcase_add_test (tcase, test_give_back);
    tcase_add_test (tcase, test_flood);
    suite_add_tcase (suite, tcase);
    tcase = tcase_create ("sign-ins");
    tcase_add_checked_fixture (tcase, setup, teardown);
    tcase_set_timeout (tcase, 60);
    tcase_add_test (tcase, test_stranger);
    tcase_add_test (tcase, test_known);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
