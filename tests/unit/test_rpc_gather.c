// Several requests and several replies in one frame (R45): who takes them, what each of them is judged by, what is none, and calls that were to go together when the connection was lost.
// objects: tests/unit/rpc_fixture.o
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 32 }; // in one frame, at most

static struct fixture fixture;
static zsock_t *raw;
static const char validate[] = "jeton.v1.Validator/Validate";
// Bodies: the token "ok"; module "echo", "hold".
#define ECHO                                                                                       \
    "\x0a\x02ok\x12\x04"                                                                           \
    "echo"
#define HOLD                                                                                       \
    "\x0a\x02ok\x12\x04"                                                                           \
    "hold"

static void
set_up (void)
{
    fixture_open (&fixture);
    fixture.options.in_flight_limit = 200;
    fixture.options.peer_limit = 40;
    fixture_serve (&fixture);
    raw = zsock_new (ZMQ_DEALER);
    zsock_set_curve_publickey (raw, fixture.service_keys.public_key);
    zsock_set_curve_secretkey (raw, fixture.service_keys.secret_key);
    zsock_set_curve_serverkey (raw, fixture.server_keys.public_key);
    ck_assert_int_eq (zsock_connect (raw, "%s", fixture.endpoint), 0);
}

static void
tear_down (void)
{
    zsock_destroy (&raw);
    fixture_close (&fixture);
}

// ---- by hand -------------------------------------------------------------------------------------------------------

static Jeton__V1__Request
request_of (uint64_t id, const char *body)
{
    Jeton__V1__Request request = JETON__V1__REQUEST__INIT;
    request.id = id;
    request.method = (char *) validate;
    request.gather = true;
    request.timeout_ms = 60000;
    request.body.data = (uint8_t *) body;
    request.body.len = strlen (body);
    return request;
}

static void
message_send (const Jeton__V1__ClientMessage *message)
{
    size_t size = jeton__v1__client_message__get_packed_size (message);
    uint8_t *data = xcalloc (1, size);
    jeton__v1__client_message__pack (message, data);
    ck_assert_int_eq (zmq_send (zsock_resolve (raw), data, size, 0), (int) size);
    free (data);
}

static void
several_send (Jeton__V1__Request *requests, size_t n)
{
    Jeton__V1__Request *list[2 * MANY];
    Jeton__V1__Requests several = JETON__V1__REQUESTS__INIT;
    Jeton__V1__ClientMessage message = JETON__V1__CLIENT_MESSAGE__INIT;
    for (size_t i = 0; i < n; i++)
        list[i] = &requests[i];
    several.requests = list;
    several.n_requests = n;
    message.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_SEVERAL;
    message.several = &several;
    message_send (&message);
}

// Frames and replies that came, each reply by its id.
static struct {
    size_t frames, replies, gathered;
    Jeton__V1__Reply *last; // frame
    int codes[256];
    size_t wanted;
} came;

static void
came_clear (size_t wanted)
{
    if (came.last != NULL)
        jeton__v1__reply__free_unpacked (came.last, NULL);
    memset (&came, 0, sizeof came);
    memset (came.codes, -1, sizeof came.codes);
    came.wanted = wanted;
}

static void
reply_note (const Jeton__V1__Reply *reply)
{
    ck_assert_uint_lt (reply->id, 256);
    ck_assert_msg (came.codes[reply->id] == -1, "%d came twice", (int) reply->id);
    came.codes[reply->id] = (int) reply->code;
    came.replies++;
}

static bool
came_all (void *unused)
{
    zmq_msg_t frame;
    (void) unused;
    zmq_msg_init (&frame);
    while (zmq_msg_recv (&frame, zsock_resolve (raw), ZMQ_DONTWAIT) != -1) {
        if (came.last != NULL)
            jeton__v1__reply__free_unpacked (came.last, NULL);
        came.last = jeton__v1__reply__unpack (NULL, zmq_msg_size (&frame), zmq_msg_data (&frame));
        ck_assert_ptr_nonnull (came.last);
        came.frames++;
        came.gathered += came.last->n_replies > 0;
        ck_assert_uint_ne (came.last->n_replies, 1);
        ck_assert_uint_le (came.last->n_replies, MANY);
        for (size_t i = 0; i < came.last->n_replies; i++)
            reply_note (came.last->replies[i]);
        if (came.last->n_replies == 0)
            reply_note (came.last);
    }
    zmq_msg_close (&frame);
    return came.replies >= came.wanted;
}

static void
wait_replies (void)
{
    ck_assert (fixture_until (&fixture, came_all, NULL));
    ck_assert_uint_eq (came.replies, came.wanted);
}

