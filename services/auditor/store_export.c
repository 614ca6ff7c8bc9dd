// Exports: rows that become messages.
#include "common/memory/memory.h"
#include "services/auditor/statements.h"
#include <stdlib.h>

// What the rows of the statement are, in their order.
enum kind { KIND_DROP, KIND_ENTRY, KIND_CHECKPOINT };

enum { BLOBS = 4 };

// One item of an export, with the messages that it points to.
struct item {
    Jeton__V1__TrailEntry entry;
    Jeton__V1__Checkpoint checkpoint;
    Jeton__V1__TrailDrop drop;
    uint8_t *blobs[BLOBS];
};

static bool
item_blob (const PGresult *result, int row, int column, struct item *item, int slot,
           ProtobufCBinaryData *data_r)
{
    if (!call_get_bytes (result, row, column, &item->blobs[slot], &data_r->len))
        return false;
    data_r->data = item->blobs[slot];
    return true;
}

// The texts are borrowed from the result; messages only read them, whatever their type says.
static bool
item_text (const PGresult *result, int row, int column, char **text_r)
{
    if (PQgetisnull (result, row, column))
        return false;
    *text_r = PQgetvalue (result, row, column);
    return true;
}

static bool
item_entry (const PGresult *result, int row, struct item *item)
{
    Jeton__V1__TrailEntry *entry = &item->entry;
    int64_t visibility;
    jeton__v1__trail_entry__init (entry);
    if (!db_get_int (result, row, 1, &entry->sequence) ||
        !item_blob (result, row, 2, item, 0, &entry->digest) ||
        !db_get_int (result, row, 3, &entry->time_us) ||
        !item_blob (result, row, 4, item, 1, &entry->record) ||
        !item_text (result, row, 5, &entry->event) ||
        !item_text (result, row, 6, &entry->object_id) ||
        !item_text (result, row, 7, &entry->actor_id) ||
        !item_text (result, row, 8, &entry->account_id) ||
        !db_get_int (result, row, 9, &visibility))
        return false;
    entry->visibility = (Jeton__V1__Visibility) visibility;
    return true;
}

static bool
item_checkpoint (const PGresult *result, int row, struct item *item)
{
    Jeton__V1__Checkpoint *checkpoint = &item->checkpoint;
    jeton__v1__checkpoint__init (checkpoint);
    return db_get_int (result, row, 1, &checkpoint->sequence) &&
           item_blob (result, row, 2, item, 0, &checkpoint->digest) &&
           db_get_int (result, row, 3, &checkpoint->time_us) &&
           item_blob (result, row, 10, item, 1, &checkpoint->key_id) &&
           item_blob (result, row, 11, item, 2, &checkpoint->signature);
}

// A drop without its checkpoint is shown as it is: whoever verifies sees that nothing stands for it.
static bool
item_drop (const PGresult *result, int row, struct item *item)
{
    Jeton__V1__TrailDrop *drop = &item->drop;
    jeton__v1__trail_drop__init (drop);
    if (!db_get_int (result, row, 1, &drop->last) || !db_get_int (result, row, 12, &drop->first) ||
        !item_blob (result, row, 13, item, 3, &drop->digest_before) ||
        !db_get_int (result, row, 14, &drop->record))
        return false;
    if (PQgetisnull (result, row, 2))
        return true;
    drop->checkpoint = &item->checkpoint;
    return item_checkpoint (result, row, item);
}

static bool
item_read (const PGresult *result, int row, struct item *item, Jeton__V1__ExportTrailReply *reply)
{
    int64_t kind;
    jeton__v1__export_trail_reply__init (reply);
    if (!db_get_int (result, row, 0, &kind))
        return false;
    switch (kind) {
    case KIND_DROP:
        reply->drop = &item->drop;
        return item_drop (result, row, item);
    case KIND_ENTRY:
        reply->entry = &item->entry;
        return item_entry (result, row, item);
    default:
        reply->checkpoint = &item->checkpoint;
        return item_checkpoint (result, row, item);
    }
}

static void
items_done (void *context, enum db_outcome outcome, PGresult *const *results,
            const struct db_error *error)
{
    cleanup_free struct call *call = context;
    size_t n = outcome == DB_OK ? (size_t) PQntuples (results[0]) : 0;
    cleanup_free struct item *items = xcalloc (n + 1, sizeof *items);
    cleanup_free Jeton__V1__ExportTrailReply *replies = xcalloc (n + 1, sizeof *replies);
    (void) error;
    for (size_t i = 0; i < n && outcome == DB_OK; i++)
        if (!item_read (results[0], (int) i, &items[i], &replies[i]))
            outcome = DB_FAILED;
    call->callback.items (call->context, outcome, replies, outcome == DB_OK ? n : 0);
    for (size_t i = 0; i < n; i++)
        for (size_t slot = 0; slot < BLOBS; slot++)
            free (items[i].blobs[slot]);
}

void
store_export (struct db *db, const struct store_span *span, size_t limit,
              store_items_callback *callback, void *context)
{
    struct call *call = call_new (context);
    struct db_params params = {0};
    call->callback.items = callback;
    db_param_int (&params, span->entry);
    db_param_int (&params, span->entry_end);
    db_param_int (&params, span->checkpoint);
    db_param_int (&params, span->checkpoint_end);
    db_param_int (&params, (int64_t) limit);
    db_call (db, EXPORT, &params, items_done, call);
}
