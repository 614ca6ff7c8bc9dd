// The writer: election, batches, and what it does after each way in which a call can end. The store does what a test tells it to.
// objects: services/auditor/entry.o services/auditor/writer.o services/auditor/checkpoint.o
#include "common/log/log.h"
#include "services/auditor/auditor.h"
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// What the writer has asked the store for; one call at a time.
enum asked { NOTHING, LOCK, HEAD, OUTBOX, APPEND, CHECKPOINT };

static struct auditor subject;
static struct {
    enum asked asked;
    store_lock_callback *lock;
    store_head_callback *head;
    store_rows_callback *rows;
    store_callback *done;
    void *context;
    size_t limit; // OUTBOX
    size_t n;     // APPEND
    int64_t first, ids[16];
    char events[16][64];
    int64_t checkpoint; // CHECKPOINT: its sequence number
} store;
static db_change_callback *changed;
static void *changed_context;
static bool connected;
static int64_t later_ms;            // how far the clock was put forward
static struct store_head trail_end; // of the trail
static struct chain_walk walk;      // along what was appended
static size_t tailed;

// ---- what surrounds the writer ----------------------------------------------------------------------------------------

int64_t
zclock_mono (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000 + later_ms;
}

struct db *
db_new (zloop_t *loop, struct resolver *resolver, const struct db_options *options)
{
    (void) loop;
    (void) resolver;
    ck_assert_uint_eq (options->connections, 1); // the lock is the connection's
    return (struct db *) &store;
}

void
db_destroy (struct db **db)
{
    *db = NULL;
}

bool
db_ready (const struct db *db, struct error *error_r)
{
    (void) db;
    error_set (error_r, "no connection");
    return connected;
}

