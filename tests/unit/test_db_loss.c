// common/db while connections are lost, come back, or cannot be had.
// objects: tests/unit/support_db.o tests/unit/support_postgres.o
#include "common/memory/memory.h"
#include "tests/unit/support_db.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

// What comes by itself comes sooner, and calls end later when nothing does.
enum { LATE_MS = 10000 };

// ---- losses --------------------------------------------------------------------------------------------------------

START_TEST (a_silent_server_is_given_up)
{
    struct db_options options = options_new (1);
    options.timeout_ms = 1500;
    open_with (&options);
    pid_t pid = backend ();
    kill (pid, SIGSTOP);
    struct answer write = {0}, waiting = {0}, read = {0};
    int64_t start = zclock_mono ();
    call_int (ADD, 1, &write);
    run_for (5);
    call_int (ADD, 2, &waiting);
    call_get (&read);
    wait_idle ();
    is (&write, DB_UNCERTAIN);
    is (&waiting, DB_UNAVAILABLE);
    is (&read, DB_UNAVAILABLE);
    ck_assert_int_lt (zclock_mono () - start, LATE_MS);
    run_until (is_ready);
    struct answer after = {0};
    call_int (ADD, 3, &after);
    wait_idle ();
    is (&after, DB_OK);
    kill (pid, SIGCONT);
}
END_TEST

START_TEST (a_killed_backend_leaves_writes_uncertain)
{
    open_db (1);
    pid_t pid = backend ();
    struct answer sent = {0}, waiting = {0};
    gate_close ();
    call_int (ADD_GATED, 1, &sent);
    gate_wait (1);
    call_int (ADD, 2, &waiting);
    run_for (5);
    kill (pid, SIGKILL);
    wait_idle ();
    gate_open ();
    is (&sent, DB_UNCERTAIN);
    is (&waiting, DB_UNAVAILABLE);
    ck_assert_int_eq (db_stats (db)->uncertain, 1);
    run_until (is_ready);
    struct answer after = {0};
    call_int (ADD, 3, &after);
    wait_idle ();
    is (&after, DB_OK);
}
END_TEST

static int changes;
static bool last_change;

static bool
has_changed (void)
{
    return changes > 0;
}

static void
on_change (void *context, bool ready)
{
    ck_assert_ptr_eq (context, &changes);
    changes++;
    last_change = ready;
}

START_TEST (a_lost_session_costs_what_it_must)
{
    open_db (2);
    changes = 0;
    db_on_change (db, on_change, &changes);
    struct answer write = {0}, read = {0};
    gate_close ();
    call_int (ADD_GATED, 1, &write);
    gate_wait (1);
    db_call (db, GATED, NULL, on_answer, &read); // on the other one
    gate_wait (2);
    admin ("SELECT pg_terminate_backend (pid) FROM pg_stat_activity WHERE query LIKE 'SELECT "
           "pg_backend_pid%advisory%'");
    run_until (has_changed);
    ck_assert_int_eq (read.calls, 0); // sent once more
    gate_open ();
    wait_idle ();
    ck_assert_int_eq (changes, 1);
    ck_assert (last_change);
    is (&read, DB_OK);
    is (&write, DB_OK);

    write = (struct answer){0};
    gate_close ();
    call_int (ADD_GATED, 3, &write);
    gate_wait (1);
    admin ("SELECT pg_terminate_backend (pid) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO "
           "t%advisory%'");
    wait_idle ();
    gate_open ();
    is (&write, DB_UNCERTAIN);
}
END_TEST

START_TEST (a_stopped_server_comes_back)
{
    open_db (3);
    changes = 0;
    db_on_change (db, on_change, &changes);
    postgres_stop (&postgres, SIGINT);
    run_until (is_not_ready);
    ck_assert (changes > 0 && !last_change);
    struct answer answers[4] = {0};
    int64_t start = zclock_mono ();
    for (int i = 0; i < 4; i++)
        call_int (i % 2 ? GET : ADD, i, &answers[i]);
    wait_idle ();
    ck_assert_int_lt (zclock_mono () - start, LATE_MS); // and not when their time is over
    for (int i = 0; i < 4; i++)
        is (&answers[i], DB_UNAVAILABLE);
    struct error error;
    ck_assert (!db_ready (db, &error));
    run_for (300);
    ck_assert (!db_ready (db, &error));
    ck_assert_msg (strstr (error.text, "No such file") || strstr (error.text, "refused"), "%s",
                   error.text);
    postgres_start_again (&postgres);
    run_until (is_ready);
    ck_assert (last_change);
    struct answer after = {0};
    call_int (ADD, 9, &after);
    wait_idle ();
    is (&after, DB_OK);
}
END_TEST

