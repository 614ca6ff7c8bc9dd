// Prometheus' text format (R46): names and units, escapes, buckets, what is left out, the limit.
// objects: services/gateway/metrics.o
#include "common/memory/memory.h"
#include "common/stats/stats.h"
#include "services/gateway/metrics.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct metrics *metrics;

static void
set_up (void)
{
    metrics = metrics_new (1 << 20);
}

static void
tear_down (void)
{
    metrics_destroy (&metrics);
    ck_assert_ptr_null (metrics);
    metrics_destroy (&metrics);
}

static void
add (const char *name, Jeton__V1__StatKind kind, uint64_t value)
{
    Jeton__V1__Stat stat = JETON__V1__STAT__INIT;
    stat.name = (char *) name;
    stat.kind = kind;
    stat.help = (char *) "What it is";
    stat.value = value;
    metrics_add (metrics, &stat, "admin", "127.0.0.1:7103");
}

#define COUNTER JETON__V1__STAT_KIND__STAT_KIND_COUNTER
#define GAUGE   JETON__V1__STAT_KIND__STAT_KIND_GAUGE
#define LABELS  "{service=\"admin\",instance=\"127.0.0.1:7103\"}"

static void
expect (const char *expected)
{
    size_t size;
    cleanup_free char *text = metrics_text (metrics, &size);
    ck_assert_ptr_nonnull (text);
    ck_assert_str_eq (text, expected);
    ck_assert_uint_eq (size, strlen (expected));
}

START_TEST (names_have_units_and_types)
{
    add ("journal.bytes", GAUGE, 17);
    add ("db.calls", COUNTER, UINT64_MAX);
    add ("process.cpu_us", COUNTER, 1500000);
    add ("known.age_ms", GAUGE, 250);
    add ("up", GAUGE, 1);
    expect ("# HELP jeton_db_calls_total What it is\n# TYPE jeton_db_calls_total counter\n"
            "jeton_db_calls_total" LABELS " 18446744073709551615\n"
            "# HELP jeton_journal_bytes What it is\n# TYPE jeton_journal_bytes gauge\n"
            "jeton_journal_bytes" LABELS " 17\n"
            "# HELP jeton_known_age_seconds What it is\n# TYPE jeton_known_age_seconds gauge\n"
            "jeton_known_age_seconds" LABELS " 0.25\n"
            "# HELP jeton_process_cpu_seconds_total What it is\n"
            "# TYPE jeton_process_cpu_seconds_total counter\n"
            "jeton_process_cpu_seconds_total" LABELS " 1.5\n"
            "# HELP jeton_up What it is\n# TYPE jeton_up gauge\njeton_up" LABELS " 1\n");
}
END_TEST

START_TEST (those_of_a_name_are_together)
{
    Jeton__V1__Stat stat = JETON__V1__STAT__INIT;
    stat.help = stat.name = (char *) "up";
    stat.kind = GAUGE;
    metrics_add (metrics, &stat, "admin", "a:1");
    add ("db.calls", GAUGE, 2);
    metrics_add (metrics, &stat, "admin", "b:1");
    expect ("# HELP jeton_db_calls What it is\n# TYPE jeton_db_calls gauge\n"
            "jeton_db_calls" LABELS " 2\n"
            "# HELP jeton_up up\n# TYPE jeton_up gauge\n"
            "jeton_up{service=\"admin\",instance=\"a:1\"} 0\n"
            "jeton_up{service=\"admin\",instance=\"b:1\"} 0\n");
}
END_TEST

START_TEST (what_has_a_meaning_is_escaped)
{
    Jeton__V1__StatLabel label = JETON__V1__STAT_LABEL__INIT, *labels[] = {&label};
    Jeton__V1__Stat stat = JETON__V1__STAT__INIT;
    label.name = (char *) "method";
    label.value = (char *) "a\\b\"c\nd{}é";
    stat.name = (char *) "x";
    stat.kind = GAUGE;
    stat.help = (char *) "one\ntwo \"three\" \\ four";
    stat.labels = labels;
    stat.n_labels = 1;
    metrics_add (metrics, &stat, "s", "i\"1");
    expect ("# HELP jeton_x one\\ntwo \"three\" \\\\ four\n# TYPE jeton_x gauge\n"
            "jeton_x{service=\"s\",instance=\"i\\\"1\",method=\"a\\\\b\\\"c\\nd{}é\"} 0\n");
}
END_TEST

