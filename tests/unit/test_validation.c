// The client that gathers validations: what travels together, and that each call ends for itself, once, whatever becomes of its frame (R28,
// R42, R43).
// objects: tests/unit/rpc_fixture.o
#include "common/token/id.h"
#include "common/validation/internal.h"
#include "tests/unit/rpc_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { MANY = 600 };

static struct fixture fixture;
static struct validator_client *client;
static struct outcome outcomes[MANY];
static char tokens[MANY][24];

static void
client_start (const char *endpoints, uint32_t limit)
{
    struct error error = {.text = ""};
    struct rpc_client *warm = fixture_client (&fixture, &fixture.caller_keys, endpoints);
    rpc_client_destroy (&warm); // made the loop
    struct rpc_client_options options = {.endpoints = endpoints ? endpoints : fixture.endpoint,
                                         .server_key = fixture.server_keys.public_key,
                                         .certificate = fixture.certificates[0],
                                         .in_flight_limit = limit,
                                         .by_home = true};
    client = validator_client_new (fixture.loop, fixture.resolver, &options, &error);
    ck_assert_msg (client != NULL, "%s", error.text);
}

static void
set_up (void)
{
    fixture_open (&fixture);
    for (int i = 0; i < MANY; i++)
        snprintf (tokens[i], sizeof tokens[i], "token-%d", i);
}

static void
tear_down (void)
{
    validator_client_destroy (&client);
    fixture_close (&fixture);
}

static uint64_t
begin (int i, const char *token, const char *module, uint32_t timeout_ms)
{
    Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
    request.token = (char *) token;
    request.module = (char *) module;
    outcomes[i] = (struct outcome){.began_ms = zclock_mono ()};
    uint64_t id =
        validator_client_validate (client, &request, timeout_ms, outcome_take, &outcomes[i]);
    ck_assert (!outcomes[i].done && id != 0);
    return id;
}

static void
end (int i, int code)
{
    ck_assert (fixture_until (&fixture, outcome_done, &outcomes[i]));
    ck_assert_msg (outcomes[i].code == code, "%d: %d %s", i, outcomes[i].code, outcomes[i].message);
    ck_assert_uint_eq (outcomes[i].calls, 1);
}

static void
end_good (int i, const char *token)
{
    end (i, JETON__V1__CODE__CODE_OK);
    ck_assert_str_eq (outcomes[i].token, token);
}

// Connected, and nothing under way.
static void
server_start (uint32_t limit)
{
    fixture_serve (&fixture);
    client_start (NULL, limit);
    begin (0, "first", "echo", 0);
    end_good (0, "first");
    fixture.service.calls = fixture.service.batches = 0;
}

static bool
held (void *n)
{
    return fixture.service.nheld == *(size_t *) n;
}

START_TEST (what_begins_together_travels_together)
{
    server_start (0);
    uint64_t frames = validator_client_frames (client);
    for (int i = 0; i < MANY; i++)
        begin (i, tokens[i], "echo", 0);
    for (int i = 0; i < MANY; i++)
        end_good (i, tokens[i]);
    // The first goes at once, since nothing else is under way; the others fill frames.
    ck_assert_uint_eq (fixture.service.calls, 1);
    ck_assert_uint_eq (fixture.service.batches, (MANY - 1 + 255) / 256);
    ck_assert_uint_eq (validator_client_frames (client) - frames, 1 + (MANY - 1 + 255) / 256);
    // One after the other: no batches.
    for (int i = 0; i < 3; i++) {
        begin (i, tokens[i], "echo", 0);
        end_good (i, tokens[i]);
    }
    ck_assert_uint_eq (fixture.service.calls, 4);
}
END_TEST

