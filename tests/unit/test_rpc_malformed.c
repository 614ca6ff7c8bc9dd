// What peers send that is not as it should be: it costs them an error, and the server nothing.
// objects: tests/unit/rpc_fixture.o
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;
static zsock_t *raw;
static Jeton__V1__Reply *last; // reply that came

static zsock_t *
raw_open (const struct keys *keys)
{
    zsock_t *socket = zsock_new (ZMQ_DEALER);
    zsock_set_sndhwm (socket, 0);
    zsock_set_rcvhwm (socket, 0);
    if (keys != NULL) {
        zsock_set_curve_publickey (socket, keys->public_key);
        zsock_set_curve_secretkey (socket, keys->secret_key);
        zsock_set_curve_serverkey (socket, fixture.server_keys.public_key);
    }
    ck_assert_int_eq (zsock_connect (socket, "%s", fixture.endpoint), 0);
    return socket;
}

static void
set_up (void)
{
    fixture_open (&fixture);
    fixture_serve (&fixture);
    raw = raw_open (&fixture.service_keys);
}

static void
last_free (void)
{
    if (last != NULL)
        jeton__v1__reply__free_unpacked (last, NULL);
    last = NULL;
}

static void
tear_down (void)
{
    last_free ();
    zsock_destroy (&raw);
    fixture_close (&fixture);
}

// Of several in a frame, the one with that id.
static void
reply_pick (uint64_t id)
{
    for (size_t i = 0; i < last->n_replies; i++) {
        Jeton__V1__Reply *reply = last->replies[i];
        if (reply->id != id)
            continue;
        last->replies[i] = last->replies[--last->n_replies];
        last_free ();
        last = reply;
        return;
    }
}

static bool
reply_here (void *id)
{
    zmq_msg_t frame;
    zmq_msg_init (&frame);
    while (zmq_msg_recv (&frame, zsock_resolve (raw), ZMQ_DONTWAIT) != -1) {
        last_free ();
        last = jeton__v1__reply__unpack (NULL, zmq_msg_size (&frame), zmq_msg_data (&frame));
        ck_assert_ptr_nonnull (last);
        ck_assert (!zmq_msg_more (&frame));
        if (id != NULL)
            reply_pick (*(uint64_t *) id);
        if (id == NULL || last->id == *(uint64_t *) id)
            break;
        last_free ();
    }
    zmq_msg_close (&frame);
    return last != NULL;
}

static void
raw_send (const void *data, size_t size, int flags)
{
    ck_assert_int_eq (zmq_send (zsock_resolve (raw), data, size, flags), (int) size);
}

static void
expect (uint64_t id, int code, const char *text)
{
    last_free ();
    ck_assert (fixture_until (&fixture, reply_here, NULL));
    ck_assert_uint_eq (last->id, id);
    ck_assert_msg ((int) last->code == code, "%d: %s", last->code, last->message);
    ck_assert_msg (strstr (last->message, text) != NULL, "%s", last->message);
}

static void
message_send (const Jeton__V1__ClientMessage *message)
{
    uint8_t *data = xcalloc (1, jeton__v1__client_message__get_packed_size (message));
    size_t size = jeton__v1__client_message__pack (message, data);
    raw_send (data, size, 0);
    free (data);
}

static void
request_send_raw (Jeton__V1__Request *request)
{
    Jeton__V1__ClientMessage message = JETON__V1__CLIENT_MESSAGE__INIT;
    message.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_REQUEST;
    message.request = request;
    message_send (&message);
}

static void
ask (uint64_t id, const char *method, const void *body, size_t size)
{
    Jeton__V1__Request request = JETON__V1__REQUEST__INIT;
    request.id = id;
    request.method = (char *) method;
    request.body.data = (uint8_t *) body;
    request.body.len = size;
    request_send_raw (&request);
}

static const int invalid = JETON__V1__CODE__CODE_INVALID_ARGUMENT;
static const char validate[] = "jeton.v1.Validator/Validate";

