#include "services/auditor/store.h"
#include "common/caller/caller.h"
#include "common/memory/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PUBLIC_KEYS = STORE_PUBLIC_KEYS,
    CALLER = STORE_CALLER,
    LOCK,
    HEAD,
    OUTBOX,
    APPEND,
    TAKEN,
    CHECKPOINT,
    LIST,
    LIST_OBJECT,
    LIST_ACTOR,
    LIST_ACCOUNT,
    LIST_EVENT,
    LIST_EVENTS,
    LIST_TIME,
    RECORD,
    FOLLOW,
    FOLLOW_ACCOUNT,
    EXPORT,
};

// All lists take the same parameters: $1 before, $2 limit, $3 object, $4 actor, $5 account, $6 event, $7 and $8 the range of event names
// that have a prefix, $9 from, $10 until, $11 private ones too.
//
// Each page must be read from the index of its leading filter, in order, and stop when it is full, whatever values are asked for; three
// things bring a generic plan to do that, and EXPLAIN shows it. The other filters are one expression, of which the planner assumes that half of
// the rows pass, instead of multiplying the odds of each. The leading one is written as a range, and leads the order too, so that
// the primary key cannot give that order: read backwards for something rare, it would be read to its end. And the inner limit, which says
// nothing that the outer one does not, is a number that the planner can see.
#define LIST_MATCHES                                                                               \
    " trail.sequence < $1::bigint AND coalesce ("                                                  \
    " ($3::text IS NULL OR trail.object_id = $3)"                                                  \
    " AND ($4::text IS NULL OR trail.actor_id = $4)"                                               \
    " AND ($5::text IS NULL OR trail.account_id = $5)"                                             \
    " AND ($6::text IS NULL OR trail.event = $6)"                                                  \
    " AND ($7::text IS NULL OR (trail.event ~>=~ $7 AND trail.event ~<~ $8::text))"                \
    " AND ($9::bigint IS NULL OR trail.time_us >= $9)"                                             \
    " AND ($10::bigint IS NULL OR trail.time_us < $10)"                                            \
    " AND ($11::boolean OR trail.visibility = 1), false)"
#define LIST_FROM(leading, order)                                                                  \
    "SELECT sequence, record FROM trail WHERE " leading LIST_MATCHES " ORDER BY " order            \
    " trail.sequence DESC LIMIT 501"
#define LIST_BY(leading, order)                                                                    \
    "SELECT sequence, record FROM (" LIST_FROM (leading, order) ") page"                           \
                                                                " LIMIT $2::bigint"
#define LIST_BY_ID(column, value)                                                                  \
    LIST_BY (column " >= " value " AND " column " <= " value " AND", column " DESC,")
#define EVENT_IS(value) "trail.event ~>=~ " value " AND trail.event ~<=~ " value " AND"
#define EVENT_ORDER     "trail.event USING ~>~,"