START_TEST (buckets_have_those_below_them)
{
    uint64_t bounds[] = {16, 32, 1000000}, buckets[] = {2, 0, 3, 1};
    Jeton__V1__Stat stat = JETON__V1__STAT__INIT;
    stat.name = (char *) "call_us";
    stat.help = (char *) "h";
    stat.kind = JETON__V1__STAT_KIND__STAT_KIND_HISTOGRAM;
    stat.bounds = bounds;
    stat.n_bounds = 3;
    stat.buckets = buckets;
    stat.n_buckets = 4;
    stat.sum = 5000020;
    stat.value = 99; // what the buckets say counts
    metrics_add (metrics, &stat, "s", "i");
    expect ("# HELP jeton_call_seconds h\n# TYPE jeton_call_seconds histogram\n"
            "jeton_call_seconds_bucket{service=\"s\",instance=\"i\",le=\"0.000016\"} 2\n"
            "jeton_call_seconds_bucket{service=\"s\",instance=\"i\",le=\"0.000032\"} 2\n"
            "jeton_call_seconds_bucket{service=\"s\",instance=\"i\",le=\"1\"} 5\n"
            "jeton_call_seconds_bucket{service=\"s\",instance=\"i\",le=\"+Inf\"} 6\n"
            "jeton_call_seconds_sum{service=\"s\",instance=\"i\"} 5.00002\n"
            "jeton_call_seconds_count{service=\"s\",instance=\"i\"} 6\n");
}
END_TEST

// From a process that was taken over, or is of another version.
START_TEST (what_prometheus_would_not_take_is_left_out)
{
    static const char *const names[] = {"", "9x", "X", "a b", "a\"b", "a\nb", "a{b", ".x", "é"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        add (names[i], GAUGE, 1);
    char longest[200];
    memset (longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    add (longest, GAUGE, 1);
    add ("x", JETON__V1__STAT_KIND__STAT_KIND_UNSPECIFIED, 1);
    add ("x", (Jeton__V1__StatKind) 77, 1);

    uint64_t falling[] = {2, 1}, buckets[] = {1, 1, 1};
    Jeton__V1__Stat stat = JETON__V1__STAT__INIT;
    stat.name = (char *) "x";
    stat.kind = JETON__V1__STAT_KIND__STAT_KIND_HISTOGRAM;
    stat.bounds = falling;
    stat.n_bounds = 2;
    stat.buckets = buckets;
    stat.n_buckets = 3;
    metrics_add (metrics, &stat, "s", "i"); // bounds that fall
    stat.n_buckets = 1;
    metrics_add (metrics, &stat, "s", "i"); // too few buckets
    stat.n_bounds = stat.n_buckets = 0;
    metrics_add (metrics, &stat, "s", "i"); // none at all

    static const char *const labels[] = {"service", "instance", "le", "", "A", "a-b", "a\"=\"b"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        Jeton__V1__StatLabel label = JETON__V1__STAT_LABEL__INIT, *list[] = {&label};
        Jeton__V1__Stat labelled = JETON__V1__STAT__INIT;
        label.name = (char *) labels[i];
        labelled.name = (char *) "x";
        labelled.kind = GAUGE;
        labelled.labels = list;
        labelled.n_labels = 1;
        metrics_add (metrics, &labelled, "s", "i");
    }
    expect ("");
    // Of two kinds: the first stays. These two have the same name only as what they are not.
    add ("x", GAUGE, 1);
    add ("x", COUNTER, 1);
    add ("x_total", GAUGE, 1);
    expect ("# HELP jeton_x What it is\n# TYPE jeton_x gauge\njeton_x" LABELS " 1\n"
            "# HELP jeton_x_total What it is\n# TYPE jeton_x_total counter\n"
            "jeton_x_total" LABELS " 1\n");
}
END_TEST

START_TEST (no_more_than_the_limit)
{
    size_t size;
    add ("db.calls", GAUGE, 1);
    char *text = metrics_text (metrics, &size);
    free (text);
    for (size_t limit = 0; limit <= size; limit++) {
        metrics_destroy (&metrics);
        metrics = metrics_new (limit);
        add ("db.calls", GAUGE, 1);
        size_t taken;
        cleanup_free char *short_text = metrics_text (metrics, &taken);
        ck_assert ((short_text != NULL) == (limit == size));
        add ("db.connects", GAUGE, 1); // when it is full, that changes nothing
        cleanup_free char *over = metrics_text (metrics, &taken);
        ck_assert_ptr_null (over);
    }
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("metrics");
    TCase *tcase = tcase_create ("metrics");
    tcase_add_checked_fixture (tcase, set_up, tear_down);
    tcase_add_test (tcase, names_have_units_and_types);
    tcase_add_test (tcase, those_of_a_name_are_together);
    tcase_add_test (tcase, what_has_a_meaning_is_escaped);
    tcase_add_test (tcase, buckets_have_those_below_them);
    tcase_add_test (tcase, what_prometheus_would_not_take_is_left_out);
    tcase_add_test (tcase, no_more_than_the_limit);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
