// The auditor's methods under test: a request whose credit a test gives out, and a trail that a fake store makes up. Included once by a
// test's only source file.
#ifndef JETON_TEST_AUDITOR_H
#define JETON_TEST_AUDITOR_H

#include "common/log/log.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/auditor/auditor.h"
#include <check.h>
#include <stdarg.h>
#include <stdio.h>

enum { ITEMS_MAX = 1000, DROP = -1000000 };

static struct auditor auditor;

// ---- a request --------------------------------------------------------------------------------------------------------

struct request {
    struct arena *arena;
    const void *message;
    void *context;
    const struct caller *caller;
    request_callback *credit_came, *ended;
    unsigned credit;
    int answers; // must end up as 1
    int code;
    char text[256];
    char field[64];
    Jeton__V1__ListRecordsReply *page; // of ListRecords
    char record[64];                   // the id in the answer of GetRecord
    int64_t
        items[ITEMS_MAX]; // sequence numbers; those of checkpoints are negative, drops below DROP
    size_t n;
};

static void
request_open (struct request *request, const void *message, unsigned credit)
{
    *request = (struct request){.message = message, .credit = credit, .code = -1};
    request->arena = arena_new (4 << 20);
}

static void
request_close (struct request *request)
{
    ck_assert_int_eq (request->answers, 1);
    if (request->page != NULL)
        jeton__v1__list_records_reply__free_unpacked (request->page, NULL);
    arena_destroy (&request->arena);
}

const void *
request_message (const struct request *request)
{
    return request->message;
}

void *
request_owner (const struct request *request)
{
    (void) request;
    return &auditor;
}

struct arena *
request_arena (struct request *request)
{
    return request->arena;
}

const struct caller *
request_caller (const struct request *request)
{
    return request->caller;
}

// The look in flight; the test calls it back.
static struct caller_look *look;

void
caller_look (struct request *request, const struct caller_options *options,
             struct caller_look *the_look)
{
    ck_assert_ptr_nonnull (request->caller);
    ck_assert_ptr_eq (options, &auditor.callers);
    ck_assert_ptr_null (look);
    look = the_look;
}

const struct peer *
request_peer (const struct request *request)
{
    static const struct peer peer = {.name = "alice", .roles = ROLE_OPERATOR};
    (void) request;
    return &peer;
}

const char *
request_method (const struct request *request)
{
    (void) request;
    return "a method";
}

const char *
request_correlation (const struct request *request)
{
    (void) request;
    return "0123456789abcdef0123456789abcdef";
}

void *
request_context (const struct request *request)
{
    return request->context;
}

void
request_context_set (struct request *request, void *context)
{
    request->context = context;
}

void
request_reply (struct request *request, const ProtobufCMessage *reply)
{
    request->answers++;
    request->code = JETON__V1__CODE__CODE_OK;
    if (reply == NULL)
        return;
    uint8_t *data = xcalloc (1, protobuf_c_message_get_packed_size (reply) + 1);
    size_t size = protobuf_c_message_pack (reply, data);
    if (reply->descriptor == &jeton__v1__list_records_reply__descriptor)
        request->page = jeton__v1__list_records_reply__unpack (NULL, size, data);
    if (reply->descriptor == &jeton__v1__get_record_reply__descriptor)
        snprintf (request->record, sizeof request->record, "%s",
                  ((const Jeton__V1__GetRecordReply *) reply)->record->id);
    free (data);
}

void
request_fail (struct request *request, int code, const char *format, ...)
{
    va_list arguments;
    request->answers++;
    request->code = code;
    va_start (arguments, format);
    vsnprintf (request->text, sizeof request->text, format, arguments);
    va_end (arguments);
}

void
request_fail_field (struct request *request, const char *field, const char *format, ...)
{
    (void) format;
    request->answers++;
    request->code = JETON__V1__CODE__CODE_INVALID_ARGUMENT;
    snprintf (request->field, sizeof request->field, "%s", field);
}

void
request_stream (struct request *request, request_callback *credit, request_callback *ended)
{
    request->credit_came = credit;
    request->ended = ended;
}