START_TEST (envelopes)
{
    raw_send ("", 0, 0); // an empty ClientMessage is well-formed, but says nothing
    expect (0, invalid, "neither");
    raw_send ("\xff\xff\xff", 3, 0);
    expect (0, invalid, "envelope");
    raw_send ("\x0a\x03\x08\x07", 4, 0); // cut short
    expect (7, invalid, "cut short");
    raw_send ("\x0a\x05\x08\x07\x12\x01\xff", 7, 0); // method is no UTF-8
    expect (7, invalid, "request.method is not valid UTF-8");
    raw_send ("\x0a\x05\x08\x07\x12\x01\x00", 7, 0);
    expect (7, invalid, "request.method contains a NUL");
    raw_send ("\x0a\x04\x08\x07\x10\x01", 6, 0); // method as a number
    expect (7, invalid, "wrong wire type");
    raw_send ("\x0b\x0c", 2, 0); // a group
    expect (0, invalid, "envelope");
    raw_send ("first", 5, ZMQ_SNDMORE);
    raw_send ("second", 6, ZMQ_SNDMORE);
    raw_send ("third", 5, 0);
    expect (0, invalid, "one frame");
    raw_send ("", 0, ZMQ_SNDMORE); // as REQ would
    raw_send ("", 0, 0);
    expect (0, invalid, "one frame");
}
END_TEST

START_TEST (requests)
{
    static char long_text[5000];
    memset (long_text, 'x', sizeof long_text - 1);
    ask (0, validate, NULL, 0);
    expect (0, invalid, "not 0");
    ask (1, "", NULL, 0);
    expect (1, invalid, "128");
    ask (2, long_text, NULL, 0);
    expect (2, invalid, "128");
    ask (3, "jeton.v1.Validator/Destroy", NULL, 0);
    expect (3, JETON__V1__CODE__CODE_UNIMPLEMENTED, "Destroy");

    Jeton__V1__Metadata metadata = JETON__V1__METADATA__INIT, *list[17];
    Jeton__V1__Request request = JETON__V1__REQUEST__INIT;
    for (size_t i = 0; i < 17; i++)
        list[i] = &metadata;
    request.method = (char *) validate;
    request.metadata = list;
    metadata.key = (char *) "k";
    request.id = 4;
    request.n_metadata = 17;
    request_send_raw (&request);
    expect (4, invalid, "16");
    request.id = 5;
    request.n_metadata = 1;
    metadata.value = long_text;
    request_send_raw (&request);
    expect (5, invalid, "4096");
    request.id = 6;
    metadata.key = long_text;
    metadata.value = (char *) "v";
    request_send_raw (&request);
    expect (6, invalid, "64");
}
END_TEST

START_TEST (bodies)
{
    ask (1, validate, "\x0a\x04tok", 5);
    expect (1, invalid, "token");
    ask (2, validate, "\x0a\x03t\0k", 5);
    expect (2, invalid, "token contains a NUL");
    ck_assert_uint_eq (last->n_details, 1);
    ck_assert_str_eq (last->details[0]->field, "token");
    ask (3, "jeton.v1.Validator/ValidateBatch", "\x0a\x00\x0a\x03\x12\x01\xff", 7);
    expect (3, invalid, "requests[1].module is not valid UTF-8");
    ask (4, validate, "\x08\x01", 2);
    expect (4, invalid, "token has the wrong wire type");
    ask (5, validate, "\x9a\x06\x01x\x0a\x01t", 7); // a field that is not known is let pass
    expect (5, JETON__V1__CODE__CODE_OK, "");

    // Small on the wire, large in memory.
    static uint8_t amplified[60000];
    for (size_t i = 0; i < sizeof amplified; i += 2)
        amplified[i] = 0x0a;
    ask (6, "jeton.v1.Validator/ValidateBatch", amplified, sizeof amplified);
    expect (6, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED, "1048576 bytes");
    ck_assert_uint_eq (fixture.service.calls, 1);
}
END_TEST

