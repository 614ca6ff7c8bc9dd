// Permits of rate limits at validators that ask each other (R30, R43): real members, connections and homes, each in a process of its own. What a home answers
// can be said by the test, to see what becomes of it.
// objects: tests/unit/permit_fixture.o tests/unit/rpc_fixture.o $(VALIDATOR_PARTS)
#include "limits.pb-c.h"
#include "services/validator/limit.h"
#include "tests/unit/permit_fixture.h"

#include <sodium.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 2000, SOON_MS = 150, KEYS_MAX = 2000 };
static const int64_t ms = 1000000, second = 1000000000;
static const int64_t hold_ns = 100000000; // how long spare permits may be used

static unsigned given, refused; // that who waited was told

static void
set_up (void)
{
    members_open ();
    given = refused = 0;
}

// ---- uses ----------------------------------------------------------------------------------------------------------

static void
on_permit (struct permit_waiter *waiter, bool was_given)
{
    given += was_given;
    refused += !was_given;
    free (waiter);
}

static void
wait_for (uint64_t key, const struct meter_limit *limit, int64_t now_ns)
{
    struct permit_waiter *waiter = xcalloc (1, sizeof *waiter);
    waiter->callback = on_permit;
    permits_wait (permits (), key, limit, now_ns, waiter);
}

// One use; PERMIT_LATER: a waiter was left.
static enum permit_outcome
take (uint64_t key, const struct meter_limit *limit, int64_t now_ns)
{
    struct meter_view view;
    enum permit_outcome outcome = permits_take (permits (), key, limit, now_ns, &view);
    if (outcome == PERMIT_LATER)
        wait_for (key, limit, now_ns);
    return outcome;
}

static bool
told (void *n)
{
    return given + refused >= *(unsigned *) n;
}

static void
expect_told (unsigned wanted_given, unsigned wanted_refused)
{
    unsigned n = wanted_given + wanted_refused;
    ck_assert_msg (fixture_until (&fixture, told, &n), "%u given, %u refused", given, refused);
    ck_assert_uint_eq (given, wanted_given);
    ck_assert_uint_eq (refused, wanted_refused);
    given = refused = 0;
}

struct count {
    const struct home *home;
    unsigned asked;
};

static bool
asked (void *context)
{
    const struct count *count = context;
    return count->home->asked >= count->asked;
}

static void
expect_asked (unsigned i, unsigned n)
{
    struct count count = {&homes[i], n};
    ck_assert (fixture_until (&fixture, asked, &count));
    ck_assert_uint_eq (homes[i].asked, n);
}

static const struct meter_limit slow = {.per_minute = 1, .burst = 3};

// A key whose home is that other member, found by asking: one use of it is gone. Those that were tried before are not given again.
static uint64_t
key_at (unsigned home)
{
    static int64_t number;
    for (int i = 0; i < KEYS_MAX; i++) {
        uint64_t key = meter_key (false, ++number, 1);
        unsigned before = homes[home].asked;
        if (take (key, &slow, permits_now ()) == PERMIT_LATER)
            expect_told (1, 0);
        if (homes[home].asked > before)
            return key;
    }
    ck_abort_msg ("no key has member %u for its home", home);
}

// A key of which nothing is known, whose home is the second of two.
static uint64_t
key_elsewhere (void)
{
    static int64_t number = 1000000;
    struct meter_view view;
    for (int i = 0; i < KEYS_MAX; i++) {
        uint64_t key = meter_key (true, ++number, 2);
        if (permits_take (permits (), key, &slow, permits_now (), &view) == PERMIT_LATER)
            return key;
    }
    ck_abort_msg ("every key has its home here");
}

static void
say (uint32_t granted, uint32_t spare, int64_t ahead_ns)
{
    homes[1].granted = granted;
    homes[1].spare = spare;
    homes[1].ahead_ns = (uint64_t) ahead_ns;
    homes[1].answers = AS_SAID;
}

// ---- alone ---------------------------------------------------------------------------------------------------------

