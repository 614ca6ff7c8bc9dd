// Queries: ListRecords and GetRecord.
#include "common/log/log.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/auditor/auditor.h"
#include <inttypes.h>
#include <stdio.h>

enum {
    PAGE_DEFAULT = 50,
    PAGE_MAX = 500,
    PAGE_BYTES = 1024 * 1024, // a page of more bytes is cut short, after one record at least
    CURSOR_LENGTH = 17,       // "r" and the sequence number as 16 hexadecimal digits
};

void
auditor_fail (struct request *request, enum db_outcome outcome)
{
    switch (outcome) {
    case DB_UNAVAILABLE:
    case DB_UNCERTAIN: // of a read: it was not answered, twice
        request_fail (request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "the database does not answer: try again");
        return;
    case DB_OK:
    case DB_CONFLICT:
    case DB_FAILED:
        log_error ("query failed", "request", request_correlation (request), "method",
                   request_method (request), NULL);
        request_fail (request, JETON__V1__CODE__CODE_INTERNAL,
                      "the trail could not be read; the log of the auditor says why");
        return;
    }
}

// cursor_parse (text, before_r): A cursor that we gave out, or "".
static bool
cursor_parse (const char *text, int64_t *before_r)
{
    int64_t value = 0;
    if (text[0] == '\0') {
        *before_r = INT64_MAX;
        return true;
    }
    if (strlen (text) != CURSOR_LENGTH || text[0] != 'r' ||
        strspn (text + 1, "0123456789abcdef") != CURSOR_LENGTH - 1 || text[1] > '7')
        return false;
    for (const char *p = text + 1; *p != '\0'; p++)
        value = value * 16 + (*p <= '9' ? *p - '0' : *p - 'a' + 10);
    *before_r = value;
    return value > 0;
}

static const char *
filter_text (const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

// filter_bad (message, filter): The name of the field at fault, or NULL.
static const char *
filter_bad (const Jeton__V1__ListRecordsRequest *message)
{
    if (strlen (message->object_id) > ENTRY_TEXT_MAX)
        return "object_id";
    if (strlen (message->actor_id) > ENTRY_TEXT_MAX)
        return "actor_id";
    if (strlen (message->account_id) > ENTRY_TEXT_MAX)
        return "account_id";
    if (strlen (message->event) > ENTRY_TEXT_MAX || message->event[0] == '.')
        return "event";
    if (message->from_us < 0)
        return "from_us";
    if (message->until_us < 0)
        return "until_us";
    return NULL;
}

static void auditor_list_records_done (void *context, enum db_outcome outcome,
                                       const struct store_row *rows, size_t n);

void
auditor_list_records (struct request *request)
{
    const Jeton__V1__ListRecordsRequest *message = request_message (request);
    struct auditor *auditor = request_owner (request);
    const char *cursor = message->page != NULL ? message->page->cursor : "";
    uint32_t size = message->page != NULL ? message->page->size : 0;
    const char *bad = filter_bad (message);
    struct store_filter filter = {
        .object_id = filter_text (message->object_id),
        .actor_id = filter_text (message->actor_id),
        .account_id = filter_text (message->account_id),
        .event = filter_text (message->event),
        .from_us = message->from_us,
        .until_us = message->until_us,
        .private = auditor_private (request),
    };
    if (bad != NULL) {
        request_fail_field (request, bad, "is not a filter: see proto/audit.proto");
        return;
    }
    if (size > PAGE_MAX) {
        request_fail_field (request, "page.size", "must be %d at most", PAGE_MAX);
        return;
    }
    if (!cursor_parse (cursor, &filter.before)) {
        request_fail_field (request, "page.cursor", "is not one that a page before gave");
        return;
    }
    filter.limit =
        (size != 0 ? size : PAGE_DEFAULT) + 1; // one more tells whether there is a next page
    request_context_set (request, arena_memdup (request_arena (request), &filter, sizeof filter));
    store_list (auditor->process.db, &filter, auditor_list_records_done, request);
}

// page_fill (arena, rows, n, reply): Unpack up to n rows, fewer when they are large. Returns how many.
static size_t
page_fill (struct arena *arena, const struct store_row *rows, size_t n,
           Jeton__V1__ListRecordsReply *reply)
{
    size_t bytes = 0, i = 0;
    reply->records = arena_alloc (arena, (n + 1) * sizeof (Jeton__V1__AuditRecord *));
    for (; reply->records != NULL && i < n; i++) {
        bytes += rows[i].size;
        if (i > 0 && bytes > PAGE_BYTES)
            break;
        reply->records[i] = entry_record (arena, &rows[i]);
        if (reply->records[i] == NULL)
            break;
    }
    reply->n_records = i;
    return i;
}

static void
auditor_list_records_done (void *context, enum db_outcome outcome, const struct store_row *rows,
                           size_t n)
{
    struct request *request = context;
    const struct store_filter *filter = request_context (request);
    Jeton__V1__ListRecordsReply reply = JETON__V1__LIST_RECORDS_REPLY__INIT;
    char cursor[CURSOR_LENGTH + 1];
    if (outcome != DB_OK || filter == NULL) {
        auditor_fail (request, outcome);
        return;
    }
    size_t page = n < (size_t) filter->limit ? n : (size_t) filter->limit - 1;
    size_t filled = page_fill (request_arena (request), rows, page, &reply);
    if (filled == 0 && n > 0) {
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "a record is larger than a request may be in memory (arena_limit)");
        return;
    }
    if (filled < n) {
        snprintf (cursor, sizeof cursor, "r%016" PRIx64, (uint64_t) rows[filled - 1].number);
        reply.next_cursor = cursor;
    }
    log_debug ("records listed", "request", request_correlation (request), NULL);
    request_reply (request, &reply.base);
}