START_TEST (ids)
{
    static const char hold[] = "\x12\x04hold";
    ask (9, validate, hold, sizeof hold - 1);
    ask (9, validate, hold, sizeof hold - 1);
    expect (9, invalid, "in progress");
    Jeton__V1__Cancel cancel = JETON__V1__CANCEL__INIT;
    Jeton__V1__Credit credit = JETON__V1__CREDIT__INIT;
    Jeton__V1__ClientMessage message = JETON__V1__CLIENT_MESSAGE__INIT;
    message.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_CREDIT;
    message.credit = &credit;
    message_send (&message); // for nothing that is in progress
    credit.id = 9;
    credit.n = UINT32_MAX;
    message_send (&message);
    message_send (&message); // for a call that is no stream
    message.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_CANCEL;
    message.cancel = &cancel;
    message_send (&message);
    cancel.id = 9;
    message_send (&message);
    expect (9, JETON__V1__CODE__CODE_CANCELLED, "cancelled");
    ask (9, validate, hold,
         sizeof hold - 1); // the id is free again, though the handler is not done
    ask (10, validate, "", 0);
    expect (10, JETON__V1__CODE__CODE_OK, "");
    ck_assert_uint_eq (fixture.service.nheld, 2);
    request_fail (fixture.service.held[0], JETON__V1__CODE__CODE_ABORTED, "not sent");
    request_fail (fixture.service.held[1], JETON__V1__CODE__CODE_ABORTED, "sent");
    expect (9, JETON__V1__CODE__CODE_ABORTED, "sent");
}
END_TEST

START_TEST (a_routing_id_of_ones_own)
{
    zsock_destroy (&raw);
    raw = zsock_new (ZMQ_DEALER);
    zsock_set_identity (raw, "another");
    zsock_set_curve_publickey (raw, fixture.service_keys.public_key);
    zsock_set_curve_secretkey (raw, fixture.service_keys.secret_key);
    zsock_set_curve_serverkey (raw, fixture.server_keys.public_key);
    ck_assert_int_eq (zsock_connect (raw, "%s", fixture.endpoint), 0);
    ask (1, validate, "", 0);
    expect (0, invalid, "ZMQ_ROUTING_ID");
}
END_TEST

START_TEST (no_key_no_answer)
{
    zsock_destroy (&raw);
    raw = raw_open (NULL);
    ask (1, validate, "", 0);
    fixture_pass (&fixture, 300);
    ck_assert (!reply_here (NULL));
    zsock_destroy (&raw);
    raw = raw_open (&fixture.stranger_keys);
    ask (1, validate, "", 0);
    fixture_pass (&fixture, 300);
    ck_assert (!reply_here (NULL));
    ck_assert_uint_eq (fixture.service.calls, 0);
    zsock_destroy (&raw);
    raw = raw_open (&fixture.caller_keys);
    ask (1, validate, "", 0);
    expect (1, JETON__V1__CODE__CODE_OK, "");
}
END_TEST

START_TEST (a_frame_over_the_limit_costs_the_connection)
{
    size_t size = fixture.options.message_limit + 1000;
    char *large = xcalloc (1, size);
    raw_send (large, size, 0);
    free (large);
    fixture_pass (&fixture, 300);
    ck_assert (!reply_here (NULL));
    zsock_destroy (&raw);
    raw = raw_open (&fixture.service_keys);
    ask (1, validate, "", 0);
    expect (1, JETON__V1__CODE__CODE_OK, "");
}
END_TEST

START_TEST (zap_questions_that_are_none)
{
    zsock_t *zap = zsock_new (ZMQ_DEALER);
    ck_assert_int_eq (zsock_connect (zap, "inproc://zeromq.zap.01"), 0);
    void *socket = zsock_resolve (zap);
    char frame[64] = "1.0";
    for (int parts = 1; parts < 14; parts++)
        for (int i = 1; i <= parts; i++)
            zmq_send (socket, frame, (size_t) (parts * i) % sizeof frame,
                      i < parts ? ZMQ_SNDMORE : 0);
    zmq_send (socket, NULL, 0, 0);
    fixture_pass (&fixture, 50);
    ask (1, validate, "", 0);
    expect (1, JETON__V1__CODE__CODE_OK, "");
    zsock_destroy (&zap);
}
END_TEST

// ---- a flood --------------------------------------------------------------------------------------------------------

