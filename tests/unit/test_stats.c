// What a process shows of itself (R46): how times are counted, what Stats/Get has of calls, by method and code, and the addresses that a client has.
// objects: tests/unit/rpc_fixture.o
#include "tests/unit/rpc_fixture.h"

#include <stdlib.h>
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

// The bucket that holds the only value.
static size_t
bucket_of (int64_t us)
{
    struct timing timing = {0};
    size_t bucket = 0;
    timing_add (&timing, us);
    ck_assert_uint_eq (timing_count (&timing), 1);
    ck_assert_uint_eq (timing.sum_us, us > 0 ? (uint64_t) us : 0);
    while (timing.buckets[bucket] == 0)
        bucket++;
    return bucket;
}

START_TEST (each_bound_belongs_to_the_bucket_below_it)
{
    for (size_t i = 0; i < TIMING_BOUNDS; i++) {
        ck_assert_uint_eq (timing_bounds[i], (uint64_t) TIMING_FIRST_US << i);
        ck_assert_uint_eq (bucket_of ((int64_t) timing_bounds[i]), i);
        ck_assert_uint_eq (bucket_of ((int64_t) timing_bounds[i] + 1), i + 1);
    }
    ck_assert_uint_eq (bucket_of (0), 0);
    ck_assert_uint_eq (bucket_of (1), 0);
    ck_assert_uint_eq (bucket_of (-5), 0); // no clock goes back; if one did, nothing breaks
    ck_assert_uint_eq (bucket_of (INT64_MAX), TIMING_BUCKETS - 1);
}
END_TEST

// ---- Stats/Get ------------------------------------------------------------------------------------------------------

static bool
label_is (const Jeton__V1__Stat *stat, const char *name, const char *value)
{
    for (size_t i = 0; i < stat->n_labels; i++)
        if (strcmp (stat->labels[i]->name, name) == 0)
            return value == NULL || strcmp (stat->labels[i]->value, value) == 0;
    return value == NULL;
}

// The one of this name; method and code NULL: of any. NULL: there is none.
static const Jeton__V1__Stat *
stat_find (const Jeton__V1__GetStatsReply *reply, const char *name, const char *method,
           const char *code)
{
    for (size_t i = 0; i < reply->n_stats; i++) {
        const Jeton__V1__Stat *stat = reply->stats[i];
        if (strcmp (stat->name, name) == 0 && label_is (stat, "method", method) &&
            label_is (stat, "code", code))
            return stat;
    }
    return NULL;
}

static uint64_t
handled (const char *method, const char *code)
{
    struct arena *arena = arena_new (1 << 20);
    const Jeton__V1__GetStatsReply *reply = rpc_server_stats_reply (fixture.server, arena);
    ck_assert_ptr_nonnull (reply);
    const Jeton__V1__Stat *stat = stat_find (reply, "rpc.handled", method, code);
    uint64_t value = stat != NULL ? stat->value : 0;
    arena_destroy (&arena);
    return value;
}

static void
validate (struct rpc_client *client, const char *module, int code)
{
    struct outcome outcome;
    call_validate (client, &outcome, "hello", module, NULL);
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, code);
}

#define VALIDATE "jeton.v1.Validator/Validate"

START_TEST (calls_are_counted_by_method_and_code)
{
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    ck_assert_uint_eq (handled (VALIDATE, "OK"), 0);
    for (int i = 0; i < 3; i++)
        validate (client, "echo", JETON__V1__CODE__CODE_OK);
    for (int i = 0; i < 2; i++)
        validate (client, "fail", JETON__V1__CODE__CODE_NOT_FOUND);
    validate (client, "field", JETON__V1__CODE__CODE_INVALID_ARGUMENT);
    ck_assert_uint_eq (handled (VALIDATE, "OK"), 3);
    ck_assert_uint_eq (handled (VALIDATE, "NOT_FOUND"), 2);
    ck_assert_uint_eq (handled (VALIDATE, "INVALID_ARGUMENT"), 1);
    ck_assert_uint_eq (handled (VALIDATE, "CANCELLED"), 0);

    struct arena *arena = arena_new (1 << 20);
    const Jeton__V1__GetStatsReply *reply = rpc_server_stats_reply (fixture.server, arena);
    const Jeton__V1__Stat *took = stat_find (reply, "rpc.handling_us", VALIDATE, NULL);
    ck_assert_ptr_nonnull (took);
    ck_assert_int_eq (took->kind, JETON__V1__STAT_KIND__STAT_KIND_HISTOGRAM);
    ck_assert_uint_eq (took->value, 6);
    ck_assert_uint_eq (took->n_bounds, TIMING_BOUNDS);
    ck_assert_uint_eq (took->n_buckets, TIMING_BUCKETS);
    // What was never called has its counter, so that it can be seen to rise, and no histogram.
    ck_assert_ptr_nonnull (stat_find (reply, "rpc.handled", "jeton.v1.Validator/Introspect", "OK"));
    ck_assert_ptr_null (
        stat_find (reply, "rpc.handling_us", "jeton.v1.Validator/Introspect", NULL));
    arena_destroy (&arena);
    rpc_client_destroy (&client);
}
END_TEST

