// The auditor: keeps the audit trail. See DESIGN.md.
#ifndef AUDITOR_H
#define AUDITOR_H

#include "audit.pb-c.h"
#include "common/caller/caller.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include "common/process/process.h"
#include "services/auditor/store.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auditor_settings {
    struct process_settings process;
    char *checkpoint_key, *issuer, *audience;
    int64_t keys_interval_ms, caller_interval_ms;
    int64_t checkpoint_interval_s, outbox_poll_ms, outbox_batch, tail_poll_ms, tail_limit;
    int64_t trail_partition_days, trail_partition_records, trail_retention_days;
    int64_t changes_keep_s;
    int64_t use_partition_days, use_partition_rows, use_retention_days, usage_retention_days;
    int64_t last_access_step_s;
};

// Counters, for Stats.
struct auditor_stats {
    uint64_t appended;                    // records that this process appended
    uint64_t unreadable;                  // of these: outbox rows that were no audit records
    uint64_t batches;                     // transactions that appended
    uint64_t outbox;                      // rows that the last look into the outbox found
    uint64_t conflicts;                   // that found somebody else's records in their place
    uint64_t uncertain;                   // whose outcome was looked up
    uint64_t checkpoints;                 // signed
    uint64_t made;                        // partitions of the trail
    uint64_t dropped;                     // and those that had been kept long enough
    uint64_t trimmed;                     // rows of the table changes that were deleted
    uint64_t segments;                    // of use that were taken
    uint64_t use_rows;                    // in these
    uint64_t use_folded;                  // rows folded into usage and last access
    uint64_t use_dropped;                 // partitions of the log of use
    uint64_t access_made, access_dropped; // partitions of the table of opaque access tokens
    uint64_t elections;                   // times that this process became the writer
    uint64_t streams;                     // tails and exports now open
    uint64_t shut;                        // streams whose user may have them no longer
    uint64_t streamed;                    // records, entries and checkpoints sent on streams
};

struct auditor {
    struct process process;
    struct auditor_settings settings;
    struct sign_key key; // of checkpoints
    uint8_t key_id[CHAIN_KEY_ID_SIZE];
    struct rpc_service service;
    struct public_keys *public_keys;
    struct caller_options callers;
    struct writer *writer;
    struct changes *changes;
    struct use_keep *use_keep;
    struct access_keep *access_keep;
    zlistx_t *streams; // struct stream *: tails and exports
    int64_t head;      // the last sequence number that tails have heard of
    bool head_reading; // a read of the head for tails is in flight
    struct auditor_stats stats;
};

extern const struct config_row auditor_settings_table[];

// auditor_start (auditor, error_r): What comes after process_start: key, writer, timers, methods, counters. auditor_finish (auditor):
// after process_run: the last checkpoint; takes 2 s at most. auditor_stop (auditor): after process_end. Idempotent, copes with
// half-started.
bool auditor_start (struct auditor *auditor, struct error *error_r)
    __attribute__ ((warn_unused_result));
void auditor_finish (struct auditor *auditor);
void auditor_stop (struct auditor *auditor);

// auditor_health (auditor): Tell the server how it is, after something changed.
void auditor_health (struct auditor *auditor);

// auditor_add (auditor): Serve the methods of AuditLogger (dispatch.c).
void auditor_add (struct auditor *auditor);

// The methods: one handler each, called by the server.
void auditor_list_records (struct request *request);
void auditor_get_record (struct request *request);
void auditor_tail_records (struct request *request);
void auditor_export_trail (struct request *request);
void auditor_get_checkpoint_key (struct request *request);
void auditor_take_segment (struct request *request);
void auditor_list_use (struct request *request);
void auditor_tail_use (struct request *request);
void auditor_usage_per_token (struct request *request);

// auditor_private (request): May it see private records? Users see the public ones of their own account (the gate has put that into the filter).
static inline bool
auditor_private (const struct request *request)
{
    const struct caller *caller = request_caller (request);
    return !caller || caller->role == CALLER_OPERATOR;
}

// auditor_fail (request, outcome): Answer for a query that ended otherwise than DB_OK.
void auditor_fail (struct request *request, enum db_outcome outcome);

// auditor_number (number, text_r): As decimal digits: for logs.
enum { NUMBER_SIZE = 24 };
void auditor_number (int64_t number, char text_r[NUMBER_SIZE]);

// auditor_now_us (): Microseconds since the epoch.
int64_t auditor_now_us (void);

// auditor_boot_s (): Seconds since the machine was started, its sleep included: whatever is done to the clock.
int64_t auditor_boot_s (void);

// ---- entries: from the outbox to the trail --------------------------------------------------------------------------

// Longer texts do not fit into the trail's indexes (PostgreSQL: 2,704 bytes for a row of a B-tree).
enum { ENTRY_TEXT_MAX = 512 };

