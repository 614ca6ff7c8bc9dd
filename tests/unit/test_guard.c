// What the gateway's guard lets through to libmicrohttpd, and what it refuses: RFC 9112, strictly (R27, R46). tests/scenario/s72_http_hostile.py sends the same to a gateway.
// objects: services/gateway/guard.o
#include "services/gateway/guard.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 4096 };

#define GET  "GET /a HTTP/1.1\r\n"
#define HOST "Host: example.org\r\n"
#define END  "\r\n"

// size 0: that of the text.
static const struct row {
    int status;
    const char *text;
    size_t size;
} rows[] = {
    {0, GET HOST END, 0},
    {0, GET "host:\t127.0.0.1:8443" END "X: \t a \xc3\xa9 \t" END END, 0},
    {0, "GET /a?b=c%20d&e=f/:@!$'()*+,;=-._~ HTTP/1.1\r\n" HOST END, 0},
    {0, "GET /a?b[]=%&?\"<{|}>\\^` HTTP/1.1\r\n" HOST END, 0},
    {0, "OPTIONS * HTTP/1.1\r\n" HOST END, 0},
    {0, "GET / HTTP/1.0\r\n\r\n", 0},
    {0, GET "Host: [::1]:80\r\n" END, 0},
    {0, GET HOST "Empty:\r\n" END, 0},
    {0, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nG\0T",
     sizeof "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nG\0T" - 1},
    {0, "POST / HTTP/1.1\r\n" HOST "content-length: 0\r\n\r\n", 0},
    {400, "GET /a HTTP/1.1\n", 0},
    {400, GET "Host: a\n", 0},
    {400, GET "Host: a\rX", 0},
    {400, GET HOST "\rX", 0},
    {400, "\r\n" GET, 0},
    {400, " GET", 0},
    {400, "GET  /", 0},
    {400, "GET\t/", 0},
    {400, "G(T", 0},
    {400, "ABCDEFGHIJKLMNOPQ", 0},
    {400, "GET x", 0},
    {400, "GET *x", 0},
    {400, "GET http://a/", 0},
    {400, "GET /\0", 6},
    {400, "GET /\x7f", 0},
    {400, "GET /\xc3", 0},
    {400, "GET /\"", 0},
    {400, "GET /#", 0},
    {400, "GET /?#", 0},
    {400, "GET /?\x7f", 0},
    {400, "GET /?\xc3", 0},
    {400, "GET /?\t", 0},
    {400, "GET /?\r", 0},
    {400, "GET /[", 0},
    {400, "GET /%4 ", 0},
    {400, "GET /%g", 0},
    {400, "GET /\r\n", 0},
    {400, "GET / HTTP/1.1 ", 0},
    {400, "GET / HTTP/11\r", 0},
    {400, "GET / http/1.1\r", 0},
    {400, "GET / HTTP/1,1\r", 0},
    {505, "GET / HTTP/1.2\r", 0},
    {505, "PRI * HTTP/2.0\r", 0},
    {505, "GET / HTTP/0.9\r", 0},
    {400, GET END, 0},
    {400, GET HOST HOST, 0},
    {400, GET HOST "hOST:", 0},
    {400, GET "Host:\r", 0},
    {400, GET "Host: a/b", 0},
    {400, GET "Host: a b", 0},
    {400, GET "Host: a@b", 0},
    {400, "GET / HTTP/1.0\r\n" HOST HOST, 0},
    {400, GET " X: a", 0},
    {400, GET HOST " continued", 0},
    {400, GET HOST "\tcontinued", 0},
    {400, GET "X : a", 0},
    {400, GET "X\t: a", 0},
    {400, GET ": a", 0},
    {400, GET "X\r\n", 0},
    {400, GET "X\0: a", sizeof GET "X\0:" - 1},
    {400, GET "X: a\0", sizeof GET "X: a\0" - 1},
    {400, GET "X: a\x01", 0},
    {400, GET "X: a\x7f", 0},
    {400, GET "X\xc3", 0},
    {400, GET "Content-Length: 1\r\nContent-Length:", 0},
    {400, GET "Content-Length: 1\r\nCONTENT-LENGTH:", 0},
    {400, GET "Content-Length: 1,", 0},
    {400, GET "Content-Length: 1 ", 0},
    {400, GET "Content-Length: +", 0},
    {400, GET "Content-Length: -", 0},
    {400, GET "Content-Length: 0x", 0},
    {400, GET "Content-Length: \r", 0},
    {400, GET "Content-Length: 1234567890123456", 0},
    {400, GET "Content-Length: 1\r\nTransfer-Encoding:", 0},
    {411, GET "Transfer-Encoding:", 0},
    {411, GET "tRANSFER-eNCODING:", 0},
};

static size_t
row_size (const struct row *row)
{
    return row->size ? row->size : strlen (row->text);
}

// In pieces of so many bytes. Returns how many were let through.
static size_t
feed (struct guard *guard, const char *text, size_t size, size_t piece)
{
    size_t passed = 0;
    for (size_t at = 0; at < size && guard->status == 0; at += piece) {
        size_t n = piece < size - at ? piece : size - at;
        char *copy = malloc (n); // so that a sanitizer sees what is not there
        memcpy (copy, text + at, n);
        passed += guard_feed (guard, copy, n);
        free (copy);
    }
    return passed;
}

START_TEST (test_rows)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t piece = 1; piece < 70; piece += piece < 4 ? 1 : 11) {
            const struct row *row = &rows[i];
            struct guard guard;
            guard_begin (&guard, LIMIT);
            size_t passed = feed (&guard, row->text, row_size (row), piece);
            ck_assert_msg (guard.status == row->status, "row %zu, \"%s\", pieces of %zu: %d, %s", i,
                           row->text, piece, guard.status, guard.why ? guard.why : "");
            if (row->status == 0)
                ck_assert (passed == row_size (row) && guard.phase == GUARD_IDLE);
        }
}
END_TEST