START_TEST (alone_every_meter_is_here)
{
    struct meter_view view;
    member_alone (TIMEOUT_MS);
    int64_t now = permits_now ();
    for (int64_t number = 1; number < 50; number++) {
        uint64_t key = meter_key (false, number, 1);
        for (unsigned i = 0; i < slow.burst; i++) {
            ck_assert (!permits_refused (permits (), key, &slow, now));
            ck_assert_int_eq (permits_take (permits (), key, &slow, now, &view), PERMIT_GIVEN);
            ck_assert_uint_eq (view.remaining, slow.burst - i - 1);
        }
        ck_assert (permits_refused (permits (), key, &slow, now));
        ck_assert_int_eq (permits_take (permits (), key, &slow, now, &view), PERMIT_REFUSED);
        ck_assert_int_eq (view.retry_ns, 60 * second);
        ck_assert_int_eq (take (key, &slow, now + 60 * second), PERMIT_GIVEN);
    }
    ck_assert_uint_eq (permits_stats (permits ())->leases, 0);
}
END_TEST

// ---- a flight ------------------------------------------------------------------------------------------------------

START_TEST (who_comes_while_it_is_asked_waits_for_the_same_answer)
{
    members_start (2, TIMEOUT_MS);
    uint64_t key = key_elsewhere ();
    int64_t now = permits_now ();
    say (1, 2, 60 * second);
    homes[1].held = true;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq (take (key, &slow, now), PERMIT_LATER);
    expect_asked (1, 1);
    ck_assert_uint_eq (homes[1].waiting, 1);
    ck_assert_uint_eq (homes[1].instance, validator.process.instance);
    ck_assert_uint_eq (homes[1].told_by, 0);
    ck_assert_uint_eq (homes[1].wanted, 0);
    // One was granted and two have spare permits; for the others it asks once more, and one of them is refused.
    homes[1].held = false;
    expect_told (4, 1);
    expect_asked (1, 2);
    ck_assert_uint_eq (homes[1].waiting, 2);
    ck_assert_uint_eq (homes[1].told_by, homes[1].own_instance);
    ck_assert_uint_eq (permits_stats (permits ())->leases, 2);
    ck_assert_uint_eq (permits_stats (permits ())->leases_failed, 0);
}
END_TEST

START_TEST (what_is_refused_is_refused_here_until_something_may_conform)
{
    const struct meter_limit quick = {.per_minute = 600, .burst = 2}; // 100 ms
    struct meter_view view;
    members_start (2, TIMEOUT_MS);
    uint64_t key = key_elsewhere ();
    say (0, 0, 200 * ms);
    homes[1].held = true;
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq (take (key, &quick, permits_now ()), PERMIT_LATER);
    expect_asked (1, 1);
    int64_t before = permits_now ();
    homes[1].held = false;
    expect_told (0, 4); // who came after it was asked, too
    int64_t after = permits_now ();
    ck_assert (permits_refused (permits (), key, &quick, before + 99 * ms));
    ck_assert_int_eq (permits_take (permits (), key, &quick, before + 99 * ms, &view),
                      PERMIT_REFUSED);
    ck_assert_uint_eq (view.remaining, 0);
    ck_assert (!permits_refused (permits (), key, &quick, after + 100 * ms));
    ck_assert_int_eq (permits_take (permits (), key, &quick, after + 100 * ms, &view),
                      PERMIT_LATER);
    // However slow the limit is, the home is asked again after a second.
    say (0, 0, 180 * second);
    before = permits_now ();
    wait_for (key, &slow, before);
    expect_told (0, 1);
    after = permits_now ();
    ck_assert (permits_refused (permits (), key, &slow, before + second - 1));
    ck_assert (!permits_refused (permits (), key, &slow, after + second));
    expect_asked (1, 2);
}
END_TEST

