// Writes of many calls that run as one statement, and which connection writes run on.
// objects: tests/unit/support_db.o tests/unit/support_postgres.o
#include "tests/unit/support_db.h"
#include <check.h>
#include <string.h>

static void
add_many (int id, const char *word, const void *data, size_t size, int64_t lock_order,
          struct answer *answer)
{
    struct db_params params = {.lock_order = lock_order};
    db_param_int (&params, id);
    db_param_text (&params, word);
    if (data)
        db_param_bytes (&params, data, size);
    else
        db_param_null (&params);
    db_call (db, ADD_MANY, &params, on_answer, answer);
}

// Each has its own row, whatever its values are made of.
START_TEST (many_run_as_one)
{
    static const char *const words[] = {
        "one",   "",          "NULL", "a,b", "{}", "\"quoted\"", "back\\slash",
        "\\x00", "new\nline", "ünï",  NULL,  " ",  "'); DROP"};
    enum { N = sizeof words / sizeof *words };
    static const uint8_t bytes[] = {0, 1, '"', '\\', 127, 128, 255};
    open_db (1);
    struct answer answers[N] = {0};
    for (int i = 0; i < N; i++)
        add_many (i, words[i], i % 3 ? bytes : NULL, (size_t) (i % 3 - 1) * sizeof bytes, 0,
                  &answers[i]);
    wait_idle ();
    for (int i = 0; i < N; i++) {
        is (&answers[i], DB_OK);
        ck_assert_int_eq (answers[i].rows, words[i] ? 1 : 0);
        if (!words[i])
            continue;
        ck_assert_int_eq (answers[i].value, i + 1);
        ck_assert_str_eq (answers[i].text, words[i]);
        ck_assert_int_eq (answers[i].third, N);
        ck_assert_uint_eq (answers[i].nbytes, i % 3 == 2 ? sizeof bytes : 0);
        ck_assert_mem_eq (answers[i].bytes, bytes, answers[i].nbytes);
    }
    ck_assert_int_eq (ask ("SELECT count (*)::int FROM t"), N - 1);
}
END_TEST

// Only those that would follow each other: locks are taken in the order that the calls have.
START_TEST (many_keep_the_order_of_locks)
{
    open_db (1);
    struct answer many[4] = {0}, other = {0};
    for (int i = 0; i < 4; i++)
        add_many (i, "x", NULL, 0, i + 1, &many[i]);
    struct db_params params = {.lock_order = 3};
    db_param_int (&params, 100);
    db_call (db, ADD, &params, on_answer, &other);
    wait_idle ();
    is (&other, DB_OK);
    for (int i = 0; i < 4; i++) {
        is (&many[i], DB_OK);
        ck_assert_int_eq (many[i].third, i < 3 ? 3 : 1);
        ck_assert_int_eq (many[i].value, i < 3 ? i + 1 : 1);
    }
    ck_assert_int_eq (db_stats (db)->groups, 1);
}
END_TEST

START_TEST (one_of_many_that_fails_spoils_no_other)
{
    open_db (1);
    struct answer answers[5] = {0};
    for (int i = 0; i < 5; i++)
        add_many (i == 3 ? 1 : i, "x", NULL, 0, 0, &answers[i]);
    wait_idle ();
    for (int i = 0; i < 5; i++) {
        is (&answers[i], i == 3 ? DB_CONFLICT : DB_OK);
        if (i != 3)
            ck_assert_int_eq (answers[i].third, 1);
    }
    ck_assert_str_eq (answers[3].error.constraint, "t_key");
    ck_assert_int_eq (db_stats (db)->regrouped, 1);
}
END_TEST

static struct answer another;

static bool
is_another_done (void)
{
    return another.calls > 0;
}

// Writes of one account wait for each other, and for nobody else's.
START_TEST (locks_have_a_connection)
{
    open_db (2);
    struct answer slow = {0}, same = {0};
    struct db_params params = {.lock_order = 2};
    gate_close ();
    db_param_int (&params, 1);
    db_call (db, ADD_GATED, &params, on_answer, &slow);
    gate_wait (1);
    another = (struct answer){0};
    add_many (2, "x", NULL, 0, 4, &same);
    add_many (3, "x", NULL, 0, 1, &another);
    run_until (is_another_done);
    ck_assert_int_eq (slow.calls + same.calls, 0);
    gate_open ();
    wait_idle ();
    is (&slow, DB_OK);
    is (&same, DB_OK);
    is (&another, DB_OK);
    ck_assert_int_ge (same.at, slow.at);
}
END_TEST

struct found {
    int calls, rows;
    int64_t length, together;
};