START_TEST (crashes_under_load_lose_nothing_confirmed)
{
    open_db (3);
    static struct answer answers[600];
    memset (answers, 0, sizeof answers);
    for (int i = 0; i < 600; i++) {
        call_int (ADD, i, &answers[i]);
        if (i % 3 == 0)
            run_for (1);
        if (i == 300) {
            postgres_stop (&postgres, SIGQUIT);
            postgres_start_again (&postgres);
        }
    }
    wait_idle ();
    int ok = 0, uncertain = 0;
    for (int i = 0; i < 600; i++) {
        ck_assert_int_eq (answers[i].calls, 1);
        ck_assert_int_ne (answers[i].outcome, DB_FAILED);
        ok += answers[i].outcome == DB_OK;
        uncertain += answers[i].outcome == DB_UNCERTAIN;
        char sql[60];
        snprintf (sql, sizeof sql, "SELECT count (*) FROM t WHERE id = %d", i);
        if (answers[i].outcome != DB_UNCERTAIN && i % 7 == 0)
            ck_assert_int_eq (ask (sql), answers[i].outcome == DB_OK);
    }
    int rows = ask ("SELECT count (*) FROM t");
    ck_assert_int_ge (rows, ok);
    ck_assert_int_le (rows, ok + uncertain);
}
END_TEST

START_TEST (destroy_ends_every_call)
{
    open_db (1);
    struct answer sent = {0}, waiting = {0}, read = {0};
    gate_close ();
    call_int (ADD_GATED, 1, &sent);
    gate_wait (1);
    call_get (&read);
    call_int (ADD, 2, &waiting);
    ck_assert (!db_idle (db));
    db_destroy (&db);
    gate_open ();
    is (&sent, DB_UNCERTAIN);
    is (&waiting, DB_UNAVAILABLE);
    is (&read, DB_UNAVAILABLE);
    db_destroy (&db);
}
END_TEST

static struct db *dying;
static struct answer late;

static void
on_end_call (void *context, enum db_outcome outcome, PGresult *const *results,
             const struct db_error *error)
{
    on_answer (context, outcome, results, error);
    db_call (dying, GET, NULL, on_answer, &late);
}

START_TEST (a_call_from_the_last_callback_ends_too)
{
    open_db (1);
    late = (struct answer){0};
    struct answer first = {0};
    dying = db;
    db_call (db, GET, NULL, on_end_call, &first);
    db_destroy (&db);
    is (&first, DB_UNAVAILABLE);
    is (&late, DB_UNAVAILABLE);
}
END_TEST

// ---- getting ready -------------------------------------------------------------------------------------------------

static const char *
why_not (void)
{
    static struct error error;
    error.text[0] = 0;
    ck_assert (!db_ready (db, &error));
    return error.text;
}

static void
fails_with (const struct db_options *options, const char *text)
{
    db_destroy (&db);
    db = db_new (loop, resolver, options);
    struct answer answer = {0};
    db_call (db, 0, NULL, on_answer, &answer);
    for (int i = 0; i < 3000 && !strstr (why_not (), text); i++)
        run_for (10);
    ck_assert_msg (strstr (why_not (), text), "%s", why_not ());
    wait_idle ();
    is (&answer, DB_UNAVAILABLE);
}

START_TEST (the_schema_must_be_new_enough)
{
    struct db_options options = options_new (1);
    options.schema_version = 2;
    fails_with (&options, "no schema yet: run `jeton db migrate`");
    admin ("CREATE TABLE schema_migrations (version int)");
    fails_with (&options, "schema is version 0, this build needs 2: run `jeton db migrate`");
    admin ("INSERT INTO schema_migrations VALUES (1)");
    fails_with (&options, "schema is version 1, this build needs 2: run `jeton db migrate`");
    // No restart is needed.
    admin ("INSERT INTO schema_migrations VALUES (2), (3)");
    run_until (is_ready);
}
END_TEST

