// Calls from client to server and back.
// objects: tests/unit/rpc_fixture.o
#include "tests/unit/rpc_fixture.h"

#include <string.h>

static struct fixture fixture;

static void
set_up (void)
{
    fixture_open (&fixture);
    fixture_serve (&fixture);
}

static void
tear_down (void)
{
    fixture_close (&fixture);
}

static void
client_end (struct rpc_client **client)
{
    rpc_client_destroy (client);
    ck_assert_ptr_null (*client);
    rpc_client_destroy (client);
}

static bool
held (void *n)
{
    return fixture.service.nheld == *(size_t *) n;
}

static void
hold_release (size_t i)
{
    Jeton__V1__ValidateReply reply = JETON__V1__VALIDATE_REPLY__INIT;
    request_reply (fixture.service.held[i], &reply.base);
}

START_TEST (a_call_is_answered)
{
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    struct outcome outcome;
    call_validate (client, &outcome, "hello", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
    ck_assert_str_eq (outcome.message, "");
    ck_assert_str_eq (outcome.token, "hello");
    ck_assert_uint_eq (strspn (outcome.scope, "0123456789abcdef"), 32);
    ck_assert_uint_eq (strlen (outcome.scope), 32);
    client_end (&client);
}
END_TEST

static void
correlation_of (struct rpc_client *client, const char *traceparent, struct outcome *outcome)
{
    const char *metadata[] = {"user-agent", "test", "traceparent", traceparent, NULL};
    struct rpc_call_options options = {.metadata = metadata};
    call_validate (client, outcome, "t", "echo", &options);
    ck_assert (fixture_until (&fixture, outcome_done, outcome));
    ck_assert_int_eq (outcome->code, JETON__V1__CODE__CODE_OK);
}

START_TEST (the_trace_id_is_the_correlation)
{
    static const char id[] = "4bf92f3577b34da6a3ce929d0e0e4736";
    static const char *const bad[] = {
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "",
    };
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    struct outcome outcome;
    correlation_of (client, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &outcome);
    ck_assert_str_eq (outcome.scope, id);
    correlation_of (client, "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                    &outcome);
    ck_assert_str_eq (outcome.scope, id);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        correlation_of (client, bad[i], &outcome);
        ck_assert_str_ne (outcome.scope, id);
        ck_assert_uint_eq (strlen (outcome.scope), 32);
    }
    client_end (&client);
}
END_TEST

START_TEST (errors_come_with_text_and_field)
{
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    struct outcome outcome;
    call_validate (client, &outcome, "it", "fail", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_NOT_FOUND);
    ck_assert_str_eq (outcome.message, "no \"it\" ?");
    ck_assert_uint_eq (outcome.retry_after, 17);
    call_validate (client, &outcome, "it", "field", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_uint_eq (outcome.retry_after, 0);
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_INVALID_ARGUMENT);
    ck_assert_str_eq (outcome.field, "client_address");
    ck_assert_str_eq (outcome.message, "is no address");
    call_validate (client, &outcome, "it", "big", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_INTERNAL);
    call_validate (client, &outcome, "it\xff", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_INVALID_ARGUMENT);
    ck_assert_str_eq (outcome.field, "token");
    client_end (&client);
}
END_TEST

START_TEST (a_body_over_the_limit_is_refused)
{
    static char token[70000];
    memset (token, 'x', sizeof token - 1);
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    struct outcome outcome;
    call_validate (client, &outcome, token, "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull (strstr (outcome.message, "65536"));
    ck_assert_uint_eq (fixture.service.calls, 0);
    client_end (&client);
}
END_TEST

START_TEST (a_role_that_lacks_the_method_is_refused)
{
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    struct outcome outcome;
    call_tail (client, &outcome);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_PERMISSION_DENIED);
    ck_assert_ptr_nonnull (strstr (outcome.message, "shop"));
    ck_assert_ptr_null (fixture.service.tail);
    client_end (&client);
}
END_TEST

START_TEST (an_unknown_key_is_refused_at_once)
{
    struct rpc_client *client = fixture_client (&fixture, &fixture.stranger_keys, NULL);
    struct rpc_call_options patient = {.timeout_ms = 2 * FIXTURE_LATE_MS};
    struct outcome outcome;
    for (int i = 0; i < 2; i++) { // the second when the refusal is known already
        call_validate (client, &outcome, "hello", "echo", &patient);
        ck_assert (fixture_until (&fixture, outcome_done, &outcome));
        ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_PERMISSION_DENIED);
        ck_assert_int_lt (outcome.took_ms, FIXTURE_LATE_MS); // not only at the deadline
    }
    // The peers file learns of it: the client gets in without being told.
    struct error error;
    fixture_peers (&fixture, "%s stranger caller\n", fixture.stranger_keys.public_key);
    ck_assert (rpc_server_reload_peers (fixture.server, &error));
    ck_assert (fixture_connected (&fixture, client, 1));
    call_validate (client, &outcome, "hello", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
    client_end (&client);
}
END_TEST

START_TEST (nobody_there_is_unavailable_at_the_deadline)
{
    rpc_server_destroy (&fixture.server);
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    struct outcome outcome;
    struct rpc_call_options options = {.timeout_ms = 300};
    call_validate (client, &outcome, "hello", "echo", &options);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_UNAVAILABLE);
    ck_assert_ptr_nonnull (strstr (outcome.message, fixture.endpoint));
    ck_assert_int_ge (outcome.took_ms, 295);
    ck_assert_int_le (outcome.took_ms, FIXTURE_LATE_MS);
    client_end (&client);
}
END_TEST

