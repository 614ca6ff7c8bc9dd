#include "tests/unit/support_db.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_statement statements[] = {
    [ADD] = {"add", "INSERT INTO t (id) VALUES ($1::int) RETURNING id, pg_current_xact_id ()::text",
             true},
    [ADD_SLOWLY] = {"add_slowly", "INSERT INTO t (id) SELECT $1::int FROM pg_sleep ($2::float8)",
                    true},
    [ADD_CHILD] = {"add_child", "INSERT INTO child (parent) VALUES ($1::int)", true},
    [ADD_LATER] = {"add_later", "INSERT INTO later (parent) VALUES ($1::int)", true},
    [GET] = {"get", "SELECT pg_backend_pid (), count (*) FROM t", false},
    [ECHO] = {"echo", "SELECT $1::text, $2::bigint, $3::bool, $4::bytea, $5::text", false},
    [SLEEP] = {"sleep", "SELECT pg_backend_pid () FROM pg_sleep ($1::float8)", false},
    [GATED] = {"gated", "SELECT pg_backend_pid () FROM pg_advisory_xact_lock_shared (1)", false},
    [ADD_GATED] = {"add_gated",
                   "INSERT INTO t (id) SELECT $1::int FROM pg_advisory_xact_lock_shared (1)", true},
    [DIVIDE] = {"divide", "SELECT 1 / $1::int", false},
    [CAST] = {"cast", "SELECT $1::text::bigint", false},
    [FLAKY] = {"flaky", "SELECT flaky ($1::int)", true},
    [READ_ONLY] = {"read_only", "INSERT INTO t SELECT 1 FROM fail_read_only ()", true},
    // Adds those that have a word: its word, how many ran together, its data.
    [ADD_MANY] = {"add_many",
                  "WITH input AS (SELECT * FROM unnest ($1::int[], $2::text[], $3::bytea[])"
                  "  WITH ORDINALITY AS i (id, word, data, n)),"
                  " added AS (INSERT INTO t (id) SELECT id FROM input WHERE word IS NOT NULL)"
                  " SELECT n, word, (SELECT count (*) FROM input), data FROM input"
                  " WHERE word IS NOT NULL",
                  DB_MANY},
    // The word's length, for those that have one; how many ran together.
    [FIND_MANY] = {"find_many",
                   "SELECT n, length (word), (SELECT count (*) FROM unnest ($1::text[]))"
                   " FROM unnest ($1::text[]) WITH ORDINALITY AS i (word, n) WHERE word <> ''",
                   DB_READ_MANY},
    [FIND_EACH] = {"find_each",
                   "SELECT n, length (word), (SELECT count (*) FROM unnest ($1::text[]))"
                   " FROM unnest ($1::text[]) WITH ORDINALITY AS i (word, n) WHERE word <> ''",
                   DB_READ_MANY | DB_EACH},
    // Fails unless plans are made in this way.
    [PLANNED] = {"planned", "SELECT 1 / (current_setting ('plan_cache_mode') = $1::text)::int",
                 false},
    // How many settings of the session have been given this value; of those of TCP, a session on a Unix socket shows no other.
    [SESSION_HAS] = {"session_has",
                     "SELECT count (*), '' FROM pg_settings WHERE name = $1 AND reset_val = $2",
                     false},
    {NULL, NULL, false},
};

struct postgres postgres;
struct loop *loop;
struct resolver *resolver;
struct db *db;

void
on_answer (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    struct answer *answer = context;
    answer->calls++;
    answer->outcome = outcome;
    answer->error = *error;
    answer->at = zclock_mono ();
    ck_assert ((outcome == DB_OK) == (results != NULL));
    if (!results)
        return;
    const char *text;
    answer->rows = PQntuples (results[0]);
    if (answer->rows == 0)
        return;
    if (PQnfields (results[0]) == 4) {
        ck_assert (db_get_int (results[0], 0, 2, &answer->third));
        if (!PQgetisnull (results[0], 0, 3))
            ck_assert (db_get_bytes (results[0], 0, 3, answer->bytes, sizeof answer->bytes,
                                     &answer->nbytes));
    }
    if (db_get_int (results[0], 0, 0, &answer->value) && db_get_text (results[0], 0, 1, &text))
        snprintf (answer->text, sizeof answer->text, "%s", text);
}

// ---- running the loop ----------------------------------------------------------------------------------------------

static int64_t deadline;
static bool (*condition) (void);

static int
on_check (struct loop *l, int id, void *argument)
{
    (void) l, (void) id, (void) argument;
    return condition () || zclock_mono () > deadline ? -1 : 0;
}

static void
run_within (bool (*wanted) (void), int64_t limit_ms)
{
    condition = wanted;
    deadline = zclock_mono () + limit_ms;
    int id = loop_timer (loop, 1, 0, on_check, NULL);
    loop_run (loop);
    loop_timer_end (loop, id);
    ck_assert_msg (wanted (), "it did not happen within %lld ms", (long long) limit_ms);
}

void
run_until (bool (*wanted) (void))
{
    run_within (wanted, 60000);
}

bool
is_ready (void)
{
    struct error error;
    return db_ready (db, &error);
}

