// Streams of the trail, by credit: TailRecords, ExportTrail.
// objects: services/auditor/entry.o services/auditor/records.o services/auditor/stream.o services/auditor/tail.o
// objects: services/auditor/export.o services/auditor/checkpoint.o
#include "tests/unit/test_auditor.h"

// ---- TailRecords ------------------------------------------------------------------------------------------------------

static void
tail (struct request *request, int64_t after, const char *account_id, unsigned credit)
{
    static Jeton__V1__TailRecordsRequest message;
    jeton__v1__tail_records_request__init (&message);
    message.after = after;
    message.account_id = (char *) account_id;
    request_open (request, &message, credit);
    auditor_tail_records (request);
}

static void
poll_trail (void)
{
    tail_poll (&auditor);
    run ();
}

static void
stop (struct request *request)
{
    request->ended (request);
    run ();
    request_close (request);
}

static void
look_ends (const char *why)
{
    struct caller_look *ended = look;
    look = NULL;
    ended->callback (ended->context, why);
}

// Every `step`th number, beginning with `first`.
static void
assert_items (const struct request *request, size_t n, int64_t first, int64_t step)
{
    ck_assert_uint_eq (request->n, n);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq (request->items[i], first + (int64_t) i * step);
}

START_TEST (tail_goes_on)
{
    struct request request;
    trail.end = 200;
    tail (&request, 5, "", 1000);
    run ();
    assert_items (&request, 195, 6, 1);
    trail.end = 300;
    poll_trail ();
    assert_items (&request, 295, 6, 1);
    trail.end = 301;
    tail_advance (&auditor, 301); // the writer is in the same process, and says so at once
    run ();
    assert_items (&request, 296, 6, 1);
    stop (&request);
}
END_TEST

START_TEST (tail_from_now_on)
{
    struct request request;
    trail.end = 200;
    auditor.head = 150; // what the last poll saw, a while ago
    tail (&request, -1, "", 1000);
    run ();
    ck_assert_uint_eq (request.n, 0);
    trail.end = 203;
    poll_trail ();
    assert_items (&request, 3, 201, 1);
    stop (&request);
}
END_TEST

START_TEST (tail_of_an_account)
{
    struct request request;
    trail.end = 400;
    tail (&request, 0, "ACC-even", 1000);
    run ();
    assert_items (&request, 200, 2, 2);
    trail.end = 401;
    poll_trail ();
    trail.end = 402;
    poll_trail ();
    assert_items (&request, 201, 2, 2);
    // It does not read again what it knows to hold nothing of the account.
    trail.read = 0;
    poll_trail ();
    ck_assert_uint_eq (trail.read, 0);
    stop (&request);
}
END_TEST

START_TEST (tail_waits_for_credit)
{
    struct request request;
    trail.end = 300;
    tail (&request, 0, "", 1);
    run ();
    assert_items (&request, 1, 1, 1);
    for (size_t i = 2; i <= 300; i++) {
        poll_trail ();
        request_credit (&request, 1);
        run ();
        assert_items (&request, i, 1, 1);
    }
    // Credit for one costs a read of two, not of a batch.
    ck_assert_uint_le (trail.read, STREAM_BATCH + 2 * 300);
    stop (&request);
}
END_TEST

START_TEST (tail_without_database)
{
    struct request request;
    trail.end = 10;
    trail.outcome = DB_UNAVAILABLE;
    tail (&request, -1, "", 100);
    run ();
    poll_trail ();
    trail.outcome = DB_OK;
    poll_trail ();
    trail.end = 12;
    trail.outcome = DB_UNAVAILABLE;
    poll_trail ();
    trail.outcome = DB_OK;
    poll_trail ();
    ck_assert_int_eq (request.answers, 0);
    assert_items (&request, 2, 11, 1);
    trail.outcome = DB_FAILED;
    trail.end = 13;
    tail_advance (&auditor, 13);
    run ();
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_INTERNAL);
    request_close (&request);
}
END_TEST