void
db_on_change (struct db *db, db_change_callback *callback, void *context)
{
    (void) db;
    changed = callback;
    changed_context = context;
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
auditor_health (struct auditor *auditor)
{
    (void) auditor;
}

void
tail_advance (struct auditor *auditor, int64_t head)
{
    (void) auditor;
    ck_assert_int_eq (head, trail_end.sequence);
    tailed++;
}

void
request_reply (struct request *request, const ProtobufCMessage *reply)
{
    (void) request;
    (void) reply;
}

void *
request_owner (const struct request *request)
{
    (void) request;
    return &subject;
}

const struct db_statement store_statements[] = {{NULL, NULL, false}};

static void
ask (enum asked what, void *context)
{
    ck_assert_int_eq (store.asked, NOTHING);
    store.asked = what;
    store.context = context;
}

void
store_lock (struct db *db, store_lock_callback *callback, void *context)
{
    (void) db;
    ask (LOCK, context);
    store.lock = callback;
}

void
store_head (struct db *db, store_head_callback *callback, void *context)
{
    (void) db;
    ask (HEAD, context);
    store.head = callback;
}

void
store_outbox (struct db *db, size_t limit, store_rows_callback *callback, void *context)
{
    (void) db;
    ask (OUTBOX, context);
    store.limit = limit;
    store.rows = callback;
}

void
store_append (struct db *db, const Jeton__V1__TrailEntry *entries, const int64_t *ids, size_t n,
              store_callback *callback, void *context)
{
    (void) db;
    ask (APPEND, context);
    ck_assert_uint_le (n, 16);
    store.done = callback;
    store.n = n;
    store.first = entries[0].sequence;
    struct chain_walk ahead = walk;
    for (size_t i = 0; i < n; i++) {
        struct error error = {""};
        store.ids[i] = ids[i];
        snprintf (store.events[i], sizeof store.events[i], "%s", entries[i].event);
        ck_assert_msg (chain_walk_entry (&ahead, &entries[i], &error), "%s", error.text);
    }
    // Where the trail will end, if it is done.
    trail_end.sequence = ahead.sequence;
    memcpy (trail_end.digest, ahead.digest, sizeof trail_end.digest);
}

void
store_checkpoint (struct db *db, const Jeton__V1__Checkpoint *checkpoint, store_callback *callback,
                  void *context)
{
    struct error error = {""};
    struct chain_walk check = walk;
    (void) db;
    ask (CHECKPOINT, context);
    store.done = callback;
    store.checkpoint = checkpoint->sequence;
    ck_assert_msg (chain_walk_checkpoint (&check, checkpoint, &error), "%s", error.text);
}

// ---- the test's side --------------------------------------------------------------------------------------------------

static int
stop (zloop_t *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    (void) context;
    return -1;
}

// Let the writer's timer run; `ms` later.
static void
turn (int64_t ms)
{
    later_ms += ms;
    zloop_timer (subject.process.loop, 20, 1, stop, NULL);
    zloop_start (subject.process.loop);
}

static void
expect (enum asked what)
{
    if (store.asked == NOTHING)
        turn (0);
    ck_assert_int_eq (store.asked, what);
    store.asked = NOTHING;
}

static void
connection (bool ready)
{
    connected = ready;
    changed (changed_context, ready);
}

static void
answer_head (void)
{
    expect (HEAD);
    trail_end.sequence = walk.sequence;
    memcpy (trail_end.digest, walk.digest, sizeof trail_end.digest);
    store.head (store.context, DB_OK, &trail_end);
}

static void
elect (void)
{
    connection (true);
    expect (LOCK);
    store.lock (store.context, DB_OK, true);
    answer_head ();
}

// n records with ids from `first`; those whose id is `bad` are no records.
static void
answer_outbox (int64_t first, size_t n, int64_t bad)
{
    struct store_row rows[16];
    uint8_t good[] = {0x1a, 3, 'a', '.', 'b'}, broken[] = {0xff};
    expect (OUTBOX);
    ck_assert_uint_le (n, store.limit);
    for (size_t i = 0; i < n; i++) {
        rows[i].number = first + (int64_t) i;
        rows[i].data = rows[i].number == bad ? broken : good;
        rows[i].size = rows[i].number == bad ? sizeof broken : sizeof good;
    }
    store.rows (store.context, DB_OK, rows, n);
}

static void
answer_append (enum db_outcome outcome, const char *sqlstate)
{
    struct db_error error = {.text = ""};
    expect (APPEND);
    snprintf (error.sqlstate, sizeof error.sqlstate, "%s", sqlstate);
    if (outcome == DB_OK) {
        walk.sequence = trail_end.sequence;
        memcpy (walk.digest, trail_end.digest, sizeof walk.digest);
    }
    store.done (store.context, outcome, &error);
}

static bool
writes (void)
{
    struct error error;
    return writer_state (subject.writer, &error);
}

static void
set_up (void)
{
    struct error error;
    log_open ("test", LOG_LEVEL_ERROR);
    ck_assert (crypto_start (&error));
    memset (&store, 0, sizeof store);
    memset (&trail_end, 0, sizeof trail_end);
    chain_walk_start (&walk, NULL);
    subject = (struct auditor){.head = 0};
    subject.process.loop = zloop_new ();
    subject.settings.outbox_poll_ms = 1;
    subject.settings.outbox_batch = 4;
    subject.settings.checkpoint_interval_s = 3600;
    subject.settings.process.database_url = subject.settings.process.database_password =
        (char *) "";
    subject.writer = writer_new (&subject);
}

static void
tear_down (void)
{
    writer_destroy (&subject.writer);
    writer_destroy (&subject.writer);
    zloop_destroy (&subject.process.loop);
}

// ---- tests ------------------------------------------------------------------------------------------------------------

START_TEST (election)
{
    turn (5000);
    ck_assert_int_eq (store.asked, NOTHING); // no connection
    connection (true);
    expect (LOCK);
    store.lock (store.context, DB_OK, false);
    ck_assert (!writes ());
    turn (0);
    ck_assert_int_eq (store.asked, NOTHING); // once a second
    turn (1000);
    expect (LOCK);
    store.lock (store.context, DB_OK, true);
    ck_assert (!writes ());
    answer_head ();
    ck_assert (writes ());
    expect (OUTBOX);
}
END_TEST

START_TEST (batches)
{
    elect ();
    answer_outbox (11, 4, 0);
    ck_assert_uint_eq (store.n, 4);
    ck_assert_int_eq (store.first, 1);
    ck_assert_int_eq (store.ids[3], 14);
    answer_append (DB_OK, "");
    ck_assert_int_eq (store.asked, OUTBOX); // a full batch: the next at once
    answer_outbox (15, 2, 16);
    ck_assert_int_eq (store.first, 5);
    ck_assert_str_eq (store.events[0], "a.b");
    ck_assert_str_eq (store.events[1], ENTRY_UNREADABLE);
    answer_append (DB_OK, "");
    ck_assert_int_eq (store.asked, NOTHING); // at the next poll
    ck_assert_uint_eq (subject.stats.appended, 6);
    ck_assert_uint_eq (subject.stats.unreadable, 1);
    ck_assert_uint_eq (subject.stats.batches, 2);
    ck_assert_uint_eq (tailed, 2);
    answer_outbox (0, 0, 0);
    ck_assert_int_eq (store.asked, NOTHING);
    expect (OUTBOX);
}
END_TEST

START_TEST (conflict)
{
    elect ();
    answer_outbox (1, 2, 0);
    answer_append (DB_CONFLICT, "23505");
    ck_assert_uint_eq (subject.stats.conflicts, 1);
    answer_head ();
    answer_outbox (1, 2, 0);
    answer_append (DB_OK, "");
    ck_assert_int_eq (walk.sequence, 2);
}
END_TEST

// The connection is lost during the commit: whatever comes of it, the writer begins again from the database.
START_TEST (lost)
{
    elect ();
    answer_outbox (1, 2, 0);
    connection (false);
    ck_assert (!writes ());
    answer_append (DB_UNCERTAIN, "");
    ck_assert_uint_eq (subject.stats.uncertain, 1);
    ck_assert_uint_eq (subject.stats.appended, 0);
    turn (2000);
    ck_assert_int_eq (store.asked, NOTHING);
    walk.sequence = trail_end.sequence; // it was committed
    memcpy (walk.digest, trail_end.digest, sizeof walk.digest);
    elect ();
    answer_outbox (3, 1, 0);
    ck_assert_int_eq (store.first, 3);
    answer_append (DB_OK, "");
}
END_TEST

// An answer that belongs to the lost connection says nothing about the new one.
START_TEST (answers_of_a_lost_connection)
{
    connection (true);
    expect (LOCK);
    connection (false);
    connection (true);
    turn (0);
    ck_assert_int_eq (store.asked, NOTHING); // one call at a time
    store.lock (store.context, DB_OK, true);
    ck_assert (!writes ());
    expect (LOCK);
    store.lock (store.context, DB_OK, true);
    answer_head ();
    expect (OUTBOX);
    connection (false);
    connection (true);
    struct store_row row = {.number = 1, .data = (uint8_t *) "", .size = 0};
    store.rows (store.context, DB_OK, &row, 1);
    expect (LOCK); // and no append
}
END_TEST

START_TEST (unavailable)
{
    elect ();
    answer_outbox (1, 1, 0);
    answer_append (DB_UNAVAILABLE, "");
    turn (0);
    ck_assert_int_eq (store.asked, NOTHING); // not in a hurry
    turn (1000);
    answer_head ();
    answer_outbox (1, 1, 0);
    answer_append (DB_OK, "");
    ck_assert_int_eq (walk.sequence, 1);
}
END_TEST

// The database refuses a value in a batch: its rows come one by one, and the one at fault unread.
START_TEST (poisoned)
{
    elect ();
    answer_outbox (1, 3, 0);
    answer_append (DB_FAILED, "22021");
    for (int64_t id = 1; id <= 3; id++) {
        answer_outbox (id, 1, 0);
        ck_assert_uint_eq (store.limit, 1);
        if (id == 2) {
            ck_assert_str_eq (store.events[0], "a.b");
            answer_append (DB_FAILED, "22021");
            answer_outbox (id, 1, 0);
            ck_assert_str_eq (store.events[0], ENTRY_UNREADABLE);
        } else {
            ck_assert_str_eq (store.events[0], "a.b");
        }
        answer_append (DB_OK, "");
    }
    expect (OUTBOX);
    ck_assert_uint_eq (store.limit, 4);
    ck_assert_int_eq (walk.sequence, 3);
    ck_assert (writes ());
}
END_TEST

// Rights, space: nothing is wrong with the rows.
START_TEST (refused)
{
    elect ();
    for (size_t i = 0; i < 3; i++) {
        answer_outbox (1, 1, 0);
        ck_assert_str_eq (store.events[0], "a.b");
        answer_append (DB_FAILED, "42501");
        ck_assert (!writes ());
        turn (0);
        ck_assert_int_eq (store.asked, NOTHING);
        turn (1000);
    }
    answer_outbox (1, 1, 0);
    answer_append (DB_OK, "");
    ck_assert (writes ());
}
END_TEST

static void
answer_checkpoint (enum db_outcome outcome, int64_t sequence)
{
    expect (CHECKPOINT);
    ck_assert_int_eq (store.checkpoint, sequence);
    if (outcome == DB_OK)
        trail_end.covered = sequence;
    store.done (store.context, outcome, NULL);
}

START_TEST (checkpoints)
{
    elect ();
    answer_outbox (1, 1, 0);
    answer_append (DB_OK, "");
    expect (OUTBOX);
    store.rows (store.context, DB_OK, NULL, 0);
    turn (3600 * 1000);
    answer_checkpoint (DB_OK, 1);
    expect (OUTBOX);
    store.rows (store.context, DB_OK, NULL, 0);
    turn (3600 * 1000);
    expect (OUTBOX); // nothing new, no checkpoint
    store.rows (store.context, DB_OK, NULL, 0);
    answer_outbox (2, 1, 0);
    answer_append (DB_OK, "");
    answer_checkpoint (DB_CONFLICT, 2); // there is one already
    trail_end.covered = 2;
    answer_head ();
    expect (OUTBOX);
    ck_assert_uint_eq (subject.stats.checkpoints, 1);
}
END_TEST

START_TEST (end)
{
    elect ();
    answer_outbox (1, 4, 0);
    writer_finish (subject.writer);
    ck_assert (!writer_finished (subject.writer));
    answer_append (DB_OK, "");
    answer_checkpoint (DB_OK, 4);
    ck_assert (writer_finished (subject.writer));
    turn (0);
    ck_assert_int_eq (store.asked, NOTHING); // it takes no more
}
END_TEST

START_TEST (end_of_a_reader)
{
    elect ();
    answer_outbox (1, 1, 0);
    answer_append (DB_OK, "");
    expect (OUTBOX);
    writer_finish (subject.writer);
    struct store_row row = {.number = 2, .data = (uint8_t *) "", .size = 0};
    store.rows (store.context, DB_OK, &row, 1);
    answer_checkpoint (DB_FAILED, 1); // no second try
    ck_assert (writer_finished (subject.writer));
}
END_TEST

START_TEST (end_without_a_connection)
{
    writer_finish (subject.writer);
    ck_assert (writer_finished (subject.writer));
}
END_TEST

// Numbers that no id can show stop the writer, not the process.
START_TEST (numbers_used_up)
{
    connection (true);
    expect (LOCK);
    store.lock (store.context, DB_OK, true);
    expect (HEAD);
    trail_end.sequence = INT64_MAX;
    store.head (store.context, DB_OK, &trail_end);
    ck_assert (!writes ());
    turn (1000);
    expect (HEAD);
    trail_end.sequence = -1;
    store.head (store.context, DB_OK, &trail_end);
    ck_assert (!writes ());
}
END_TEST

int
main (void)
{
    const TTest *const tests[] = {election,
                                  batches,
                                  conflict,
                                  lost,
                                  answers_of_a_lost_connection,
                                  unavailable,
                                  poisoned,
                                  refused,
                                  checkpoints,
                                  end,
                                  end_of_a_reader,
                                  end_without_a_connection,
                                  numbers_used_up};
    Suite *suite = suite_create ("auditor's writer");
    TCase *writer = tcase_create ("writer");
    tcase_add_checked_fixture (writer, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test (writer, tests[i]);
    suite_add_tcase (suite, writer);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