// Those before it are let through, and nothing of it that came with them.
START_TEST (test_behind_others)
{
    static const char good[] = GET HOST "Content-Length: 5\r\n\r\nGET /" GET HOST END;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1024];
        size_t size = sizeof good - 1;
        memcpy (text, good, size);
        memcpy (text + size, rows[i].text, row_size (&rows[i]));
        struct guard guard;
        guard_begin (&guard, LIMIT);
        size_t passed = guard_feed (&guard, text, size + row_size (&rows[i]));
        ck_assert_int_eq (guard.status, rows[i].status);
        ck_assert_uint_eq (passed, size + (rows[i].status ? 0 : row_size (&rows[i])));
    }
}
END_TEST

START_TEST (test_limits)
{
    static char text[2 * LIMIT];
    struct guard guard;
    memset (text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    memcpy (text, "GET /", strlen ("GET /")); // NOLINT(bugprone-not-null-terminated-result)
    guard_begin (&guard, LIMIT);
    ck_assert_uint_eq (guard_feed (&guard, text, LIMIT), LIMIT);
    ck_assert_int_eq (guard.status, 0);
    guard_feed (&guard, text + LIMIT, 1);
    ck_assert_int_eq (guard.status, 414);

    memcpy (text, GET "X: ", strlen (GET "X: ")); // NOLINT(bugprone-not-null-terminated-result)
    guard_begin (&guard, LIMIT);
    ck_assert_uint_eq (guard_feed (&guard, text, LIMIT), LIMIT);
    guard_feed (&guard, text + LIMIT, 1);
    ck_assert_int_eq (guard.status, 431);

    guard_begin (&guard, LIMIT);
    guard_feed (&guard, GET, sizeof GET - 1);
    for (int i = 0; i < GUARD_FIELDS; i++)
        guard_feed (&guard, "A:\r\n", 4);
    ck_assert_int_eq (guard.status, 0);
    guard_feed (&guard, "A", 1);
    ck_assert_int_eq (guard.status, 431);

    // What libmicrohttpd would have no memory for: parameters, by themselves and beside headers.
    static const char begins[] = "GET /?", ends[] = " HTTP/1.1\r\n", field[] = "A:\r\n";
    const size_t room = LIMIT + GUARD_FIELDS * GUARD_ELEMENT;
    memset (text, '&', sizeof text);
    for (size_t n = 1; n < 400; n++) {
        size_t head = sizeof begins + n - 1, fields = 0;
        guard_begin (&guard, LIMIT);
        guard_feed (&guard, begins, sizeof begins - 1);
        guard_feed (&guard, text, n - 1);
        guard_feed (&guard, ends, sizeof ends - 1);
        ck_assert_int_eq (guard.status, head + n * GUARD_ELEMENT <= room ? 0 : 414);
        if (guard.status)
            continue;
        head += sizeof ends - 2;
        for (; guard.status == 0 && fields < GUARD_FIELDS; fields++)
            guard_feed (&guard, field, sizeof field - 1);
        head += (sizeof field - 1) * (fields - 1) + 1;
        ck_assert_int_eq (guard.status, head + (n + fields) * GUARD_ELEMENT <= room ? 0 : 431);
    }

    // A limit is of each head, not of the connection.
    guard_begin (&guard, LIMIT);
    for (int i = 0; i < 1000; i++)
        guard_feed (&guard, GET HOST END, sizeof GET HOST END - 1);
    ck_assert_int_eq (guard.status, 0);
}
END_TEST

START_TEST (test_phases)
{
    struct guard guard;
    guard_begin (&guard, LIMIT);
    ck_assert_int_eq (guard.phase, GUARD_IDLE);
    guard_feed (&guard, GET, 1);
    ck_assert_int_eq (guard.phase, GUARD_HEAD);
    guard_feed (&guard, GET HOST "Content-Length: 2\r\n" END + 1,
                sizeof GET HOST "Content-Length: 2\r\n" END - 2);
    ck_assert_int_eq (guard.phase, GUARD_BODY);
    guard_feed (&guard, "\n", 1);
    ck_assert_int_eq (guard.phase, GUARD_BODY);
    guard_feed (&guard, "\n", 1);
    ck_assert_int_eq (guard.phase, GUARD_IDLE);
}
END_TEST

START_TEST (test_answer)
{
    static const int statuses[] = {400, 408, 411, 414, 431, 505};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct guard guard;
        char text[GUARD_ANSWER], line[32];
        guard_begin (&guard, LIMIT);
        guard_refuse (&guard, statuses[i], "why it is so");
        size_t size = guard_answer (&guard, text);
        snprintf (line, sizeof line, "HTTP/1.1 %d ", statuses[i]);
        ck_assert (size > 0 && size == strlen (text) && strncmp (text, line, strlen (line)) == 0);
        const char *body = strstr (text, "\r\n\r\n") + 4;
        ck_assert_uint_eq ((size_t) atoi (strstr (text, "Content-Length: ") + 16), strlen (body));
        ck_assert_ptr_nonnull (strstr (text, "Connection: close\r\n"));
        ck_assert_ptr_nonnull (strstr (body, "\"why it is so\"}"));
    }
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("guard");
    TCase *cases = tcase_create ("guard");
    tcase_add_test (cases, test_rows);
    tcase_add_test (cases, test_behind_others);
    tcase_add_test (cases, test_limits);
    tcase_add_test (cases, test_phases);
    tcase_add_test (cases, test_answer);
    suite_add_tcase (suite, cases);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
