// What surrounds the auditor's writer under test: a store that does what a test tells it to, a clock that can be put forward, and the
// words in which tests speak. Included once by a test's only source file.
#ifndef JETON_TEST_AUDITOR_WRITER_H
#define JETON_TEST_AUDITOR_WRITER_H

#include "common/log/log.h"
#include "services/auditor/auditor.h"
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// What the writer has asked the store for; one call at a time.
enum asked { NOTHING, LOCK, HEAD, OUTBOX, APPEND, CHECKPOINT, PARTITIONS };

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
static struct {
    bool due, ends; // what partitions say
    int forgotten;
    partitions_callback *done;
} fake_partitions;
static struct chain_walk walk; // along what was appended
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
db_new (struct loop *loop, struct resolver *resolver, const struct db_options *options)
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

struct partitions *
partitions_new (struct auditor *auditor)
{
    (void) auditor;
    return (struct partitions *) &fake_partitions;
}

void
partitions_destroy (struct partitions **partitions)
{
    *partitions = NULL;
}

void
partitions_forget (struct partitions *partitions)
{
    (void) partitions;
    fake_partitions.forgotten++;
}

bool
partitions_due (const struct partitions *partitions, const struct store_head *head)
{
    (void) partitions;
    (void) head;
    return fake_partitions.due;
}

bool
partitions_ends (const struct partitions *partitions, const struct store_head *head)
{
    (void) partitions;
    (void) head;
    return fake_partitions.ends;
}

void
partitions_step (struct partitions *partitions, struct db *db, const struct store_head *head,
                 partitions_callback *callback, void *context)
{
    (void) partitions;
    (void) db;
    ck_assert_int_eq (head->sequence, walk.sequence);
    ask (PARTITIONS, context);
    fake_partitions.done = callback;
}

// ---- the test's side --------------------------------------------------------------------------------------------------

static int
stop (struct loop *loop, int timer, void *context)
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
    loop_timer (subject.process.loop, 20, 1, stop, NULL);
    loop_run (subject.process.loop);
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
    memset (&fake_partitions, 0, sizeof fake_partitions);
    memset (&trail_end, 0, sizeof trail_end);
    chain_walk_start (&walk, NULL);
    subject = (struct auditor){.head = 0};
    subject.process.loop = loop_new ();
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
    loop_destroy (&subject.process.loop);
}

#endif
