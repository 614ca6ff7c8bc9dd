// The auditor's statements, and a function for each job that they do. Callers see rows, never results of libpq; whatever a row holds
// has been checked for its form. What a callback is given is valid during the callback only.
//
// A row that is not of the form it must have (a NULL, a number that is none) ends the call with DB_FAILED.
#ifndef AUDITOR_STORE_H
#define AUDITOR_STORE_H

#include "audit.pb-c.h"
#include "common/audit/chain.h"
#include "common/db/db.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct db_statement store_statements[];
enum { STORE_PUBLIC_KEYS, STORE_CALLER }; // the rows that common/caller runs

// Where the trail ends.
struct store_head {
    int64_t sequence;                  // of the last entry; 0: there is none
    uint8_t digest[CHAIN_DIGEST_SIZE]; // its digest; zero where there is none
    int64_t covered;                   // of the last checkpoint; 0: there is none
    int64_t dropped;                   // of the last entry that was dropped; 0: none was
};

// A record and its number: the outbox row's id, or the sequence number.
struct store_row {
    int64_t number;
    uint8_t *data;
    size_t size;
};

typedef void store_callback (void *context, enum db_outcome outcome, const struct db_error *error);
typedef void store_lock_callback (void *context, enum db_outcome outcome, bool locked);
typedef void store_head_callback (void *context, enum db_outcome outcome,
                                  const struct store_head *head);
typedef void store_rows_callback (void *context, enum db_outcome outcome,
                                  const struct store_row *rows, size_t n);
// `dropped`: the last sequence number that was dropped when the rows were read.
typedef void store_kept_callback (void *context, enum db_outcome outcome, int64_t dropped,
                                  const struct store_row *rows, size_t n);

// store_lock (db, callback, context): Try to become the writer. The lock belongs to the connection; `db` must have one only. Having it
// already is success.
void store_lock (struct db *db, store_lock_callback *callback, void *context);

// store_head (db, callback, context): All of it from one snapshot.
void store_head (struct db *db, store_head_callback *callback, void *context);

// store_outbox (db, limit, callback, context): The oldest rows of the outbox, in order.
void store_outbox (struct db *db, size_t limit, store_rows_callback *callback, void *context);

// store_append (db, entries, ids, n, callback, context): In one transaction: append n entries to the trail and delete the outbox rows
// that they were made from. DB_CONFLICT: the trail has entries of these sequence numbers; nothing was done.
void store_append (struct db *db, const Jeton__V1__TrailEntry *entries, const int64_t *ids,
                   size_t n, store_callback *callback, void *context);

// store_checkpoint (db, checkpoint, callback, context): DB_CONFLICT: there is one of this sequence number.
void store_checkpoint (struct db *db, const Jeton__V1__Checkpoint *checkpoint,
                       store_callback *callback, void *context);

// Which records to list: NULL and 0 are no filter.
struct store_filter {
    int64_t before; // sequence numbers below this
    int64_t limit;
    const char *object_id, *actor_id, *account_id;
    const char *event; // the whole name, or a prefix that ends in '.'
    int64_t from_us, until_us;
    bool private; // private records too
};

// store_list (db, filter, callback, context): Newest first. The statement is chosen by the filter that narrows most; each reads an
// index in the order of the answer, so that a page costs what it holds, not what the trail holds. The exception is a filter of time
// alone, which sorts what it finds.
void store_list (struct db *db, const struct store_filter *filter, store_rows_callback *callback,
                 void *context);

// store_record (db, sequence, callback, context): One row, or none.
void store_record (struct db *db, int64_t sequence, store_kept_callback *callback, void *context);

// store_follow (db, after, until, account_id, private, limit, callback, context): Records after one sequence number up to another, in order; of
// one account unless account_id is "", and then without `private` its public ones only.
void store_follow (struct db *db, int64_t after, int64_t until, const char *account_id,
                   bool private, size_t limit, store_kept_callback *callback, void *context);

// A part of an export.
struct store_span {
    int64_t entry, entry_end;           // entries after, up to
    int64_t checkpoint, checkpoint_end; // checkpoints after, up to
};
typedef void store_items_callback (void *context, enum db_outcome outcome,
                                   const Jeton__V1__ExportTrailReply *items, size_t n);

// store_export (db, span, limit, callback, context): The next entries and checkpoints, a checkpoint after the entry of its number. First what was
// dropped after `entry`, whatever entry_end is.
void store_export (struct db *db, const struct store_span *span, size_t limit,
                   store_items_callback *callback, void *context);

// ---- the table changes ----------------------------------------------------------------------------------------------

typedef void store_number_callback (void *context, enum db_outcome outcome, int64_t number);
// store_changes_horizon (db, callback, context): The transaction id before which all transactions have ended.
void store_changes_horizon (struct db *db, store_number_callback *callback, void *context);
// store_changes_trim (db, horizon, limit, callback, context): Delete rows of transactions before `horizon`, oldest first, so many at most; tells
// how many. So many revocations of JWTs, refresh tokens, families of these and authorization codes that have expired go as well.
void store_changes_trim (struct db *db, int64_t horizon, size_t limit,
                         store_number_callback *callback, void *context);

// ---- opaque access tokens --------------------------------------------------------------------------------------------

