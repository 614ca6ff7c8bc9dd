// Partitions of the trail: the next one is made in time, and old ones are dropped. DESIGN.md says how the chain stays provable.
#include "common/log/log.h"
#include "common/token/id.h"
#include "services/auditor/auditor.h"

// What the database refuses may have to do with a backup that runs; nothing of it is urgent.
enum { LOOK_MS = 60 * 1000, RETRY_MS = 3600 * 1000, MISSING_MS = 10 * 1000 };

struct partitions {
    struct auditor *auditor;
    bool known; // `found` is what there is
    struct store_partitions found;
    int64_t look_ms;           // when to look again (monotonic)
    int64_t close_ms, drop_ms; // not before this, after a failure
    // The call under way.
    int64_t head;                // sequence number of the trail's last record
    Jeton__V1__TrailEntry entry; // that tells of the drop
    partitions_callback *callback;
    void *context;
};

struct partitions *
partitions_new (struct auditor *auditor)
{
    struct partitions *partitions = xcalloc (1, sizeof *partitions);
    partitions->auditor = auditor;
    return partitions;
}

void
partitions_destroy (struct partitions **partitions)
{
    free (*partitions);
    *partitions = NULL;
}

void
partitions_forget (struct partitions *partitions)
{
    partitions->known = false;
}

// ---- what is due ----------------------------------------------------------------------------------------------------

static bool
look_due (const struct partitions *partitions)
{
    return !partitions->known || zclock_mono () >= partitions->look_ms;
}

bool
partitions_ends (const struct partitions *partitions, const struct store_head *head)
{
    const struct store_partitions *found = &partitions->found;
    int64_t records = head->sequence - found->first + 1;
    if (!partitions->known || found->missing || records < 1 ||
        zclock_mono () < partitions->close_ms)
        return false;
    return found->aged || records >= partitions->auditor->settings.trail_partition_records;
}

static bool
close_due (const struct partitions *partitions, const struct store_head *head)
{
    if (partitions->found.missing)
        return zclock_mono () >= partitions->close_ms;
    return partitions_ends (partitions, head) && head->covered >= head->sequence;
}

static bool
drop_due (const struct partitions *partitions)
{
    return partitions->found.droppable && zclock_mono () >= partitions->drop_ms;
}

bool
partitions_due (const struct partitions *partitions, const struct store_head *head)
{
    return look_due (partitions) || close_due (partitions, head) || drop_due (partitions);
}

// ---- doing it -------------------------------------------------------------------------------------------------------

// The callback may begin the next call.
static void
finish (struct partitions *partitions, enum db_outcome outcome, bool appended)
{
    Jeton__V1__TrailEntry entry = partitions->entry;
    jeton__v1__trail_entry__init (&partitions->entry);
    partitions->callback (partitions->context, outcome, appended ? &entry : NULL);
    entry_clear (&entry);
}

static void
look_done (void *context, enum db_outcome outcome, const struct store_partitions *found)
{
    struct partitions *partitions = context;
    partitions->look_ms = zclock_mono () + LOOK_MS;
    partitions->known = outcome == DB_OK || outcome == DB_FAILED;
    partitions->found = (struct store_partitions){.first = INT64_MAX};
    if (outcome == DB_OK)
        partitions->found = *found;
    else if (outcome == DB_FAILED)
        log_error ("the partitions of the trail cannot be read: none is made or dropped", NULL);
    finish (partitions, outcome, false);
}

static void
close_done (void *context, enum db_outcome outcome, const struct db_error *error)
{
    struct partitions *partitions = context;
    // It has done nothing, and would take as long again.
    bool timeout = strcmp (error->sqlstate, "57014") == 0;
    char first[NUMBER_SIZE];
    auditor_number (partitions->head + 1, first);
    if (outcome == DB_OK) {
        partitions->auditor->stats.made++;
        log_info ("the trail goes on in a new partition", "first", first, NULL);
    } else if (outcome == DB_FAILED || timeout) {
        partitions->close_ms = zclock_mono () + (partitions->found.missing ? MISSING_MS : RETRY_MS);
        log_error ("no new partition for the trail; this is tried again later: see that no backup "
                   "holds the table; if it took too long, raise database_timeout_ms",
                   "first", first, "sqlstate", error->sqlstate, "reason", error->text, NULL);
    }
    partitions->known = false;
    finish (partitions, outcome, false);
}

static void
drop_done (void *context, enum db_outcome outcome, const struct db_error *error)
{
    struct partitions *partitions = context;
    char first[NUMBER_SIZE], last[NUMBER_SIZE];
    auditor_number (partitions->found.old_first, first);
    auditor_number (partitions->found.old_last, last);
    partitions->known = false;
    if (outcome == DB_OK) {
        partitions->auditor->stats.dropped++;
        log_info ("old records were dropped from the trail", "first", first, "last", last, NULL);
    } else if (outcome == DB_FAILED) {
        partitions->drop_ms = zclock_mono () + RETRY_MS;
        log_error ("old records cannot be dropped from the trail; this is tried again in an hour: "
                   "see that no backup holds the table, and that jeton audit verify finds nothing",
                   "first", first, "last", last, "sqlstate", error->sqlstate, "reason", error->text,
                   NULL);
    }
    finish (partitions, outcome, outcome == DB_OK);
}

static void
drop (struct partitions *partitions, struct db *db, const struct store_head *head)
{
    struct store_partitions *found = &partitions->found;
    Jeton__V1__Checkpoint checkpoint = JETON__V1__CHECKPOINT__INIT;
    Jeton__V1__TrailDrop message = JETON__V1__TRAIL_DROP__INIT;
    checkpoint.sequence = found->old_last;
    checkpoint.digest = (ProtobufCBinaryData){sizeof found->digest, found->digest};
    checkpoint.time_us = found->time_us;
    checkpoint.key_id = (ProtobufCBinaryData){sizeof found->key_id, found->key_id};
    checkpoint.signature = (ProtobufCBinaryData){sizeof found->signature, found->signature};
    message.first = found->old_first;
    message.last = found->old_last;
    message.digest_before =
        (ProtobufCBinaryData){sizeof found->digest_before, found->digest_before};
    message.checkpoint = found->vouched ? &checkpoint : NULL;
    entry_dropped (head->sequence + 1, head->digest, &message, &partitions->entry);
    store_drop (db, &partitions->entry, partitions->auditor->settings.trail_retention_days,
                found->old_last, drop_done, partitions);
}

void
partitions_step (struct partitions *partitions, struct db *db, const struct store_head *head,
                 partitions_callback *callback, void *context)
{
    const struct auditor_settings *settings = &partitions->auditor->settings;
    partitions->callback = callback;
    partitions->context = context;
    partitions->head = head->sequence;
    jeton__v1__trail_entry__init (&partitions->entry);
    if (look_due (partitions))
        store_partitions (db, settings->trail_partition_days, settings->trail_retention_days,
                          look_done, partitions);
    else if (close_due (partitions, head))
        store_close (db, close_done, partitions);
    else
        drop (partitions, db, head);
}
