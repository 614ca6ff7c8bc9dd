// A name whose addresses come and go. The resolver is the test's own.
// objects: tests/unit/rpc_fixture.o
#include "common/net/alarm.h"
#include "tests/unit/rpc_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

// ---- a resolver -----------------------------------------------------------------------------------------------------

static const char *known[4]; // what the name stands for now
static size_t nknown;
static size_t nqueries;

struct resolver {
    struct loop *loop;
};

struct resolver_query {
    struct alarm *alarm;
    resolver_callback *callback;
    void *context;
};

struct resolver *
resolver_new (struct loop *loop)
{
    struct resolver *resolver = xcalloc (1, sizeof *resolver);
    resolver->loop = loop;
    return resolver;
}

void
resolver_destroy (struct resolver **resolver)
{
    free (*resolver);
    *resolver = NULL;
}

static void
query_answer (void *context)
{
    struct resolver_query *query = context;
    struct error error = {.text = ""};
    if (nknown == 0)
        error_set (&error, "service: no such name");
    query->callback (query->context, known, nknown, &error);
    resolver_cancel (&query);
}

struct resolver_query *
resolver_start (struct resolver *resolver, const char *host, resolver_callback *callback,
                void *context)
{
    ck_assert_str_eq (host, "service");
    nqueries++;
    struct resolver_query *query = xcalloc (1, sizeof *query);
    query->callback = callback;
    query->context = context;
    query->alarm = alarm_new (resolver->loop, query_answer, query);
    alarm_by (query->alarm, 0);
    return query;
}

void
resolver_cancel (struct resolver_query **query)
{
    if (*query == NULL)
        return;
    alarm_destroy (&(*query)->alarm);
    free (*query);
    *query = NULL;
}

// ---- the tests ------------------------------------------------------------------------------------------------------

static struct fixture fixture;
static struct rpc_client *client;
static zcert_t *certificate;
static pid_t child; // at 127.0.0.2, with the port of the server at 127.0.0.1
static char port[16];

static void
set_up (void)
{
    unsigned number = fixture_port ();
    snprintf (port, sizeof port, "%u", number);
    fixture_open (&fixture);
    child = fork ();
    if (child == 0) {
        snprintf (fixture.endpoint, sizeof fixture.endpoint, "tcp://127.0.0.2:%s", port);
        snprintf (fixture.service.name, sizeof fixture.service.name, "child");
        fixture_serve (&fixture);
        fixture_pass (&fixture, 600000);
        _exit (0);
    }
    snprintf (fixture.endpoint, sizeof fixture.endpoint, "tcp://127.0.0.1:%s", port);
    snprintf (fixture.service.name, sizeof fixture.service.name, "parent");
    fixture_serve (&fixture);
    char endpoints[64];
    struct error error;
    certificate = fixture_certificate (&fixture.caller_keys);
    snprintf (endpoints, sizeof endpoints, "tcp://service:%s", port);
    struct rpc_client_options options = {.endpoints = endpoints,
                                         .server_key = fixture.server_keys.public_key,
                                         .certificate = certificate,
                                         .resolve_interval_ms = 30};
    client = rpc_client_new (fixture.loop, fixture.resolver, &options, &error);
    ck_assert_ptr_nonnull (client);
}

static void
tear_down (void)
{
    kill (child, SIGKILL);
    waitpid (child, NULL, 0);
    rpc_client_destroy (&client);
    zcert_destroy (&certificate);
    fixture_close (&fixture);
}

static void
stand_for (const char *first, const char *second)
{
    known[0] = first;
    known[1] = second;
    nknown = (first != NULL) + (second != NULL);
}

static const char *
ask_within (struct outcome *outcome, int64_t timeout_ms)
{
    struct rpc_call_options options = {.timeout_ms = timeout_ms};
    call_validate (client, outcome, "x", "who", &options);
    ck_assert (fixture_until (&fixture, outcome_done, outcome));
    return outcome->token;
}

static const char *
ask (struct outcome *outcome)
{
    return ask_within (outcome, 10000);
}

static bool
queried (void *n)
{
    return nqueries >= *(size_t *) n;
}

static bool
both_answer (void *context)
{
    unsigned *seen = context;
    return *seen == 3;
}

static bool
one_held (void *context)
{
    (void) context;
    return fixture.service.nheld == 1;
}

START_TEST (addresses_come_and_go)
{
    struct outcome outcome, held;
    unsigned seen = 0;
    stand_for ("127.0.0.1", NULL);
    for (int i = 0; i < 5; i++)
        ck_assert_str_eq (ask (&outcome), "parent");

    stand_for ("127.0.0.1", "127.0.0.2");
    for (int i = 0; i < 500 && !both_answer (&seen); i++) {
        fixture_pass (&fixture, 5);
        seen |= strcmp (ask (&outcome), "parent") == 0 ? 1 : 2;
    }
    ck_assert_uint_eq (seen, 3);

    // An address that goes while a call is in progress there: the call is finished, others go elsewhere.
    stand_for ("127.0.0.1", NULL);
    ck_assert (fixture_connected (&fixture, client, 1));
    call_validate (client, &held, "x", "hold", NULL);
    ck_assert (fixture_until (&fixture, one_held, NULL));
    stand_for (NULL, "127.0.0.2");
    known[0] = known[1];
    for (int i = 0; i < 500 && strcmp (ask (&outcome), "child") != 0; i++)
        fixture_pass (&fixture, 5);
    for (int i = 0; i < 5; i++)
        ck_assert_str_eq (ask (&outcome), "child");
    Jeton__V1__ValidateReply reply = JETON__V1__VALIDATE_REPLY__INIT;
    request_reply (fixture.service.held[0], &reply.base);
    ck_assert (fixture_until (&fixture, outcome_done, &held));
    ck_assert_int_eq (held.code, JETON__V1__CODE__CODE_OK);
}
END_TEST

START_TEST (a_name_server_that_fails_changes_nothing)
{
    struct outcome outcome;
    ck_assert_str_eq (ask_within (&outcome, 500), "");
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_UNAVAILABLE);
    ck_assert_ptr_nonnull (strstr (outcome.message, "no such name"));
    stand_for ("127.0.0.1", NULL);
    ck_assert_str_eq (ask (&outcome), "parent");
    stand_for (NULL, NULL);
    size_t then = nqueries + 3;
    ck_assert (fixture_until (&fixture, queried, &then));
    ck_assert_str_eq (ask (&outcome), "parent");
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("rpc names");
    TCase *names = tcase_create ("names");
    tcase_set_timeout (names, 100);
    tcase_add_checked_fixture (names, set_up, tear_down);
    tcase_add_test (names, addresses_come_and_go);
    tcase_add_test (names, a_name_server_that_fails_changes_nothing);
    suite_add_tcase (suite, names);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
