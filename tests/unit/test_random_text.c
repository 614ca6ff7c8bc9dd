// The form of refresh tokens and authorization codes (R17-R19): one spelling of each value.
// objects: services/issuer/random_text.o
#include "services/issuer/random_text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "jtn_code_"
typedef char text_of_code[RANDOM_TEXT_SIZE (PREFIX)];

START_TEST (test_made)
{
    text_of_code one, two;
    ck_assert_uint_eq (sizeof one, 9 + 43 + 1);
    random_text_make (PREFIX, one);
    random_text_make (PREFIX, two);
    ck_assert_str_ne (one, two);
    ck_assert (random_text_good (PREFIX, one) && random_text_good (PREFIX, two));
    ck_assert (!random_text_good ("jtn_refresh_", one));
}
END_TEST

// Every byte replaced by every other: what is good then is another value.
START_TEST (test_bytes)
{
    text_of_code text, changed;
    random_text_make (PREFIX, text);
    size_t length = strlen (text), good = 0;
    for (size_t i = 0; i < length; i++)
        for (int byte = 1; byte < 256; byte++) {
            memcpy (changed, text, sizeof changed);
            changed[i] = (char) byte;
            bool is = random_text_good (PREFIX, changed);
            ck_assert (!is || byte < 128);
            ck_assert (!is || i >= strlen (PREFIX) || changed[i] == text[i]);
            good += is && i >= strlen (PREFIX);
        }
    // Of the last character only 16 of 64 are a value's.
    ck_assert_uint_eq (good, 42 * 64 + 16);
}
END_TEST

START_TEST (test_lengths)
{
    char text[200] = PREFIX;
    for (size_t length = strlen (PREFIX); length < sizeof text - 1; length++) {
        ck_assert_int_eq (random_text_good (PREFIX, text), length == 9 + 43);
        text[length] = 'A';
        text[length + 1] = '\0';
    }
    ck_assert (!random_text_good (PREFIX, ""));
    ck_assert (!random_text_good (PREFIX, "jtn_code"));
}
END_TEST

int
main (void)
{
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("random_text");
    TCase *tcase = tcase_create ("random_text");
    tcase_add_test (tcase, test_made);
    tcase_add_test (tcase, test_bytes);
    tcase_add_test (tcase, test_lengths);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