// entry_make (sequence, previous, data, size, trust, entry_r):
// Make the entry that follows `previous` (a digest) from a row of the outbox: number the record, pack it, chain it. A row that is no
// well-formed record, or whose texts do not fit, or that says what only the auditor tells (CHAIN_DROPPED), becomes a record of the event ENTRY_UNREADABLE that holds its bytes in `after`: it
// must neither be lost nor stop those behind it. Without `trust`, any row is taken so. False when that happened; entry_r is
// complete all the same; the caller frees it with entry_clear.
#define ENTRY_UNREADABLE "platform.audit.record.unreadable"
bool entry_make (int64_t sequence, const uint8_t previous[CHAIN_DIGEST_SIZE], const uint8_t *data,
                 size_t size, bool trust, Jeton__V1__TrailEntry *entry_r);
void entry_clear (Jeton__V1__TrailEntry *entry);

// entry_dropped (sequence, previous, drop, entry_r): The entry that tells of a drop, whose `record` it sets. The caller frees it with
// entry_clear.
void entry_dropped (int64_t sequence, const uint8_t previous[CHAIN_DIGEST_SIZE],
                    Jeton__V1__TrailDrop *drop, Jeton__V1__TrailEntry *entry_r);

// entry_record (arena, row): The record that a row of the trail holds. One that cannot be read (somebody changed the row) comes as an
// ENTRY_UNREADABLE with the bytes in `after`, so that it hides nothing of the rest. NULL: the arena is full.
Jeton__V1__AuditRecord *entry_record (struct arena *arena, const struct store_row *row)
    __attribute__ ((warn_unused_result));

// ---- batches: rows of the outbox that are taken together ------------------------------------------------------------

struct batch {
    Jeton__V1__TrailEntry *entries; // that follow the head that it was made for
    int64_t *ids;                   // of their rows
    size_t n, unreadable;           // rows; those of them that are no audit records
    bool full;                      // there may be more rows
    // After one was refused for what is in it, rows are taken one by one until the row at fault is found, and that row is taken without being looked
    // into.
    size_t careful; // rows still to be taken one by one
    bool distrust;  // the next row
};

// batch_make (batch, head, rows, n): Make the entries of n rows (n > 0) of the outbox; one that cannot be read is logged. The batch is empty before. batch_clear
// (batch): Empty it; what is to be taken carefully stays known. Idempotent.
void batch_make (struct batch *batch, const struct store_head *head, const struct store_row *rows,
                 size_t n);
void batch_clear (struct batch *batch);

// batch_limit (batch, usual): How many rows the next one may have. batch_taken (batch): It was appended. batch_suspect (batch, error): It was refused; false: for
// rights, space or the like, and no row is at fault. True: the next batches find out which one is. batch_slow (batch, error): It was not appended; if for taking
// too long, its rows come one by one.
size_t batch_limit (const struct batch *batch, size_t usual);
void batch_taken (struct batch *batch);
void batch_slow (struct batch *batch, const struct db_error *error);
bool batch_suspect (struct batch *batch, const struct db_error *error)
    __attribute__ ((warn_unused_result));

// ---- writer: outbox -> chain -> trail -------------------------------------------------------------------------------

enum { BATCH_MAX = 4096 }; // records in one transaction, whatever the setting

// writer_new (auditor): Connect, and begin to stand for election. writer_destroy (&writer): The lock goes with the connection.
struct writer *writer_new (struct auditor *auditor) __attribute__ ((returns_nonnull));
void writer_destroy (struct writer **writer);

// writer_state (writer, reason_r): Does it write? If not, reason_r says why: another does, no connection, the database refuses it.
bool writer_state (const struct writer *writer, struct error *reason_r)
    __attribute__ ((warn_unused_result));

// writer_finish (writer): Take no more from the outbox, and sign a checkpoint for what has none. writer_finished (writer): That is done,
// or cannot be done now.
void writer_finish (struct writer *writer);
bool writer_finished (const struct writer *writer) __attribute__ ((warn_unused_result));

// ---- checkpoints ----------------------------------------------------------------------------------------------------

// checkpoint_store (auditor, db, head, callback, context): Sign a checkpoint of `head` and store it.
void checkpoint_store (struct auditor *auditor, struct db *db, const struct store_head *head,
                       store_callback *callback, void *context);

// ---- partitions of the trail: the next one in time, old ones dropped ------------------------------------------------

// partitions_new (auditor): Knows nothing yet. partitions_destroy (&partitions). partitions_forget (partitions): Somebody else may have made or
// dropped some: look before anything else is done.
struct partitions *partitions_new (struct auditor *auditor) __attribute__ ((returns_nonnull));
void partitions_destroy (struct partitions **partitions);
void partitions_forget (struct partitions *partitions);

// partitions_due (partitions, head): Is there something to do now? partitions_ends (partitions, head): The open partition should end with the
// record `head`, which needs its checkpoint first.
bool partitions_due (const struct partitions *partitions, const struct store_head *head)
    __attribute__ ((warn_unused_result));
bool partitions_ends (const struct partitions *partitions, const struct store_head *head)
    __attribute__ ((warn_unused_result));

// partitions_step (partitions, db, head, callback, context): Do one thing that is due; one call at a time. `entry`: it was appended to the
// trail, and is valid during the callback; NULL: nothing was. What the database refuses (DB_FAILED) has been logged, and is tried again
// later; other outcomes than that and DB_OK leave open what has happened.
typedef void partitions_callback (void *context, enum db_outcome outcome,
                                  const Jeton__V1__TrailEntry *entry);
