// common/db against a real server: values, groups, outcomes.
// objects: tests/unit/support_db.o tests/unit/support_postgres.o
#include "tests/unit/support_db.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- values --------------------------------------------------------------------------------------------------------

struct echo {
    const char *text;
    const void *bytes;
    size_t size;
    bool done;
};

static void
on_echo (void *context, enum db_outcome outcome, PGresult *const *results,
         const struct db_error *error)
{
    struct echo *echo = context;
    ck_assert_msg (outcome == DB_OK, "%s", error->text);
    const char *text;
    int64_t number;
    bool flag;
    size_t length;
    uint8_t *bytes = malloc (echo->size + 1);
    ck_assert (db_get_text (results[0], 0, 0, &text));
    ck_assert_str_eq (text, echo->text);
    ck_assert (db_get_int (results[0], 0, 1, &number));
    ck_assert_int_eq (number, INT64_MIN);
    ck_assert (db_get_bool (results[0], 0, 2, &flag) && flag);
    ck_assert_uint_eq (db_bytes_length (results[0], 0, 3), echo->size);
    ck_assert (db_get_bytes (results[0], 0, 3, bytes, echo->size, &length));
    ck_assert_uint_eq (length, echo->size);
    ck_assert (memcmp (bytes, echo->bytes, length) == 0);
    ck_assert (echo->size == 0 || !db_get_bytes (results[0], 0, 3, bytes, echo->size - 1, &length));
    ck_assert (!db_get_text (results[0], 0, 4, &text));
    free (bytes);
    echo->done = true;
}

START_TEST (values_come_back)
{
    open_db (1);
    static uint8_t big[400000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t) (i * 7);
    struct echo echoes[] = {{"", "", 0, false},
                            {"caf\xc3\xa9 '; DROP TABLE t; --", "\0\xff\0", 3, false},
                            {"$1", big, sizeof big, false}};
    for (size_t i = 0; i < 3; i++) {
        struct db_params params = {0};
        db_param_text (&params, echoes[i].text);
        db_param_int (&params, INT64_MIN);
        db_param_bool (&params, true);
        db_param_bytes (&params, echoes[i].bytes, echoes[i].size);
        db_param_null (&params);
        db_call (db, ECHO, &params, on_echo, &echoes[i]);
        memset (&params, 0xaa, sizeof params); // it has copied them
    }
    wait_idle ();
    for (size_t i = 0; i < 3; i++)
        ck_assert (echoes[i].done);
}
END_TEST

START_TEST (rows_are_input)
{
    PGconn *pg = postgres_connect (&postgres, "postgres", "postgres");
    PGresult *r = PQexec (
        pg,
        "SELECT NULL, 'abc', '', '9223372036854775808', ' 1', '+1', '1.0', '-', '12x', 'yes', 'T',"
        " '\\x1', '\\xzz', 'x00', '\\x', '0x10'");
    ck_assert_int_eq (PQntuples (r), 1);
    int64_t number;
    bool flag;
    const char *text;
    uint8_t bytes[8];
    size_t length;
    for (int column = -1; column <= PQnfields (r); column++) {
        ck_assert_msg (!db_get_int (r, 0, column, &number), "column %d", column);
        ck_assert_msg (!db_get_bool (r, 0, column, &flag), "column %d", column);
        ck_assert_msg (column == 14 || !db_get_bytes (r, 0, column, bytes, sizeof bytes, &length),
                       "column %d", column);
    }
    ck_assert (!db_get_text (r, 0, 0, &text) && !db_get_text (r, 1, 1, &text) &&
               !db_get_text (r, -1, 1, &text));
    ck_assert (!db_get_text (r, 0, 99, &text) && !db_get_text (NULL, 0, 0, &text));
    ck_assert (db_get_text (r, 0, 2, &text) && !*text);
    ck_assert (db_get_bytes (r, 0, 14, bytes, sizeof bytes, &length) && length == 0);
    ck_assert_uint_eq (db_bytes_length (r, 0, 0), 0);
    ck_assert_uint_eq (db_bytes_length (r, 5, 5), 0);
    PQclear (r);
    // In binary a value is read as what it is, and as nothing else, though it may look like it.
    r = PQexecParams (pg, "SELECT 't'::text, -5::bigint, true, '\\x0102'::bytea, 7::smallint, 1.5",
                      0, NULL, NULL, NULL, NULL, 1);
    for (int column = -1; column <= PQnfields (r); column++) {
        ck_assert (db_get_text (r, 0, column, &text) == (column == 0));
        ck_assert (db_get_int (r, 0, column, &number) == (column == 1 || column == 4));
        ck_assert (column != 1 || number == -5);
        ck_assert (db_get_bool (r, 0, column, &flag) == (column == 2));
        ck_assert (db_get_bytes (r, 0, column, bytes, sizeof bytes, &length) == (column == 3));
    }
    ck_assert (*text == 't' && number == 7 && flag && length == 2 && bytes[1] == 2);
    ck_assert (!db_get_bytes (r, 0, 3, bytes, 1, &length) && db_bytes_length (r, 0, 3) == 2);
    PQclear (r);
    PQfinish (pg);
}
END_TEST