// Of who begins many: the first is one of them, and each ten go on their way.
START_TEST (the_first_waits_where_many_are_begun)
{
    server_start (0);
    validator_client_gather (client, 10);
    uint64_t frames = validator_client_frames (client);
    for (int i = 0; i < 25; i++) {
        begin (i, tokens[i], "echo", 0);
        ck_assert_uint_eq (validator_client_frames (client) - frames, (uint64_t) (i + 1) / 10);
    }
    for (int i = 0; i < 25; i++)
        end_good (i, tokens[i]);
    ck_assert_uint_eq (validator_client_frames (client) - frames, 3);
    ck_assert_uint_eq (fixture.service.batches, 3);
    begin (0, tokens[0], "echo", 0);
    ck_assert_uint_eq (validator_client_frames (client) - frames, 3);
    end_good (0, tokens[0]);
    ck_assert_uint_eq (fixture.service.calls, 1);
}
END_TEST

START_TEST (one_that_is_wrong_harms_no_other)
{
    server_start (0);
    for (int i = 0; i < 12; i++)
        begin (i, tokens[i], i == 7 ? "field" : "echo", 0);
    for (int i = 0; i < 12; i++)
        if (i != 7)
            end_good (i, tokens[i]);
    end (7, JETON__V1__CODE__CODE_INVALID_ARGUMENT);
    ck_assert_str_eq (outcomes[7].field, "client_address"); // of its own request, not of a batch
    // What no frame could hold together with others.
    char *large = xcalloc (1, 100001);
    memset (large, 'x', 100000);
    for (int i = 0; i < 6; i++)
        begin (i, i == 3 ? large : tokens[i], "echo", 0);
    for (int i = 0; i < 6; i++)
        if (i != 3)
            end_good (i, tokens[i]);
    end (3, JETON__V1__CODE__CODE_INVALID_ARGUMENT);
    free (large);
    // What is not about one of them is about all.
    for (int i = 0; i < 4; i++)
        begin (i, tokens[i], i == 2 ? "fail" : "echo", 0);
    end_good (0, tokens[0]);
    for (int i = 1; i < 4; i++)
        end (i, JETON__V1__CODE__CODE_NOT_FOUND);
}
END_TEST

START_TEST (nobody_waits_for_what_others_need)
{
    server_start (0);
    for (int i = 0; i < 10; i++)
        begin (i, tokens[i], i % 3 == 2 ? "later" : "echo", 0);
    for (int i = 0; i < 10; i++)
        end_good (i, tokens[i]);
    ck_assert_uint_eq (fixture.service.calls, 1);
    ck_assert_uint_eq (fixture.service.batches, 2); // those that were not known, together
    begin (0, tokens[0], "echo", 0);
    begin (1, tokens[1], "echo", 0);
    begin (2, tokens[2], "later", 0);
    for (int i = 0; i < 3; i++)
        end_good (i, tokens[i]);
    ck_assert_uint_eq (fixture.service.calls, 1 + 2); // and by itself
}
END_TEST

// Token, account, user, client and customer, which a frame has as numbers.
struct ids {
    bool done;
    char texts[5][32];
};

static void
ids_take (void *context, const struct rpc_result *result)
{
    struct ids *ids = context;
    const Jeton__V1__ValidateReply *reply = result->reply;
    ck_assert_int_eq (result->code, JETON__V1__CODE__CODE_OK);
    const char *const texts[] = {reply->token, reply->account, reply->user, reply->client,
                                 reply->customer};
    for (int i = 0; i < 5; i++)
        snprintf (ids->texts[i], sizeof ids->texts[i], "%s", texts[i]);
    ck_assert (reply->token_number == 0 || reply->token_number > ID_NUMBER_MAX);
    ids->done = true;
}

static bool
ids_done (void *ids)
{
    return ((struct ids *) ids)->done;
}