START_TEST (spare_permits_are_used_without_asking_and_lapse)
{
    struct meter_view view;
    members_start (2, TIMEOUT_MS);
    uint64_t key = key_elsewhere ();
    const struct meter_limit limit = {.per_minute = 60, .burst = 100};
    say (1, 5, 0);
    int64_t before = permits_now ();
    ck_assert_int_eq (take (key, &limit, before), PERMIT_LATER);
    expect_told (1, 0);
    for (int i = 0; i < 4; i++) {
        ck_assert (!permits_refused (permits (), key, &limit, before + hold_ns - 1));
        ck_assert_int_eq (permits_take (permits (), key, &limit, before + hold_ns - 1, &view),
                          PERMIT_GIVEN);
    }
    ck_assert_uint_eq (view.remaining, 100);
    // The last one is not used in time, by the clock of who asked, from when it asked.
    ck_assert_int_eq (permits_take (permits (), key, &limit, before + hold_ns, &view),
                      PERMIT_LATER);
    ck_assert_int_eq (permits_take (permits (), key, &limit, before + hold_ns - 1, &view),
                      PERMIT_GIVEN);
    ck_assert_int_eq (permits_take (permits (), key, &limit, before + hold_ns - 1, &view),
                      PERMIT_LATER);
    expect_asked (1, 1);
}
END_TEST

START_TEST (as_many_are_expected_as_were_used_of_late)
{
    enum { MANY = 9000, SPARE_MAX = 100000 };
    const struct meter_limit limit = {.per_minute = 6000000, .burst = 6000000};
    struct meter_view view;
    members_start (2, TIMEOUT_MS);
    uint64_t key = key_elsewhere ();
    int64_t now = permits_now ();
    say (1, MANY, 0);
    ck_assert_int_eq (take (key, &limit, now), PERMIT_LATER);
    expect_told (1, 0);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq (permits_take (permits (), key, &limit, now, &view), PERMIT_GIVEN);
    // In no time at all: that is taken for a millisecond, and what is asked for has a bound.
    ck_assert_int_eq (take (key, &limit, now), PERMIT_LATER);
    expect_told (1, 0);
    ck_assert_uint_eq (homes[1].wanted, SPARE_MAX);
    // In a second: a twentieth.
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq (permits_take (permits (), key, &limit, now, &view), PERMIT_GIVEN);
    say (1, 0, 0);
    ck_assert_int_eq (take (key, &limit, now + second), PERMIT_LATER);
    expect_told (1, 0);
    ck_assert_uint_eq (homes[1].wanted, (MANY + 1) / 20);
}
END_TEST

// ---- homes that fail -----------------------------------------------------------------------------------------------

START_TEST (whom_nobody_answers_has_the_meter_here_for_a_second)
{
    struct meter_view view;
    members_start (2, SOON_MS);
    uint64_t key = key_elsewhere ();
    homes[1].answers = NOT_AT_ALL;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq (take (key, &slow, permits_now ()), PERMIT_LATER);
    int64_t before = permits_now ();
    expect_told (slow.burst, 5 - slow.burst);
    int64_t after = permits_now ();
    ck_assert_uint_eq (permits_stats (permits ())->leases_failed, 1);
    ck_assert_int_eq (permits_take (permits (), key, &slow, before + second, &view),
                      PERMIT_REFUSED);
    ck_assert_int_eq (view.retry_ns > 50 * second, true);
    // Then the home is asked again, and hears of what was used.
    ck_assert_int_eq (permits_take (permits (), key, &slow, after + second, &view), PERMIT_LATER);
    homes[1].answers = HONESTLY;
    wait_for (key, &slow, after + second);
    expect_told (0, 1);
    ck_assert_uint_ge (homes[1].ahead, (uint64_t) (slow.burst * 60 * second - 15 * second));
    ck_assert_uint_eq (permits_stats (permits ())->leases_failed, 1);
}
END_TEST

START_TEST (what_the_home_told_before_it_failed_counts)
{
    members_start (2, SOON_MS);
    uint64_t key = key_elsewhere ();
    say (1, 0, 2 * 60 * second); // two of three are gone
    ck_assert_int_eq (take (key, &slow, permits_now ()), PERMIT_LATER);
    expect_told (1, 0);
    homes[1].answers = NOT_AT_ALL;
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq (take (key, &slow, permits_now ()), PERMIT_LATER);
    expect_told (1, 3);
}
END_TEST