// The peer goes while a read is in flight, or while there is none.
START_TEST (tail_ends)
{
    struct request request;
    trail.end = 100;
    tail (&request, 0, "", 10);
    request.ended (&request);
    run ();
    ck_assert_uint_eq (request.n, 0);
    request_close (&request);
    tail (&request, 0, "", 10);
    run ();
    assert_items (&request, 10, 1, 1);
    stop (&request);
    poll_trail ();
    ck_assert_uint_eq (ncalls, 0); // nobody tails: nobody looks
}
END_TEST

START_TEST (tail_refused)
{
    struct request open[4], request;
    for (size_t i = 0; i < 4; i++)
        tail (&open[i], 0, "", 1);
    tail (&request, 0, "", 1);
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);
    request_close (&request);
    for (size_t i = 0; i < 4; i++)
        stop (&open[i]);
    tail (&request, -2, "", 1);
    ck_assert_str_eq (request.field, "after");
    request_close (&request);
}
END_TEST

// A record that does not fit into memory ends its tail, in the middle of a walk over all of them.
START_TEST (tail_of_a_record_too_large)
{
    struct request requests[3];
    trail.end = 1;
    trail.record_size = 2 << 20;
    for (size_t i = 0; i < 3; i++)
        tail (&requests[i], 0, "", 10);
    run ();
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq (requests[i].code, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);
        request_close (&requests[i]);
    }
}
END_TEST

// Retention (R41). Who has seen something, and would miss something, is told so; who begins, begins with what there is.
START_TEST (tail_of_what_was_dropped)
{
    struct request request;
    trail.end = 100;
    trail.dropped = 50;
    tail (&request, 0, "", 1000);
    run ();
    assert_items (&request, 50, 51, 1);
    stop (&request);
    tail (&request, 50, "", 1000);
    run ();
    assert_items (&request, 50, 51, 1);
    stop (&request);
    tail (&request, 49, "", 1000);
    run ();
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OUT_OF_RANGE);
    ck_assert_uint_eq (request.n, 0);
    ck_assert_ptr_nonnull (strstr (request.text, "AUD-0000-0000-0000-0051"));
    request_close (&request);
    // Of an account that has nothing there, and while it waits for credit.
    tail (&request, 60, "ACC-odd", 1);
    run ();
    assert_items (&request, 1, 61, 2);
    trail.dropped = 90;
    request_credit (&request, 1000);
    run ();
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OUT_OF_RANGE);
    assert_items (&request, 1, 61, 2);
    request_close (&request);
}
END_TEST

// ---- ExportTrail ------------------------------------------------------------------------------------------------------

static void export(struct request *request, int64_t after, unsigned credit)
{
    static Jeton__V1__ExportTrailRequest message;
    jeton__v1__export_trail_request__init (&message);
    message.after = after;
    request_open (request, &message, credit);
    auditor_export_trail (request);
}

// Entries 1 … end, the checkpoint of ten after the tenth, and so on; checkpoints beyond the end at the end.
static void
assert_exported (const struct request *request, int64_t end, int64_t last)
{
    size_t i = 0;
    for (int64_t sequence = 1; sequence <= end || sequence <= last; sequence++) {
        if (sequence <= end)
            ck_assert_int_eq (request->items[i++], sequence);
        if (sequence % 10 == 0 && sequence <= last)
            ck_assert_int_eq (request->items[i++], -sequence);
    }
    ck_assert_uint_eq (request->n, i);
}

START_TEST (export_all)
{
    struct request request;
    for (trail.end = 0; trail.end < 140; trail.end += 7) {
        trail.covered = trail.end / 10 * 10;
        export(&request, 0, 1000);
        run ();
        ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OK);
        assert_exported (&request, trail.end, trail.covered);
        request_close (&request);
    }
}
END_TEST

START_TEST (export_by_credit)
{
    struct request request;
    trail.end = 205;
    trail.covered = 200;
    for (unsigned credit = 1; credit < 300; credit = credit * 3 + 1) {
        export(&request, 0, credit);
        run ();
        while (request.answers == 0) {
            ck_assert_uint_eq (request.credit, 0);
            request_credit (&request, credit);
            run ();
        }
        ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OK);
        assert_exported (&request, 205, 200);
        request_close (&request);
    }
}
END_TEST