void partitions_step (struct partitions *partitions, struct db *db, const struct store_head *head,
                      partitions_callback *callback, void *context);

// ---- the table changes is kept short --------------------------------------------------------------------------------

// changes_new (auditor): Looks once a second whether there is something to delete, while this process's writer writes. changes_destroy (&changes):
// after the database and the loop are gone. changes_step (changes): one look.
struct changes *changes_new (struct auditor *auditor) __attribute__ ((returns_nonnull));
void changes_destroy (struct changes **changes);
void changes_step (struct changes *changes);

// ---- the log of use -------------------------------------------------------------------------------------------------

// use_keep_new (auditor): Folds, makes partitions and drops them twice a second, while this process's writer writes. use_keep_destroy (&keep): after the
// database and the loop are gone.
struct use_keep *use_keep_new (struct auditor *auditor) __attribute__ ((returns_nonnull));
void use_keep_destroy (struct use_keep **keep);

// access_keep_new (auditor): Makes and drops partitions of opaque access tokens, at the start and once a minute, while this process's writer writes. access_keep_destroy (&keep): after
// the database and the loop are gone.
struct access_keep *access_keep_new (struct auditor *auditor) __attribute__ ((returns_nonnull));
void access_keep_destroy (struct access_keep **keep);

// The filters of a request, as ListUseRequest and TailUseRequest have them: "" or 0 is none.
struct use_wanted {
    const char *token, *account_id, *module, *user, *client;
    int decision, kind;
};
// use_filter (request, wanted, filter_r): The same as the store needs it; its texts live as long as the request's. False: one of them is none; it has been
// answered.
bool use_filter (struct request *request, const struct use_wanted *wanted,
                 struct store_use_filter *filter_r) __attribute__ ((warn_unused_result));
// use_message (arena, row): NULL: the arena is full.
Jeton__V1__Use *use_message (struct arena *arena, const struct store_use *row)
    __attribute__ ((warn_unused_result));
// use_tail_poll (auditor): Tails of use look for more.
void use_tail_poll (struct auditor *auditor);

// ---- streams: tails and exports -------------------------------------------------------------------------------------

enum { STREAM_BATCH = 64 }; // rows that a stream reads at once

// A stream reads a batch, sends what there is credit for, and forgets the rest: a slow client costs a position, not memory.
struct stream {
    struct auditor *auditor;
    struct request *request; // NULL: it has ended, but a read or a look is still in flight
    void *handle;            // in auditor->streams
    bool tail;               // a tail, which has no end; otherwise an export
    bool use;                // a tail of the log of use: filter, looked (rows), span.entry
    struct store_use_filter filter;
    int64_t looked;
    bool reading; // a read is in flight
    bool blocked; // waits for credit
    bool looking; // a look at whether its user may still have it is in flight
    struct caller_look look;
    size_t limit;     // rows to read next: as many as the last credit was good for
    char *account_id; // tails: "" is all
    bool private;     // tails: private records too
    int64_t dropped;  // exports: up to where entries had been dropped when it began
    struct store_span
        span; // where it is and where it ends; of tails only the entries' part; -1: not known yet
    void (*step) (struct stream *stream); // go on, unless it is reading or blocked
};

// stream_new (request, tail, step): Open a stream for this request. NULL: too many are open; the request has been answered.
struct stream *stream_new (struct request *request, bool tail, void (*step) (struct stream *stream))
    __attribute__ ((warn_unused_result));

// stream_begin (stream): Before a read. stream_arrived (stream, outcome): In the callback of a read. False: the stream is over or has to wait,
// the rows are of no use; it may be gone.
void stream_begin (struct stream *stream);
bool stream_arrived (struct stream *stream, enum db_outcome outcome)
    __attribute__ ((warn_unused_result));

// stream_send (stream, item): False: no credit; the stream is blocked until there is some.
bool stream_send (struct stream *stream, const ProtobufCMessage *item)
    __attribute__ ((warn_unused_result));

// stream_sent (stream, n): How many items of a read were sent: sets the size of the next one.
void stream_sent (struct stream *stream, size_t n);

// stream_dropped (&stream, dropped): Answer that what should come next was dropped, up to `dropped`; and free it.
void stream_dropped (struct stream **stream, int64_t dropped);

// stream_end (&stream, code, text): Answer, and free it. CODE_OK: no text.
void stream_end (struct stream **stream, int code, const char *text);

// stream_look_all (auditor): Look whether the users who opened streams may still have them; those who may not are told so, which is the end of the
// stream.
void stream_look_all (struct auditor *auditor);

// stream_free_all (streams): At the end, when no request and no database is left.
void stream_free_all (zlistx_t *streams);

// tail_advance (auditor, head): The trail has grown; let those who tail it know.
void tail_advance (struct auditor *auditor, int64_t head);
// tail_poll (auditor): Look how far the trail has grown, if anybody tails it.
void tail_poll (struct auditor *auditor);

#endif