const struct db_statement store_statements[] = {
    [PUBLIC_KEYS] = {"auditor_public_keys", KEYS_SQL, false},
    [CALLER] = {"auditor_caller", CALLER_SQL ("NULL", "NULL"), false},
    // "jetonaud" as a number.
    [LOCK] = {"auditor_lock", "SELECT pg_try_advisory_lock (7666661962610210148)", true},
    [HEAD] = {"auditor_head",
              "SELECT coalesce (t.sequence, 0), t.digest, c.covered"
              " FROM (SELECT coalesce (max (sequence), 0) AS covered FROM checkpoints) c"
              " LEFT JOIN (SELECT sequence, digest FROM trail ORDER BY sequence DESC LIMIT 1) t"
              " ON true",
              false},
    [OUTBOX] = {"auditor_outbox", "SELECT id, record FROM outbox ORDER BY id LIMIT $1::bigint",
                false},
    [APPEND] = {"auditor_append",
                "INSERT INTO trail (sequence, record, digest, event, object_id, actor_id,"
                " account_id, time_us, visibility)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                true},
    [TAKEN] = {"auditor_taken", "DELETE FROM outbox WHERE id = ANY ($1::bigint[])", true},
    [CHECKPOINT] = {"auditor_checkpoint",
                    "INSERT INTO checkpoints (sequence, digest, time_us, key_id, signature)"
                    " VALUES ($1, $2, $3, $4, $5)",
                    true},
    [LIST] = {"auditor_list", LIST_BY ("", ""), false},
    [LIST_OBJECT] = {"auditor_list_object", LIST_BY_ID ("trail.object_id", "$3"), false},
    [LIST_ACTOR] = {"auditor_list_actor", LIST_BY_ID ("trail.actor_id", "$4"), false},
    [LIST_ACCOUNT] = {"auditor_list_account", LIST_BY_ID ("trail.account_id", "$5"), false},
    [LIST_EVENT] = {"auditor_list_event", LIST_BY (EVENT_IS ("$6"), EVENT_ORDER), false},
    // The names that begin with the prefix are few: step from one to the next along the index, and take the newest of each.
    [LIST_EVENTS] =
        {"auditor_list_events",
         "WITH RECURSIVE names (event) AS ("
         " (SELECT event FROM trail WHERE event ~>=~ $7 AND event ~<~ $8"
         "  ORDER BY event USING ~<~ LIMIT 1)"
         " UNION ALL"
         " SELECT (SELECT t.event FROM trail t WHERE t.event ~>~ names.event AND t.event ~<~ $8"
         "  ORDER BY t.event USING ~<~ LIMIT 1) FROM names WHERE names.event IS NOT NULL)"
         " SELECT r.sequence, r.record FROM names CROSS JOIN LATERAL"
         " (" LIST_FROM (EVENT_IS ("names.event"),
                         EVENT_ORDER) ") r"
                                      " WHERE names.event IS NOT NULL ORDER BY "
                                      "r.sequence DESC LIMIT $2::bigint",
         false},
    [LIST_TIME] = {"auditor_list_time",
                   LIST_BY ("trail.time_us >= coalesce ($9::bigint, 0) AND"
                            " trail.time_us < coalesce ($10::bigint, 9223372036854775807) AND",
                            ""),
                   false},
    [RECORD] = {"auditor_record", "SELECT sequence, record FROM trail WHERE sequence = $1", false},
    [FOLLOW] = {"auditor_follow",
                "SELECT sequence, record FROM trail WHERE sequence > $1 AND sequence <= $2"
                " ORDER BY sequence LIMIT $3::bigint",
                false},
    [FOLLOW_ACCOUNT] = {"auditor_follow_account",
                        "SELECT sequence, record FROM trail"
                        " WHERE account_id = $4 AND sequence > $1 AND sequence <= $2"
                        " AND ($5::boolean OR visibility = 1)"
                        " ORDER BY sequence LIMIT $3::bigint",
                        false},
    [EXPORT] = {"auditor_export",
                "SELECT * FROM"
                " ((SELECT false AS checkpoint, sequence, digest, time_us, record, event,"
                "    object_id, actor_id, account_id, visibility,"
                "    NULL::bytea AS key_id, NULL::bytea AS signature"
                "   FROM trail WHERE sequence > $1 AND sequence <= $2"
                "   ORDER BY sequence LIMIT $5::bigint)"
                " UNION ALL"
                "  (SELECT true, sequence, digest, time_us, NULL, NULL, NULL, NULL, NULL, NULL,"
                "    key_id, signature"
                "   FROM checkpoints WHERE sequence > $3 AND sequence <= $4"
                "   ORDER BY sequence LIMIT $5::bigint)) items"
                " ORDER BY sequence, checkpoint LIMIT $5::bigint",
                false},
    {NULL, NULL, false},
};

// What a caller of the store wants called, while the database works.
struct call {
    union {
        store_callback *done;
        store_lock_callback *lock;
        store_head_callback *head;
        store_rows_callback *rows;
        store_items_callback *items;
    } callback;
    void *context;
};

static struct call *
call_new (void *context)
{
    struct call *call = xcalloc (1, sizeof *call);
    call->context = context;
    return call;
}

// get_bytes (result, row, column, data_r, size_r): A bytea of any length, allocated; never NULL on true.
static bool
get_bytes (const PGresult *result, int row, int column, uint8_t **data_r, size_t *size_r)
{
    if (PQgetisnull (result, row, column))
        return false;
    size_t size = db_bytes_length (result, row, column);
    uint8_t *data = xcalloc (1, size + 1);
    if (!db_get_bytes (result, row, column, data, size, size_r)) {
        free (data);
        return false;
    }
    *data_r = data;
    return true;
}

static void
lock_done (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    cleanup_free struct call *call = context;
    bool locked = false;
    (void) error;
    if (outcome == DB_OK &&
        (PQntuples (results[0]) != 1 || !db_get_bool (results[0], 0, 0, &locked)))
        outcome = DB_FAILED;
    call->callback.lock (call->context, outcome, locked);
}

void
store_lock (struct db *db, store_lock_callback *callback, void *context)
{
    struct call *call = call_new (context);
    call->callback.lock = callback;
    db_call (db, LOCK, NULL, lock_done, call);
}

static bool
head_read (const PGresult *result, struct store_head *head_r)
{
    size_t length;
    if (PQntuples (result) != 1 || !db_get_int (result, 0, 0, &head_r->sequence) ||
        !db_get_int (result, 0, 2, &head_r->covered))
        return false;
    if (PQgetisnull (result, 0, 1))
        return head_r->sequence == 0;
    return db_get_bytes (result, 0, 1, head_r->digest, sizeof head_r->digest, &length) &&
           length == sizeof head_r->digest;
}

static void
head_done (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    cleanup_free struct call *call = context;
    struct store_head head = {0};
    (void) error;
    if (outcome == DB_OK && !head_read (results[0], &head))
        outcome = DB_FAILED;
    call->callback.head (call->context, outcome, outcome == DB_OK ? &head : NULL);
}

void
store_head (struct db *db, store_head_callback *callback, void *context)
{
    struct call *call = call_new (context);
    call->callback.head = callback;
    db_call (db, HEAD, NULL, head_done, call);
}

static void
rows_free (struct store_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free (rows[i].data);
    free (rows);
}

static void
rows_done (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    cleanup_free struct call *call = context;
    size_t n = outcome == DB_OK ? (size_t) PQntuples (results[0]) : 0;
    struct store_row *rows = xcalloc (n + 1, sizeof *rows);
    (void) error;
    for (size_t i = 0; i < n && outcome == DB_OK; i++)
        if (!db_get_int (results[0], (int) i, 0, &rows[i].number) ||
            !get_bytes (results[0], (int) i, 1, &rows[i].data, &rows[i].size))
            outcome = DB_FAILED;
    call->callback.rows (call->context, outcome, rows, outcome == DB_OK ? n : 0);
    rows_free (rows, n);
}

static void
rows_call (struct db *db, int statement, const struct db_params *params,
           store_rows_callback *callback, void *context)
{
    struct call *call = call_new (context);
    call->callback.rows = callback;
    db_call (db, statement, params, rows_done, call);
}

void
store_outbox (struct db *db, size_t limit, store_rows_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, (int64_t) limit);
    rows_call (db, OUTBOX, &params, callback, context);
}

