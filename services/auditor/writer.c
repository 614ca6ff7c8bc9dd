// Outbox -> chain -> trail, by one process at a time. DESIGN.md says why the order is right and why nothing is taken twice.
//
// The writer has one call in flight at most; when its answer comes, it does the next thing that its state asks for.
#include "common/db/schema_version.h"
#include "common/log/log.h"
#include "common/token/id.h"
#include "services/auditor/auditor.h"

enum { ELECTION_MS = 1000, RETRY_MS = 1000 };

enum writer_phase {
    WRITER_OFFLINE, // no connection
    WRITER_STANDBY, // another has the lock, or we have not asked yet
    WRITER_ELECTED, // has the lock; does not know (any more) where the trail ends
    WRITER_WRITING, // has the lock and knows the end of the trail
};

struct writer {
    struct auditor *auditor;
    struct db *db;
    int timer;
    enum writer_phase phase;
    bool failed;           // the last call was refused by the database
    bool conflicted;       // the last batch met a constraint: another like it waits
    bool busy;             // a call is in flight
    bool finishing;        // take no more
    uint64_t connection;   // counts connections lost and made
    uint64_t called_on;    // `connection` when the call in flight began
    int64_t wait_until_ms; // nothing before this (monotonic)
    int64_t checkpoint_ms; // when the next checkpoint is due (monotonic)
    struct store_head head;
    struct partitions *partitions;
    struct batch batch; // under way
};

static void step (struct writer *writer);

static void
phase_set (struct writer *writer, enum writer_phase phase)
{
    if (writer->phase == phase)
        return;
    if (phase == WRITER_WRITING && writer->phase != WRITER_WRITING)
        writer->failed = false;
    writer->phase = phase;
    auditor_health (writer->auditor);
}

static void
call_begin (struct writer *writer)
{
    writer->busy = true;
    writer->called_on = writer->connection;
}

// call_end (writer): False: the connection that the call was made on is gone, and the lock with it; the answer is of no use.
static bool
call_end (struct writer *writer)
{
    writer->busy = false;
    return writer->called_on == writer->connection;
}

// refused (writer, what, outcome): Try again in a while.
static void
refused (struct writer *writer, const char *what, enum db_outcome outcome)
{
    writer->wait_until_ms = zclock_mono () + RETRY_MS;
    if (outcome == DB_FAILED && !writer->failed) {
        writer->failed = true;
        log_error ("the database refuses the writer", "call", what, NULL);
        auditor_health (writer->auditor);
    }
}

// ---- election -------------------------------------------------------------------------------------------------------

static void
lock_done (void *context, enum db_outcome outcome, bool locked)
{
    struct writer *writer = context;
    if (!call_end (writer))
        return;
    writer->wait_until_ms = zclock_mono () + ELECTION_MS;
    if (outcome != DB_OK) {
        refused (writer, "lock", outcome);
        return;
    }
    if (!locked)
        return;
    writer->auditor->stats.elections++;
    writer->wait_until_ms = 0;
    partitions_forget (writer->partitions);
    phase_set (writer, WRITER_ELECTED);
    step (writer);
}

// No number may be left for the last record of a batch.
static bool
at_the_end (const struct store_head *head)
{
    return head->sequence > ID_AUDIT_MAX - BATCH_MAX;
}

static void
head_log (const struct store_head *head)
{
    char sequence[NUMBER_SIZE], covered[NUMBER_SIZE];
    auditor_number (head->sequence, sequence);
    auditor_number (head->covered, covered);
    if (head->covered > head->sequence)
        log_error ("the trail ends before its last checkpoint: it was cut; verify it", "sequence",
                   sequence, "checkpoint", covered, NULL);
    else
        log_info ("this process writes the trail", "sequence", sequence, "checkpoint", covered,
                  NULL);
}

static void
head_done (void *context, enum db_outcome outcome, const struct store_head *head)
{
    struct writer *writer = context;
    if (!call_end (writer))
        return;
    // Whoever owns the database may have put any number there; ours must stay numbers that an id can show.
    if (outcome == DB_OK && (head->sequence < 0 || at_the_end (head)))
        outcome = DB_FAILED;
    if (outcome != DB_OK) {
        refused (writer, "head", outcome);
        return;
    }
    writer->head = *head;
    head_log (head);
    phase_set (writer, WRITER_WRITING);
    step (writer);
}

// ---- taking ---------------------------------------------------------------------------------------------------------

static void
head_set (struct writer *writer, const Jeton__V1__TrailEntry *last)
{
    writer->head.sequence = last->sequence;
    memcpy (writer->head.digest, last->digest.data, CHAIN_DIGEST_SIZE);
}

