// Streams of REST: events of live tails, lines of an export, and how they end (R6, R34, R38).
// objects: tests/unit/rest_fixture.o services/gateway/rest.o services/gateway/rest_request.o services/gateway/rest_reply.o services/gateway/rest_routes.o
// objects: services/gateway/rest_image.o services/gateway/rest_tail.o services/gateway/rest_export.o services/gateway/openapi.o services/gateway/openapi_schema.o
#include "audit.pb-c.h"
#include "envelope.pb-c.h"
#include "tests/unit/rest_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char event[] = "platform.tokens.token.created";

static void
tail_begin (struct exchange *tail, struct gateway *gateway)
{
    static const Jeton__V1__ListRecordsReply page = JETON__V1__LIST_RECORDS_REPLY__INIT;
    gateway->settings.heartbeat_ms = 60000;
    node_init (&gateway->streams);
    gateway->process.loop = loop_new ();
    tail->bearer = "t";
    tail->method = HTTP_GET;
    tail->path = "/v1/audit/tail";
    tail->gateway = gateway;
    fixture_run (tail);
    ck_assert_str_eq (tail->call.method, "ListRecords");
    fixture_reply (tail, JETON__V1__CODE__CODE_OK, "", &page, false);
    ck_assert_str_eq (tail->call.method, "TailRecords");
    ck_assert (tail->call.credit > 0 && !list_empty (&gateway->streams));
}

static void
tail_item (struct exchange *tail, int64_t sequence)
{
    Jeton__V1__AuditRecord record = JETON__V1__AUDIT_RECORD__INIT;
    Jeton__V1__TailRecordsReply reply = JETON__V1__TAIL_RECORDS_REPLY__INIT;
    record.sequence = sequence;
    record.event = event;
    reply.record = &record;
    fixture_reply (tail, JETON__V1__CODE__CODE_OK, "", &reply, true);
}

static void
tail_over (struct exchange *tail, struct gateway *gateway)
{
    ck_assert (tail->finished && list_empty (&gateway->streams));
    loop_destroy (&gateway->process.loop);
    fixture_end (tail);
}

START_TEST (test_stream)
{
    struct gateway gateway = {0};
    struct exchange tail = {.headers = {{"last-event-id", "41"}}};
    tail_begin (&tail, &gateway);
    ck_assert_int_eq (json_integer_value (json_object_get (tail.message, "after")), 41);
    tail_item (&tail, 42);
    ck_assert (strstr (tail.text, "event: record\nid: 42\ndata: {\"id\":") == tail.text);
    fixture_reply (&tail, JETON__V1__CODE__CODE_UNAUTHENTICATED, "sign in \"again\"\n", NULL,
                   false);
    ck_assert (strstr (tail.text, "}\n\nevent: end\ndata: "
                                  "{\"type\":\"urn:jeton:problem:unauthenticated\",\"status\":401,"
                                  "\"detail\":\"sign in \\\"again\\\"\\n\"}\n\n"));
    tail_over (&tail, &gateway);
}
END_TEST

// A client that does not keep up is left; one that goes is forgotten; all are told when the gateway ends.
START_TEST (test_stream_ends)
{
    struct gateway gateway = {0};
    struct exchange slow = {.limit = 1000}, drained = {0}, gone = {0};
    tail_begin (&slow, &gateway);
    ck_assert_int_eq (json_integer_value (json_object_get (slow.message, "after")), -1);
    for (int i = 1; !slow.finished; i++)
        tail_item (&slow, i);
    ck_assert (strlen (slow.text) > 200);
    tail_over (&slow, &gateway);

    tail_begin (&drained, &gateway);
    rest_drain (&gateway);
    ck_assert (strstr (drained.text, "event: end\n"));
    tail_over (&drained, &gateway);

    tail_begin (&gone, &gateway);
    gone.gone (gone.gone_context);
    gone.finished = true;
    tail_over (&gone, &gateway);
}
END_TEST

// ---- exports --------------------------------------------------------------------------------------------------------

static void
export_begin (struct exchange *export, struct gateway *gateway, enum http_method method)
{
    node_init (&gateway->streams);
    export->bearer = "t";
    export->method = method;
    export->path = "/v1/audit/export";
    export->gateway = gateway;
    fixture_run (export);
}