static void
write_done (void *context, enum db_outcome outcome, PGresult *const *results,
            const struct db_error *error)
{
    cleanup_free struct call *call = context;
    (void) results;
    call->callback.done (call->context, outcome, error);
}

static void
append_params (struct db_params *params, const Jeton__V1__TrailEntry *entry)
{
    db_param_int (params, entry->sequence);
    db_param_bytes (params, entry->record.data, entry->record.len);
    db_param_bytes (params, entry->digest.data, entry->digest.len);
    db_param_text (params, entry->event);
    db_param_text (params, entry->object_id);
    db_param_text (params, entry->actor_id);
    db_param_text (params, entry->account_id);
    db_param_int (params, entry->time_us);
    db_param_int (params, (int64_t) entry->visibility);
}

// ids_text (ids, n): As PostgreSQL writes an array: {1,2,3}. The caller frees.
static char *
ids_text (const int64_t *ids, size_t n)
{
    enum { DIGITS = 21 };
    char *text = xcalloc (n + 1, DIGITS + 1), *p = text;
    *p++ = '{';
    for (size_t i = 0; i < n; i++)
        p += snprintf (p, DIGITS + 1, "%s%lld", i > 0 ? "," : "", (long long) ids[i]);
    *p = '}';
    return text;
}

void
store_append (struct db *db, const Jeton__V1__TrailEntry *entries, const int64_t *ids, size_t n,
              store_callback *callback, void *context)
{
    cleanup_free struct db_params *params = xcalloc (n + 1, sizeof *params);
    cleanup_free struct db_step *steps = xcalloc (n + 1, sizeof *steps);
    cleanup_free char *taken = ids_text (ids, n);
    struct call *call = call_new (context);
    call->callback.done = callback;
    for (size_t i = 0; i < n; i++) {
        append_params (&params[i], &entries[i]);
        steps[i] = (struct db_step){APPEND, &params[i]};
    }
    db_param_text (&params[n], taken);
    steps[n] = (struct db_step){TAKEN, &params[n]};
    db_transaction (db, steps, n + 1, write_done, call);
}

