// Streams, draining and changes of the peers file.
// objects: tests/unit/rpc_fixture.o
#include "tests/unit/rpc_fixture.h"

#include <string.h>

static struct fixture fixture;
static struct rpc_client *client;

static void
set_up (void)
{
    fixture_open (&fixture);
    fixture_serve (&fixture);
    client = fixture_client (&fixture, &fixture.service_keys, NULL);
}

static void
tear_down (void)
{
    rpc_client_destroy (&client);
    fixture_close (&fixture);
}

static bool
tailing (void *context)
{
    (void) context;
    return fixture.service.tail != NULL;
}

static bool
ended (void *context)
{
    (void) context;
    return fixture.service.ended;
}

static bool
flag_up (void *flag)
{
    return *(bool *) flag;
}

START_TEST (every_item_comes_and_then_the_end)
{
    struct outcome outcome;
    for (uint32_t credit = 1; credit < 2000; credit *= 7) {
        call_export (client, &outcome, 1000, credit);
        ck_assert (fixture_until (&fixture, outcome_done, &outcome));
        ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
        ck_assert_uint_eq (outcome.items, 1000);
        ck_assert_uint_eq (outcome.calls, 1001);
    }
    call_export (client, &outcome, 0, 5);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
    ck_assert_uint_eq (outcome.items, 0);
}
END_TEST

// A client that takes its time: it cancels after the first item.
struct slow {
    struct outcome outcome;
    uint64_t id;
};

static void
slow_take (void *context, const struct rpc_result *result)
{
    struct slow *slow = context;
    outcome_take (&slow->outcome, result);
    rpc_client_cancel (client, slow->id);
}

START_TEST (a_stream_keeps_to_its_credit_and_ends_when_cancelled)
{
    Jeton__V1__ExportTrailRequest request = JETON__V1__EXPORT_TRAIL_REQUEST__INIT;
    struct rpc_call_options options = {.credit = 5};
    struct slow slow = {.id = 0};
    request.after = 100000;
    slow.id = rpc_client_call (client, &jeton__v1__audit_logger__descriptor, "ExportTrail",
                               &request.base, &options, slow_take, &slow);
    ck_assert (fixture_until (&fixture, ended, NULL));
    ck_assert_uint_eq (slow.outcome.items, 1);
    ck_assert_uint_le (fixture.service.sent, 10);
    ck_assert (!slow.outcome.done);
}
END_TEST

static bool
five_came (void *context)
{
    return ((struct outcome *) context)->items == 5;
}

static bool
ten_came (void *context)
{
    return ((struct outcome *) context)->items == 10;
}

START_TEST (a_paced_stream_waits_for_who_takes_its_items)
{
    Jeton__V1__ExportTrailRequest request = JETON__V1__EXPORT_TRAIL_REQUEST__INIT;
    struct rpc_call_options options = {.credit = 5, .paced = true};
    struct outcome outcome = {.done = false};
    request.after = 12;
    uint64_t id = rpc_client_call (client, &jeton__v1__audit_logger__descriptor, "ExportTrail",
                                   &request.base, &options, outcome_take, &outcome);
    ck_assert (fixture_until (&fixture, five_came, &outcome));
    fixture_pass (&fixture, 300);
    ck_assert_uint_eq (outcome.items, 5);
    rpc_client_taken (client, id);
    ck_assert (fixture_until (&fixture, ten_came, &outcome));
    rpc_client_taken (client, id);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_uint_eq (outcome.items, 12);
    rpc_client_taken (client, id); // of one that has ended: nothing
}
END_TEST

START_TEST (a_stream_ends_with_its_peer)
{
    struct outcome outcome;
    call_tail (client, &outcome);
    ck_assert (fixture_until (&fixture, tailing, NULL));
    rpc_client_destroy (&client); // no Cancel: the connection just goes
    ck_assert (fixture_until (&fixture, ended, NULL));
}
END_TEST

START_TEST (a_stream_without_deadline_outlasts_the_default)
{
    Jeton__V1__TailRecordsRequest request = JETON__V1__TAIL_RECORDS_REQUEST__INIT;
    struct rpc_call_options options = {.credit = 8, .timeout_ms = 300};
    struct outcome endless, outcome = {.done = false};
    call_tail (client, &endless);
    ck_assert (fixture_until (&fixture, tailing, NULL));
    fixture_pass (&fixture, 5300);
    ck_assert (!endless.done);
    rpc_client_call (client, &jeton__v1__audit_logger__descriptor, "TailRecords", &request.base,
                     &options, outcome_take, &outcome);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_DEADLINE_EXCEEDED);
    ck_assert (fixture_until (&fixture, ended, NULL));
}
END_TEST