bool
request_send (struct request *request, const ProtobufCMessage *message)
{
    ck_assert_int_eq (request->answers, 0);
    if (request->credit == 0)
        return false;
    request->credit--;
    ck_assert_uint_lt (request->n, ITEMS_MAX);
    int64_t *item = &request->items[request->n++];
    if (message->descriptor == &jeton__v1__tail_records_reply__descriptor) {
        const Jeton__V1__TailRecordsReply *reply = (const void *) message;
        *item = reply->record->sequence;
    } else {
        const Jeton__V1__ExportTrailReply *reply = (const void *) message;
        if (reply->drop != NULL)
            *item = DROP - reply->drop->last;
        else
            *item = reply->entry != NULL ? reply->entry->sequence : -reply->checkpoint->sequence;
    }
    return true;
}

static void __attribute__ ((unused)) request_credit (struct request *request, unsigned n)
{
    request->credit += n;
    request->credit_came (request);
}

// ---- a trail ----------------------------------------------------------------------------------------------------------

// Records 1 … end; odd ones belong to ACC-odd, even ones to ACC-even. Checkpoints at each multiple of ten.
static struct {
    int64_t end, covered;
    int64_t dropped; // records up to this one, in one drop
    enum db_outcome outcome;
    size_t record_size; // of `after` in each record
    size_t read;        // rows that were given out
    bool broken;        // records are no records
} trail;

// A call that waits for the database to run.
struct call {
    store_rows_callback *rows;
    store_kept_callback *kept;
    store_items_callback *items;
    store_head_callback *head;
    void *context;
    int64_t after, until, step, limit;
    bool even, odd;
    struct store_span span;
};
static struct call calls[512];
static size_t ncalls;

static struct call *
call_new (void *context)
{
    ck_assert_uint_lt (ncalls, 512);
    calls[ncalls] = (struct call){.context = context, .step = 1, .even = true, .odd = true};
    return &calls[ncalls++];
}

void
store_head (struct db *db, store_head_callback *callback, void *context)
{
    (void) db;
    call_new (context)->head = callback;
}

void
store_list (struct db *db, const struct store_filter *filter, store_rows_callback *callback,
            void *context)
{
    struct call *call = call_new (context);
    (void) db;
    call->rows = callback;
    call->step = -1;
    call->after = filter->before <= trail.end ? filter->before : trail.end + 1;
    call->until = 1;
    call->limit = filter->limit;
}

void
store_record (struct db *db, int64_t sequence, store_kept_callback *callback, void *context)
{
    struct call *call = call_new (context);
    (void) db;
    call->kept = callback;
    call->after = sequence - 1;
    call->until = sequence <= trail.end ? sequence : 0;
    call->limit = 1;
}

void
store_follow (struct db *db, int64_t after, int64_t until, const char *account_id, bool private,
              size_t limit, store_kept_callback *callback, void *context)
{
    struct call *call = call_new (context);
    (void) db;
    (void) private;
    ck_assert_int_le (until, trail.end);
    call->kept = callback;
    call->after = after;
    call->until = until;
    call->limit = (int64_t) limit;
    call->even = strcmp (account_id, "ACC-odd") != 0;
    call->odd = strcmp (account_id, "ACC-even") != 0;
}

void
store_export (struct db *db, const struct store_span *span, size_t limit,
              store_items_callback *callback, void *context)
{
    struct call *call = call_new (context);
    (void) db;
    call->items = callback;
    call->span = *span;
    call->limit = (int64_t) limit;
}

void
store_checkpoint (struct db *db, const Jeton__V1__Checkpoint *checkpoint, store_callback *callback,
                  void *context)
{
    (void) db;
    (void) checkpoint;
    (void) callback;
    (void) context;
    ck_abort_msg ("no checkpoint is made here");
}

static void
row_make (int64_t sequence, struct store_row *row_r)
{
    Jeton__V1__AuditRecord record = JETON__V1__AUDIT_RECORD__INIT;
    cleanup_free uint8_t *after = xcalloc (1, trail.record_size + 1);
    char id[ID_AUDIT_SIZE];
    id_audit_format (sequence, id);
    record.id = id;
    record.sequence = sequence;
    record.after = (ProtobufCBinaryData){trail.record_size, after};
    row_r->number = sequence;
    row_r->data = xcalloc (1, jeton__v1__audit_record__get_packed_size (&record) + 1);
    row_r->size = jeton__v1__audit_record__pack (&record, row_r->data);
    if (trail.broken)
        memset (row_r->data, 0xff, row_r->size);
}