START_TEST (ids_travel_as_numbers)
{
    static const char *const prefixes[] = {"TKN", "ACC", "USR", "CLI", "CUS"};
    static const char *const numbers[] = {"1", "4711", "99999995", "99999999", "4294967290"};
    struct ids got[6] = {0};
    server_start (0);
    begin (0, "first", "echo", 0); // so that the others travel together
    for (int i = 0; i < 6; i++) {
        Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
        request.token = (char *) (i < 5 ? numbers[i] : "jti");
        request.module = (char *) (i < 5 ? "numbers" : "echo");
        validator_client_validate (client, &request, 0, ids_take, &got[i]);
    }
    for (int i = 0; i < 6; i++)
        ck_assert (fixture_until (&fixture, ids_done, &got[i]));
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++) {
            int64_t number = strtoll (numbers[i], NULL, 10) + k;
            char id[ID_SIZE] = "";
            if (number <= ID_NUMBER_MAX) // others nobody has
                id_format (prefixes[k], number, id);
            ck_assert_str_eq (got[i].texts[k], id);
        }
    ck_assert_str_eq (got[5].texts[0], "jti"); // a text stays what it is
    ck_assert_str_eq (got[5].texts[1], "");
    end_good (0, "first");
}
END_TEST

static void
held_answer (size_t n)
{
    Jeton__V1__ValidateBatchReply reply = JETON__V1__VALIDATE_BATCH_REPLY__INIT;
    Jeton__V1__ValidateReply one = JETON__V1__VALIDATE_REPLY__INIT, *replies[MANY];
    one.decision = JETON__V1__DECISION__DECISION_DENY;
    for (size_t i = 0; i < n; i++)
        replies[i] = &one;
    reply.n_replies = n;
    reply.replies = replies;
    request_reply (fixture.service.held[0], &reply.base);
}

START_TEST (each_has_its_own_deadline)
{
    size_t n = 1;
    server_start (0);
    begin (0, "x", "echo", 0);
    for (int i = 1; i < 6; i++)
        begin (i, tokens[i], "hold", i == 3 ? 200 : 8000);
    end_good (0, "x");
    ck_assert (fixture_until (&fixture, held, &n));
    end (3, JETON__V1__CODE__CODE_DEADLINE_EXCEEDED);
    ck_assert (!outcomes[1].done && !outcomes[5].done);
    held_answer (5);
    for (int i = 1; i < 6; i++)
        if (i != 3)
            end_good (i, "");
    // All at the same time, and nobody answers.
    for (int i = 0; i < 6; i++)
        begin (i, tokens[i], "hold", 100 + 10 * (uint32_t) i);
    for (int i = 0; i < 6; i++)
        end (i, JETON__V1__CODE__CODE_DEADLINE_EXCEEDED);
}
END_TEST

START_TEST (a_reply_that_fits_not_is_none)
{
    size_t n = 1;
    server_start (0);
    for (int i = 0; i < 5; i++)
        begin (i, tokens[i], i > 0 ? "hold" : "echo", 0);
    ck_assert (fixture_until (&fixture, held, &n));
    held_answer (3); // to four
    for (int i = 1; i < 5; i++)
        end (i, JETON__V1__CODE__CODE_INTERNAL);
}
END_TEST

START_TEST (the_client_limits_itself)
{
    server_start (4);
    for (int i = 0; i < 8; i++)
        begin (i, tokens[i], "echo", 0);
    for (int i = 0; i < 8; i++)
        end (i, i < 4 ? JETON__V1__CODE__CODE_OK : JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);
    // A refused one may be cancelled too, and its place is used again.
    uint64_t id = 0;
    for (int i = 0; i < 6; i++)
        id = begin (i, tokens[i], "echo", 0);
    validator_client_cancel (client, id);
    validator_client_cancel (client, id);
    for (int i = 0; i < 5; i++)
        end (i, i < 4 ? JETON__V1__CODE__CODE_OK : JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);
    ck_assert (!outcomes[5].done);
    for (int i = 0; i < 4; i++)
        begin (i, tokens[i], "echo", 0);
    for (int i = 0; i < 4; i++)
        end_good (i, tokens[i]);
}
END_TEST

