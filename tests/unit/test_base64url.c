// base64url by words is what libsodium's is, for every letter in every place (R3).
#include "common/token/base64url.h"
#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_MAX = 48 };

// libsodium's word; it takes any byte above 127 for an underscore.
static bool
expected (const char *text, size_t length, uint8_t *bytes_r)
{
    size_t size;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char) text[i] > 127)
            return false;
    return sodium_base642bin (bytes_r, LENGTH_MAX, text, length, NULL, &size, NULL,
                              sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           size == length / 4 * 3;
}

// Nothing is written behind the bytes, or read behind the text, which has its exact size.
static void
compare (const char *text, size_t length)
{
    char *exact = malloc (length + 1);
    uint8_t theirs[LENGTH_MAX], *ours = malloc (length / 4 * 3 + 1);
    ck_assert (exact != NULL && ours != NULL);
    exact = memcpy (realloc (exact, length > 0 ? length : 1), text, length);
    ours[length / 4 * 3] = 0x5a;
    bool good = expected (text, length, theirs);
    ck_assert (base64url_decode (exact, length, ours) == good);
    ck_assert (ours[length / 4 * 3] == 0x5a);
    if (good)
        ck_assert_mem_eq (ours, theirs, length / 4 * 3);
    free (exact);
    free (ours);
}

START_TEST (every_letter)
{
    char text[LENGTH_MAX];
    for (size_t length = 0; length <= LENGTH_MAX; length += 4)
        for (size_t at = 0; at < length; at++)
            for (int c = 0; c < 256; c++) {
                memset (text, "AZaz09-_"[c % 8], sizeof text);
                text[at] = (char) c;
                compare (text, length);
            }
}
END_TEST

START_TEST (what_was_encoded)
{
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[LENGTH_MAX / 4 * 3];
        char text[LENGTH_MAX + 1];
        size_t size = 3 * (size_t) randombytes_uniform (LENGTH_MAX / 4 + 1);
        randombytes_buf (bytes, sizeof bytes);
        sodium_bin2base64 (text, sizeof text, bytes, size,
                           sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        compare (text, strlen (text));
        if (size > 0) // and with any other byte in it
            text[randombytes_uniform ((uint32_t) strlen (text))] = (char) randombytes_random ();
        compare (text, size / 3 * 4);
    }
}
END_TEST

int
main (void)
{
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("base64url");
    TCase *all = tcase_create ("all");
    tcase_set_timeout (all, 60);
    tcase_add_test (all, every_letter);
    tcase_add_test (all, what_was_encoded);
    suite_add_tcase (suite, all);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