static void
raise_flag (void *flag)
{
    *(bool *) flag = true;
}

static bool
held (void *context)
{
    (void) context;
    return fixture.service.nheld == 1;
}

START_TEST (draining_ends_streams_and_waits_for_the_rest)
{
    struct outcome tail, hold, late;
    bool drained = false;
    call_tail (client, &tail);
    call_validate (client, &hold, "x", "hold", NULL);
    ck_assert (fixture_until (&fixture, tailing, NULL));
    ck_assert (fixture_until (&fixture, held, NULL));
    rpc_server_drain (fixture.server, raise_flag, &drained);
    ck_assert (!drained);
    ck_assert_int_eq (rpc_server_state (fixture.server), RPC_DRAINING);
    ck_assert (fixture_until (&fixture, outcome_done, &tail));
    ck_assert_int_eq (tail.code, JETON__V1__CODE__CODE_UNAVAILABLE);
    ck_assert (fixture.service.ended);
    call_validate (client, &late, "x", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &late));
    ck_assert_int_eq (late.code, JETON__V1__CODE__CODE_UNAVAILABLE);
    fixture_pass (&fixture, 50);
    ck_assert (!drained);
    Jeton__V1__ValidateReply reply = JETON__V1__VALIDATE_REPLY__INIT;
    request_reply (fixture.service.held[0], &reply.base);
    ck_assert (fixture_until (&fixture, flag_up, &drained));
    ck_assert (fixture_until (&fixture, outcome_done, &hold));
    ck_assert_int_eq (hold.code, JETON__V1__CODE__CODE_OK);
}
END_TEST

START_TEST (draining_an_idle_server)
{
    bool drained = false;
    rpc_server_drain (fixture.server, raise_flag, &drained);
    ck_assert (!drained);
    ck_assert (fixture_until (&fixture, flag_up, &drained));
}
END_TEST

START_TEST (a_peer_that_leaves_the_file_gets_nothing_more)
{
    struct outcome tail, outcome;
    struct error error;
    call_tail (client, &tail);
    ck_assert (fixture_until (&fixture, tailing, NULL));

    fixture_peers (&fixture, "this is no peers file\n");
    ck_assert (!rpc_server_reload_peers (fixture.server, &error));
    ck_assert_ptr_nonnull (strstr (error.text, fixture.peers_path));
    call_validate (client, &outcome, "x", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
    ck_assert (!tail.done);

    // One role fewer: the stream ends, the other method stays.
    fixture_peers (&fixture, "%s me service\n", fixture.service_keys.public_key);
    ck_assert (rpc_server_reload_peers (fixture.server, &error));
    ck_assert (fixture_until (&fixture, outcome_done, &tail));
    ck_assert_int_eq (tail.code, JETON__V1__CODE__CODE_PERMISSION_DENIED);
    call_validate (client, &outcome, "x", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);

    fixture_peers (&fixture, "# nobody\n");
    ck_assert (rpc_server_reload_peers (fixture.server, &error));
    call_validate (client, &outcome, "x", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_PERMISSION_DENIED);
    Jeton__V1__CheckRequest check = JETON__V1__CHECK_REQUEST__INIT;
    outcome = (struct outcome){0};
    rpc_client_call (client, &jeton__v1__health__descriptor, "Check", &check.base, NULL,
                     outcome_take, &outcome);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_PERMISSION_DENIED);
    ck_assert_uint_eq (fixture.service.calls, 2);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("rpc streams");
    TCase *streams = tcase_create ("streams");
    tcase_set_timeout (streams, 100);
    tcase_add_checked_fixture (streams, set_up, tear_down);
    tcase_add_test (streams, every_item_comes_and_then_the_end);
    tcase_add_test (streams, a_stream_keeps_to_its_credit_and_ends_when_cancelled);
    tcase_add_test (streams, a_paced_stream_waits_for_who_takes_its_items);
    tcase_add_test (streams, a_stream_ends_with_its_peer);
    tcase_add_test (streams, a_stream_without_deadline_outlasts_the_default);
    tcase_add_test (streams, draining_ends_streams_and_waits_for_the_rest);
    tcase_add_test (streams, draining_an_idle_server);
    tcase_add_test (streams, a_peer_that_leaves_the_file_gets_nothing_more);
    suite_add_tcase (suite, streams);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