START_TEST (replies_go_together_to_who_takes_them)
{
    Jeton__V1__Request requests[MANY];
    came_clear (MANY);
    for (uint64_t i = 0; i < MANY; i++)
        requests[i] = request_of (i + 1, ECHO);
    several_send (requests, MANY);
    wait_replies ();
    ck_assert_uint_eq (came.frames, 1);
    for (size_t i = 1; i <= MANY; i++)
        ck_assert_int_eq (came.codes[i], JETON__V1__CODE__CODE_OK);
    ck_assert_uint_eq (fixture.service.calls, MANY);

    // One alone looks as it always did.
    came_clear (1);
    several_send (requests, 1);
    wait_replies ();
    ck_assert_uint_eq (came.gathered, 0);
    ck_assert_uint_eq (came.last->id, 1);
}
END_TEST

START_TEST (who_has_not_asked_gets_each_by_itself)
{
    Jeton__V1__Request requests[3];
    came_clear (3);
    for (uint64_t i = 0; i < 3; i++) {
        requests[i] = request_of (i + 1, ECHO);
        requests[i].gather = false;
    }
    several_send (requests, 3);
    wait_replies ();
    ck_assert_uint_eq (came.frames, 3);
}
END_TEST

// One that is wrong harms no other.
START_TEST (each_is_judged_for_itself)
{
    Jeton__V1__Request requests[] = {
        request_of (1, ECHO), request_of (2, "\x0a\x02\xff\xff"),
        request_of (3, HOLD), request_of (3, ECHO),
        request_of (4, ECHO), request_of (5, ECHO),
        request_of (6, ECHO),
    };
    requests[4].method = (char *) "jeton.v1.Validator/Destroy";
    requests[5].method = (char *) "\xff"; // the envelope itself is malformed
    came_clear (6);
    several_send (requests, 7);
    wait_replies ();
    ck_assert_int_eq (came.codes[1], JETON__V1__CODE__CODE_OK);
    ck_assert_int_eq (came.codes[2], JETON__V1__CODE__CODE_INVALID_ARGUMENT);
    ck_assert_int_eq (came.codes[3], JETON__V1__CODE__CODE_INVALID_ARGUMENT); // it is in progress
    ck_assert_int_eq (came.codes[4], JETON__V1__CODE__CODE_UNIMPLEMENTED);
    ck_assert_int_eq (came.codes[5], JETON__V1__CODE__CODE_INVALID_ARGUMENT);
    ck_assert_int_eq (came.codes[6], JETON__V1__CODE__CODE_OK);
    ck_assert_uint_eq (fixture.service.nheld, 1);
}
END_TEST

// Limits count requests, not frames.
START_TEST (limits_count_requests)
{
    Jeton__V1__Request requests[MANY];
    for (uint64_t frame = 0; frame < 2; frame++) {
        came_clear (frame == 0 ? 0 : 2 * MANY - 40);
        for (uint64_t i = 0; i < MANY; i++)
            requests[i] = request_of (frame * MANY + i + 1, HOLD);
        several_send (requests, MANY);
    }
    wait_replies ();
    for (size_t i = 41; i <= 2 * MANY; i++)
        ck_assert_int_eq (came.codes[i], JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);
    ck_assert_uint_eq (fixture.service.nheld, 40);
}
END_TEST

static void
bytes_refused (const char *bytes, size_t size)
{
    came_clear (1);
    ck_assert_int_eq (zmq_send (zsock_resolve (raw), bytes, size, 0), (int) size);
    wait_replies ();
    ck_assert_int_eq (came.codes[0], JETON__V1__CODE__CODE_INVALID_ARGUMENT);
    ck_assert_str_ne (came.last->message, "");
}

// What is not 1 to 32 requests and nothing else is refused as a whole, with one reply.
START_TEST (what_is_no_frame_of_several)
{
    Jeton__V1__Request requests[MANY + 1];
    came_clear (1);
    for (uint64_t i = 0; i <= MANY; i++)
        requests[i] = request_of (i + 1, ECHO);
    several_send (requests, MANY + 1);
    wait_replies ();
    ck_assert_int_eq (came.codes[0], JETON__V1__CODE__CODE_INVALID_ARGUMENT);
    came_clear (1);
    several_send (requests, 0);
    wait_replies ();
    ck_assert_int_eq (came.codes[0], JETON__V1__CODE__CODE_INVALID_ARGUMENT);
#define REFUSED(bytes) bytes_refused (bytes, sizeof bytes - 1)
    REFUSED ("\x22");                                     // no length
    REFUSED ("\x22\x05\x0a\x02\x08\x07");                 // cut short
    REFUSED ("\x22\x04\x0a\x02\x08\x07\x22\x00");         // two of them
    REFUSED ("\x22\x04\x0a\x02\x08\x07\x0a\x02\x08\x07"); // a request besides
    REFUSED ("\x0a\x02\x08\x00\x22\x04\x0a\x02\x08\x07"); // and before
    REFUSED ("\x22\x04\x1a\x02\x08\x07");                 // Cancel
    REFUSED ("\x22\x06\x22\x04\x0a\x02\x08\x07");         // several of several
    REFUSED ("\x22\x06\x0a\x02\x08\x07\x0a\x7f");         // the second is cut short
    REFUSED ("\x22\x06\x0a\x02\x08\x07\x08\x07");         // a number
    REFUSED ("\x20\x07");                                 // of another type
    ck_assert_uint_eq (fixture.service.calls, 0);
}
END_TEST