// Neither what is appended meanwhile nor its checkpoints belong to it; a checkpoint of what was cut does.
START_TEST (export_ends)
{
    struct request request;
    trail.end = 100;
    trail.covered = 100;
    export(&request, 0, 50);
    run ();
    trail.end = 500;
    trail.covered = 500;
    request_credit (&request, 1000);
    run ();
    assert_exported (&request, 100, 100);
    request_close (&request);
    trail.end = 93;
    trail.covered = 120;
    export(&request, 0, 1000);
    run ();
    assert_exported (&request, 93, 120);
    request_close (&request);
}
END_TEST

START_TEST (export_fails)
{
    struct request request;
    trail.end = 100;
    export(&request, 0, 50);
    run ();
    trail.outcome = DB_UNAVAILABLE;
    request_credit (&request, 10);
    run ();
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_UNAVAILABLE);
    request_close (&request);
    export(&request, -1, 50);
    ck_assert_str_eq (request.field, "after");
    request_close (&request);
}
END_TEST

START_TEST (export_of_what_was_dropped)
{
    struct request request;
    trail.end = 65;
    trail.covered = 60;
    trail.dropped = 50;
    export(&request, 0, 1000);
    run ();
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OK);
    ck_assert_uint_eq (request.n, 1 + 15 + 1);
    ck_assert_int_eq (request.items[0], DROP - 50);
    ck_assert_int_eq (request.items[1], 51);
    ck_assert_int_eq (request.items[11], -60);
    request_close (&request);
    // Whoever goes on where it was.
    export(&request, 50, 1000);
    run ();
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OK);
    ck_assert_int_eq (request.items[0], 51);
    request_close (&request);
    export(&request, 49, 1000);
    run ();
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OUT_OF_RANGE);
    request_close (&request);
    // Dropped while it is read.
    for (unsigned credit = 0; credit < 10; credit++) {
        trail.dropped = 50;
        export(&request, 0, credit);
        run ();
        trail.dropped = 62;
        request_credit (&request, 1000);
        run ();
        ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OUT_OF_RANGE);
        ck_assert_uint_eq (request.n, credit);
        request_close (&request);
    }
}
END_TEST

// The user goes, or cannot be looked at; the look comes back to an open stream, to one that reads, to one that has ended (R6).
START_TEST (tail_of_a_user)
{
    static const struct caller member = {.role = CALLER_MEMBER, .account = 3};
    struct request request, operator;
    trail.end = 10;
    tail (&operator, 0, "", 100);
    tail (&request, 0, "ACC-even", 100);
    request.caller = &member;
    run ();
    stream_look_all (&auditor); // of the one
    ck_assert_ptr_nonnull (look);
    stream_look_all (&auditor); // not twice at a time
    look_ends (NULL);
    ck_assert_int_eq (request.answers, 0);
    stream_look_all (&auditor);
    trail.end = 20;
    tail_advance (&auditor, 20); // reads, meanwhile
    look_ends ("the user is disabled");
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_UNAUTHENTICATED);
    ck_assert_str_eq (request.text, "the user is disabled: sign in again");
    ck_assert_uint_eq (auditor.stats.shut, 1);
    run ();
    assert_items (&request, 5, 2, 2);
    assert_items (&operator, 20, 1, 1);
    request_close (&request);
    tail (&request, 0, "ACC-even", 100);
    request.caller = &member;
    stream_look_all (&auditor);
    request.ended (&request); // before the read and the look
    run ();
    look_ends ("the user is disabled");
    ck_assert_int_eq (request.code, JETON__V1__CODE__CODE_OK);
    request_close (&request);
    stop (&operator);
}
END_TEST

int
main (void)
{
    const TTest *const tests[] = {tail_goes_on,
                                  tail_from_now_on,
                                  tail_of_an_account,
                                  tail_waits_for_credit,
                                  tail_without_database,
                                  tail_ends,
                                  tail_of_a_user,
                                  tail_refused,
                                  tail_of_a_record_too_large,
                                  tail_of_what_was_dropped,
                                  export_all,
                                  export_by_credit,
                                  export_ends,
                                  export_fails,
                                  export_of_what_was_dropped};
    return run_tests ("auditor's streams", tests, sizeof tests / sizeof *tests);
}