static void
appended (struct writer *writer)
{
    struct auditor *auditor = writer->auditor;
    struct batch *batch = &writer->batch;
    head_set (writer, &batch->entries[batch->n - 1]);
    batch_taken (batch);
    if (writer->failed) {
        writer->failed = false;
        auditor_health (auditor);
    }
    auditor->stats.appended += batch->n;
    auditor->stats.unreadable += batch->unreadable;
    auditor->stats.batches++;
    tail_advance (auditor, writer->head.sequence);
}

static void
append_done (void *context, enum db_outcome outcome, const struct db_error *error)
{
    struct writer *writer = context;
    struct auditor_stats *stats = &writer->auditor->stats;
    bool current = call_end (writer);
    if (outcome == DB_UNCERTAIN)
        stats->uncertain++;
    if (current) {
        switch (outcome) {
        case DB_OK:
            appended (writer);
            writer->conflicted = false;
            if (at_the_end (&writer->head))
                phase_set (writer, WRITER_ELECTED); // where it goes no further
            break;
        case DB_CONFLICT:
            stats->conflicts++;
            log_warn ("the trail has grown behind the writer's back", NULL);
            // Reading the end again mends it, unless it is another constraint than the sequence's, which would be met for ever.
            if (writer->conflicted)
                refused (writer, "append", outcome);
            writer->conflicted = true;
            partitions_forget (writer->partitions); // or it has no partition to go into
            phase_set (writer, WRITER_ELECTED);
            break;
        case DB_UNCERTAIN:
        case DB_UNAVAILABLE:
            batch_slow (&writer->batch, error);
            refused (writer, "append", outcome);
            phase_set (writer, WRITER_ELECTED);
            break;
        case DB_FAILED:
            if (!batch_suspect (&writer->batch, error))
                refused (writer, "append", outcome);
            break;
        }
    }
    batch_clear (&writer->batch);
    if (current && (outcome != DB_OK || writer->batch.full || writer->finishing))
        step (writer);
}

static void
outbox_done (void *context, enum db_outcome outcome, const struct store_row *rows, size_t n)
{
    struct writer *writer = context;
    if (!call_end (writer))
        return;
    if (outcome != DB_OK) {
        refused (writer, "outbox", outcome);
        return;
    }
    writer->batch.full =
        n == batch_limit (&writer->batch, (size_t) writer->auditor->settings.outbox_batch);
    writer->auditor->stats.outbox = n;
    if (writer->finishing)
        step (writer);
    if (n == 0 || writer->finishing)
        return;
    batch_make (&writer->batch, &writer->head, rows, n);
    call_begin (writer);
    store_append (writer->db, writer->batch.entries, writer->batch.ids, writer->batch.n,
                  append_done, writer);
}

// ---- checkpoints ----------------------------------------------------------------------------------------------------

static bool
checkpoint_due (const struct writer *writer)
{
    if (writer->phase != WRITER_WRITING || writer->head.sequence <= writer->head.covered)
        return false;
    return writer->finishing || zclock_mono () >= writer->checkpoint_ms ||
           partitions_ends (writer->partitions, &writer->head);
}

static void
checkpoint_done (void *context, enum db_outcome outcome, const struct db_error *error)
{
    struct writer *writer = context;
    (void) error;
    if (!call_end (writer))
        return;
    writer->checkpoint_ms = zclock_mono () + writer->auditor->settings.checkpoint_interval_s * 1000;
    switch (outcome) {
    case DB_OK:
        writer->head.covered = writer->head.sequence;
        writer->auditor->stats.checkpoints++;
        break;
    case DB_CONFLICT:
        phase_set (writer, WRITER_ELECTED); // where it reads which checkpoints there are
        break;
    case DB_UNCERTAIN:
    case DB_UNAVAILABLE:
    case DB_FAILED:
        refused (writer, "checkpoint", outcome);
        phase_set (writer, WRITER_ELECTED);
        break;
    }
    step (writer);
}

// ---- partitions -----------------------------------------------------------------------------------------------------

static void
partitions_done (void *context, enum db_outcome outcome, const Jeton__V1__TrailEntry *entry)
{
    struct writer *writer = context;
    if (!call_end (writer))
        return;
    switch (outcome) {
    case DB_OK:
        if (entry == NULL)
            break;
        head_set (writer, entry);
        writer->auditor->stats.appended++;
        tail_advance (writer->auditor, writer->head.sequence);
        if (at_the_end (&writer->head))
            phase_set (writer, WRITER_ELECTED);
        break;
    case DB_FAILED:
        break;
    case DB_CONFLICT:
    case DB_UNCERTAIN:
    case DB_UNAVAILABLE:
        refused (writer, "partitions", outcome);
        phase_set (writer, WRITER_ELECTED);
        break;
    }
    step (writer);
}