// ---- groups --------------------------------------------------------------------------------------------------------

START_TEST (writes_of_one_turn_commit_together)
{
    open_db (3);
    struct answer answers[10] = {0};
    for (int i = 0; i < 10; i++)
        call_int (ADD, i, &answers[i]);
    wait_idle ();
    for (int i = 0; i < 10; i++) {
        is (&answers[i], DB_OK);
        ck_assert_int_eq (answers[i].value, i);
        ck_assert_str_eq (answers[i].text, answers[0].text); // the transaction's number
    }
    ck_assert_int_eq (db_stats (db)->groups, 1);
    ck_assert_int_eq (db_stats (db)->calls, 10);
}
END_TEST

START_TEST (writes_gather_behind_one_in_flight)
{
    open_db (1);
    struct answer first = {0}, answers[5] = {0};
    gate_close ();
    call_int (ADD_GATED, 100, &first);
    gate_wait (1);
    for (int i = 0; i < 5; i++) {
        run_for (5);
        call_int (ADD, i, &answers[i]);
    }
    gate_open ();
    wait_idle ();
    is (&first, DB_OK);
    for (int i = 0; i < 5; i++) {
        is (&answers[i], DB_OK);
        ck_assert_str_eq (answers[i].text, answers[0].text);
    }
    ck_assert_int_eq (db_stats (db)->groups, 2);
}
END_TEST

START_TEST (groups_are_bounded)
{
    struct db_options options = options_new (1);
    options.group_limit = 4;
    open_with (&options);
    struct answer answers[10] = {0};
    for (int i = 0; i < 10; i++)
        call_int (ADD, i, &answers[i]);
    wait_idle ();
    for (int i = 0; i < 10; i++)
        is (&answers[i], DB_OK);
    ck_assert_int_eq (db_stats (db)->groups, 3);
}
END_TEST

START_TEST (a_group_locks_in_order)
{
    open_db (1);
    struct answer answers[5] = {0};
    static const int orders[] = {3, 1, 2, 1, 0};
    for (int i = 0; i < 5; i++) {
        struct db_params params = {.lock_order = orders[i]};
        db_param_int (&params, i + 1);
        db_call (db, ADD, &params, on_answer, &answers[i]);
    }
    wait_idle ();
    for (int i = 0; i < 5; i++)
        is (&answers[i], DB_OK);
    ck_assert_int_eq (db_stats (db)->groups, 1);
    ck_assert_int_eq (ask ("SELECT string_agg (id::text, '' ORDER BY ctid)::int FROM t"), 52431);
}
END_TEST

START_TEST (a_failing_call_spoils_no_other)
{
    open_db (2);
    admin ("INSERT INTO t VALUES (4)");
    struct answer answers[10] = {0}, child = {0}, divided = {0}, read = {0};
    for (int i = 0; i < 10; i++)
        call_int (ADD, i, &answers[i]);
    call_int (ADD_CHILD, 77, &child);
    call_int (DIVIDE, 0, &divided);
    call_get (&read);
    wait_idle ();
    for (int i = 0; i < 10; i++)
        is (&answers[i], i == 4 ? DB_CONFLICT : DB_OK);
    ck_assert_str_eq (answers[4].error.sqlstate, "23505");
    ck_assert_str_eq (answers[4].error.constraint, "t_key");
    is (&child, DB_CONFLICT);
    ck_assert_str_eq (child.error.constraint, "child_parent");
    is (&divided, DB_FAILED);
    ck_assert_str_eq (divided.error.sqlstate, "22012");
    is (&read, DB_OK);
    ck_assert_int_eq (db_stats (db)->regrouped, 2);
    ck_assert_int_eq (db_stats (db)->conflicts, 2);
    ck_assert_int_eq (db_stats (db)->failed, 1);
    ck_assert_int_eq (db_stats (db)->connects, 2);
    ck_assert_int_eq (ask ("SELECT count (*) FROM t"), 10);
}
END_TEST

START_TEST (a_commit_may_fail)
{
    open_db (1);
    struct answer alone = {0}, add = {0}, later = {0}, good = {0};
    call_int (ADD_LATER, 77, &alone);
    wait_idle ();
    is (&alone, DB_CONFLICT);
    ck_assert_str_eq (alone.error.constraint, "later_parent");
    call_int (ADD, 1, &add);
    call_int (ADD_LATER, 77, &later);
    call_int (ADD_LATER, 1, &good);
    wait_idle ();
    is (&add, DB_OK);
    is (&later, DB_CONFLICT);
    is (&good, DB_OK);
    ck_assert_int_eq (ask ("SELECT count (*) FROM later"), 1);
    ck_assert_int_eq (db_stats (db)->connects, 1);
}
END_TEST

