// The table changes is kept short (R42): what is deleted when. The store and the clock do what a test tells them to.
// objects: services/auditor/changes.o
#include "services/auditor/auditor.h"
#include <check.h>

static struct auditor auditor;
static struct changes *subject;
static bool writing;
static int64_t clock_s;
static struct {
    store_number_callback *horizon, *trim;
    void *context;
    int64_t before;
} store;

int64_t
auditor_boot_s (void)
{
    return clock_s;
}

bool
writer_state (const struct writer *writer, struct error *reason_r)
{
    (void) writer;
    error_set (reason_r, "another auditor writes the trail");
    return writing;
}

void
store_changes_horizon (struct db *db, store_number_callback *callback, void *context)
{
    (void) db;
    store.horizon = callback;
    store.context = context;
}

void
store_changes_trim (struct db *db, int64_t horizon, size_t limit, store_number_callback *callback,
                    void *context)
{
    (void) db;
    ck_assert_uint_eq (limit, 1000);
    store.before = horizon;
    store.trim = callback;
    store.context = context;
}

static void
step (void)
{
    store.horizon = store.trim = NULL;
    changes_step (subject);
}

static void
note (int64_t horizon)
{
    step ();
    ck_assert_ptr_nonnull (store.horizon);
    store.horizon (store.context, DB_OK, horizon);
}

static void
set_up (void)
{
    auditor = (struct auditor){.stats = {0}};
    auditor.settings.changes_keep_s = 3600;
    auditor.process.loop = loop_new ();
    clock_s = 50;
    writing = true;
    subject = changes_new (&auditor);
}

static void
tear_down (void)
{
    changes_destroy (&subject);
    loop_destroy (&auditor.process.loop);
}

// What is noted now is deleted when it has been noted for long enough, in batches, and then there is a new note.
START_TEST (deletes)
{
    note (700);
    clock_s += 3599;
    step ();
    ck_assert (!store.trim && !store.horizon);
    clock_s += 1;
    step ();
    ck_assert_int_eq (store.before, 700);
    changes_step (subject); // one call at a time
    store_number_callback *first = store.trim;
    store.trim = NULL;
    first (store.context, DB_OK, 1000); // there may be more
    ck_assert_ptr_nonnull (store.trim);
    store.trim (store.context, DB_OK, 999);
    ck_assert_uint_eq (auditor.stats.trimmed, 1999);
    note (900);
    clock_s += 3600;
    step ();
    ck_assert_int_eq (store.before, 900);
}
END_TEST

// Who does not write deletes nothing, and its note is worth nothing afterwards: the database may have been another one.
START_TEST (forgets)
{
    writing = false;
    step ();
    ck_assert (!store.trim && !store.horizon);
    writing = true;
    note (700);
    writing = false;
    step ();
    writing = true;
    clock_s += 3600;
    note (20);
    step ();
    ck_assert (!store.trim && !store.horizon);
}
END_TEST

START_TEST (tries_again)
{
    step ();
    store.horizon (store.context, DB_UNAVAILABLE, 0);
    note (700);
    clock_s += 4000;
    step ();
    store.trim (store.context, DB_UNCERTAIN, 0);
    step ();
    ck_assert_int_eq (store.before, 700);
    ck_assert_ptr_nonnull (store.trim);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("auditor's changes");
    TCase *all = tcase_create ("all");
    tcase_add_checked_fixture (all, set_up, tear_down);
    tcase_add_test (all, deletes);
    tcase_add_test (all, forgets);
    tcase_add_test (all, tries_again);
    suite_add_tcase (suite, all);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
