#include "common/log/log.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char output[65536];

// What log_event writes from here on goes to a file, until logged () reads it back.
static void
capture (void)
{
    FILE *file = tmpfile ();
    ck_assert_ptr_nonnull (file);
    ck_assert_int_ge (dup2 (fileno (file), STDERR_FILENO), 0);
    fclose (file);
    log_open ("admin", LOG_LEVEL_INFO);
}

static const char *
logged (void)
{
    ssize_t n = pread (STDERR_FILENO, output, sizeof output - 1, 0);
    ck_assert_int_ge (n, 0);
    output[n] = 0;
    return output;
}

static void
assert_ends (const char *text, const char *end)
{
    ck_assert_uint_ge (strlen (text), strlen (end));
    ck_assert_str_eq (text + strlen (text) - strlen (end), end);
}

START_TEST (test_line)
{
    capture ();
    log_debug ("not shown", NULL);
    log_info ("token disabled", "request", "4bf92f35", "token", "TKN-0123-4567", NULL);
    const char *line = logged ();
    assert_ends (line, " level=info service=admin msg=\"token disabled\" request=4bf92f35 "
                       "token=TKN-0123-4567\n");
    ck_assert_int_eq (strncmp (line, "time=20", 7), 0);
    ck_assert_ptr_eq (strchr (line, '\n'), line + strlen (line) - 1);
    ck_assert_ptr_eq (strstr (line, "Z level"), line + 28);
}
END_TEST

START_TEST (test_quoting)
{
    capture ();
    log_warn ("m", "empty", "", "null", NULL, "equals", "a=b", "quote", "a\"b\\c", "lines",
              "a\nb\r\t\x1b[0m\x7f", "utf", "grün €", "bad", "\xff\xc3(\xed\xa0\x80", "c1",
              "\xc2\x85\xe2\x80\xa8", NULL);
    assert_ends (logged (),
                 " msg=m empty=\"\" null=\"\" equals=\"a=b\" quote=\"a\\\"b\\\\c\" "
                 "lines=\"a\\nb\\x0d\\x09\\x1b[0m\\x7f\" utf=\"grün €\" "
                 "bad=\"\\xff\\xc3(\\xed\\xa0\\x80\" c1=\"\\xc2\\x85\\xe2\\x80\\xa8\"\n");
}
END_TEST

START_TEST (test_levels)
{
    enum log_level level;
    ck_assert (log_level_parse ("debug", &level) && level == LOG_LEVEL_DEBUG);
    ck_assert (log_level_parse ("error", &level) && level == LOG_LEVEL_ERROR);
    ck_assert (!log_level_parse ("Info", &level));
    ck_assert (!log_level_parse ("", &level));
    capture ();
    log_level_set (LOG_LEVEL_ERROR);
    log_warn ("not shown", NULL);
    ck_assert_str_eq (logged (), "");
    log_level_set (LOG_LEVEL_DEBUG);
    log_debug ("shown", NULL);
    assert_ends (logged (), "level=debug service=admin msg=shown\n");
}
END_TEST

// Long values are cut, but leave room for the others; a line stays one line of 4,096 bytes at most, its quotes closed.
START_TEST (test_long)
{
    capture ();
    char plain[5000], controls[5000];
    memset (plain, 'x', sizeof plain);
    memset (controls, 1, sizeof controls);
    plain[4999] = controls[4999] = 0;
    log_info ("m", "a", plain, "b", controls, "c", "short", "d", plain, "e", controls, NULL);
    const char *line = logged ();
    ck_assert_uint_le (strlen (line), 4096);
    ck_assert_uint_gt (strlen (line), 3500);
    ck_assert_ptr_nonnull (strstr (line, "x\" b=\"\\x01"));
    ck_assert_ptr_nonnull (strstr (line, "\" c=short d=\""));
    assert_ends (line, "\"\n");
    size_t quotes = 0;
    for (const char *p = line; *p; p++)
        quotes += *p == '"';
    ck_assert_uint_eq (quotes % 2, 0);
}
END_TEST

static void
assert_redacted (const char *text, const char *expected)
{
    char *copy = strdup (text);
    log_redact (copy);
    ck_assert_str_eq (copy, expected);
    free (copy);
}

START_TEST (test_redaction)
{
    assert_redacted ("value jtn_live_AAECAwQF-_8, next", "value jtn_live_***********, next");
    assert_redacted ("xjtn_test_A", "xjtn_test_*");
    assert_redacted ("code=jtn_code_Ab_-9&", "code=jtn_code_*****&");
    assert_redacted ("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UifQ.abc-_ x",
                     "********************************************* x");
    assert_redacted ("eyJhbGciOiJF", "************");
    assert_redacted ("authorization: Bearer abc.def~+/=", "authorization: Bearer ***********");
    assert_redacted ("BEARER\tx", "BEARER\t*");
    assert_redacted ("the bearer", "the bearer");
    assert_redacted ("host=h password=geheim user=u", "host=h password=****** user=u");
    assert_redacted ("PASSWORD = 'a \\' b' x", "PASSWORD = '******' x");
    assert_redacted ("password=a\\ b c", "password=**** c");
    assert_redacted ("{\"password\":\"a\\\"b\",\"c\":1}", "{\"password\":\"****\",\"c\":1}");
    assert_redacted ("the password: wrong", "the password: wrong");
    assert_redacted ("postgresql://u:p@h/d", "postgresql://u:*@h/d");
    assert_redacted ("postgres://u:p/@:x@h:5432/d?password=y",
                     "postgres://u:*****@h:5432/d?password=*");
    assert_redacted ("tcp://127.0.0.1:7101 a@b", "tcp://127.0.0.1:7101 a@b");
    assert_redacted ("postgresql://user@host:1/db", "postgresql://user@host:1/db");
    assert_redacted ("", "");
}
END_TEST

// In a value, in the message, and where the cut falls into the middle of a secret.
START_TEST (test_redacted_lines)
{
    capture ();
    log_info ("Bearer secret-1", "a", "jtn_live_secret-2", NULL);
    char text[3000];
    memset (text, 'x', sizeof text);
    snprintf (text + 1450, sizeof text - 1450, " postgresql://user:secret-3");
    memset (text + 1450 + 27, 's', 1000);
    snprintf (text + 2500, sizeof text - 2500, "@host");
    log_info ("m", "url", text, NULL);
    const char *lines = logged ();
    ck_assert_ptr_null (strstr (lines, "secret"));
    ck_assert_ptr_null (strstr (lines, "sss"));
    ck_assert_ptr_nonnull (strstr (lines, "msg=\"Bearer ********\" a=jtn_live_********\n"));
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("log");
    TCase *tcase = tcase_create ("log");
    tcase_add_test (tcase, test_line);
    tcase_add_test (tcase, test_quoting);
    tcase_add_test (tcase, test_levels);
    tcase_add_test (tcase, test_long);
    tcase_add_test (tcase, test_redaction);
    tcase_add_test (tcase, test_redacted_lines);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
