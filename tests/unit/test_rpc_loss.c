// Servers that go away and come back, and others that take over: what is done of the calls on their way (R37). Second servers are processes of their own.
// objects: tests/unit/rpc_fixture.o
#include "common/rpc/internal.h"
#include "tests/unit/rpc_fixture.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static struct fixture fixture;

static void
set_up (void)
{
    fixture_open (&fixture);
}

static void
tear_down (void)
{
    fixture_close (&fixture);
}

static void
child_end (pid_t child)
{
    kill (child, SIGKILL);
    waitpid (child, NULL, 0);
}

static bool
held (void *n)
{
    return fixture.service.nheld == *(size_t *) n;
}

START_TEST (a_lost_call_is_unknown_unless_it_may_be_repeated)
{
    struct outcome write, read, late;
    struct rpc_call_options idempotent = {.idempotent = true};
    size_t n = 2;
    fixture_serve (&fixture);
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    call_validate (client, &write, "w", "hold", NULL);
    call_validate (client, &read, "r", "hold", &idempotent);
    ck_assert (fixture_until (&fixture, held, &n));
    rpc_server_destroy (&fixture.server);
    ck_assert (fixture_until (&fixture, outcome_done, &write));
    ck_assert_int_eq (write.code, JETON__V1__CODE__CODE_UNKNOWN);
    ck_assert (!read.done);

    // The one that may be repeated waits for the server to come back; so does a new one.
    call_validate (client, &late, "late", "echo", NULL);
    fixture.service.nheld = 0;
    fixture_serve (&fixture);
    ck_assert (fixture_until (&fixture, outcome_done, &late));
    ck_assert_str_eq (late.token, "late");
    n = 1;
    ck_assert (fixture_until (&fixture, held, &n));
    Jeton__V1__ValidateReply reply = JETON__V1__VALIDATE_REPLY__INIT;
    request_reply (fixture.service.held[0], &reply.base);
    ck_assert (fixture_until (&fixture, outcome_done, &read));
    ck_assert_int_eq (read.code, JETON__V1__CODE__CODE_OK);
    rpc_client_destroy (&client);
}
END_TEST

START_TEST (a_call_that_is_lost_twice_is_unavailable)
{
    struct outcome read;
    struct rpc_call_options idempotent = {.idempotent = true};
    size_t n = 1;
    fixture_serve (&fixture);
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    call_validate (client, &read, "r", "hold", &idempotent);
    for (int i = 0; i < 2; i++) {
        ck_assert (fixture_until (&fixture, held, &n));
        rpc_server_destroy (&fixture.server);
        fixture.service.nheld = 0;
        ck_assert (!read.done);
        if (i == 0)
            fixture_serve (&fixture);
    }
    ck_assert (fixture_until (&fixture, outcome_done, &read));
    ck_assert_int_eq (read.code, JETON__V1__CODE__CODE_UNAVAILABLE);
    rpc_client_destroy (&client);
}
END_TEST

// A client of several servers that is connected to all.
static struct rpc_client *
client_of (const unsigned *ports, size_t n, bool by_home)
{
    static char endpoints[160];
    size_t length = 0;
    for (size_t i = 0; i < n; i++)
        length += (size_t) snprintf (endpoints + length, sizeof endpoints - length,
                                     "%stcp://127.0.0.1:%u", i > 0 ? "," : "", ports[i]);
    struct rpc_client *warm = fixture_client (&fixture, &fixture.caller_keys, endpoints);
    rpc_client_destroy (&warm); // made the loop
    struct error error;
    struct rpc_client_options options = {.endpoints = endpoints,
                                         .server_key = fixture.server_keys.public_key,
                                         .certificate = fixture.certificates[0],
                                         .by_home = by_home};
    struct rpc_client *client = rpc_client_new (fixture.loop, fixture.resolver, &options, &error);
    ck_assert_ptr_nonnull (client);
    ck_assert (fixture_connected (&fixture, client, n));
    return client;
}

static const char *
ask (struct rpc_client *client, struct outcome *outcome, const char *key)
{
    struct rpc_call_options options = {
        .idempotent = true, .key = key, .key_size = key != NULL ? strlen (key) : 0};
    call_validate (client, outcome, "x", "who", &options);
    ck_assert (fixture_until (&fixture, outcome_done, outcome));
    ck_assert_msg (outcome->code == JETON__V1__CODE__CODE_OK, "%s", outcome->message);
    return outcome->token;
}