static void
run_rows (const struct call *call)
{
    struct store_row *rows = xcalloc ((size_t) call->limit + 1, sizeof *rows);
    size_t n = 0;
    for (int64_t i = call->after + call->step;
         (call->step > 0 ? i <= call->until : i >= call->until) && n < (size_t) call->limit;
         i += call->step)
        if (i > trail.dropped && (i % 2 == 0 ? call->even : call->odd))
            row_make (i, &rows[n++]);
    trail.read += n;
    n = trail.outcome == DB_OK ? n : 0;
    if (call->kept != NULL)
        call->kept (call->context, trail.outcome, trail.dropped, rows, n);
    else
        call->rows (call->context, trail.outcome, rows, n);
    for (int64_t i = 0; i < call->limit && rows[i].data != NULL; i++)
        free (rows[i].data);
    free (rows);
}

static void
run_items (const struct call *call)
{
    Jeton__V1__ExportTrailReply items[STREAM_BATCH];
    Jeton__V1__TrailEntry entries[STREAM_BATCH];
    Jeton__V1__Checkpoint checkpoints[STREAM_BATCH];
    Jeton__V1__TrailDrop drop = JETON__V1__TRAIL_DROP__INIT;
    int64_t entry = call->span.entry + 1, checkpoint = (call->span.checkpoint / 10 + 1) * 10;
    size_t n = 0;
    if (call->span.entry < trail.dropped) {
        jeton__v1__export_trail_reply__init (&items[n]);
        drop.first = 1;
        drop.last = trail.dropped;
        items[n++].drop = &drop;
        entry = trail.dropped + 1;
        checkpoint = (trail.dropped / 10 + 1) * 10;
    }
    for (; n < (size_t) call->limit; n++) {
        jeton__v1__export_trail_reply__init (&items[n]);
        jeton__v1__trail_entry__init (&entries[n]);
        jeton__v1__checkpoint__init (&checkpoints[n]);
        bool more = entry <= call->span.entry_end;
        if (checkpoint <= call->span.checkpoint_end && (!more || checkpoint < entry)) {
            checkpoints[n].sequence = checkpoint;
            items[n].checkpoint = &checkpoints[n];
            checkpoint += 10;
        } else if (more) {
            entries[n].sequence = entry++;
            items[n].entry = &entries[n];
        } else {
            break;
        }
    }
    trail.read += n;
    call->items (call->context, trail.outcome, items, trail.outcome == DB_OK ? n : 0);
}

// The database answers everything that was asked until now, and what is asked because of that.
static void
run (void)
{
    for (size_t i = 0; i < ncalls; i++) {
        struct call call = calls[i];
        if (call.head != NULL) {
            struct store_head head = {
                .sequence = trail.end, .covered = trail.covered, .dropped = trail.dropped};
            call.head (call.context, trail.outcome, trail.outcome == DB_OK ? &head : NULL);
        } else if (call.rows != NULL || call.kept != NULL) {
            run_rows (&call);
        } else {
            run_items (&call);
        }
    }
    ncalls = 0;
}

int64_t
auditor_now_us (void)
{
    return 1;
}

static void
set_up (void)
{
    memset (&trail, 0, sizeof trail);
    ncalls = 0;
    auditor = (struct auditor){.streams = zlistx_new ()};
    auditor.settings.tail_limit = 4;
    auditor.settings.process.arena_limit = 1 << 20;
}

static void
tear_down (void)
{
    ck_assert_uint_eq (zlistx_size (auditor.streams), 0);
    ck_assert_uint_eq (auditor.stats.streams, 0);
    zlistx_destroy (&auditor.streams);
}

// run_tests (name, tests, n): What main does.
static int
run_tests (const char *name, const TTest *const *tests, size_t n)
{
    Suite *suite = suite_create (name);
    TCase *all = tcase_create ("all");
    log_open ("test", LOG_LEVEL_ERROR);
    tcase_add_checked_fixture (all, set_up, tear_down);
    for (size_t i = 0; i < n; i++)
        tcase_add_test (all, tests[i]);
    suite_add_tcase (suite, all);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}

#endif
