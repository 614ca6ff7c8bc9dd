// Replies to a peer that takes its time (R28): none is dropped while it takes them at all, and what waits for it is bounded.
// objects: tests/unit/rpc_fixture.o
#include "tests/unit/rpc_fixture.h"

#include "common/rpc/internal.h"

#include <stdlib.h>
#include <string.h>

enum { TOKEN = 8000, QUEUE = 40, MANY = 20000 };

static struct fixture fixture;
static zsock_t *raw;
static char token[TOKEN + 1];
static size_t asked, answered, refused;

static void
set_up (void)
{
    fixture_open (&fixture);
    fixture.options.high_water_mark = QUEUE;
    fixture_serve (&fixture);
    memset (token, 'x', TOKEN);
    asked = answered = refused = 0;
    raw = zsock_new (ZMQ_DEALER);
    zsock_set_sndhwm (raw, 0);
    zsock_set_rcvhwm (raw, 1);
    zsock_set_linger (raw, 0);
    zsock_set_curve_publickey (raw, fixture.caller_keys.public_key);
    zsock_set_curve_secretkey (raw, fixture.caller_keys.secret_key);
    zsock_set_curve_serverkey (raw, fixture.server_keys.public_key);
    ck_assert_int_eq (zsock_connect (raw, "%s", fixture.endpoint), 0);
}

static void
tear_down (void)
{
    zsock_destroy (&raw);
    fixture_close (&fixture);
}

static void
ask (void)
{
    Jeton__V1__ValidateRequest message = JETON__V1__VALIDATE_REQUEST__INIT;
    Jeton__V1__Request request = JETON__V1__REQUEST__INIT;
    Jeton__V1__ClientMessage envelope = JETON__V1__CLIENT_MESSAGE__INIT;
    static uint8_t body[TOKEN + 100], frame[TOKEN + 300];
    char method[] = "jeton.v1.Validator/Validate", module[] = "echo";
    message.token = token;
    message.module = module;
    request.id = ++asked;
    request.method = method;
    request.body.data = body;
    request.body.len = jeton__v1__validate_request__pack (&message, body);
    envelope.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_REQUEST;
    envelope.request = &request;
    size_t size = jeton__v1__client_message__pack (&envelope, frame);
    ck_assert_int_eq (zmq_send (zsock_resolve (raw), frame, size, ZMQ_DONTWAIT), (int) size);
}

// Replies come in the order of the questions, each once. True: all have come.
static bool
all_taken (void *context)
{
    (void) context;
    zmq_msg_t frame;
    zmq_msg_init (&frame);
    while (zmq_msg_recv (&frame, zsock_resolve (raw), ZMQ_DONTWAIT) != -1) {
        Jeton__V1__Reply *reply =
            jeton__v1__reply__unpack (NULL, zmq_msg_size (&frame), zmq_msg_data (&frame));
        ck_assert_ptr_nonnull (reply);
        ck_assert_uint_eq (reply->id, answered + 1);
        answered++;
        if (reply->code == JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED) {
            ck_assert_ptr_nonnull (strstr (reply->message, "not taken"));
            refused++;
        } else
            ck_assert_int_eq (reply->code, JETON__V1__CODE__CODE_OK);
        jeton__v1__reply__free_unpacked (reply, NULL);
    }
    zmq_msg_close (&frame);
    return answered == asked;
}

static bool
all_handled (void *context)
{
    (void) context;
    const struct rpc_counters *counters = &fixture.server->counters;
    // What was on its way when its connection was closed is gone.
    return counters->requests + counters->lost >= asked || counters->cut > 0;
}

static void
ask_ten (void)
{
    for (int i = 0; i < 10; i++)
        ask ();
    ck_assert (fixture_until (&fixture, all_handled, NULL));
}

// Asks, and takes nothing, until so many were refused.
static void
ask_until_refused (size_t n)
{
    while (fixture.server->counters.exhausted < n) {
        ck_assert_uint_lt (asked, MANY);
        ask_ten ();
    }
}