static bool
told (void *context)
{
    (void) context;
    return request_answered (fixture.service.held[0]);
}

static uint64_t ids[8];

// Ends one, and with it those that the test has not cancelled before.
static void
take_and_cancel (void *context, const struct rpc_result *result)
{
    outcome_take (context, result);
    for (int i = 3; i < 8; i++)
        validator_client_cancel (client, ids[i]);
}

START_TEST (cancelled_calls_do_not_call_back)
{
    size_t n = 1;
    server_start (0);
    begin (0, "x", "echo", 0);
    for (int i = 1; i < 8; i++)
        ids[i] = begin (i, tokens[i], "hold", 0);
    validator_client_cancel (client, ids[1]); // before it is sent
    end_good (0, "x");
    ck_assert (fixture_until (&fixture, held, &n));
    for (int i = 2; i < 8; i++)
        validator_client_cancel (client, ids[i]);
    // Nobody waits for the frame any more: the server learns that.
    ck_assert (fixture_until (&fixture, told, NULL));
    held_answer (7);
    for (int i = 1; i < 8; i++)
        ck_assert (!outcomes[i].done);

    // In a callback of the same frame.
    fixture.service.nheld = 0;
    begin (0, "x", "echo", 0);
    Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
    request.module = (char *) "hold";
    outcomes[2] = (struct outcome){.calls = 0};
    ids[2] = validator_client_validate (client, &request, 0, take_and_cancel, &outcomes[2]);
    for (int i = 3; i < 8; i++)
        ids[i] = begin (i, tokens[i], "hold", 0);
    ck_assert (fixture_until (&fixture, held, &n));
    held_answer (6);
    end_good (2, "");
    fixture_pass (&fixture, 50);
    for (int i = 3; i < 8; i++)
        ck_assert (!outcomes[i].done);
}
END_TEST

START_TEST (what_was_lost_is_asked_again_when_the_validator_is_back)
{
    size_t n = 1;
    server_start (0);
    for (int i = 0; i < 6; i++)
        begin (i, tokens[i], i > 0 ? "hold" : "echo", 30000);
    ck_assert (fixture_until (&fixture, held, &n));
    end_good (0, tokens[0]);
    rpc_server_destroy (&fixture.server);
    fixture.service.nheld = 0;
    fixture_pass (&fixture, 50);
    fixture_serve (&fixture);
    // Lost a second time: that is the answer. By then each goes by itself.
    n = 5;
    ck_assert (fixture_until (&fixture, held, &n));
    rpc_server_destroy (&fixture.server);
    for (int i = 1; i < 6; i++)
        end (i, JETON__V1__CODE__CODE_UNAVAILABLE);
}
END_TEST

START_TEST (when_one_is_killed_each_goes_to_its_next_home)
{
    unsigned ports[3] = {fixture_port (), fixture_port (), fixture_port ()};
    pid_t children[3];
    char endpoints[128], homes[MANY][8];
    size_t moved = 0;
    for (int i = 0; i < 3; i++)
        children[i] = fixture_child (&fixture, ports[i], RPC_SERVING);
    snprintf (endpoints, sizeof endpoints,
              "tcp://127.0.0.1:%u,tcp://127.0.0.1:%u,tcp://127.0.0.1:%u", ports[0], ports[1],
              ports[2]);
    client_start (endpoints, 0);
    ck_assert (fixture_connected (&fixture, client->rpc, 3));
    for (int i = 0; i < MANY; i++)
        begin (i, tokens[i], "who", 0);
    for (int i = 0; i < MANY; i++) {
        end (i, JETON__V1__CODE__CODE_OK);
        snprintf (homes[i], sizeof homes[i], "%s", outcomes[i].token);
    }
    ck_assert_uint_le (validator_client_frames (client), 8);

    // In flight when it dies.
    kill (children[1], SIGSTOP);
    for (int i = 0; i < MANY; i++)
        begin (i, tokens[i], "who", 30000);
    fixture_pass (&fixture, 50);
    kill (children[1], SIGKILL);
    waitpid (children[1], NULL, 0);
    char gone[8];
    snprintf (gone, sizeof gone, "%u", ports[1]);
    for (int i = 0; i < MANY; i++) {
        end (i, JETON__V1__CODE__CODE_OK);
        ck_assert_str_ne (outcomes[i].token, gone);
        if (strcmp (homes[i], gone) == 0)
            moved++;
        else
            ck_assert_str_eq (outcomes[i].token, homes[i]); // only what was at home there moves
    }
    ck_assert_uint_ge (moved, MANY / 6);
    for (int i = 0; i < 3; i += 2) {
        kill (children[i], SIGKILL);
        waitpid (children[i], NULL, 0);
    }
}
END_TEST