bool
is_not_ready (void)
{
    return !is_ready ();
}

bool
is_idle (void)
{
    return db_idle (db);
}

static bool
never (void)
{
    return zclock_mono () >= deadline;
}

void
run_for (int64_t ms)
{
    run_within (never, ms);
}

// ---- fixtures ------------------------------------------------------------------------------------------------------

struct db_options
options_new (size_t connections)
{
    return (struct db_options){.url = postgres_url (&postgres, "postgres", "postgres"),
                               .application = "test_db",
                               .connections = connections,
                               .queue_limit = 1000,
                               .group_limit = 100,
                               .timeout_ms = 20000,
                               .statements = statements};
}

void
open_with (const struct db_options *options)
{
    db = db_new (loop, resolver, options);
    run_until (is_ready);
}

void
open_db (size_t connections)
{
    struct db_options options = options_new (connections);
    open_with (&options);
    for (int i = 0; i < 10000 && db_stats (db)->connects < connections; i++)
        run_for (5);
    ck_assert_int_eq (db_stats (db)->connects, connections);
}

void
admin (const char *sql)
{
    PGconn *pg = postgres_connect (&postgres, "postgres", "postgres");
    postgres_run (pg, sql);
    PQfinish (pg);
}

int
ask (const char *sql)
{
    PGconn *pg = postgres_connect (&postgres, "postgres", "postgres");
    int value = atoi (postgres_text (pg, sql));
    PQfinish (pg);
    return value;
}

static void
setup (void)
{
    loop = loop_new ();
    resolver = resolver_new (loop);
    admin ("DROP TABLE IF EXISTS t, child, later, schema_migrations CASCADE;"
           "DROP SEQUENCE IF EXISTS tries;"
           "CREATE TABLE t (id int CONSTRAINT t_key PRIMARY KEY);"
           "CREATE TABLE child (parent int CONSTRAINT child_parent REFERENCES t);"
           "CREATE TABLE later (parent int CONSTRAINT later_parent REFERENCES t"
           " DEFERRABLE INITIALLY DEFERRED);"
           "CREATE SEQUENCE tries;"
           "CREATE OR REPLACE FUNCTION flaky (n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
           " IF nextval ('tries') <= n THEN RAISE 'try again' USING ERRCODE = '40001'; END IF; "
           "RETURN n; END $$;"
           "CREATE OR REPLACE FUNCTION fail_read_only () RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
           " IF nextval ('tries') = 1 THEN RAISE 'standby' USING ERRCODE = '25006'; END IF; RETURN "
           "1; END $$");
}

static void
teardown (void)
{
    db_destroy (&db);
    resolver_destroy (&resolver);
    loop_destroy (&loop);
}

void
call_int (enum statement statement, int64_t value, struct answer *answer)
{
    struct db_params params = {0};
    db_param_int (&params, value);
    db_call (db, (int) statement, &params, on_answer, answer);
    ck_assert_int_eq (answer->calls, 0);
}

void
call_get (struct answer *answer)
{
    db_call (db, GET, NULL, on_answer, answer);
}

void
call_sleep (const char *seconds, struct answer *answer)
{
    struct db_params params = {0};
    db_param_text (&params, seconds);
    db_call (db, SLEEP, &params, on_answer, answer);
}

void
add_slowly (int id, const char *seconds, struct answer *answer)
{
    struct db_params params = {0};
    db_param_int (&params, id);
    db_param_text (&params, seconds);
    db_call (db, ADD_SLOWLY, &params, on_answer, answer);
}

static PGconn *gate;

void
gate_close (void)
{
    gate = postgres_connect (&postgres, "postgres", "postgres");
    postgres_run (gate, "SELECT pg_advisory_lock (1)");
}

void
gate_open (void)
{
    PQfinish (gate);
    gate = NULL;
}

void
gate_wait (int n)
{
    static const char sql[] = "SELECT count (*) FROM pg_locks WHERE locktype = 'advisory'"
                              " AND NOT granted";
    for (int i = 0; i < 10000 && atoi (postgres_text (gate, sql)) != n; i++)
        run_for (5);
    ck_assert_int_eq (atoi (postgres_text (gate, sql)), n);
}

void
wait_idle (void)
{
    run_until (is_idle);
}

void
is (const struct answer *answer, enum db_outcome outcome)
{
    ck_assert_int_eq (answer->calls, 1);
    ck_assert_msg (answer->outcome == outcome, "%s instead of %s: %s %s",
                   db_outcome_name (answer->outcome), db_outcome_name (outcome),
                   answer->error.sqlstate, answer->error.text);
}

pid_t
backend (void)
{
    struct answer answer = {0};
    call_get (&answer);
    wait_idle ();
    is (&answer, DB_OK);
    return (pid_t) answer.value;
}

int
run_suite (const char *name, TCase *tcase)
{
    log_open (name, LOG_LEVEL_ERROR);
    alarm (600);
    zsys_handler_set (NULL);
    postgres_start (&postgres);
    Suite *suite = suite_create (name);
    tcase_add_checked_fixture (tcase, setup, teardown);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    // Not forked: the server belongs to this process.
    srunner_set_fork_status (runner, CK_NOFORK);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    postgres_destroy (&postgres);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
