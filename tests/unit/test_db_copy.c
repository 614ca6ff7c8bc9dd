// Long answers by COPY in binary, and binary values: whatever comes (R42, R43).
// objects: tests/unit/support_db.o tests/unit/support_postgres.o
#include "tests/unit/support_db.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- values --------------------------------------------------------------------------------------------------------

static struct db_field
field (const char *data, size_t size)
{
    return (struct db_field){(const uint8_t *) data, size};
}
#define FIELD(text) field (text, sizeof text - 1)

START_TEST (integers)
{
    static const struct {
        const char *data;
        size_t size;
        int64_t value;
    } good[] = {
        {"\0", 1, 0},
        {"\1", 1, 1},
        {"\xff\xfe", 2, -2},
        {"\0\0\1\0", 4, 256},
        {"\x80\0\0\0", 4, INT32_MIN},
        {"\x7f\xff\xff\xff\xff\xff\xff\xff", 8, INT64_MAX},
        {"\x80\0\0\0\0\0\0\0", 8, INT64_MIN},
    };
    int64_t value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct db_field f = field (good[i].data, good[i].size);
        ck_assert (db_field_int (&f, &value));
        ck_assert_int_eq (value, good[i].value);
    }
    struct db_field bad[] = {
        FIELD (""), FIELD ("\2"), FIELD ("abc"), FIELD ("123456789"), {NULL, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert (!db_field_int (&bad[i], &value));
}
END_TEST

START_TEST (texts)
{
    const char *text;
    size_t length;
    struct db_field good = FIELD ("abc"), empty = FIELD (""), nul = FIELD ("a\0b"), null = {0};
    ck_assert (db_field_text (&good, &text, &length));
    ck_assert_mem_eq (text, "abc", 3);
    ck_assert_uint_eq (length, 3);
    ck_assert (db_field_text (&empty, &text, &length));
    ck_assert_uint_eq (length, 0);
    ck_assert (!db_field_text (&nul, &text, &length));
    ck_assert (!db_field_text (&null, &text, &length));
}
END_TEST

#define WORD(n)  "\0\0\0" n
#define BIGINT   WORD ("\x14")
#define EIGHT(n) WORD ("\x8") "\0\0\0\0\0\0\0" n

START_TEST (arrays)
{
    int64_t values[3];
    size_t n = 9;
    struct db_field none = FIELD (WORD ("\0") WORD ("\0") BIGINT);
    ck_assert (db_field_ints (&none, values, 3, &n));
    ck_assert_uint_eq (n, 0);
    struct db_field two =
        FIELD (WORD ("\1") WORD ("\0") BIGINT WORD ("\2") WORD ("\1") EIGHT ("\5") EIGHT ("\7"));
    ck_assert (db_field_ints (&two, values, 3, &n));
    ck_assert_uint_eq (n, 2);
    ck_assert (values[0] == 5 && values[1] == 7);
    ck_assert (!db_field_ints (&two, values, 1, &n));

    struct db_field bad[] = {
        {NULL, 0},
        FIELD (""),
        FIELD (WORD ("\0") WORD ("\0")),
        FIELD (WORD ("\0") WORD ("\0") WORD ("\x17")), // of integer
        FIELD (WORD ("\0") WORD ("\0") BIGINT "x"),
        FIELD (WORD ("\2") WORD ("\0") BIGINT WORD ("\1") WORD ("\1") WORD ("\1") WORD ("\1")
                   EIGHT ("\5")),
        FIELD (WORD ("\1") WORD ("\0") BIGINT WORD ("\2") WORD ("\1") EIGHT ("\5")),
        FIELD (WORD ("\1") WORD ("\0") BIGINT WORD ("\1") WORD ("\1") EIGHT ("\5") "x"),
        FIELD (WORD ("\1") WORD ("\1") BIGINT WORD ("\1") WORD ("\1") "\xff\xff\xff\xff"), // NULL
        FIELD (WORD ("\1") WORD ("\0") BIGINT WORD ("\1") WORD ("\1") "\xff\xff\xff\xfe"),
        FIELD (WORD ("\1") WORD ("\0") BIGINT WORD ("\1") WORD ("\1") "\x7f\xff\xff\xff"),
        FIELD (WORD ("\1") WORD ("\0") BIGINT "\xff\xff\xff\xff" WORD ("\1")),
        FIELD (WORD ("\1") WORD ("\0") BIGINT "\x7f\xff\xff\xff" WORD ("\1") EIGHT ("\5")),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg (!db_field_ints (&bad[i], values, 3, &n), "array %zu", i);
}
END_TEST

// ---- rows ----------------------------------------------------------------------------------------------------------

#define HEADER "PGCOPY\n\377\r\n\0" WORD ("\0") WORD ("\0")
#define ROW                                                                                        \
    "\0\2" WORD ("\1") "a"                                                                         \
                       "\xff\xff\xff\xff"

static enum db_copy_found
found (const char *data, size_t size)
{
    struct db_copy_reader reader = {.columns = 2};
    struct db_field fields[2];
    // Of exactly its size, so that a sanitizer sees what is read beyond it.
    char *copy = calloc (1, size + 1);
    memcpy (copy + 1, data, size);
    enum db_copy_found what = db_copy_read (&reader, copy + 1, size, fields);
    free (copy);
    return what;
}
#define FOUND(text) found (text, sizeof text - 1)

START_TEST (messages)
{
    struct db_copy_reader reader = {.columns = 2};
    struct db_field fields[2];
    static const char first[] = HEADER ROW, next[] = ROW, last[] = "\xff\xff";
    ck_assert_int_eq (db_copy_read (&reader, first, sizeof first - 1, fields), DB_COPY_ROW);
    ck_assert_uint_eq (fields[0].size, 1);
    ck_assert_mem_eq (fields[0].data, "a", 1);
    ck_assert_ptr_null (fields[1].data);
    ck_assert_int_eq (db_copy_read (&reader, next, sizeof next - 1, fields), DB_COPY_ROW);
    ck_assert (!reader.ended);
    ck_assert_int_eq (db_copy_read (&reader, last, sizeof last - 1, fields), DB_COPY_NO_ROW);
    ck_assert (reader.ended);
    ck_assert_int_eq (db_copy_read (&reader, next, sizeof next - 1, fields), DB_COPY_BAD);

    ck_assert_int_eq (FOUND (HEADER), DB_COPY_NO_ROW);
    ck_assert_int_eq (FOUND (HEADER "\xff\xff"), DB_COPY_NO_ROW);
    ck_assert_int_eq (FOUND ("PGCOPY\n\377\r\n\0" WORD ("\1") WORD ("\3") "abc" ROW), DB_COPY_ROW);
}
END_TEST

START_TEST (messages_that_make_no_sense)
{
    ck_assert_int_eq (FOUND (""), DB_COPY_BAD);
    ck_assert_int_eq (FOUND (ROW), DB_COPY_BAD);
    ck_assert_int_eq (FOUND ("PGCOPY\n\377\r\n\1" WORD ("\0") WORD ("\0")), DB_COPY_BAD);
    ck_assert_int_eq (FOUND ("PGCOPY\n\377\r\n\0"
                             "\0\1\0\0" WORD ("\0") ROW),
                      DB_COPY_BAD);
    ck_assert_int_eq (FOUND ("PGCOPY\n\377\r\n\0" WORD ("\0") "\xff\xff\xff\xff" ROW), DB_COPY_BAD);
    ck_assert_int_eq (FOUND ("PGCOPY\n\377\r\n\0" WORD ("\0") "\x7f\xff\xff\xff" ROW), DB_COPY_BAD);
    ck_assert_int_eq (FOUND (HEADER "\0"), DB_COPY_BAD);
    ck_assert_int_eq (FOUND (HEADER "\xff\xff"
                                    "x"),
                      DB_COPY_BAD);
    ck_assert_int_eq (FOUND (HEADER "\xff\xfe"), DB_COPY_BAD);
    ck_assert_int_eq (FOUND (HEADER "\0\1" WORD ("\0")), DB_COPY_BAD);
    ck_assert_int_eq (FOUND (HEADER "\0\3" WORD ("\0") WORD ("\0") WORD ("\0")), DB_COPY_BAD);
    ck_assert_int_eq (FOUND (HEADER "\0\2" WORD ("\0")), DB_COPY_BAD);
    ck_assert_int_eq (FOUND (HEADER "\0\2" WORD ("\0") WORD ("\5") "abcd"), DB_COPY_BAD);
    ck_assert_int_eq (FOUND (HEADER "\0\2" WORD ("\0") "\xff\xff\xff\xfe"), DB_COPY_BAD);
    ck_assert_int_eq (FOUND (HEADER "\0\2" WORD ("\0") "\x7f\xff\xff\xff"), DB_COPY_BAD);
    ck_assert_int_eq (FOUND (HEADER ROW "x"), DB_COPY_BAD);
    ck_assert_int_eq (FOUND (HEADER ROW ROW), DB_COPY_BAD);
}
END_TEST

// ---- from a server -------------------------------------------------------------------------------------------------

static struct taken {
    int64_t rows, sum, enough; // 0: never enough
    int64_t kill_at;           // the row at which the server's process is ended; 0: never
    int ends;
    enum db_outcome outcome;
    char why[200];
} taken;

static bool
on_row (void *context, const struct db_field *fields)
{
    int64_t value;
    struct taken *into = context;
    ck_assert (db_field_int (&fields[0], &value));
    into->rows++;
    into->sum += value;
    if (into->rows == into->kill_at)
        admin ("SELECT pg_terminate_backend (pid) FROM pg_stat_activity WHERE query LIKE "
               "'COPY%100000000%'");
    return into->rows != into->enough;
}

static void
on_end (void *context, enum db_outcome outcome, const char *why)
{
    struct taken *into = context;
    into->ends++;
    into->outcome = outcome;
    snprintf (into->why, sizeof into->why, "%s", why);
}

static bool
has_ended (void)
{
    return taken.ends > 0;
}

static void
start (const char *sql, int64_t value, size_t columns)
{
    struct db_copy_options options = {.sql = sql,
                                      .values = {value, -1},
                                      .columns = columns,
                                      .row = on_row,
                                      .end = on_end,
                                      .context = &taken};
    db_copy (db, &options);
    ck_assert_int_eq (taken.ends, 0);
}

static void
copy (const char *sql, int64_t value, size_t columns)
{
    start (sql, value, columns);
    run_until (has_ended);
    ck_assert_int_eq (taken.ends, 1);
}
// A row as soon as it is made.
#define SERIES                                                                                     \
    "COPY (SELECT generate_series (1::bigint, $1), 'text'::text) TO STDOUT (FORMAT binary)"

START_TEST (all_rows)
{
    taken = (struct taken){0};
    open_db (1);
    copy (SERIES, 100000, 2);
    ck_assert_msg (taken.outcome == DB_OK, "%s", taken.why);
    ck_assert_int_eq (taken.rows, 100000);
    ck_assert_int_eq (taken.sum, INT64_C (100000) * 100001 / 2);
    // And again, without any.
    taken = (struct taken){0};
    copy (SERIES, 0, 2);
    ck_assert_int_eq (taken.outcome, DB_OK);
    ck_assert_int_eq (taken.rows, 0);
    taken = (struct taken){0};
    copy ("COPY (SELECT $2::bigint * $1) TO STDOUT (FORMAT binary)", 7, 1);
    ck_assert_int_eq (taken.sum, -7);
}
END_TEST

// Two at once, one of which is torn off: the other goes on.
START_TEST (two_at_once)
{
    static struct taken other;
    taken = (struct taken){.kill_at = 1000};
    other = (struct taken){0};
    open_db (1);
    struct db_copy_options options = {.sql = SERIES,
                                      .values = {300000},
                                      .columns = 2,
                                      .row = on_row,
                                      .end = on_end,
                                      .context = &other};
    start (SERIES, 100000000, 2);
    db_copy (db, &options);
    run_until (has_ended);
    ck_assert_int_eq (taken.outcome, DB_UNAVAILABLE);
    // The place is free for another one meanwhile.
    taken = (struct taken){0};
    start (SERIES, 1000, 2);
    while (taken.ends == 0 || other.ends == 0)
        run_for (5);
    ck_assert_int_eq (taken.outcome, DB_OK);
    ck_assert_int_eq (taken.rows, 1000);
    ck_assert_msg (other.outcome == DB_OK, "%s", other.why);
    ck_assert_int_eq (other.rows, 300000);
    ck_assert_int_eq (other.ends, 1);
}
END_TEST

START_TEST (enough)
{
    taken = (struct taken){.enough = 1000};
    open_db (1);
    copy (SERIES, 100000000, 2);
    ck_assert_int_eq (taken.outcome, DB_OK);
    ck_assert_int_eq (taken.rows, 1000);
}
END_TEST

// Calls are answered while rows come: none waits for the copy's end.
START_TEST (others_have_their_turn)
{
    taken = (struct taken){0};
    open_db (1);
    start (SERIES, 300000, 2);
    int answered = 0;
    while (taken.ends == 0) {
        struct answer answer = {0};
        call_get (&answer);
        wait_idle ();
        is (&answer, DB_OK);
        answered++;
    }
    ck_assert_int_eq (taken.outcome, DB_OK);
    ck_assert_int_eq (taken.rows, 300000);
    ck_assert_int_ge (answered, 10);
}
END_TEST

START_TEST (lost)
{
    taken = (struct taken){.kill_at = 1000};
    open_db (1);
    copy (SERIES, 100000000, 2);
    ck_assert_int_eq (taken.outcome, DB_UNAVAILABLE);
    ck_assert_int_ge (taken.rows, 1000);
    ck_assert_str_ne (taken.why, "");
    struct answer answer = {0};
    call_get (&answer);
    wait_idle ();
    is (&answer, DB_OK);
}
END_TEST

START_TEST (silent)
{
    taken = (struct taken){0};
    struct db_options options = options_new (1);
    options.timeout_ms = 1000;
    open_with (&options);
    copy ("COPY (SELECT 1 FROM pg_sleep (60)) TO STDOUT (FORMAT binary)", 0, 1);
    ck_assert_int_eq (taken.outcome, DB_UNAVAILABLE);
    ck_assert_str_eq (taken.why, "the server did not answer within 6000 ms");
}
END_TEST

START_TEST (refused)
{
    static const struct {
        const char *sql, *why;
    } cases[] = {
        {"COPY nothing TO STDOUT (FORMAT binary)", "relation \"nothing\" does not exist"},
        {"COPY (SELECT 1) TO STDOUT", "the server answered with another COPY than was asked for"},
        {"COPY (SELECT 1, 2) TO STDOUT (FORMAT binary)",
         "the server answered with another COPY than was asked for"},
        {"SELECT 1", "the server answered with something else than a COPY"},
        {"COPY (SELECT 1 / (n - 5000)::int FROM (SELECT generate_series (1, 10000) n) s) TO STDOUT "
         "(FORMAT "
         "binary)",
         "data exception 22012 (the message may quote a value)"},
    };
    open_db (1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        taken = (struct taken){0};
        copy (cases[i].sql, 0, 1);
        ck_assert_int_eq (taken.outcome, DB_FAILED);
        ck_assert_str_eq (taken.why, cases[i].why);
    }
}
END_TEST

// The process ends while it is under way, or before it has begun.
START_TEST (ended)
{
    for (int64_t rows = 0; rows <= 1; rows++) {
        taken = (struct taken){.enough = 0};
        open_db (1);
        start (SERIES, 100000000, 2);
        if (rows)
            run_for (50);
        db_destroy (&db);
        ck_assert_int_eq (taken.ends, 1);
        ck_assert_int_eq (taken.outcome, DB_UNAVAILABLE);
    }
}
END_TEST

int
main (void)
{
    TCase *tcase = tcase_create ("db copy");
    tcase_set_timeout (tcase, 60);
    tcase_add_test (tcase, integers);
    tcase_add_test (tcase, texts);
    tcase_add_test (tcase, arrays);
    tcase_add_test (tcase, messages);
    tcase_add_test (tcase, messages_that_make_no_sense);
    tcase_add_test (tcase, all_rows);
    tcase_add_test (tcase, two_at_once);
    tcase_add_test (tcase, enough);
    tcase_add_test (tcase, others_have_their_turn);
    tcase_add_test (tcase, lost);
    tcase_add_test (tcase, silent);
    tcase_add_test (tcase, refused);
    tcase_add_test (tcase, ended);
    return run_suite ("db copy", tcase);
}