static bool
first_answered (void *context)
{
    (void) context;
    return request_answered (fixture.service.held[0]);
}

START_TEST (a_deadline_passes)
{
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    struct outcome outcome;
    struct rpc_call_options options = {.timeout_ms = 800};
    ck_assert (fixture_connected (&fixture, client, 1));
    call_validate (client, &outcome, "hello", "hold", &options);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_DEADLINE_EXCEEDED);
    ck_assert_int_ge (outcome.took_ms, 795);
    ck_assert_int_le (outcome.took_ms, FIXTURE_LATE_MS);
    ck_assert_uint_eq (fixture.service.nheld, 1);
    ck_assert (fixture_until (&fixture, first_answered, NULL));
    hold_release (0); // nobody gets this
    call_validate (client, &outcome, "again", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_str_eq (outcome.token, "again");
    client_end (&client);
}
END_TEST

START_TEST (a_cancelled_call_is_not_called_back)
{
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    struct outcome outcome;
    size_t one = 1;
    uint64_t id = call_validate (client, &outcome, "hello", "hold", NULL);
    ck_assert (fixture_until (&fixture, held, &one));
    rpc_client_cancel (client, id);
    rpc_client_cancel (client, id);
    ck_assert (fixture_until (&fixture, first_answered, NULL));
    hold_release (0);
    fixture_pass (&fixture, 50);
    ck_assert (!outcome.done);
    client_end (&client);
}
END_TEST

// Nobody waits for what is held any more.
static bool
peers_gone (void *context)
{
    (void) context;
    for (size_t i = 1; i < 32; i++)
        if (!request_answered (fixture.service.held[i]))
            return false;
    return true;
}