// Whoever refuses it, and whoever goes away.
START_TEST (what_does_not_reach_a_handler_is_counted_too)
{
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, NULL);
    struct outcome outcome;
    call_export (client, &outcome, 1, 1); // for operators
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_uint_eq (handled ("jeton.v1.AuditLogger/ExportTrail", "PERMISSION_DENIED"), 1);

    struct outcome none = {0};
    static const uint8_t body[1];
    rpc_client_call_packed (client, "jeton.v1.Validator/Vlidate",
                            &jeton__v1__validate_reply__descriptor, body, 0, NULL, outcome_take,
                            &none);
    ck_assert (fixture_until (&fixture, outcome_done, &none));
    ck_assert_uint_eq (handled ("unknown", "UNIMPLEMENTED"), 1);

    call_validate (client, &outcome, "hello", "hold", &(struct rpc_call_options){.timeout_ms = 50});
    ck_assert (fixture_until (&fixture, outcome_done, &outcome));
    ck_assert_int_eq (outcome.code, JETON__V1__CODE__CODE_DEADLINE_EXCEEDED);
    rpc_client_destroy (&client);
    Jeton__V1__ValidateReply reply = JETON__V1__VALIDATE_REPLY__INIT;
    request_reply (fixture.service.held[0], &reply.base);
    // The server's clock may be the first to say so, or it hears the client go.
    ck_assert_uint_eq (handled (VALIDATE, "DEADLINE_EXCEEDED") + handled (VALIDATE, "CANCELLED") +
                           handled (VALIDATE, "OK"),
                       1);
}
END_TEST

static const struct stat_row rows[] = {
    STAT_COUNTER (struct service, calls, "test.calls", "Calls of the test"),
    STAT_GAUGE (struct service, batches, "test.batches", "Batches of the test"),
    STAT_END,
};

static void
batches_work_out (void *context)
{
    ((struct service *) context)->batches = 7;
}

START_TEST (figures_of_others_are_shown)
{
    rpc_server_stats (fixture.server, &(struct stat_source){.rows = rows,
                                                            .base = &fixture.service,
                                                            .refresh = batches_work_out,
                                                            .context = &fixture.service,
                                                            .label = "which",
                                                            .value = "this"});
    fixture.service.calls = 5;
    struct arena *arena = arena_new (1 << 20);
    const Jeton__V1__GetStatsReply *reply = rpc_server_stats_reply (fixture.server, arena);
    const Jeton__V1__Stat *calls = stat_find (reply, "test.calls", NULL, NULL);
    ck_assert_uint_eq (calls->value, 5);
    ck_assert_int_eq (calls->kind, JETON__V1__STAT_KIND__STAT_KIND_COUNTER);
    ck_assert_str_eq (calls->help, "Calls of the test");
    ck_assert (label_is (calls, "which", "this"));
    const Jeton__V1__Stat *batches = stat_find (reply, "test.batches", NULL, NULL);
    ck_assert_int_eq (batches->kind, JETON__V1__STAT_KIND__STAT_KIND_GAUGE);
    ck_assert_uint_eq (batches->value, 7);
    arena_destroy (&arena);
    // Memory that does not do is said so, wherever it ends.
    for (size_t limit = 64; limit < 4096; limit += 64) {
        arena = arena_new (limit);
        ck_assert_ptr_null (rpc_server_stats_reply (fixture.server, arena));
        arena_destroy (&arena);
    }
}
END_TEST

// ---- a client's addresses -------------------------------------------------------------------------------------------

struct addresses {
    size_t n, up, without;
    char first[64];
};

static void
address_take (void *context, uint32_t number, const char *address, bool up)
{
    struct addresses *addresses = context;
    if (addresses->n++ == 0)
        snprintf (addresses->first, sizeof addresses->first, "%s", address);
    addresses->up += up;
    addresses->without += number == 0;
}

START_TEST (a_client_tells_its_addresses)
{
    char endpoints[256];
    snprintf (endpoints, sizeof endpoints, "%s, tcp://127.0.0.1:%u, tcp://nobody.invalid:1",
              fixture.endpoint, fixture_port ());
    struct rpc_client *client = fixture_client (&fixture, &fixture.caller_keys, endpoints);
    ck_assert (fixture_connected (&fixture, client, 1));
    struct addresses addresses = {0};
    rpc_client_each (client, address_take, &addresses);
    ck_assert_uint_eq (addresses.n, 3);
    ck_assert_uint_eq (addresses.up, 1);
    ck_assert_uint_eq (addresses.without, 1);
    ck_assert_str_eq (addresses.first, fixture.endpoint);
    rpc_client_destroy (&client);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("stats");
    TCase *timing = tcase_create ("timing");
    tcase_add_test (timing, each_bound_belongs_to_the_bucket_below_it);
    suite_add_tcase (suite, timing);
    TCase *calls = tcase_create ("calls");
    tcase_set_timeout (calls, 100);
    tcase_add_checked_fixture (calls, set_up, tear_down);
    tcase_add_test (calls, calls_are_counted_by_method_and_code);
    tcase_add_test (calls, what_does_not_reach_a_handler_is_counted_too);
    tcase_add_test (calls, figures_of_others_are_shown);
    tcase_add_test (calls, a_client_tells_its_addresses);
    suite_add_tcase (suite, calls);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
