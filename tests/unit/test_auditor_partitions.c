// Partitions of the trail: what is due when, and what becomes of what the database refuses (R38, R41). The store does what a test tells it to.
// objects: services/auditor/entry.o services/auditor/partitions.o
#include "common/log/log.h"
#include "services/auditor/auditor.h"
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum asked { NOTHING, LOOK, CLOSE, DROP };

static struct auditor auditor;
static struct partitions *subject;
static struct store_head head;
static struct store_partitions found; // what a look finds
static struct {
    enum asked asked;
    store_partitions_callback *look;
    store_callback *done;
    void *context;
    struct chain_walk walk; // what a drop appends
    int64_t keep_days, last;
} store;
static int64_t later_ms;
static struct {
    int calls;
    enum db_outcome outcome;
    int64_t appended; // 0: nothing
} told;

int64_t
zclock_mono (void)
{
    return 1000000 + later_ms;
}

int64_t
auditor_now_us (void)
{
    return 1;
}

void
auditor_number (int64_t number, char text_r[NUMBER_SIZE])
{
    snprintf (text_r, NUMBER_SIZE, "%lld", (long long) number);
}

void
store_partitions (struct db *db, int64_t days, int64_t keep_days,
                  store_partitions_callback *callback, void *context)
{
    (void) db;
    ck_assert_int_eq (days, 7);
    ck_assert_int_eq (keep_days, 90);
    store.asked = LOOK;
    store.look = callback;
    store.context = context;
}

void
store_close (struct db *db, store_callback *callback, void *context)
{
    (void) db;
    store.asked = CLOSE;
    store.done = callback;
    store.context = context;
}

void
store_drop (struct db *db, const Jeton__V1__TrailEntry *entry, int64_t keep_days, int64_t last,
            store_callback *callback, void *context)
{
    struct error error = {""};
    (void) db;
    store.asked = DROP;
    store.done = callback;
    store.context = context;
    store.keep_days = keep_days;
    store.last = last;
    store.walk.sequence = head.sequence;
    memcpy (store.walk.digest, head.digest, sizeof head.digest);
    ck_assert_msg (chain_walk_entry (&store.walk, entry, &error), "%s", error.text);
}

static void
on_done (void *context, enum db_outcome outcome, const Jeton__V1__TrailEntry *entry)
{
    ck_assert_ptr_eq (context, &told);
    told.calls++;
    told.outcome = outcome;
    told.appended = entry != NULL ? entry->sequence : 0;
}

// What it does when it may do one thing.
static void
expect (enum asked what)
{
    store.asked = NOTHING;
    if (partitions_due (subject, &head))
        partitions_step (subject, NULL, &head, on_done, &told);
    ck_assert_int_eq (store.asked, what);
}

static void
answer (enum db_outcome outcome, const char *sqlstate)
{
    struct db_error error = {.text = "why"};
    int calls = told.calls;
    snprintf (error.sqlstate, sizeof error.sqlstate, "%s", sqlstate);
    if (store.asked == LOOK)
        store.look (store.context, outcome, outcome == DB_OK ? &found : NULL);
    else
        store.done (store.context, outcome, &error);
    ck_assert_int_eq (told.calls, calls + 1);
    ck_assert_int_eq (told.outcome, outcome);
}

static void
look (void)
{
    expect (LOOK);
    answer (DB_OK, "");
}

static void
set_up (void)
{
    log_open ("test", LOG_LEVEL_ERROR);
    memset (&store, 0, sizeof store);
    memset (&told, 0, sizeof told);
    later_ms = 0;
    auditor = (struct auditor){.stats = {0}};
    auditor.settings.trail_partition_days = 7;
    auditor.settings.trail_partition_records = 10;
    auditor.settings.trail_retention_days = 90;
    head = (struct store_head){.sequence = 104, .covered = 104};
    found = (struct store_partitions){.first = 100};
    subject = partitions_new (&auditor);
}

static void
tear_down (void)
{
    partitions_destroy (&subject);
    partitions_destroy (&subject);
}