START_TEST (what_has_no_room_waits)
{
    for (size_t n = 10; n <= 20; n += 10) {
        ask_until_refused (n);
        ck_assert_uint_gt (fixture.server->counters.waiting, 0);
        ck_assert (fixture_until (&fixture, all_taken, NULL));
        ck_assert_uint_eq (refused, fixture.server->counters.exhausted);
        ck_assert_uint_eq (fixture.server->counters.lost, 0);
        ck_assert_uint_eq (fixture.server->counters.waiting, 0);
        ck_assert_uint_eq (fixture.server->counters.cut, 0);
    }
    size_t before = refused;
    ask ();
    ck_assert (fixture_until (&fixture, all_taken, NULL));
    ck_assert_uint_eq (refused, before);
}
END_TEST

static bool
cut (void *context)
{
    (void) context;
    return fixture.server->counters.cut == 1;
}

static bool
gone (void *context)
{
    (void) context;
    return fixture.server->counters.connections == 1; // the client's
}

START_TEST (who_takes_nothing_is_cut_off_and_nobody_else_feels_it)
{
    struct rpc_client *client = fixture_client (&fixture, &fixture.service_keys, NULL);
    struct outcome outcome;
    while (!cut (NULL)) {
        ck_assert_uint_lt (asked, MANY);
        ck_assert_uint_le (fixture.server->counters.waiting, QUEUE);
        ask_ten ();
        if (asked % 100 == 0) {
            call_validate (client, &outcome, "neighbour", "echo", NULL);
            ck_assert (fixture_until (&fixture, outcome_done, &outcome));
            ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
        }
    }
    ck_assert_uint_eq (fixture.server->counters.waiting, 0);
    ck_assert_uint_eq (fixture.server->counters.in_flight, 0);
    zsock_destroy (&raw); // or it would connect again
    ck_assert (fixture_until (&fixture, gone, NULL));
    call_validate (client, &outcome, "neighbour", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
    rpc_client_destroy (&client);
}
END_TEST

START_TEST (bytes_are_bounded_too)
{
    fixture.server->options.backlog_limit = 3 * TOKEN;
    while (!cut (NULL)) {
        ck_assert_uint_lt (asked, MANY);
        ck_assert_uint_le (fixture.server->counters.waiting, 4);
        ask_ten ();
    }
    ck_assert_uint_eq (fixture.server->counters.exhausted, 0);
}
END_TEST

static void
drained (void *flag)
{
    *(bool *) flag = true;
}

static bool
flag_up (void *flag)
{
    return *(bool *) flag;
}

static bool
taken_and_flag_up (void *flag)
{
    return all_taken (NULL) && *(bool *) flag;
}

START_TEST (draining_waits_for_what_waits)
{
    bool done = false;
    ask_until_refused (1);
    rpc_server_drain (fixture.server, drained, &done);
    fixture_pass (&fixture, 50);
    ck_assert (!done);
    ck_assert (fixture_until (&fixture, taken_and_flag_up, &done));
    ck_assert_uint_eq (fixture.server->counters.lost, 0);
}
END_TEST

START_TEST (what_waits_goes_with_its_connection)
{
    bool done = false;
    ask_until_refused (1);
    zsock_destroy (&raw);
    rpc_server_drain (fixture.server, drained, &done);
    ck_assert (fixture_until (&fixture, flag_up, &done));
    ck_assert_uint_gt (fixture.server->counters.lost, 0);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("rpc backlog");
    TCase *tcase = tcase_create ("backlog");
    tcase_add_checked_fixture (tcase, set_up, tear_down);
    tcase_set_timeout (tcase, 60);
    tcase_add_test (tcase, what_has_no_room_waits);
    tcase_add_test (tcase, who_takes_nothing_is_cut_off_and_nobody_else_feels_it);
    tcase_add_test (tcase, bytes_are_bounded_too);
    tcase_add_test (tcase, draining_waits_for_what_waits);
    tcase_add_test (tcase, what_waits_goes_with_its_connection);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