static struct rpc_client *
client_of_two (unsigned first, unsigned second, bool by_home)
{
    return client_of ((const unsigned[]){first, second}, 2, by_home);
}

START_TEST (one_that_is_not_ready_is_passed_over)
{
    unsigned ready = fixture_port (), not_ready = fixture_port (), neither = fixture_port ();
    pid_t a = fixture_child (&fixture, ready, RPC_SERVING);
    pid_t b = fixture_child (&fixture, not_ready, RPC_STARTING);
    pid_t c = fixture_child (&fixture, neither, RPC_STARTING);
    struct rpc_client *client = client_of_two (ready, not_ready, false);
    struct outcome outcome;
    char port[16];
    snprintf (port, sizeof port, "%u", ready);
    for (int i = 0; i < 20; i++)
        ck_assert_str_eq (ask (client, &outcome, NULL), port);
    // Nothing was done: calls that may not be repeated go there too.
    for (int i = 0; i < 20; i++) {
        call_validate (client, &outcome, "x", "who", NULL);
        ck_assert (fixture_until (&fixture, outcome_done, &outcome));
        ck_assert_msg (outcome.code == JETON__V1__CODE__CODE_OK, "%s", outcome.message);
        ck_assert_str_eq (outcome.token, port);
    }
    rpc_client_destroy (&client);
    // As long as there is one that may be ready, calls go on.
    for (int by_home = 0; by_home < 2; by_home++) {
        client = client_of ((const unsigned[]){not_ready, neither, ready}, 3, by_home);
        for (int i = 0; i < 20; i++) {
            char key[16];
            snprintf (key, sizeof key, "key-%d", i);
            ck_assert_str_eq (ask (client, &outcome, key), port);
        }
        rpc_client_destroy (&client);
    }
    // When nobody is ready, that is the answer.
    client = client_of_two (not_ready, neither, false);
    call_validate (client, &outcome, "x", "who", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_UNAVAILABLE);
    rpc_client_destroy (&client);
    child_end (a);
    child_end (b);
    child_end (c);
}
END_TEST

static void
drained (void *context)
{
    *(bool *) context = true;
}

static bool
is_true (void *flag)
{
    return *(bool *) flag;
}

static bool
left (void *nothing)
{
    (void) nothing;
    return rpc_server_left (fixture.server);
}

// What is on its way when a server leaves is refused by it, or was not begun: the client knows which.
START_TEST (a_call_that_one_which_left_never_saw_goes_to_the_next)
{
    enum { ROUNDS = 10, CALLS = 3 };
    size_t later = 0;
    fixture_serve (&fixture);
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        struct outcome first, outcomes[CALLS];
        bool over = false;
        call_validate (client, &first, "x", "echo", NULL); // the server knows the connection
        ck_assert (fixture_until (&fixture, outcome_done, &first));
        rpc_server_drain (fixture.server, drained, &over);
        ck_assert (fixture_until (&fixture, is_true, &over));
        size_t calls = fixture.service.calls, done = 0;
        if (i % 2)
            rpc_server_leave (fixture.server);
        for (int k = 0; k < CALLS; k++)
            call_validate (client, &outcomes[k], "x", "echo", NULL);
        if (!(i % 2))
            rpc_server_leave (fixture.server);
        ck_assert (fixture_until (&fixture, left, NULL));
        rpc_server_destroy (&fixture.server);
        fixture_serve (&fixture);
        for (int k = 0; k < CALLS; k++) {
            ck_assert (fixture_until (&fixture, outcome_done, &outcomes[k]));
            ck_assert_msg (outcomes[k].code == JETON__V1__CODE__CODE_OK ||
                               outcomes[k].code == JETON__V1__CODE__CODE_UNAVAILABLE,
                           "%s", outcomes[k].message);
            done += outcomes[k].code == JETON__V1__CODE__CODE_OK;
        }
        ck_assert_uint_eq (fixture.service.calls, calls + done); // each once
        later += done;
    }
    ck_assert_uint_gt (later, 0);
    rpc_client_destroy (&client);
}
END_TEST