// ---- the client ----------------------------------------------------------------------------------------------------

static bool
outcomes_done (void *context)
{
    const struct outcome *outcomes = context;
    for (size_t i = 0; i < 2 * MANY; i++)
        if (!outcomes[i].done)
            return false;
    return true;
}

START_TEST (calls_of_one_turn_travel_together)
{
    static struct outcome outcomes[2 * MANY];
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, fixture.endpoint);
    ck_assert (fixture_connected (&fixture, client, 1));
    for (int round = 0; round < 3; round++) {
        memset (outcomes, 0, sizeof outcomes);
        for (size_t i = 0; i < MANY; i++)
            call_validate (client, &outcomes[i], "ok", i % 4 == 3 ? "fail" : "echo", NULL);
        // Each has its end, whether it goes, or went, or is taken back before it goes.
        for (size_t i = MANY; i < 2 * MANY; i++) {
            uint64_t id = call_validate (client, &outcomes[i], "ok", "hold", NULL);
            rpc_client_cancel (client, id);
            outcomes[i].done = true;
        }
        ck_assert (fixture_until (&fixture, outcomes_done, outcomes));
        for (size_t i = 0; i < 2 * MANY; i++)
            ck_assert_uint_eq (outcomes[i].calls, i < MANY);
        for (size_t i = 0; i < MANY; i++)
            ck_assert_int_eq (outcomes[i].code, i % 4 == 3 ? JETON__V1__CODE__CODE_NOT_FOUND
                                                           : JETON__V1__CODE__CODE_OK);
        while (fixture.service.nheld > 0)
            request_fail (fixture.service.held[--fixture.service.nheld],
                          JETON__V1__CODE__CODE_UNAVAILABLE, "%s", "nobody waits");
    }
    rpc_client_destroy (&client);
}
END_TEST

// Those that had not gone when the connection was lost go when there is one again, whether or not they may be repeated; those that had, as ever.
START_TEST (a_connection_is_lost)
{
    static struct outcome outcomes[2 * MANY];
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, fixture.endpoint);
    ck_assert (fixture_connected (&fixture, client, 1));
    for (size_t i = 0; i < MANY; i++)
        call_validate (client, &outcomes[i], "ok", "echo", NULL);
    memset (&outcomes[MANY], 0, sizeof *outcomes * MANY);
    for (size_t i = MANY; i < 2 * MANY; i++)
        outcomes[i].done = true;
    ck_assert (fixture_until (&fixture, outcomes_done, outcomes));
    memset (outcomes, 0, sizeof outcomes);
    rpc_server_destroy (&fixture.server);
    const struct rpc_call_options idempotent = {.idempotent = true, .timeout_ms = 30000},
                                  not = {.timeout_ms = 30000};
    for (size_t i = 0; i < 2 * MANY; i++)
        call_validate (client, &outcomes[i], "ok", "echo", i % 2 == 0 ? &idempotent : &not );
    fixture_pass (&fixture, 50);
    fixture_serve (&fixture);
    ck_assert (fixture_until (&fixture, outcomes_done, outcomes));
    for (size_t i = 0; i < 2 * MANY; i++) {
        ck_assert_uint_eq (outcomes[i].calls, 1);
        if (i % 2 == 0)
            ck_assert_msg (outcomes[i].code == JETON__V1__CODE__CODE_OK, "%s", outcomes[i].message);
        else
            ck_assert_msg (outcomes[i].code == JETON__V1__CODE__CODE_OK ||
                               outcomes[i].code == JETON__V1__CODE__CODE_UNKNOWN,
                           "%s", outcomes[i].message);
    }
    rpc_client_destroy (&client);
}
END_TEST

// ---- a server that is of an earlier version, and then is not ----------------------------------------------------------

static zsock_t *old; // ROUTER
static struct {
    size_t frames, single, several;
    uint64_t ids[2 * MANY];
    size_t n;
    uint8_t address[16]; // of the client
    size_t address_size;
} taken;

