#include "common/error/error.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST (test_text)
{
    struct error error;
    error_set (&error, "%s: no port %d", "tcp://*", 7101);
    ck_assert_str_eq (error.text, "tcp://*: no port 7101");
    error_prefix (&error, "%s:%d", "file", 3);
    ck_assert_str_eq (error.text, "file:3: tcp://*: no port 7101");
    error_set (&error, "again: %s", error.text);
    ck_assert_str_eq (error.text, "again: file:3: tcp://*: no port 7101");
    error_set (NULL, "nobody %s", "cares");
    error_prefix (NULL, "nobody");
}
END_TEST

// The cut is made between characters, whatever their length and wherever it falls.
START_TEST (test_cut)
{
    static const char *const characters[] = {"x", "ü", "€", "😀"};
    for (size_t i = 0; i < 4; i++)
        for (int shift = 0; shift < 4; shift++) {
            char text[2048] = "";
            memset (text, '.', (size_t) shift);
            for (size_t n = 0, length = (size_t) shift; n < 500; n++, length = strlen (text))
                snprintf (text + length, sizeof text - length, "%s", characters[i]);
            struct error error;
            error_set (&error, "%s", text);
            size_t size = strlen (characters[i]);
            size_t whole = (sizeof error.text - 1 - (size_t) shift) / size;
            if (whole > 500)
                whole = 500;
            ck_assert_uint_eq (strlen (error.text), (size_t) shift + whole * size);
            ck_assert_int_eq (strncmp (error.text, text, strlen (error.text)), 0);
        }
}
END_TEST

START_TEST (test_prefix_cut)
{
    struct error error;
    char text[600];
    memset (text, 'a', sizeof text);
    text[599] = 0;
    error_set (&error, "%s", text);
    error_prefix (&error, "%s", text);
    ck_assert_uint_eq (strlen (error.text), sizeof error.text - 1);
    // Bytes that are no UTF-8 end it too.
    memset (text, 0x80, sizeof text - 1);
    error_set (&error, "%s", text);
    ck_assert_uint_lt (strlen (error.text), sizeof error.text);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("error");
    TCase *tcase = tcase_create ("error");
    tcase_add_test (tcase, test_text);
    tcase_add_test (tcase, test_cut);
    tcase_add_test (tcase, test_prefix_cut);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