START_TEST (a_transaction_is_whole)
{
    open_db (1);
    struct db_params one = {0}, two = {0};
    db_param_int (&one, 1);
    db_param_int (&two, 2);
    struct db_step good[] = {{ADD, &one}, {ADD_CHILD, &one}, {GET, NULL}};
    struct db_step bad[] = {{ADD, &two}, {ADD, &one}};
    struct answer first = {0}, second = {0};
    db_transaction (db, good, 3, on_answer, &first);
    db_transaction (db, bad, 2, on_answer, &second);
    wait_idle ();
    is (&first, DB_OK);
    is (&second, DB_CONFLICT);
    ck_assert_int_eq (ask ("SELECT count (*) FROM t"), 1);
    ck_assert_int_eq (ask ("SELECT count (*) FROM child"), 1);
}
END_TEST

START_TEST (reads_are_pipelined)
{
    open_db (1);
    struct answer slow = {0}, quick[3] = {0};
    gate_close ();
    db_call (db, GATED, NULL, on_answer, &slow);
    gate_wait (1);
    for (int i = 0; i < 3; i++) {
        run_for (5);
        call_get (&quick[i]);
    }
    run_for (5);
    ck_assert_int_eq (slow.calls, 0);
    ck_assert_int_eq (db_stats (db)->groups, 4); // all of them are on their way
    gate_open ();
    wait_idle ();
    is (&slow, DB_OK);
    for (int i = 0; i < 3; i++)
        is (&quick[i], DB_OK);
}
END_TEST

static struct answer evading;

static bool
has_evaded (void)
{
    return evading.calls > 0;
}

START_TEST (reads_evade_the_busy_connection)
{
    open_db (2);
    struct answer slow = {0}, write = {0};
    gate_close ();
    call_int (ADD_GATED, 1, &write);
    gate_wait (1);
    evading = (struct answer){0};
    call_get (&evading);
    run_until (has_evaded);
    ck_assert_int_eq (write.calls, 0);
    gate_open ();
    wait_idle ();
    is (&write, DB_OK);
    gate_close ();
    db_call (db, GATED, NULL, on_answer, &slow);
    gate_wait (1);
    evading = (struct answer){0};
    call_get (&evading);
    run_until (has_evaded);
    ck_assert_int_eq (slow.calls, 0);
    gate_open ();
    wait_idle ();
    is (&slow, DB_OK);
}
END_TEST

static int chain_left;

static void
on_chain (void *context, enum db_outcome outcome, PGresult *const *results,
          const struct db_error *error)
{
    (void) results, (void) error;
    ck_assert_int_eq (outcome, DB_OK);
    if (--chain_left > 0)
        db_call (db, GET, NULL, on_chain, context);
}

START_TEST (callbacks_may_call)
{
    open_db (1);
    chain_left = 100;
    db_call (db, GET, NULL, on_chain, NULL);
    wait_idle ();
    ck_assert_int_eq (chain_left, 0);
}
END_TEST

START_TEST (many_large_calls_do_not_block)
{
    struct db_options options = options_new (1);
    options.timeout_ms = 30000;
    open_with (&options);
    static uint8_t big[100000];
    static struct answer answers[300];
    memset (answers, 0, sizeof answers);
    for (int i = 0; i < 300; i++) {
        struct db_params params = {0};
        db_param_text (&params, "1");
        db_param_int (&params, i);
        db_param_bool (&params, false);
        db_param_bytes (&params, big, sizeof big);
        db_param_null (&params);
        db_call (db, ECHO, &params, on_answer, &answers[i]);
    }
    wait_idle ();
    for (int i = 0; i < 300; i++) {
        is (&answers[i], DB_OK);
        ck_assert_int_eq (atoi (answers[i].text), i);
    }
}
END_TEST

// ---- outcomes ------------------------------------------------------------------------------------------------------

START_TEST (serialisation_failures_run_again)
{
    open_db (1);
    struct answer twice = {0}, always = {0};
    call_int (FLAKY, 2, &twice);
    wait_idle ();
    is (&twice, DB_OK);
    call_int (FLAKY, 1000, &always);
    wait_idle ();
    is (&always, DB_UNAVAILABLE);
    ck_assert_int_eq (ask ("SELECT last_value FROM tries"), 3 + 4);
}
END_TEST