// ---- steps ----------------------------------------------------------------------------------------------------------

static void
step (struct writer *writer)
{
    if (writer->busy || zclock_mono () < writer->wait_until_ms)
        return;
    switch (writer->phase) {
    case WRITER_OFFLINE:
        return;
    case WRITER_STANDBY:
        if (writer->finishing)
            return;
        call_begin (writer);
        store_lock (writer->db, lock_done, writer);
        return;
    case WRITER_ELECTED:
        call_begin (writer);
        store_head (writer->db, head_done, writer);
        return;
    case WRITER_WRITING:
        if (checkpoint_due (writer)) {
            call_begin (writer);
            checkpoint_store (writer->auditor, writer->db, &writer->head, checkpoint_done, writer);
        } else if (!writer->finishing && partitions_due (writer->partitions, &writer->head)) {
            call_begin (writer);
            partitions_step (writer->partitions, writer->db, &writer->head, partitions_done,
                             writer);
        } else if (!writer->finishing) {
            call_begin (writer);
            store_outbox (
                writer->db,
                batch_limit (&writer->batch, (size_t) writer->auditor->settings.outbox_batch),
                outbox_done, writer);
        }
        return;
    }
}

static int
tick (struct loop *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    step (context);
    return 0;
}

static void
connection_changed (void *context, bool ready)
{
    struct writer *writer = context;
    if (writer->phase == WRITER_ELECTED || writer->phase == WRITER_WRITING)
        log_warn ("the writer's connection was lost, and the lock with it", NULL);
    writer->connection++;
    writer->wait_until_ms = 0;
    phase_set (writer, ready ? WRITER_STANDBY : WRITER_OFFLINE);
    auditor_health (writer->auditor);
}

// ---- life -----------------------------------------------------------------------------------------------------------

struct writer *
writer_new (struct auditor *auditor)
{
    const struct process_settings *settings = &auditor->settings.process;
    struct writer *writer = xcalloc (1, sizeof *writer);
    // One connection, because the lock is the connection's.
    struct db_options options = {
        .url = settings->database_url,
        .password = settings->database_password[0] != '\0' ? settings->database_password : NULL,
        .application = "jeton-auditor-writer",
        .connections = 1,
        .queue_limit = 4,
        .group_limit = 1,
        .timeout_ms = settings->database_timeout_ms,
        .schema_version = JETON_SCHEMA_VERSION,
        .statements = store_statements,
    };
    writer->auditor = auditor;
    writer->phase = WRITER_OFFLINE;
    writer->partitions = partitions_new (auditor);
    writer->checkpoint_ms = zclock_mono () + auditor->settings.checkpoint_interval_s * 1000;
    writer->db = db_new (auditor->process.loop, auditor->process.resolver, &options);
    db_on_change (writer->db, connection_changed, writer);
    writer->timer = loop_timer (auditor->process.loop, (size_t) auditor->settings.outbox_poll_ms, 0,
                                tick, writer);
    return writer;
}

void
writer_destroy (struct writer **writer)
{
    if (*writer == NULL)
        return;
    loop_timer_end ((*writer)->auditor->process.loop, (*writer)->timer);
    db_destroy (&(*writer)->db);
    batch_clear (&(*writer)->batch);
    partitions_destroy (&(*writer)->partitions);
    free (*writer);
    *writer = NULL;
}

bool
writer_state (const struct writer *writer, struct error *reason_r)
{
    switch (writer->phase) {
    case WRITER_OFFLINE:
        if (db_ready (writer->db, reason_r))
            error_set (reason_r, "connecting for writing");
        return false;
    case WRITER_STANDBY:
        error_set (reason_r, writer->failed ? "the database refuses the writer: see the log"
                                            : "another auditor writes the trail");
        return false;
    case WRITER_ELECTED:
        error_set (reason_r, "reading where the trail ends");
        return false;
    case WRITER_WRITING:
        if (writer->failed)
            error_set (reason_r, "the database refuses the writer: see the log");
        return !writer->failed;
    }
    return false;
}

void
writer_finish (struct writer *writer)
{
    writer->finishing = true;
    writer->wait_until_ms = 0;
    step (writer);
}

bool
writer_finished (const struct writer *writer)
{
    // Each answer begins the next call, as long as there is something to do.
    return writer->finishing && !writer->busy;
}
