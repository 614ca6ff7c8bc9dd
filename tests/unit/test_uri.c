// Redirect URIs that a client may register (R17).
// objects: services/admin/uri.o
#include "services/admin/uri.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const good[] = {
    "https://a.example",           "https://a.example/",     "https://a.example/back?x=y&z=%20",
    "https://a.example:8443/back", "https://192.0.2.1/back", "https://[2001:db8::1]:8443/back",
    "http://127.0.0.1/",           "http://127.0.0.1:1/x",   "http://localhost:65535/x",
    "http://[::1]:3000",
};

static const char *const wrong[] = {
    "",
    "a",
    "//a.example/",
    "HTTPS://a.example/",
    "https:/a.example/",
    "https://",
    "https:///x",
    "https://?x",
    "https://:80/",
    "https://a.example:/",
    "https://a.example:0/",
    "https://a.example:080/",
    "https://a.example:65536/",
    "https://a.example:123456/",
    "https://a.example:8x/",
    "https://user@a.example/",
    "https://user:x@a.example/",
    "https://a.example/#top",
    "https://a.example/ x",
    "https://a.example/\n",
    "https://a.example\\@evil.example/",
    "https://\xc3\xa4.example/",
    "https://.example/",
    "https://-a.example/",
    "https://[::1/",
    "https://[]/",
    "https://[::1]x/",
    "http://a.example/",
    "http://127.0.0.1.evil.example/",
    "http://127.0.0.2/",
    "http://localhost.evil.example/",
    "http://localhost@evil.example/",
    "http://[::2]/",
    "ftp://localhost/",
    "javascript:alert(1)",
};

START_TEST (test_good)
{
    ck_assert_msg (!uri_redirect_wrong (good[_i]), "%s: %s", good[_i],
                   uri_redirect_wrong (good[_i]));
}
END_TEST

START_TEST (test_wrong)
{
    ck_assert_msg (uri_redirect_wrong (wrong[_i]), "%s", wrong[_i]);
}
END_TEST

START_TEST (test_length)
{
    char text[URI_LENGTH_MAX + 2];
    memset (text, 'x', sizeof text);
    memcpy (text, "https://a.example/", 18);
    text[URI_LENGTH_MAX] = '\0';
    ck_assert (!uri_redirect_wrong (text));
    text[URI_LENGTH_MAX] = 'x';
    text[URI_LENGTH_MAX + 1] = '\0';
    ck_assert (uri_redirect_wrong (text));
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("uri");
    TCase *tests = tcase_create ("uri");
    tcase_add_loop_test (tests, test_good, 0, sizeof good / sizeof *good);
    tcase_add_loop_test (tests, test_wrong, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test (tests, test_length);
    suite_add_tcase (suite, tests);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