// It looks at first, every minute, and after somebody else may have done something.
START_TEST (looks)
{
    look ();
    expect (NOTHING);
    later_ms += 59 * 1000;
    expect (NOTHING);
    later_ms += 1000;
    look ();
    partitions_forget (subject);
    expect (LOOK);
    answer (DB_UNAVAILABLE, "");
    expect (LOOK);
    answer (DB_FAILED, ""); // somebody made nonsense of the table: nothing is done with it
    head.sequence = INT64_MAX - 1;
    expect (NOTHING);
    later_ms += 60 * 1000;
    look ();
}
END_TEST

START_TEST (closes_by_age)
{
    look ();
    expect (NOTHING);
    found.aged = true;
    later_ms += 60 * 1000;
    look ();
    head.covered = 103; // not before its checkpoint
    ck_assert (partitions_ends (subject, &head));
    expect (NOTHING);
    head.covered = 104;
    expect (CLOSE);
    answer (DB_OK, "");
    ck_assert_uint_eq (auditor.stats.made, 1);
    found.first = 105;
    look ();
    expect (NOTHING); // it holds nothing yet, however old
    ck_assert (!partitions_ends (subject, &head));
}
END_TEST

START_TEST (closes_by_records)
{
    look ();
    head.sequence = head.covered = 108;
    expect (NOTHING);
    head.sequence = head.covered = 109;
    expect (CLOSE);
    answer (DB_OK, "");
}
END_TEST

// What is refused is tried again after an hour; what was lost with a connection at once.
START_TEST (close_is_refused)
{
    static const struct {
        enum db_outcome outcome;
        const char *sqlstate;
        bool later;
    } cases[] = {{DB_FAILED, "55P03", true},
                 {DB_UNAVAILABLE, "57014", true},
                 {DB_UNAVAILABLE, "", false},
                 {DB_UNCERTAIN, "", false}};
    found.aged = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        look ();
        expect (CLOSE);
        answer (cases[i].outcome, cases[i].sqlstate);
        look ();
        if (cases[i].later) {
            expect (NOTHING);
            ck_assert (!partitions_ends (subject, &head));
            later_ms += 3600 * 1000;
            look ();
        }
        expect (CLOSE);
        answer (DB_OK, "");
    }
    ck_assert_uint_eq (auditor.stats.made, 4);
}
END_TEST

START_TEST (missing)
{
    found.missing = true;
    head.covered = 7; // whatever the checkpoints
    look ();
    ck_assert (!partitions_ends (subject, &head));
    expect (CLOSE);
    answer (DB_FAILED, "42501");
    look ();
    expect (NOTHING);
    later_ms += 10 * 1000; // nothing can be appended: not in an hour
    expect (CLOSE);
    answer (DB_OK, "");
}
END_TEST

START_TEST (drops)
{
    found.droppable = found.vouched = true;
    found.old_first = 1;
    found.old_last = 50;
    look ();
    expect (DROP);
    ck_assert_int_eq (store.keep_days, 90);
    ck_assert_int_eq (store.last, 50);
    answer (DB_OK, "");
    ck_assert_int_eq (told.appended, 105);
    ck_assert_uint_eq (auditor.stats.dropped, 1);
    head.sequence = 105;
    memcpy (head.digest, store.walk.digest, sizeof head.digest);
    found.old_first = 51;
    found.old_last = 99;
    look ();
    expect (DROP);
    answer (DB_FAILED, "55P03");
    ck_assert_int_eq (told.appended, 0);
    look ();
    expect (NOTHING);
    later_ms += 3600 * 1000;
    look ();
    expect (DROP);
    answer (DB_CONFLICT, "23505");
    ck_assert_int_eq (told.appended, 0);
    expect (LOOK);
}
END_TEST

// Where no checkpoint stands for it, the database decides, and refuses.
START_TEST (drop_without_checkpoint)
{
    found.droppable = true;
    found.old_first = 1;
    found.old_last = 50;
    look ();
    expect (DROP);
    answer (DB_FAILED, "P0001");
    ck_assert_uint_eq (auditor.stats.dropped, 0);
}
END_TEST

int
main (void)
{
    const TTest *const tests[] = {looks,   closes_by_age, closes_by_records,      close_is_refused,
                                  missing, drops,         drop_without_checkpoint};
    Suite *suite = suite_create ("auditor's partitions");
    TCase *all = tcase_create ("all");
    tcase_add_checked_fixture (all, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test (all, tests[i]);
    suite_add_tcase (suite, all);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