void
store_checkpoint (struct db *db, const Jeton__V1__Checkpoint *checkpoint, store_callback *callback,
                  void *context)
{
    struct call *call = call_new (context);
    struct db_params params = {0};
    call->callback.done = callback;
    db_param_int (&params, checkpoint->sequence);
    db_param_bytes (&params, checkpoint->digest.data, checkpoint->digest.len);
    db_param_int (&params, checkpoint->time_us);
    db_param_bytes (&params, checkpoint->key_id.data, checkpoint->key_id.len);
    db_param_bytes (&params, checkpoint->signature.data, checkpoint->signature.len);
    db_call (db, CHECKPOINT, &params, write_done, call);
}

static void
param_filter (struct db_params *params, int64_t value)
{
    if (value > 0)
        db_param_int (params, value);
    else
        db_param_null (params);
}

static int
list_statement (const struct store_filter *filter, bool prefix)
{
    if (filter->object_id != NULL)
        return LIST_OBJECT;
    if (filter->actor_id != NULL)
        return LIST_ACTOR;
    if (filter->event != NULL && !prefix)
        return LIST_EVENT;
    if (filter->account_id != NULL)
        return LIST_ACCOUNT;
    if (prefix)
        return LIST_EVENTS;
    return filter->from_us > 0 || filter->until_us > 0 ? LIST_TIME : LIST;
}

void
store_list (struct db *db, const struct store_filter *filter, store_rows_callback *callback,
            void *context)
{
    struct db_params params = {0};
    size_t length = filter->event != NULL ? strlen (filter->event) : 0;
    bool prefix = length > 0 && filter->event[length - 1] == '.';
    cleanup_free char *end = prefix ? xstrdup (filter->event) : NULL;
    if (end != NULL)
        end[length - 1] =
            '.' + 1; // names that begin with "a." are those from "a." up to, without, "a/"
    db_param_int (&params, filter->before);
    db_param_int (&params, filter->limit);
    db_param_text (&params, filter->object_id);
    db_param_text (&params, filter->actor_id);
    db_param_text (&params, filter->account_id);
    db_param_text (&params, prefix ? NULL : filter->event);
    db_param_text (&params, prefix ? filter->event : NULL);
    db_param_text (&params, end);
    param_filter (&params, filter->from_us);
    param_filter (&params, filter->until_us);
    db_param_bool (&params, filter->private);
    rows_call (db, list_statement (filter, prefix), &params, callback, context);
}

void
store_record (struct db *db, int64_t sequence, store_rows_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, sequence);
    rows_call (db, RECORD, &params, callback, context);
}

void
store_follow (struct db *db, int64_t after, int64_t until, const char *account_id, bool private,
              size_t limit, store_rows_callback *callback, void *context)
{
    struct db_params params = {0};
    bool all = account_id[0] == '\0';
    db_param_int (&params, after);
    db_param_int (&params, until);
    db_param_int (&params, (int64_t) limit);
    if (!all) {
        db_param_text (&params, account_id);
        db_param_bool (&params, private);
    }
    rows_call (db, all ? FOLLOW : FOLLOW_ACCOUNT, &params, callback, context);
}

// One item of an export, with the messages that it points to.
struct item {
    Jeton__V1__TrailEntry entry;
    Jeton__V1__Checkpoint checkpoint;
    uint8_t *blobs[3];
};

static bool
item_blob (const PGresult *result, int row, int column, struct item *item, int slot,
           ProtobufCBinaryData *data_r)
{
    if (!get_bytes (result, row, column, &item->blobs[slot], &data_r->len))
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

static bool
item_read (const PGresult *result, int row, struct item *item, Jeton__V1__ExportTrailReply *reply)
{
    bool checkpoint;
    jeton__v1__export_trail_reply__init (reply);
    if (!db_get_bool (result, row, 0, &checkpoint))
        return false;
    if (checkpoint) {
        reply->checkpoint = &item->checkpoint;
        return item_checkpoint (result, row, item);
    }
    reply->entry = &item->entry;
    return item_entry (result, row, item);
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
        for (size_t slot = 0; slot < 3; slot++)
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