static uint64_t state = 88172645463325252u;

static uint64_t
draw (uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

// A good request (never one that is held), then cut, overwritten, or replaced.
static size_t
frame_make (uint8_t frame[4096])
{
    static const char *const methods[] = {
        validate, "jeton.v1.AuditLogger/ExportTrail", "jeton.v1.Validator/ValidateBatch",
        "jeton.v1.Health/Check", "jeton.v1.AuditLogger/TailRecords"};
    static const char body[] = "\x0a\x03tok\x12\x04"
                               "echo";
    Jeton__V1__Request request = JETON__V1__REQUEST__INIT;
    Jeton__V1__Requests several = JETON__V1__REQUESTS__INIT;
    Jeton__V1__ClientMessage message = JETON__V1__CLIENT_MESSAGE__INIT;
    request.id = draw (50) + 1;
    request.method = (char *) methods[draw (5)];
    request.body.data = (uint8_t *) body;
    request.body.len = sizeof body - 1;
    request.timeout_ms = 20;
    message.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_REQUEST;
    message.request = &request;
    if (draw (3) == 0) { // or several of it
        Jeton__V1__Request *list[33];
        for (size_t i = 0; i < 33; i++)
            list[i] = &request;
        several.requests = list;
        several.n_requests = draw (34);
        request.gather = draw (2) == 0;
        message.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_SEVERAL;
        message.several = &several;
    }
    size_t size = jeton__v1__client_message__pack (&message, frame);
    switch (draw (4)) {
    case 0:
        return draw (size);
    case 1:
        size = draw (200);
        for (size_t i = 0; i < size; i++)
            frame[i] = (uint8_t) draw (256);
        return size;
    default:
        for (uint64_t n = draw (6); n > 0; n--)
            frame[draw (size)] = (uint8_t) draw (256);
        return size;
    }
}

static size_t
memory_resident (void)
{
    unsigned long pages = 0;
    FILE *file = fopen ("/proc/self/statm", "re");
    ck_assert_int_eq (fscanf (file, "%*u %lu", &pages), 1);
    fclose (file);
    return pages * 4096;
}

static void
flood (size_t n)
{
    uint8_t frame[4096];
    for (size_t i = 1; i <= n; i++) {
        size_t size = frame_make (frame);
        raw_send (frame, size, draw (20) == 0 && i % 500 != 0 ? ZMQ_SNDMORE : 0);
        if (i % 500 != 0)
            continue;
        uint64_t id = 1000000 + i;
        last_free ();
        ask (id, "jeton.v1.Health/Check", NULL, 0);
        ck_assert (fixture_until (&fixture, reply_here, &id));
        ck_assert_int_eq (last->code, JETON__V1__CODE__CODE_OK);
    }
}

START_TEST (a_hundred_thousand_frames)
{
    flood (50000);
    size_t before = memory_resident ();
    flood (100000);
    size_t after = memory_resident ();
#if !defined(__SANITIZE_ADDRESS__) // which keeps what is freed
    ck_assert_msg (after < before + (1 << 20), "%zu bytes more", after - before);
#endif
    ck_assert_uint_gt (before, 0);
    ck_assert_uint_gt (after, 0);
    ask (1, validate, "\x0a\x02ok", 4);
    uint64_t id = 1;
    last_free ();
    ck_assert (fixture_until (&fixture, reply_here, &id));
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("rpc malformed");
    TCase *malformed = tcase_create ("malformed");
    tcase_set_timeout (malformed, 120);
    tcase_add_checked_fixture (malformed, set_up, tear_down);
    tcase_add_test (malformed, envelopes);
    tcase_add_test (malformed, requests);
    tcase_add_test (malformed, bodies);
    tcase_add_test (malformed, ids);
    tcase_add_test (malformed, a_routing_id_of_ones_own);
    tcase_add_test (malformed, no_key_no_answer);
    tcase_add_test (malformed, a_frame_over_the_limit_costs_the_connection);
    tcase_add_test (malformed, zap_questions_that_are_none);
    tcase_add_test (malformed, a_hundred_thousand_frames);
    suite_add_tcase (suite, malformed);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
