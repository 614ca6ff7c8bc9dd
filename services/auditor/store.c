#include "services/auditor/store.h"
#include "common/memory/memory.h"
#include "services/auditor/statements.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct call *
call_new (void *context)
{
    struct call *call = xcalloc (1, sizeof *call);
    call->context = context;
    return call;
}

bool
call_get_bytes (const PGresult *result, int row, int column, uint8_t **data_r, size_t *size_r)
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
        !db_get_int (result, 0, 2, &head_r->covered) ||
        !db_get_int (result, 0, 3, &head_r->dropped))
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

// rows_read (result, from, rows_r, n_r): The rows from `from` on; the caller frees them, also after false.
static bool
rows_read (const PGresult *result, size_t from, struct store_row **rows_r, size_t *n_r)
{
    size_t n = (size_t) PQntuples (result);
    struct store_row *rows = *rows_r = xcalloc (n + 1, sizeof *rows);
    for (*n_r = 0; from + *n_r < n; ++*n_r, rows++)
        if (!db_get_int (result, (int) (from + *n_r), 0, &rows->number) ||
            !call_get_bytes (result, (int) (from + *n_r), 1, &rows->data, &rows->size))
            return false;
    return true;
}

static void
rows_done (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    cleanup_free struct call *call = context;
    struct store_row *rows = NULL;
    size_t n = 0;
    (void) error;
    if (outcome == DB_OK && !rows_read (results[0], 0, &rows, &n))
        outcome = DB_FAILED;
    call->callback.rows (call->context, outcome, rows, outcome == DB_OK ? n : 0);
    rows_free (rows, n);
}

static void
kept_done (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    cleanup_free struct call *call = context;
    struct store_row *rows = NULL;
    int64_t dropped = 0;
    size_t n = 0;
    (void) error;
    if (outcome == DB_OK &&
        (!db_get_int (results[0], 0, 0, &dropped) || !rows_read (results[0], 1, &rows, &n)))
        outcome = DB_FAILED;
    call->callback.kept (call->context, outcome, dropped, rows, outcome == DB_OK ? n : 0);
    rows_free (rows, n);
}

static void
kept_call (struct db *db, int statement, const struct db_params *params,
           store_kept_callback *callback, void *context)
{
    struct call *call = call_new (context);
    call->callback.kept = callback;
    db_call (db, statement, params, kept_done, call);
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

void
call_written (void *context, enum db_outcome outcome, PGresult *const *results,
              const struct db_error *error)
{
    cleanup_free struct call *call = context;
    (void) results;
    call->callback.done (call->context, outcome, error);
}

// What the parameters of APPEND are in: columns, one after the other.
enum { APPEND_INTS = 3, APPEND_TEXTS = 6, DIGITS = 21 };
struct append {
    const Jeton__V1__TrailEntry *entries;
    size_t n;
    struct db_item *items; // of the column that is being packed
    uint8_t *at;
};

// ids_write (ids, n, text_r): As PostgreSQL writes an array: {1,2,3}; (n + 1) * (DIGITS + 1) bytes are enough.
static void
ids_write (const int64_t *ids, size_t n, char *text_r)
{
    *text_r++ = '{';
    for (size_t i = 0; i < n; i++)
        text_r += snprintf (text_r, DIGITS + 1, "%s%lld", i > 0 ? "," : "", (long long) ids[i]);
    text_r[0] = '}';
    text_r[1] = '\0';
}

static void
append_ints (struct append *append, struct db_params *params, const int64_t *values)
{
    char *text = (char *) append->at;
    ids_write (values, append->n, text);
    db_param_text (params, text);
    append->at += strlen (text) + 1;
}

static void
append_items (struct append *append, struct db_params *params, enum db_array_type type)
{
    size_t size = db_array_size (append->items, append->n);
    db_array_pack (type, append->items, append->n, append->at);
    db_param_bytes (params, append->at, size);
    append->at += size;
}

static void
append_texts (struct append *append, struct db_params *params, size_t offset)
{
    for (size_t i = 0; i < append->n; i++) {
        const char *text;
        memcpy (&text, (const char *) &append->entries[i] + offset, sizeof text);
        append->items[i] = (struct db_item){text, strlen (text)};
    }
    append_items (append, params, DB_TEXT);
}

static size_t
append_size (const Jeton__V1__TrailEntry *entries, size_t n)
{
    enum { ARRAY_HEAD = 20, ITEM_HEAD = 4 };
    size_t size = (n + 1) * (APPEND_INTS * (DIGITS + 1) + APPEND_TEXTS * ITEM_HEAD) +
                  (size_t) APPEND_TEXTS * ARRAY_HEAD;
    for (size_t i = 0; i < n; i++)
        size += entries[i].record.len + entries[i].digest.len + strlen (entries[i].event) +
                strlen (entries[i].object_id) + strlen (entries[i].actor_id) +
                strlen (entries[i].account_id);
    return size;
}

void *
call_append (struct db_params *params, const Jeton__V1__TrailEntry *entries, size_t n)
{
    cleanup_free struct db_item *items = xcalloc (n + 1, sizeof *items);
    cleanup_free int64_t *numbers = xcalloc (n + 1, sizeof *numbers);
    void *data = xcalloc (1, append_size (entries, n));
    struct append append = {entries, n, items, data};
    for (size_t i = 0; i < n; i++)
        numbers[i] = entries[i].sequence;
    append_ints (&append, params, numbers);
    for (size_t i = 0; i < n; i++)
        items[i] = (struct db_item){entries[i].record.data, entries[i].record.len};
    append_items (&append, params, DB_BYTEA);
    for (size_t i = 0; i < n; i++)
        items[i] = (struct db_item){entries[i].digest.data, entries[i].digest.len};
    append_items (&append, params, DB_BYTEA);
    append_texts (&append, params, offsetof (Jeton__V1__TrailEntry, event));
    append_texts (&append, params, offsetof (Jeton__V1__TrailEntry, object_id));
    append_texts (&append, params, offsetof (Jeton__V1__TrailEntry, actor_id));
    append_texts (&append, params, offsetof (Jeton__V1__TrailEntry, account_id));
    for (size_t i = 0; i < n; i++)
        numbers[i] = entries[i].time_us;
    append_ints (&append, params, numbers);
    for (size_t i = 0; i < n; i++)
        numbers[i] = (int64_t) entries[i].visibility;
    append_ints (&append, params, numbers);
    return data;
}

void
store_append (struct db *db, const Jeton__V1__TrailEntry *entries, const int64_t *ids, size_t n,
              store_callback *callback, void *context)
{
    struct db_params params[2] = {{0}, {0}};
    const struct db_step steps[2] = {{APPEND, &params[0]}, {TAKEN, &params[1]}};
    cleanup_free __attribute__ ((unused)) void *appended = call_append (&params[0], entries, n);
    cleanup_free char *taken = xcalloc (n + 1, DIGITS + 1);
    struct call *call = call_new (context);
    call->callback.done = callback;
    ids_write (ids, n, taken);
    db_param_text (&params[1], taken);
    db_transaction (db, steps, 2, call_written, call);
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
    db_call (db, CHECKPOINT, &params, call_written, call);
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
store_record (struct db *db, int64_t sequence, store_kept_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, sequence);
    kept_call (db, RECORD, &params, callback, context);
}

void
store_follow (struct db *db, int64_t after, int64_t until, const char *account_id, bool private,
              size_t limit, store_kept_callback *callback, void *context)
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
    kept_call (db, all ? FOLLOW : FOLLOW_ACCOUNT, &params, callback, context);
}