// store_access_ahead (db, callback, context), store_access_drop (db, day, callback, context): Partitions (deploy/schema): make those that are missing; drop those of days before `day`. Give how many.
void store_access_ahead (struct db *db, store_number_callback *callback, void *context);
void store_access_drop (struct db *db, int64_t day, store_number_callback *callback, void *context);

// ---- the log of use -------------------------------------------------------------------------------------------------

// store_take (db, segment, callback, context): In one transaction: its rows into the log, and that it was taken. The number is 0 when it is known, 1
// otherwise. The segment has been checked.
void store_take (struct db *db, const Jeton__V1__TakeSegmentRequest *segment,
                 store_number_callback *callback, void *context);

// A row of the log. Texts are never NULL.
struct store_use {
    int64_t id, second, count, account, token, user;
    const char *jti, *module, *peer, *address;
    int64_t access, environment, decision, reason;
    int64_t client, customer, grant_type; // grant_type 0: a validation
    bool matches; // otherwise it is the last one that was looked at, and only that is of interest
};
struct store_use_filter {
    int64_t token;   // number; 0: any
    const char *jti; // NULL: any
    int64_t account; // 0: any
    const char *module;
    int64_t decision;     // 0: any
    int64_t kind;         // Jeton__V1__UseKind; 0: any
    int64_t user, client; // numbers; 0: any
    int64_t from, until;  // seconds; both are always there
};
// `looked`: how many rows were looked at.
typedef void store_use_callback (void *context, enum db_outcome outcome,
                                 const struct store_use *rows, size_t n, int64_t looked);

// store_use_list (db, filter, second, id, look, limit, callback, context): Rows before that one, newest first: looks at `look` rows at most.
void store_use_list (struct db *db, const struct store_use_filter *filter, int64_t second,
                     int64_t id, int64_t look, int64_t limit, store_use_callback *callback,
                     void *context);
// store_use_follow (db, filter, after, look, callback, context): Rows after that id, in order.
void store_use_follow (struct db *db, const struct store_use_filter *filter, int64_t after,
                       int64_t look, store_use_callback *callback, void *context);
// store_use_head (db, callback, context): The id of the last row.
void store_use_head (struct db *db, store_number_callback *callback, void *context);

struct store_day {
    int64_t token, account, day, allowed, denied; // numbers; day since the epoch
};
typedef void store_days_callback (void *context, enum db_outcome outcome,
                                  const struct store_day *rows, size_t n);
// store_use_days (db, filter, day, token, limit, callback, context): Days before that one, newest first. Of the filter: token, account, and `from` and
// `until`, which are days.
void store_use_days (struct db *db, const struct store_use_filter *filter, int64_t day,
                     int64_t token, int64_t limit, store_days_callback *callback, void *context);

// What keeps the log. store_use_fold: the next rows into usage per day and last use; gives how many. store_use_show: last use into the tokens of the next
// page after `token`; gives where the page after that begins, 0: there is none. store_use_ahead, store_use_close, store_use_drop: its
// partitions (deploy/schema); the last two give 1 when they did something. store_use_days_drop: usage of old days; gives how many rows.
void store_use_fold (struct db *db, int64_t limit, store_number_callback *callback, void *context);
void store_use_show (struct db *db, int64_t token, int64_t limit, int64_t step_s,
                     store_number_callback *callback, void *context);
void store_use_ahead (struct db *db, store_number_callback *callback, void *context);
void store_use_close (struct db *db, int64_t days, int64_t rows, store_number_callback *callback,
                      void *context);
void store_use_drop (struct db *db, int64_t keep_days, store_number_callback *callback,
                     void *context);
void store_use_days_drop (struct db *db, int64_t keep_days, int64_t limit,
                          store_number_callback *callback, void *context);

// ---- partitions of the trail ----------------------------------------------------------------------------------------

struct store_partitions {
    int64_t first;     // record of the open partition
    bool aged;         // it has been open for as long as a partition is
    bool missing;      // it is not there: somebody has removed it
    bool droppable;    // the oldest one is closed, and has been for as long as it has to be kept
    int64_t old_first; // the rest is set then: its records, the digest before the first,
    int64_t old_last;
    uint8_t digest_before[CHAIN_DIGEST_SIZE];
    bool vouched; // and the checkpoint of the last one, if there is one
    int64_t time_us;
    uint8_t digest[CHAIN_DIGEST_SIZE], key_id[CHAIN_KEY_ID_SIZE];
    uint8_t signature[CRYPTO_SIGNATURE_SIZE];
};
typedef void store_partitions_callback (void *context, enum db_outcome outcome,
                                        const struct store_partitions *partitions);
// store_partitions (db, days, keep_days, callback, context): What is to do? A partition takes records for `days`, and is kept for `keep_days` after
// that (0: for ever), or for longer if the database says so.
void store_partitions (struct db *db, int64_t days, int64_t keep_days,
                       store_partitions_callback *callback, void *context);

// store_close (db, callback, context): End the open partition with the last record, which has its checkpoint, and make the next one; or make the
// one that is missing.
void store_close (struct db *db, store_callback *callback, void *context);

// store_drop (db, entry, keep_days, last, callback, context): In one transaction: append `entry`, which tells of it, and drop the oldest partition,
// which ends with record `last`.
void store_drop (struct db *db, const Jeton__V1__TrailEntry *entry, int64_t keep_days, int64_t last,
                 store_callback *callback, void *context);

#endif
