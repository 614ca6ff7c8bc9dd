// objects: services/issuer/throttle.o
#include "services/issuer/throttle.h"

#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

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
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