START_TEST (a_standby_is_left)
{
    open_db (1);
    struct answer answer = {0};
    call_int (ADD, 7, &answer);
    wait_idle ();
    struct answer first = {0}, second = {0};
    db_call (db, READ_ONLY, NULL, on_answer, &first);
    wait_idle ();
    is (&first, DB_UNAVAILABLE);
    run_until (is_ready);
    ck_assert_int_eq (db_stats (db)->connects, 2);
    db_call (db, READ_ONLY, NULL, on_answer, &second);
    wait_idle ();
    is (&second, DB_OK);
}
END_TEST

START_TEST (values_are_not_logged)
{
    open_db (1);
    char path[100], line[2000] = "";
    snprintf (path, sizeof path, "%s/stderr", postgres.dir);
    int file = open (path, O_RDWR | O_CREAT | O_TRUNC, 0600), saved = dup (2);
    dup2 (file, 2);
    struct answer answer = {0};
    struct db_params params = {0};
    db_param_text (&params, "hunter2");
    db_call (db, CAST, &params, on_answer, &answer);
    wait_idle ();
    dup2 (saved, 2);
    close (saved);
    ck_assert (pread (file, line, sizeof line - 1, 0) > 0);
    close (file);
    is (&answer, DB_FAILED);
    ck_assert_ptr_nonnull (strstr (line, "statement=cast"));
    ck_assert_ptr_nonnull (strstr (line, "22P02"));
    ck_assert_ptr_null (strstr (line, "hunter2"));
    ck_assert_ptr_null (strstr (answer.error.text, "hunter2"));
}
END_TEST

START_TEST (the_queue_is_bounded)
{
    struct db_options options = options_new (1);
    options.queue_limit = 4;
    open_with (&options);
    struct answer answers[6] = {0};
    for (int i = 0; i < 6; i++)
        call_int (ADD, i, &answers[i]);
    wait_idle ();
    for (int i = 0; i < 6; i++)
        is (&answers[i], i < 4 ? DB_OK : DB_UNAVAILABLE);
    ck_assert_int_eq (db_stats (db)->unavailable, 2);
    ck_assert_int_eq (db_stats (db)->in_flight, 0);
}
END_TEST

START_TEST (a_slow_statement_is_ended)
{
    // PostgreSQL has an eighth of it less, so that it is the one that ends it: half a second here.
    struct db_options options = options_new (2);
    options.timeout_ms = 4000;
    open_with (&options);
    for (int i = 0; i < 10000 && db_stats (db)->connects < 2; i++)
        run_for (5);
    struct answer slow = {0}, write = {0};
    add_slowly (1, "50", &write);
    run_for (5);
    call_sleep ("50", &slow); // on the other one
    wait_idle ();
    is (&slow, DB_UNAVAILABLE);
    ck_assert_str_eq (slow.error.sqlstate, "57014");
    is (&write, DB_UNAVAILABLE);
    ck_assert_int_eq (db_stats (db)->connects, 2);
}
END_TEST

static void
planned (const char *mode, enum db_outcome outcome)
{
    struct db_params params = {0};
    struct answer answer = {0};
    db_param_text (&params, mode);
    db_call (db, PLANNED, &params, on_answer, &answer);
    wait_idle ();
    is (&answer, outcome);
}

START_TEST (plans_are_made_once_on_demand)
{
    struct db_options options = options_new (1);
    options.planned_once = true;
    open_with (&options);
    planned ("force_generic_plan", DB_OK);
    db_destroy (&db);
    options.planned_once = false;
    open_with (&options);
    planned ("auto", DB_OK);
}
END_TEST

int
main (void)
{
    TCase *tcase = tcase_create ("db");
    tcase_add_test (tcase, values_come_back);
    tcase_add_test (tcase, rows_are_input);
    tcase_add_test (tcase, writes_of_one_turn_commit_together);
    tcase_add_test (tcase, writes_gather_behind_one_in_flight);
    tcase_add_test (tcase, groups_are_bounded);
    tcase_add_test (tcase, a_group_locks_in_order);
    tcase_add_test (tcase, a_failing_call_spoils_no_other);
    tcase_add_test (tcase, a_commit_may_fail);
    tcase_add_test (tcase, a_transaction_is_whole);
    tcase_add_test (tcase, reads_are_pipelined);
    tcase_add_test (tcase, reads_evade_the_busy_connection);
    tcase_add_test (tcase, callbacks_may_call);
    tcase_add_test (tcase, many_large_calls_do_not_block);
    tcase_add_test (tcase, serialisation_failures_run_again);
    tcase_add_test (tcase, a_standby_is_left);
    tcase_add_test (tcase, values_are_not_logged);
    tcase_add_test (tcase, the_queue_is_bounded);
    tcase_add_test (tcase, a_slow_statement_is_ended);
    tcase_add_test (tcase, plans_are_made_once_on_demand);
    return run_suite ("db", tcase);
}
