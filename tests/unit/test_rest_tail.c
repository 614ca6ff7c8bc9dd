// Live tails of REST: events, and how they end (R6, R34).
// objects: tests/unit/rest_fixture.o services/gateway/rest.o services/gateway/rest_request.o services/gateway/rest_reply.o services/gateway/rest_routes.o
// objects: services/gateway/rest_image.o services/gateway/rest_tail.o services/gateway/openapi.o services/gateway/openapi_schema.o
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
    node_init (&gateway->tails);
    gateway->process.loop = loop_new ();
    tail->bearer = "t";
    tail->method = HTTP_GET;
    tail->path = "/v1/audit/tail";
    tail->gateway = gateway;
    fixture_run (tail);
    ck_assert_str_eq (tail->call.method, "ListRecords");
    fixture_reply (tail, JETON__V1__CODE__CODE_OK, "", &page, false);
    ck_assert_str_eq (tail->call.method, "TailRecords");
    ck_assert (tail->call.credit > 0 && !list_empty (&gateway->tails));
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
    ck_assert (tail->finished && list_empty (&gateway->tails));
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

int
main (void)
{
    Suite *suite = suite_create ("rest_tail");
    TCase *tcase = tcase_create ("rest_tail");
    tcase_add_test (tcase, test_stream);
    tcase_add_test (tcase, test_stream_ends);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
