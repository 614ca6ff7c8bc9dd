#include "common/net/alarm.h"
#include "common/net/resolver.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct loop *loop;
static struct resolver *resolver;

struct result {
    bool done;
    size_t n;
    char addresses[64][64];
    struct error error;
    struct resolver_query *to_cancel;
};

static void
set_up (void)
{
    zsys_handler_set (NULL);
    loop = loop_new ();
    resolver = resolver_new (loop);
}

static void
tear_down (void)
{
    resolver_destroy (&resolver);
    resolver_destroy (&resolver);
    loop_destroy (&loop);
}

static void
take (void *context, const char *const *addresses, size_t n, const struct error *error)
{
    struct result *result = context;
    ck_assert (!result->done);
    result->done = true;
    result->n = n;
    result->error = *error;
    for (size_t i = 0; i < n; i++)
        snprintf (result->addresses[i], sizeof result->addresses[i], "%s", addresses[i]);
    resolver_cancel (&result->to_cancel);
}

static int64_t until_ms;

static int
look (struct loop *unused_, int timer, void *context)
{
    (void) unused_;
    (void) timer;
    bool *done = context;
    return (done != NULL && *done) || zclock_mono () > until_ms ? -1 : 0;
}

static void
run (bool *done, int ms)
{
    until_ms = zclock_mono () + ms;
    int timer = loop_timer (loop, 1, 0, look, done);
    loop_run (loop);
    loop_timer_end (loop, timer);
}

START_TEST (numbers_answer_themselves)
{
    static const char *const hosts[] = {"127.0.0.1", "::1", "10.1.2.3"};
    for (size_t i = 0; i < 3; i++) {
        struct result result = {.done = false};
        resolver_start (resolver, hosts[i], take, &result);
        ck_assert (!result.done);
        run (&result.done, 10000);
        ck_assert_uint_eq (result.n, 1);
        ck_assert_str_eq (result.addresses[0], hosts[i]);
    }
}
END_TEST

START_TEST (names)
{
    struct result result = {.done = false}, none = {.done = false};
    resolver_start (resolver, "localhost", take, &result);
    run (&result.done, 20000);
    ck_assert_uint_ge (result.n, 1);
    bool found = false;
    for (size_t i = 0; i < result.n; i++) {
        found |= strcmp (result.addresses[i], "127.0.0.1") == 0;
        if (i > 0)
            ck_assert_int_lt (strcmp (result.addresses[i - 1], result.addresses[i]), 0);
    }
    ck_assert (found);
    resolver_start (resolver, "a name with blanks", take, &none);
    run (&none.done, 20000);
    ck_assert (none.done);
    ck_assert_uint_eq (none.n, 0);
    ck_assert_ptr_nonnull (strstr (none.error.text, "a name with blanks: "));
}
END_TEST

START_TEST (cancelled_queries_stay_silent)
{
    struct result results[4] = {{.done = false}};
    struct resolver_query *query = resolver_start (resolver, "127.0.0.1", take, &results[0]);
    resolver_cancel (&query);
    ck_assert_ptr_null (query);
    resolver_cancel (&query);
    query = resolver_start (resolver, "localhost", take, &results[1]);
    resolver_cancel (&query);
    // Of two that are done in the same turn, the first cancels the second.
    struct resolver_query *other = resolver_start (resolver, "127.0.0.1", take, &results[2]);
    resolver_start (resolver, "127.0.0.2", take, &results[3]);
    results[3].to_cancel = other; // the newest is looked at first
    run (&results[3].done, 10000);
    run (NULL, 50);
    ck_assert (!results[0].done);
    ck_assert (!results[1].done);
    ck_assert (!results[2].done);
    ck_assert (results[3].done);
}
END_TEST

START_TEST (destroyed_with_open_queries)
{
    struct result result = {.done = false};
    for (int i = 0; i < 20; i++)
        resolver_start (resolver, "localhost", take, &result);
    resolver_destroy (&resolver);
    ck_assert (!result.done);
}
END_TEST

// ---- alarms ---------------------------------------------------------------------------------------------------------

struct bell {
    struct alarm *alarm;
    unsigned rings;
    bool destroys, rang;
    int64_t rang_ms;
};

static void
ring (void *context)
{
    struct bell *bell = context;
    bell->rings++;
    bell->rang = true;
    bell->rang_ms = zclock_mono ();
    if (bell->destroys)
        alarm_destroy (&bell->alarm);
}

START_TEST (alarms)
{
    struct bell bell = {.rings = 0}, other = {.destroys = true};
    int64_t now = zclock_mono ();
    bell.alarm = alarm_new (loop, ring, &bell);
    other.alarm = alarm_new (loop, ring, &other);
    alarm_by (bell.alarm, now + 60);
    alarm_by (bell.alarm, now + 60000); // later: does not count
    alarm_by (other.alarm, now + 60000);
    alarm_by (other.alarm, now + 20); // earlier: does
    run (&bell.rang, 30000);
    run (&other.rang, 30000);
    ck_assert_uint_eq (bell.rings, 1);
    ck_assert_int_ge (bell.rang_ms, now + 60);
    ck_assert_int_ge (other.rang_ms, now + 20);
    ck_assert_uint_eq (other.rings, 1);
    ck_assert_ptr_null (other.alarm);
    bell.rang = false;
    alarm_by (bell.alarm, 0); // in the past
    run (&bell.rang, 30000);
    ck_assert_uint_eq (bell.rings, 2);
    alarm_by (bell.alarm, zclock_mono () + 10);
    alarm_destroy (&bell.alarm);
    alarm_destroy (&bell.alarm);
    run (NULL, 30);
    ck_assert_uint_eq (bell.rings, 2);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("resolver");
    TCase *resolving = tcase_create ("resolver");
    tcase_set_timeout (resolving, 100);
    tcase_add_checked_fixture (resolving, set_up, tear_down);
    tcase_add_test (resolving, numbers_answer_themselves);
    tcase_add_test (resolving, names);
    tcase_add_test (resolving, cancelled_queries_stay_silent);
    tcase_add_test (resolving, destroyed_with_open_queries);
    tcase_add_test (resolving, alarms);
    suite_add_tcase (suite, resolving);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