START_TEST (an_answer_that_makes_no_sense_is_none)
{
    members_start (2, TIMEOUT_MS);
    for (int i = 0; i < 3; i++) {
        uint64_t key = key_elsewhere ();
        if (i == 0)
            say (2, 0, 0); // more than were asked for
        else if (i == 1)
            say (1, 0, INT64_MAX);
        else
            homes[1].answers = WITH_AN_ERROR;
        ck_assert_int_eq (take (key, &slow, permits_now ()), PERMIT_LATER);
        expect_told (1, 0);
        ck_assert_uint_eq (permits_stats (permits ())->leases_failed, (unsigned) i + 1);
        ck_assert_int_eq (take (key, &slow, permits_now ()), PERMIT_GIVEN); // metered here
    }
}
END_TEST

// ---- homes that change ---------------------------------------------------------------------------------------------

// Nothing of a key is left that another process told to be exhausted, whoever its home becomes.
START_TEST (a_new_home_begins_with_what_the_old_one_told)
{
    enum { KEYS = 24 };
    uint64_t keys[KEYS];
    unsigned here = 0, there = 0;
    members_start (MEMBERS, TIMEOUT_MS);
    for (int i = 0; i < KEYS; i++) {
        keys[i] = key_at (1);
        for (unsigned used = 1; used < slow.burst; used++)
            ck_assert_int_eq (take (keys[i], &slow, permits_now ()), PERMIT_LATER);
        expect_told (slow.burst - 1, 0);
        ck_assert_int_eq (take (keys[i], &slow, permits_now ()), PERMIT_LATER);
        expect_told (0, 1);
    }
    uint64_t old = homes[1].own_instance;
    member_kill (1);
    for (int i = 0; i < KEYS; i++) {
        unsigned before = homes[2].asked;
        // Later than it is refused by what the old home said.
        if (take (keys[i], &slow, permits_now () + second) == PERMIT_LATER)
            expect_told (0, 1);
        if (homes[2].asked == before) {
            here++; // where it was asked, if it did not know yet that the old one is gone
            continue;
        }
        there++;
        ck_assert_uint_eq (homes[2].told_by, old);
        ck_assert_uint_ge (homes[2].told_ahead, (uint64_t) (120 * second));
    }
    // Some have their new home in this process, others in the third.
    ck_assert_uint_gt (here, 0);
    ck_assert_uint_gt (there, 0);
    ck_assert_uint_eq (permits_stats (permits ())->leases_failed, 0);
}
END_TEST

// ---- being asked ---------------------------------------------------------------------------------------------------

static Jeton__V1__LeaseReply
lend (int64_t number, Jeton__V1__RateLimit *limit, uint32_t waiting, uint32_t spare,
      const Jeton__V1__LeaseRequest *knows)
{
    Jeton__V1__LeaseRequest request = JETON__V1__LEASE_REQUEST__INIT;
    Jeton__V1__LeaseReply reply = JETON__V1__LEASE_REPLY__INIT;
    if (knows)
        request = *knows;
    request.number = number;
    request.environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    request.limit = limit;
    request.waiting = waiting;
    request.spare = spare;
    request.hold_us = 100000;
    permits_lend (permits (), &request, &reply);
    ck_assert_uint_eq (reply.instance, validator.process.instance);
    return reply;
}

START_TEST (what_is_lent_has_bounds)
{
    Jeton__V1__RateLimit limit = JETON__V1__RATE_LIMIT__INIT;
    members_start (2, TIMEOUT_MS);
    limit.per_minute = 1;
    limit.burst = 10;
    // At a slow rate nothing is spare.
    Jeton__V1__LeaseReply reply = lend (1, &limit, 4, 100000, NULL);
    ck_assert_uint_eq (reply.granted, 4);
    ck_assert_uint_eq (reply.spare, 0);
    reply = lend (1, &limit, UINT32_MAX, UINT32_MAX, NULL);
    ck_assert_uint_eq (reply.granted, 6);
    ck_assert_uint_eq (reply.spare, 0);
    reply = lend (1, &limit, 1, 0, NULL);
    ck_assert_uint_eq (reply.granted, 0);
    ck_assert_uint_gt (reply.ahead_ns, (uint64_t) (9 * 60 * second));
    // At a quick one no more than comes in half the time, and than a fourth of what is left, with two members.
    limit.per_minute = 6000000;
    limit.burst = 1000000;
    reply = lend (2, &limit, 1, 100000, NULL);
    ck_assert_uint_eq (reply.granted, 1);
    ck_assert_uint_eq (reply.spare, 5000);
    ck_assert_uint_eq (lend (3, &limit, 1, 17, NULL).spare, 17);
    limit.burst = 16001;
    ck_assert_uint_eq (lend (4, &limit, 1, 100000, NULL).spare, 4000);
    // Nor than conforms when all of it is used at the last moment.
    limit.burst = 12001;
    ck_assert_uint_eq (lend (5, &limit, 1, 100000, NULL).spare, 2001);
    ck_assert_uint_eq (permits_stats (permits ())->leases_given, 7);
}
END_TEST