static bool
old_takes (void *wanted)
{
    void *socket = zsock_resolve (old);
    zmq_msg_t frame;
    zmq_msg_init (&frame);
    for (int size;
         (size = zmq_recv (socket, taken.address, sizeof taken.address, ZMQ_DONTWAIT)) != -1;) {
        taken.address_size = (size_t) size;
        ck_assert_int_ne (zmq_msg_recv (&frame, socket, 0), -1);
        Jeton__V1__ClientMessage *message =
            jeton__v1__client_message__unpack (NULL, zmq_msg_size (&frame), zmq_msg_data (&frame));
        ck_assert_ptr_nonnull (message);
        if (message->kind_case == JETON__V1__CLIENT_MESSAGE__KIND_CREDIT) { // its greeting
            ck_assert_uint_eq (message->credit->id, 0);
            jeton__v1__client_message__free_unpacked (message, NULL);
            continue;
        }
        taken.frames++;
        if (message->kind_case == JETON__V1__CLIENT_MESSAGE__KIND_REQUEST) {
            ck_assert (message->request->gather);
            taken.single++;
            taken.ids[taken.n++] = message->request->id;
        } else {
            ck_assert_int_eq (message->kind_case, JETON__V1__CLIENT_MESSAGE__KIND_SEVERAL);
            ck_assert_uint_ge (message->several->n_requests, 2);
            taken.several++;
            for (size_t i = 0; i < message->several->n_requests; i++)
                taken.ids[taken.n++] = message->several->requests[i]->id;
        }
        jeton__v1__client_message__free_unpacked (message, NULL);
    }
    zmq_msg_close (&frame);
    return taken.n >= *(size_t *) wanted;
}

// Answers all that were taken, each in a frame or all in one.
static void
old_answers (bool together)
{
    Jeton__V1__Reply replies[2 * MANY], *list[2 * MANY], frame = JETON__V1__REPLY__INIT;
    uint8_t data[4096];
    for (size_t i = 0; i < taken.n; i++) {
        replies[i] = (Jeton__V1__Reply) JETON__V1__REPLY__INIT;
        replies[i].id = taken.ids[i];
        list[i] = &replies[i];
    }
    frame.replies = list;
    frame.n_replies = taken.n;
    for (size_t i = 0; i < (together ? 1 : taken.n); i++) {
        const Jeton__V1__Reply *reply = together ? &frame : &replies[i];
        size_t size = jeton__v1__reply__pack (reply, data);
        zmq_send (zsock_resolve (old), taken.address, taken.address_size, ZMQ_SNDMORE);
        zmq_send (zsock_resolve (old), data, size, 0);
    }
}

static void
old_round (struct rpc_client *client, size_t n, bool together, size_t frames)
{
    static struct outcome outcomes[2 * MANY];
    memset (outcomes, 0, sizeof outcomes);
    taken.frames = taken.single = taken.several = taken.n = 0;
    for (size_t i = 0; i < n; i++)
        call_validate (client, &outcomes[i], "ok", "echo", NULL);
    for (size_t i = n; i < 2 * MANY; i++)
        outcomes[i].done = true;
    ck_assert (fixture_until (&fixture, old_takes, &n));
    ck_assert_uint_eq (taken.frames, frames);
    old_answers (together);
    ck_assert (fixture_until (&fixture, outcomes_done, outcomes));
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq (outcomes[i].code, JETON__V1__CODE__CODE_OK);
}

START_TEST (a_server_shows_that_it_takes_them)
{
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", fixture_port ());
    old = zsock_new (ZMQ_ROUTER);
    zcert_apply (fixture.server_certificate, old);
    zsock_set_curve_server (old, 1);
    zsock_set_zap_domain (old, "jeton");
    ck_assert_int_ne (zsock_bind (old, "%s", endpoint), -1);
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, endpoint);
    ck_assert (fixture_connected (&fixture, client, 1));
    old_round (client, MANY, false, MANY); // it has shown nothing
    old_round (client, MANY, false, MANY);
    old_round (client, MANY, true, MANY);
    old_round (client, MANY, true, 1); // it has
    old_round (client, 2 * MANY, false, 2);
    old_round (client, 1, false, 1);
    ck_assert_uint_eq (taken.single, 1);
    rpc_client_destroy (&client);
    zsock_destroy (&old);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("rpc gather");
    TCase *tcase = tcase_create ("gather");
    tcase_set_timeout (tcase, 120);
    tcase_add_checked_fixture (tcase, set_up, tear_down);
    tcase_add_test (tcase, replies_go_together_to_who_takes_them);
    tcase_add_test (tcase, who_has_not_asked_gets_each_by_itself);
    tcase_add_test (tcase, each_is_judged_for_itself);
    tcase_add_test (tcase, limits_count_requests);
    tcase_add_test (tcase, what_is_no_frame_of_several);
    tcase_add_test (tcase, calls_of_one_turn_travel_together);
    tcase_add_test (tcase, a_connection_is_lost);
    tcase_add_test (tcase, a_server_shows_that_it_takes_them);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