START_TEST (reasons_are_told)
{
    struct db_options options = options_new (1);
    options.url = "postgresql://user:secret@[broken";
    fails_with (&options, "connection string");
    ck_assert_ptr_null (strstr (why_not (), "secret"));
    options.url = "host=localhost port=1 user=postgres";
    fails_with (&options, "refused");
    options.url = "host=/tmp,/tmp port=1,2,3";
    fails_with (&options, "as many ports");
    options = options_new (1);
    options.url = postgres_url (&postgres, "postgres", "nowhere");
    fails_with (&options, "\"nowhere\" does not exist");
    const struct db_statement wrong[] = {{"fine", "SELECT 1", false},
                                         {"wrong", "SELECT x FROM nowhere", false},
                                         {NULL, NULL, false}};
    options = options_new (1);
    options.statements = wrong;
    fails_with (&options,
                "statement wrong does not fit the database: relation \"nowhere\" does not exist");
    db_destroy (&db);
}
END_TEST

START_TEST (passwords_and_hosts)
{
    admin ("DROP ROLE IF EXISTS bob; CREATE ROLE bob LOGIN PASSWORD 'right'; GRANT ALL ON t, "
           "child, tries TO bob");
    char url[200];
    // The first of two hosts is not there.
    snprintf (url, sizeof url, "postgresql://bob@/postgres?host=/nonexistent,%s&port=5432,5432",
              postgres.dir);
    struct db_options options = options_new (1);
    options.url = url;
    options.password = "wrong";
    fails_with (&options, "password authentication failed");
    db_destroy (&db);
    options.password = "right";
    open_with (&options);
    db_destroy (&db);
    admin ("DROP OWNED BY bob; DROP ROLE bob");
}
END_TEST

START_TEST (sessions_are_set_up)
{
    open_db (1);
    backend ();
    ck_assert_int_eq (
        ask ("SELECT count (*) FROM pg_stat_activity WHERE application_name = 'test_db'"), 1);
}
END_TEST

static void
session_has (const char *setting, const char *value)
{
    struct db_params params = {0};
    struct answer answer = {0};
    db_param_text (&params, setting);
    db_param_text (&params, value);
    db_call (db, SESSION_HAS, &params, on_answer, &answer);
    wait_idle ();
    is (&answer, DB_OK);
    ck_assert_msg (answer.value == 1, "%s is not %s", setting, value);
}

// Whose machine or network is gone says nothing: the server has to ask, or the session's locks would stay for hours, the advisory one of the trail's writer
// too (R40). A URL may say otherwise.
START_TEST (the_server_looks_after_its_clients)
{
    struct db_options options = options_new (1);
    options.timeout_ms = 7000;
    open_with (&options);
    session_has ("tcp_keepalives_idle", "10");
    session_has ("tcp_keepalives_interval", "3");
    session_has ("tcp_keepalives_count", "3");
    session_has ("tcp_user_timeout", "7000");
    db_destroy (&db);
    cleanup_free char *url = xasprintf ("%s options='-c tcp_keepalives_idle=77'", options.url);
    options.url = url;
    open_with (&options);
    session_has ("tcp_keepalives_idle", "77");
    session_has ("tcp_keepalives_count", "3");
}
END_TEST

int
main (void)
{
    TCase *tcase = tcase_create ("db_loss");
    tcase_add_test (tcase, a_silent_server_is_given_up);
    tcase_add_test (tcase, a_killed_backend_leaves_writes_uncertain);
    tcase_add_test (tcase, a_lost_session_costs_what_it_must);
    tcase_add_test (tcase, a_stopped_server_comes_back);
    tcase_add_test (tcase, crashes_under_load_lose_nothing_confirmed);
    tcase_add_test (tcase, destroy_ends_every_call);
    tcase_add_test (tcase, a_call_from_the_last_callback_ends_too);
    tcase_add_test (tcase, the_schema_must_be_new_enough);
    tcase_add_test (tcase, reasons_are_told);
    tcase_add_test (tcase, passwords_and_hosts);
    tcase_add_test (tcase, sessions_are_set_up);
    tcase_add_test (tcase, the_server_looks_after_its_clients);
    return run_suite ("db_loss", tcase);
}