static void
on_found (void *context, enum db_outcome outcome, PGresult *const *results,
          const struct db_error *error)
{
    struct found *found = context;
    struct db_field fields[3];
    (void) error;
    ck_assert_int_eq (outcome, DB_OK);
    found->calls++;
    found->rows = PQntuples (results[0]);
    ck_assert (!db_get_fields (results[0], found->rows, 0, fields, 3));
    ck_assert (!db_get_fields (results[0], 0, 0, fields, 4));
    if (found->rows == 0)
        return;
    ck_assert (db_get_fields (results[0], 0, 0, fields, 3));
    ck_assert (db_field_int (&fields[1], &found->length));
    ck_assert (db_field_int (&fields[2], &found->together));
}

// A read of many gives each its rows, in binary.
START_TEST (many_read_as_one)
{
    static const char *const words[] = {"one", "", "three", NULL, "\"\\"};
    enum { N = sizeof words / sizeof *words };
    struct found found[N] = {0};
    open_db (1);
    for (int i = 0; i < N; i++) {
        struct db_params params = {0};
        db_param_text (&params, words[i]);
        db_call (db, FIND_MANY, &params, on_found, &found[i]);
    }
    wait_idle ();
    for (int i = 0; i < N; i++) {
        bool there = words[i] && *words[i];
        ck_assert_int_eq (found[i].calls, 1);
        ck_assert_int_eq (found[i].rows, there);
        ck_assert_int_eq (found[i].length, there ? (int64_t) strlen (words[i]) : 0);
        ck_assert_int_eq (found[i].together, there ? N : 0);
    }
    ck_assert_int_eq (db_stats (db)->groups, 1);
}
END_TEST

// While a connection has a read in flight, those that can run as one wait for it together.
START_TEST (many_reads_gather)
{
    static const char *const words[] = {"one", "two", "three"};
    enum { N = 3 };
    struct answer slow = {0};
    struct found found[N] = {0};
    open_db (1);
    gate_close ();
    db_call (db, GATED, NULL, on_answer, &slow);
    gate_wait (1);
    for (int i = 0; i < N; i++) {
        run_for (5);
        struct db_params word = {0};
        db_param_text (&word, words[i]);
        db_call (db, FIND_MANY, &word, on_found, &found[i]);
    }
    gate_open ();
    wait_idle ();
    is (&slow, DB_OK);
    for (int i = 0; i < N; i++)
        ck_assert_int_eq (found[i].together, N);
    ck_assert_int_eq (db_stats (db)->groups, 2);
}
END_TEST

// What many ask for at once is asked once, and each gets it: the result of the last of them is lent to the others, whose callbacks are before its own.
START_TEST (equal_reads_are_one)
{
    static const char *const words[] = {"one", "three", "one", NULL, "", "three", NULL, "one"};
    enum { N = sizeof words / sizeof *words, PLACES = 4 };
    struct found found[N] = {0};
    open_db (1);
    for (int i = 0; i < N; i++) {
        struct db_params params = {0};
        db_param_text (&params, words[i]);
        db_call (db, FIND_MANY, &params, on_found, &found[i]);
    }
    wait_idle ();
    for (int i = 0; i < N; i++) {
        bool there = words[i] && *words[i];
        ck_assert_int_eq (found[i].calls, 1);
        ck_assert_int_eq (found[i].rows, there);
        ck_assert_int_eq (found[i].length, there ? (int64_t) strlen (words[i]) : 0);
        ck_assert_int_eq (found[i].together, there ? PLACES : 0);
    }
    ck_assert_int_eq (db_stats (db)->groups, 1);
}
END_TEST

// But not where each is given what is its own.
START_TEST (equal_reads_are_each_its_own)
{
    enum { N = 5 };
    struct found found[N] = {0};
    open_db (1);
    for (int i = 0; i < N; i++) {
        struct db_params params = {0};
        db_param_text (&params, "one");
        db_call (db, FIND_EACH, &params, on_found, &found[i]);
    }
    wait_idle ();
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq (found[i].calls, 1);
        ck_assert_int_eq (found[i].rows, 1);
        ck_assert_int_eq (found[i].together, N);
    }
    ck_assert_int_eq (db_stats (db)->groups, 1);
}
END_TEST

int
main (void)
{
    TCase *tcase = tcase_create ("db many");
    tcase_set_timeout (tcase, 60);
    tcase_add_test (tcase, many_run_as_one);
    tcase_add_test (tcase, many_read_as_one);
    tcase_add_test (tcase, many_reads_gather);
    tcase_add_test (tcase, equal_reads_are_one);
    tcase_add_test (tcase, equal_reads_are_each_its_own);
    tcase_add_test (tcase, many_keep_the_order_of_locks);
    tcase_add_test (tcase, one_of_many_that_fails_spoils_no_other);
    tcase_add_test (tcase, locks_have_a_connection);
    return run_suite ("db many", tcase);
}
