// Pages of the trail, one record, the key of checkpoints: ListRecords, GetRecord, GetCheckpointKey.
// objects: services/auditor/entry.o services/auditor/records.o services/auditor/stream.o services/auditor/tail.o
// objects: services/auditor/export.o services/auditor/checkpoint.o
#include "tests/unit/test_auditor.h"

static void
list (struct request *request, uint32_t size, const char *cursor)
{
    static Jeton__V1__ListRecordsRequest message;
    static Jeton__V1__PageRequest page;
    jeton__v1__list_records_request__init (&message);
    jeton__v1__page_request__init (&page);
    page.size = size;
    page.cursor = (char *) cursor;
    message.page = &page;
    request_open (request, &message, 0);
    auditor_list_records (request);
    run ();
}

// All pages of this size, one after the other: each record once, newest first. Returns how many pages there were.
static size_t
walk (uint32_t size)
{
    char cursor[64] = "";
    int64_t expected = trail.end;
    size_t pages = 0;
    do {
        struct request request;
        list (&request, size, cursor);
        ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OK);
        for (size_t i = 0; i < request.page->n_records; i++)
            ck_assert_int_eq (request.page->records[i]->sequence, expected--);
        snprintf (cursor, sizeof cursor, "%s", request.page->next_cursor);
        request_close (&request);
        pages++;
    } while (cursor[0] != '\0');
    ck_assert_int_eq (expected, 0);
    return pages;
}

START_TEST (pages)
{
    ck_assert_uint_eq (walk (0), 1); // an empty trail
    trail.end = 100;
    ck_assert_uint_eq (walk (0), 2);
    ck_assert_uint_eq (walk (100), 1);
    ck_assert_uint_eq (walk (99), 2);
    ck_assert_uint_eq (walk (500), 1);
    ck_assert_uint_eq (walk (1), 100);
    trail.record_size = 300 * 1024; // pages are cut short rather than large
    ck_assert_uint_eq (walk (100), 34);
    trail.record_size = 2 * 1024 * 1024;
    trail.end = 3;
    ck_assert_uint_eq (walk (3), 3);
}
END_TEST

START_TEST (page_of_a_record_too_large)
{
    struct request request;
    trail.end = 3;
    trail.record_size = 5 << 20;
    list (&request, 0, "");
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);
    request_close (&request);
}
END_TEST

START_TEST (cursors)
{
    static const char *const bad[] = {"r",
                                      "x0000000000000005",
                                      "r000000000000000",
                                      "r00000000000000005",
                                      "r000000000000000G",
                                      "rffffffffffffffff",
                                      "r8000000000000000",
                                      "r0000000000000000",
                                      "r000000000000000A",
                                      "AUD-0000-0000-0000-0005",
                                      " r0000000000000005"};
    struct request request;
    trail.end = 10;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        list (&request, 0, bad[i]);
        ck_assert_str_eq (request.field, "page.cursor");
        request_close (&request);
    }
    list (&request, 0, "r7fffffffffffffff");
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OK);
    request_close (&request);
    list (&request, 501, "");
    ck_assert_str_eq (request.field, "page.size");
    request_close (&request);
}
END_TEST

static void
refused_filter (Jeton__V1__ListRecordsRequest message, const char *field)
{
    struct request request;
    request_open (&request, &message, 0);
    auditor_list_records (&request);
    ck_assert_str_eq (request.field, field);
    request_close (&request);
}

START_TEST (filters)
{
    Jeton__V1__ListRecordsRequest message = JETON__V1__LIST_RECORDS_REQUEST__INIT, none = message;
    char text[ENTRY_TEXT_MAX + 2];
    memset (text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    message.object_id = text;
    refused_filter (message, "object_id");
    message = none;
    message.actor_id = text;
    refused_filter (message, "actor_id");
    message = none;
    message.account_id = text;
    refused_filter (message, "account_id");
    message = none;
    message.event = text;
    refused_filter (message, "event");
    message.event = (char *) ".";
    refused_filter (message, "event");
    message = none;
    message.from_us = -1;
    refused_filter (message, "from_us");
    message = none;
    message.until_us = -1;
    refused_filter (message, "until_us");
}
END_TEST

START_TEST (without_database)
{
    struct request request;
    trail.outcome = DB_UNAVAILABLE;
    list (&request, 0, "");
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_UNAVAILABLE);
    request_close (&request);
    trail.outcome = DB_FAILED;
    list (&request, 0, "");
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_INTERNAL);
    request_close (&request);
}
END_TEST

// What somebody made of one row hides nothing of the others.
START_TEST (unreadable_rows)
{
    struct request request;
    trail.end = 2;
    trail.broken = true;
    list (&request, 0, "");
    ck_assert_uint_eq (request.page->n_records, 2);
    ck_assert_str_eq (request.page->records[0]->event, ENTRY_UNREADABLE);
    ck_assert_str_eq (request.page->records[0]->id, "AUD-0000-0000-0000-0002");
    request_close (&request);
}
END_TEST

START_TEST (one_record)
{
    struct request request;
    Jeton__V1__GetRecordRequest message = JETON__V1__GET_RECORD_REQUEST__INIT;
    trail.end = 7;
    trail.dropped = 3; // (R41)
    const struct {
        const char *id;
        int code;
    } cases[] = {
        {"AUD-0000-0000-0000-0003", JETON__V1__CODE__CODE_OUT_OF_RANGE},
        {"AUD-0000-0000-0000-0004", JETON__V1__CODE__CODE_OK},
        {"AUD-0000-0000-0000-0007", JETON__V1__CODE__CODE_OK},
        {"AUD-0000-0000-0000-0008", JETON__V1__CODE__CODE_NOT_FOUND},
        {"AUD-0000-0000-0000-0000", JETON__V1__CODE__CODE_INVALID_ARGUMENT},
        {"TKN-0000-0007", JETON__V1__CODE__CODE_INVALID_ARGUMENT},
        {"", JETON__V1__CODE__CODE_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        message.id = (char *) cases[i].id;
        request_open (&request, &message, 0);
        auditor_get_record (&request);
        run ();
        ck_assert_int_eq (request.code, cases[i].code);
        if (request.code == JETON__V1__CODE__CODE_OK)
            ck_assert_str_eq (request.record, cases[i].id);
        request_close (&request);
    }
}
END_TEST

START_TEST (checkpoint_key)
{
    struct request request;
    Jeton__V1__GetCheckpointKeyRequest message = JETON__V1__GET_CHECKPOINT_KEY_REQUEST__INIT;
    request_open (&request, &message, 0);
    auditor_get_checkpoint_key (&request);
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OK);
    request_close (&request);
}
END_TEST

int
main (void)
{
    const TTest *const tests[] = {pages,
                                  page_of_a_record_too_large,
                                  cursors,
                                  filters,
                                  without_database,
                                  unreadable_rows,
                                  one_record,
                                  checkpoint_key};
    return run_tests ("auditor's queries", tests, sizeof tests / sizeof *tests);
}