// One that was cut short in a change says nothing to who waits for it.
START_TEST (what_one_that_ended_had_begun_is_unknown)
{
    struct outcome write;
    size_t n = 1;
    bool over = false;
    fixture_serve (&fixture);
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    call_validate (client, &write, "w", "hold", NULL);
    ck_assert (fixture_until (&fixture, held, &n));
    rpc_server_drain (fixture.server, drained, &over);
    fixture_pass (&fixture, 100);
    ck_assert (!over);
    rpc_server_leave (fixture.server);
    fixture_pass (&fixture, 100);
    ck_assert (!write.done);
    rpc_server_destroy (&fixture.server);
    fixture_serve (&fixture);
    ck_assert (fixture_until (&fixture, outcome_done, &write));
    ck_assert_int_eq (write.code, JETON__V1__CODE__CODE_UNKNOWN);
    ck_assert_uint_eq (fixture.service.nheld, 1);
    rpc_client_destroy (&client);
}
END_TEST

static bool
one_done (void *two)
{
    const struct outcome *outcomes = two;
    return outcomes[0].done || outcomes[1].done;
}

START_TEST (one_that_ends_finishes_what_it_has_and_the_rest_goes_elsewhere)
{
    bool over = false;
    size_t n = 1;
    unsigned own = fixture_port (), other = fixture_port ();
    pid_t child = fixture_child (&fixture, other, RPC_SERVING);
    snprintf (fixture.endpoint, sizeof fixture.endpoint, "tcp://127.0.0.1:%u", own);
    fixture_serve (&fixture);
    struct rpc_client *client = client_of_two (own, other, false);
    struct outcome begun[2], outcome;
    // One to each; that of the child does not end.
    for (int i = 0; i < 2; i++)
        call_validate (client, &begun[i], "begun", "hold", NULL);
    ck_assert (fixture_until (&fixture, held, &n));
    rpc_server_drain (fixture.server, drained, &over);
    uint64_t before = fixture.server->counters.requests;
    int64_t began = zclock_mono ();
    for (int i = 0; i < 20; i++) {
        call_validate (client, &outcome, "x", "who", NULL);
        ck_assert (fixture_until (&fixture, outcome_done, &outcome));
        ck_assert_msg (outcome.code == JETON__V1__CODE__CODE_OK, "%s", outcome.message);
    }
    ck_assert (!over && !begun[0].done && !begun[1].done);
    // It is not asked again at once.
    uint64_t asked = fixture.server->counters.requests - before;
    ck_assert_uint_le (asked, 1 + (uint64_t) (zclock_mono () - began) / 1000);
    Jeton__V1__ValidateReply reply = JETON__V1__VALIDATE_REPLY__INIT;
    request_reply (fixture.service.held[0], &reply.base);
    ck_assert (fixture_until (&fixture, one_done, begun));
    ck_assert (begun[0].done != begun[1].done);
    ck_assert_int_eq (begun[begun[1].done].code, JETON__V1__CODE__CODE_OK);
    rpc_client_destroy (&client);
    child_end (child);
}
END_TEST

START_TEST (a_key_has_a_home_until_that_is_gone)
{
    unsigned ports[2] = {fixture_port (), fixture_port ()};
    pid_t children[2];
    for (int i = 0; i < 2; i++)
        children[i] = fixture_child (&fixture, ports[i], RPC_SERVING);
    struct rpc_client *client = client_of_two (ports[0], ports[1], true);
    struct outcome outcome;
    char first[16], key[16], home[64];
    size_t at_first = 0;
    snprintf (first, sizeof first, "%u", ports[0]);
    for (int i = 0; i < 64; i++) {
        snprintf (key, sizeof key, "key-%d", i);
        snprintf (home, sizeof home, "%s", ask (client, &outcome, key));
        ck_assert_str_eq (ask (client, &outcome, key), home);
        at_first += strcmp (home, first) == 0;
    }
    ck_assert_uint_ge (at_first, 12);
    ck_assert_uint_le (at_first, 52);
    child_end (children[1]);
    for (int i = 0; i < 16; i++) {
        snprintf (key, sizeof key, "key-%d", i);
        ck_assert_str_eq (ask (client, &outcome, key), first);
    }
    rpc_client_destroy (&client);
    child_end (children[0]);
}
END_TEST