START_TEST (one_that_is_not_ready_is_passed_over)
{
    unsigned ready = fixture_port (), starting = fixture_port (), other = fixture_port ();
    pid_t a = fixture_child (&fixture, ready, RPC_SERVING),
          b = fixture_child (&fixture, starting, RPC_STARTING),
          c = fixture_child (&fixture, other, RPC_STARTING);
    char endpoints[128], port[8];
    snprintf (endpoints, sizeof endpoints,
              "tcp://127.0.0.1:%u,tcp://127.0.0.1:%u,tcp://127.0.0.1:%u", starting, other, ready);
    snprintf (port, sizeof port, "%u", ready);
    client_start (endpoints, 0);
    ck_assert (fixture_connected (&fixture, client->rpc, 3));
    int64_t began = zclock_mono ();
    for (int i = 0; i < 100; i++)
        begin (i, tokens[i], "who", 0);
    for (int i = 0; i < 100; i++)
        end_good (i, port);
    // The others are known by now: a frame goes where it is answered.
    uint64_t frames = validator_client_frames (client);
    begin (0, tokens[0], "who", 0);
    end_good (0, port);
    // But once a second they may have become ready.
    uint64_t seconds = (uint64_t) (zclock_mono () - began) / 1000;
    ck_assert_uint_le (validator_client_frames (client), frames + 1 + 2 * seconds);
    kill (a, SIGKILL);
    waitpid (a, NULL, 0);
    fixture_pass (&fixture, 100);
    // Nobody is ready: that is the answer.
    for (int i = 0; i < 10; i++)
        begin (i, tokens[i], "who", 30000);
    for (int i = 0; i < 10; i++)
        end (i, JETON__V1__CODE__CODE_UNAVAILABLE);
    kill (b, SIGKILL);
    kill (c, SIGKILL);
    waitpid (b, NULL, 0);
    waitpid (c, NULL, 0);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("validation");
    TCase *gathering = tcase_create ("gathering");
    tcase_set_timeout (gathering, 100);
    tcase_add_checked_fixture (gathering, set_up, tear_down);
    tcase_add_test (gathering, what_begins_together_travels_together);
    tcase_add_test (gathering, the_first_waits_where_many_are_begun);
    tcase_add_test (gathering, one_that_is_wrong_harms_no_other);
    tcase_add_test (gathering, nobody_waits_for_what_others_need);
    tcase_add_test (gathering, ids_travel_as_numbers);
    tcase_add_test (gathering, each_has_its_own_deadline);
    tcase_add_test (gathering, a_reply_that_fits_not_is_none);
    tcase_add_test (gathering, the_client_limits_itself);
    tcase_add_test (gathering, cancelled_calls_do_not_call_back);
    tcase_add_test (gathering, what_was_lost_is_asked_again_when_the_validator_is_back);
    tcase_add_test (gathering, when_one_is_killed_each_goes_to_its_next_home);
    tcase_add_test (gathering, one_that_is_not_ready_is_passed_over);
    suite_add_tcase (suite, gathering);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