START_TEST (limits_of_calls_in_progress)
{
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    struct rpc_client *other = fixture_client (&fixture, &fixture.service_keys, NULL);
    struct rpc_client *third = fixture_client (&fixture, &fixture.service_keys, NULL);
    static struct outcome outcomes[40];
    struct outcome outcome;
    size_t n = 16;
    for (size_t i = 0; i < n; i++)
        call_validate (client, &outcomes[i], "x", "hold", NULL);
    ck_assert (fixture_until (&fixture, held, &n));
    call_validate (client, &outcome, "x", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);
    ck_assert_ptr_nonnull (strstr (outcome.message, "connection"));
    for (size_t i = 0; i < 16; i++)
        call_validate (other, &outcomes[n + i], "x", "hold", NULL);
    n = 32;
    ck_assert (fixture_until (&fixture, held, &n));
    call_validate (third, &outcome, "x", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);
    hold_release (0);
    call_validate (third, &outcome, "x", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
    client_end (&client);
    client_end (&other);
    client_end (&third);
    ck_assert (fixture_until (&fixture, peers_gone, NULL));
    for (size_t i = 1; i < 32; i++)
        hold_release (i);
}
END_TEST

START_TEST (a_client_limits_itself)
{
    struct error error;
    zcert_t *certificate = fixture_certificate (&fixture.caller_keys);
    struct rpc_client_options options = {.endpoints = fixture.endpoint,
                                         .server_key = fixture.server_keys.public_key,
                                         .certificate = certificate,
                                         .in_flight_limit = 2};
    struct rpc_client *client = rpc_client_new (fixture.loop, fixture.resolver, &options, &error);
    struct outcome outcomes[3];
    for (int i = 0; i < 3; i++)
        call_validate (client, &outcomes[i], "x", "echo", NULL);
    for (int i = 0; i < 3; i++)
        ck_assert (fixture_until (&fixture, outcome_done, &outcomes[i]));
    ck_assert_int_eq (outcomes[1].code, JETON__V1__CODE__CODE_OK);
    ck_assert_int_eq (outcomes[2].code, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED);
    client_end (&client);
    zcert_destroy (&certificate);
}
END_TEST

START_TEST (wrong_endpoints_and_keys_are_named)
{
    static const char *const bad[] = {
        "tcp://nowhere", "tcp://:7",    "udp://a:7",    "tcp://a:0", "",
        "tcp://a:7,",    "tcp://::1:7", "tcp://a:70000"};
    struct error error;
    struct rpc_client_options options = {.server_key = fixture.server_keys.public_key};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        options.endpoints = bad[i];
        ck_assert_msg (rpc_client_new (fixture.loop, fixture.resolver, &options, &error) == NULL,
                       "%s", bad[i]);
        ck_assert_ptr_nonnull (strstr (error.text, "not an endpoint"));
    }
    options.endpoints = "tcp://a:7";
    options.server_key = "short";
    ck_assert_ptr_null (rpc_client_new (fixture.loop, fixture.resolver, &options, &error));
}
END_TEST

START_TEST (a_name_stands_for_its_addresses)
{
    char endpoints[64];
    snprintf (endpoints, sizeof endpoints, " tcp://localhost%s ", strrchr (fixture.endpoint, ':'));
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, endpoints);
    struct outcome outcome;
    call_validate (client, &outcome, "hello", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
    client_end (&client);
}
END_TEST

START_TEST (health_and_stats_are_always_there)
{
    rpc_server_health (fixture.server, RPC_STARTING, "no database");
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    Jeton__V1__CheckRequest check = JETON__V1__CHECK_REQUEST__INIT;
    Jeton__V1__GetStatsRequest stats = JETON__V1__GET_STATS_REQUEST__INIT;
    struct outcome outcome = {0};
    rpc_client_call (client, &jeton__v1__health__descriptor, "Check", &check.base, NULL,
                     outcome_take, &outcome);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
    outcome = (struct outcome){0};
    rpc_client_call (client, &jeton__v1__stats__descriptor, "Get", &stats.base, NULL, outcome_take,
                     &outcome);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_OK);
    call_validate (client, &outcome, "hello", "echo", NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_UNAVAILABLE);
    ck_assert_ptr_nonnull (strstr (outcome.message, "no database"));
    client_end (&client);
}
END_TEST

START_TEST (code_names)
{
    ck_assert_str_eq (rpc_code_name (0), "OK");
    ck_assert_str_eq (rpc_code_name (14), "UNAVAILABLE");
    ck_assert_str_eq (rpc_code_name (99), "an unknown code");
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("rpc");
    TCase *calls = tcase_create ("calls");
    tcase_set_timeout (calls, 100);
    tcase_add_checked_fixture (calls, set_up, tear_down);
    tcase_add_test (calls, a_call_is_answered);
    tcase_add_test (calls, the_trace_id_is_the_correlation);
    tcase_add_test (calls, errors_come_with_text_and_field);
    tcase_add_test (calls, a_body_over_the_limit_is_refused);
    tcase_add_test (calls, a_role_that_lacks_the_method_is_refused);
    tcase_add_test (calls, an_unknown_key_is_refused_at_once);
    tcase_add_test (calls, nobody_there_is_unavailable_at_the_deadline);
    tcase_add_test (calls, a_deadline_passes);
    tcase_add_test (calls, a_cancelled_call_is_not_called_back);
    tcase_add_test (calls, limits_of_calls_in_progress);
    tcase_add_test (calls, a_client_limits_itself);
    tcase_add_test (calls, wrong_endpoints_and_keys_are_named);
    tcase_add_test (calls, a_name_stands_for_its_addresses);
    tcase_add_test (calls, health_and_stats_are_always_there);
    tcase_add_test (calls, code_names);
    suite_add_tcase (suite, calls);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