START_TEST (a_stopped_server_is_noticed)
{
    unsigned ports[2] = {fixture_port (), fixture_port ()};
    pid_t a = fixture_child (&fixture, ports[0], RPC_SERVING);
    pid_t b = fixture_child (&fixture, ports[1], RPC_SERVING);
    struct rpc_client *client = client_of_two (ports[0], ports[1], false);
    struct rpc_call_options options = {.idempotent = true, .timeout_ms = 30000};
    struct outcome outcomes[4];
    char port[16];
    snprintf (port, sizeof port, "%u", ports[1]);
    kill (a, SIGSTOP);
    for (int i = 0; i < 4; i++)
        call_validate (client, &outcomes[i], "x", "who", &options);
    for (int i = 0; i < 4; i++) {
        ck_assert (fixture_until (&fixture, outcome_done, &outcomes[i]));
        ck_assert_int_eq (outcomes[i].code, JETON__V1__CODE__CODE_OK);
        ck_assert_str_eq (outcomes[i].token, port);
        ck_assert_int_lt (outcomes[i].took_ms, FIXTURE_LATE_MS); // not only at the deadline
    }
    kill (a, SIGCONT);
    rpc_client_destroy (&client);
    child_end (a);
    child_end (b);
}
END_TEST

// Of a connection by a descriptor that libzmq does not use: what its messages and events would tell.
static bool
seen (int fd, uint32_t number)
{
    uint8_t routing[RPC_ROUTING_SIZE] = {0};
    uint32_t order = htonl (number);
    memcpy (routing + 1, &order, sizeof order);
    struct rpc_sender sender = {.routing = routing, .routing_size = sizeof routing, .fd = fd};
    return rpc_connection_see (fixture.server, &sender);
}

START_TEST (a_descriptor_is_used_again)
{
    enum { FD = 900 };
    fixture_serve (&fixture);
    ck_assert (!seen (FD, 1));
    for (uint32_t number = UINT32_MAX - 4; number != 5; number += 2) {
        rpc_connection_opened (fixture.server, FD);
        ck_assert (seen (FD, number));
        // That one is gone, the next one is there; and then come the last words of the first.
        rpc_connection_gone (fixture.server, FD);
        ck_assert (!seen (FD, number));
        rpc_connection_opened (fixture.server, FD);
        (void) seen (FD, number);
        ck_assert (seen (FD, number + 1));
        ck_assert (!seen (FD, number));
        ck_assert (seen (FD, number + 1));
        rpc_connection_gone (fixture.server, FD);
        ck_assert (!seen (FD, number + 1));
    }
}
END_TEST

START_TEST (connections_are_limited)
{
    fixture.options.connection_limit = 2;
    fixture_serve (&fixture);
    struct rpc_client *clients[3];
    struct outcome outcome;
    struct rpc_call_options options = {.timeout_ms = 1000};
    for (int i = 0; i < 2; i++) {
        clients[i] = fixture_client (&fixture, &fixture.caller_keys, NULL);
        call_validate (clients[i], &outcome, "x", "echo", NULL);
        ck_assert (fixture_until (&fixture, outcome_done, &outcome));
        ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
    }
    struct rpc_client *stranger = fixture_client (&fixture, &fixture.stranger_keys, NULL);
    clients[2] = fixture_client (&fixture, &fixture.caller_keys, NULL);
    call_validate (clients[2], &outcome, "x", "echo", &options);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_UNAVAILABLE);
    rpc_client_destroy (&stranger);
    rpc_client_destroy (&clients[0]);
    // The one that was turned away tries again when its handshake has timed out.
    options.timeout_ms = 30000;
    call_validate (clients[2], &outcome, "x", "echo", &options);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
    for (int i = 1; i < 3; i++)
        rpc_client_destroy (&clients[i]);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("rpc losses");
    TCase *losses = tcase_create ("losses");
    tcase_set_timeout (losses, 100);
    tcase_add_checked_fixture (losses, set_up, tear_down);
    tcase_add_test (losses, a_lost_call_is_unknown_unless_it_may_be_repeated);
    tcase_add_test (losses, a_call_that_is_lost_twice_is_unavailable);
    tcase_add_test (losses, a_descriptor_is_used_again);
    tcase_add_test (losses, one_that_is_not_ready_is_passed_over);
    tcase_add_test (losses, one_that_ends_finishes_what_it_has_and_the_rest_goes_elsewhere);
    tcase_add_test (losses, a_call_that_one_which_left_never_saw_goes_to_the_next);
    tcase_add_test (losses, what_one_that_ended_had_begun_is_unknown);
    tcase_add_test (losses, a_key_has_a_home_until_that_is_gone);
    tcase_add_test (losses, a_stopped_server_is_noticed);
    tcase_add_test (losses, connections_are_limited);
    suite_add_tcase (suite, losses);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