START_TEST (a_home_takes_the_latest_that_it_hears_of_but_not_its_own_word)
{
    Jeton__V1__RateLimit limit = JETON__V1__RATE_LIMIT__INIT;
    Jeton__V1__LeaseRequest knows = JETON__V1__LEASE_REQUEST__INIT;
    members_start (2, TIMEOUT_MS);
    limit.per_minute = 1;
    limit.burst = 3;
    knows.instance = 1;
    knows.ahead_ns = (uint64_t) (120 * second); // by what it metered itself
    ck_assert_uint_eq (lend (1, &limit, 3, 0, &knows).granted, 1);
    knows.ahead_ns = 0;
    knows.told_by = 2;
    knows.told_ahead_ns = (uint64_t) (60 * second); // by what another home told
    ck_assert_uint_eq (lend (2, &limit, 3, 0, &knows).granted, 2);
    // More than all of the burst is no more than that.
    knows.told_ahead_ns = INT64_MAX;
    Jeton__V1__LeaseReply reply = lend (3, &limit, 3, 0, &knows);
    ck_assert_uint_eq (reply.granted, 0);
    ck_assert_uint_le (reply.ahead_ns, (uint64_t) (180 * second));
    // What it told itself was more then than it is now.
    knows.told_by = validator.process.instance;
    ck_assert_uint_eq (lend (4, &limit, 3, 0, &knows).granted, 3);
    knows.instance = validator.process.instance;
    knows.ahead_ns = INT64_MAX;
    ck_assert_uint_eq (lend (5, &limit, 3, 0, &knows).granted, 3);
}
END_TEST

// ---- the end -------------------------------------------------------------------------------------------------------

START_TEST (who_waits_when_it_ends_is_not_called_back)
{
    members_start (2, SOON_MS);
    uint64_t key = key_elsewhere ();
    homes[1].answers = NOT_AT_ALL;
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq (take (key, &slow, permits_now ()), PERMIT_LATER);
    uint64_t other = key_elsewhere ();
    expect_asked (1, 1);
    limits_stop (validator.limits);
    fixture_pass (&fixture, SOON_MS + 50);
    ck_assert_uint_eq (given + refused, 0);
    ck_assert_int_eq (take (other, &slow, permits_now ()), PERMIT_GIVEN); // every meter is here
}
END_TEST

int
main (void)
{
    if (sodium_init () == -1)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("permit");
    TCase *tcase = tcase_create ("all");
    tcase_set_timeout (tcase, 120);
    tcase_add_checked_fixture (tcase, set_up, members_close);
    tcase_add_test (tcase, alone_every_meter_is_here);
    tcase_add_test (tcase, who_comes_while_it_is_asked_waits_for_the_same_answer);
    tcase_add_test (tcase, what_is_refused_is_refused_here_until_something_may_conform);
    tcase_add_test (tcase, spare_permits_are_used_without_asking_and_lapse);
    tcase_add_test (tcase, as_many_are_expected_as_were_used_of_late);
    tcase_add_test (tcase, whom_nobody_answers_has_the_meter_here_for_a_second);
    tcase_add_test (tcase, what_the_home_told_before_it_failed_counts);
    tcase_add_test (tcase, an_answer_that_makes_no_sense_is_none);
    tcase_add_test (tcase, a_new_home_begins_with_what_the_old_one_told);
    tcase_add_test (tcase, what_is_lent_has_bounds);
    tcase_add_test (tcase, a_home_takes_the_latest_that_it_hears_of_but_not_its_own_word);
    tcase_add_test (tcase, who_waits_when_it_ends_is_not_called_back);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