static void
export_item (struct exchange *export, int64_t sequence)
{
    Jeton__V1__Checkpoint checkpoint = JETON__V1__CHECKPOINT__INIT;
    Jeton__V1__ExportTrailReply reply = JETON__V1__EXPORT_TRAIL_REPLY__INIT;
    checkpoint.sequence = sequence;
    reply.checkpoint = &checkpoint;
    fixture_reply (export, JETON__V1__CODE__CODE_OK, "", &reply, true);
}

START_TEST (test_export)
{
    struct gateway gateway = {0};
    struct exchange export = {.query = {{"after", "7"}}};
    Jeton__V1__ExportTrailReply later = JETON__V1__EXPORT_TRAIL_REPLY__INIT;
    export_begin (&export, &gateway, HTTP_GET);
    ck_assert_str_eq (export.call.method, "ExportTrail");
    ck_assert (export.call.credit > 0 && export.call.paced_r);
    ck_assert_int_eq (json_integer_value (json_object_get (export.message, "after")), 7);
    ck_assert (!export.text); // nothing is said before it is known that there is something
    export_item (&export, 8);
    fixture_reply (&export, JETON__V1__CODE__CODE_OK, "", &later, true);
    export_item (&export, 9);
    ck_assert_uint_eq (export.taken, 0);
    export.more (export.more_context);
    ck_assert_uint_eq (export.taken, 1);
    fixture_reply (&export, JETON__V1__CODE__CODE_OK, "", NULL, false);
    ck_assert (export.finished && !export.cut && list_empty (&gateway.streams));
    ck_assert (strstr (export.text, "{\"checkpoint\":{\"sequence\":8,") == export.text);
    ck_assert (strstr (export.text, "}\n{\"checkpoint\":{\"sequence\":9,"));
    ck_assert (!strstr (export.text, "cut"));
    fixture_end (&export);
}
END_TEST

// What is not all of it shows that it is not: its last line says so, and it has no end.
START_TEST (test_export_ends)
{
    struct gateway gateway = {0};
    struct exchange failed = {0}, drained = {0}, gone = {0};
    export_begin (&failed, &gateway, HTTP_GET);
    export_item (&failed, 1);
    fixture_reply (&failed, JETON__V1__CODE__CODE_UNAUTHENTICATED, "sign in again", NULL, false);
    ck_assert (failed.cut && list_empty (&gateway.streams));
    ck_assert (strstr (failed.text, "}\n{\"cut\":{\"type\":\"urn:jeton:problem:unauthenticated\","
                                    "\"status\":401,\"detail\":\"sign in again\"}}\n"));
    fixture_end (&failed);

    export_begin (&drained, &gateway, HTTP_GET);
    export_item (&drained, 1);
    rest_drain (&gateway);
    ck_assert (drained.cut && list_empty (&gateway.streams));
    fixture_end (&drained);

    export_begin (&gone, &gateway, HTTP_GET);
    export_item (&gone, 1);
    gone.gone (gone.gone_context);
    ck_assert (list_empty (&gateway.streams));
    fixture_end (&gone);
}
END_TEST

// Refused before it has begun, it is an answer of HTTP. Empty, it is a file without a line.
START_TEST (test_export_begins)
{
    struct gateway gateway = {0};
    struct exchange refused = {0}, empty = {0}, head = {0}, old = {.old = true};
    export_begin (&refused, &gateway, HTTP_GET);
    fixture_reply (&refused, JETON__V1__CODE__CODE_PERMISSION_DENIED, "for operators", NULL, false);
    ck_assert (refused.ended && !refused.cut && strstr (refused.text, "for operators"));
    fixture_end (&refused);

    export_begin (&empty, &gateway, HTTP_GET);
    fixture_reply (&empty, JETON__V1__CODE__CODE_OK, "", NULL, false);
    ck_assert (empty.finished && !empty.cut && *empty.text == '\0');
    fixture_end (&empty);

    // HEAD comes by the row of GET.
    export_begin (&head, &gateway, HTTP_GET);
    head.method = HTTP_HEAD;
    export_item (&head, 1);
    ck_assert (head.ended && head.status == 200 && list_empty (&gateway.streams));
    fixture_end (&head);

    export_begin (&old, &gateway, HTTP_GET);
    ck_assert_int_eq (old.status, 505);
    ck_assert_uint_eq (old.calls, 0);
    fixture_end (&old);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("rest_tail");
    TCase *tcase = tcase_create ("rest_tail");
    tcase_add_test (tcase, test_stream);
    tcase_add_test (tcase, test_stream_ends);
    tcase_add_test (tcase, test_export);
    tcase_add_test (tcase, test_export_ends);
    tcase_add_test (tcase, test_export_begins);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