// Records of other accounts, and private ones, are for operators.
static bool
may_see (const struct request *request, const Jeton__V1__AuditRecord *record)
{
    const struct caller *caller = request_caller (request);
    return auditor_private (request) ||
           (record->visibility == JETON__V1__VISIBILITY__VISIBILITY_PUBLIC && record->object &&
            strcmp (record->object->account_id, caller->account_id) == 0);
}

static void auditor_get_record_done (void *context, enum db_outcome outcome, int64_t dropped,
                                     const struct store_row *rows, size_t n);

void
auditor_get_record (struct request *request)
{
    const Jeton__V1__GetRecordRequest *message = request_message (request);
    struct auditor *auditor = request_owner (request);
    int64_t sequence;
    if (!id_audit_parse (message->id, &sequence)) {
        request_fail_field (request, "id", "is not of the form AUD-dddd-dddd-dddd-dddd");
        return;
    }
    store_record (auditor->process.db, sequence, auditor_get_record_done, request);
}

static void
auditor_get_record_done (void *context, enum db_outcome outcome, int64_t dropped,
                         const struct store_row *rows, size_t n)
{
    struct request *request = context;
    const Jeton__V1__GetRecordRequest *message = request_message (request);
    Jeton__V1__GetRecordReply reply = JETON__V1__GET_RECORD_REPLY__INIT;
    if (outcome != DB_OK) {
        auditor_fail (request, outcome);
        return;
    }
    int64_t sequence;
    if (n == 0 && id_audit_parse (message->id, &sequence) && sequence <= dropped) {
        request_fail (request, JETON__V1__CODE__CODE_OUT_OF_RANGE,
                      "%s was dropped (retention), with all up to number %" PRId64, message->id,
                      dropped);
        return;
    }
    if (n == 0) {
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "the trail has no record %s",
                      message->id);
        return;
    }
    reply.record = entry_record (request_arena (request), &rows[0]);
    if (reply.record == NULL) {
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "%s is larger than a request may be in memory (arena_limit)", message->id);
        return;
    }
    if (!may_see (request, reply.record)) {
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "the trail has no record %s",
                      message->id);
        return;
    }
    log_debug ("record shown", "request", request_correlation (request), "record", message->id,
               NULL);
    request_reply (request, &reply.base);
}
