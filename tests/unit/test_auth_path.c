// Forward-auth: paths that mean one thing only, and those that are refused because servers differ in what they make of them (R28).
// objects: services/gateway/auth_path.o
#include "services/gateway/auth_path.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST (test_read)
{
    static const char *const rows[][2] = {
        {"/", "/"},
        {"/?", "/"},
        {"/v1/orders", "/v1/orders"},
        {"/v1/orders/", "/v1/orders"},
        {"/v1/orders?a=/../&b=%2e//", "/v1/orders"},
        {"/v1/orders/?x", "/v1/orders"},
        {"/v1/orders?", "/v1/orders"},
        {"/v1/a.b/...", "/v1/a.b/..."},
        {"/.well-known/x", "/.well-known/x"},
        {"/v1/..x/x..", "/v1/..x/x.."},
        {"/v1/a%20b", "/v1/a b"},
        {"/v1/a%3Ab%40c:d@e", "/v1/a:b@c:d@e"},
        {"/v1/a%7Eb~", "/v1/a~b~"},
        {"/v1/%C3%A9t%c3%a9", "/v1/\xC3\xA9t\xC3\xA9"},
        {"/v1/100%25", "/v1/100%"},
        {"/v1/100%25/x", "/v1/100%/x"},
        {"/v1/%25zz", "/v1/%zz"},
        {"/v1/%252/x", "/v1/%2/x"},
        {"/v1/~!$&'()*+,=:@-._", "/v1/~!$&'()*+,=:@-._"},
        {"/v1/%5B%22%7B", "/v1/[\"{"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[AUTH_PATH_MAX + 1];
        const char *why = NULL;
        ck_assert_msg (auth_path_read (rows[i][0], path, &why), "%s: %s", rows[i][0], why);
        ck_assert_str_eq (path, rows[i][1]);
    }
}
END_TEST

START_TEST (test_refused)
{
    static const char *const targets[] = {
        "",
        "v1/orders",
        "*",
        "?x",
        "http://api.example/v1/orders",
        "api.example:443",
        "\\v1\\orders",
        // Segments that servers leave out.
        "//",
        "//v1/orders",
        "/v1//orders",
        "/v1/orders//",
        "/v1/orders//?x",
        "/.",
        "/..",
        "/./",
        "/../",
        "/v1/./orders",
        "/v1/../orders",
        "/v1/public/../orders",
        "/v1/public/..",
        "/v1/public/.",
        "/v1/public/../../orders?x",
        "/.?x",
        "/v1/..?x",
        // The same in other words.
        "/v1/public/%2e%2e/orders",
        "/v1/public/%2E%2E/orders",
        "/v1/public/.%2e/orders",
        "/v1/public/%2e./orders",
        "/v1/public/%2e/orders",
        "/v1/public/..%2forders",
        "/v1/public/..%2Forders",
        "/v1/public%2f..%2forders",
        "/v1%2Forders",
        "/%2Fv1/orders",
        "/v1/public/..%5corders",
        "/v1/public/..%5Corders",
        "/v1/public/..\\orders",
        "/v1\\orders",
        "/v1/public/..;/orders",
        "/v1/public/..;x=y/orders",
        "/v1/orders;x",
        "/;/v1/orders",
        "/v1/public/..%3b/orders",
        "/v1/public/%2e%2e;/orders",
        "/v1/orders%3Bx",
        "/v1/public/%252e%252e/orders",
        "/v1/public/..%252forders",
        "/v1/%252Forders",
        "/v1/%25%32%65",
        "/v1/%2565",
        "/v1/%25252e",
        "/v1/public/%c0%ae%c0%ae/orders",
        "/v1/public/..%c0%aforders",
        "/v1/public/..%e0%80%aforders",
        "/v1/%C0%AF",
        "/v1/public/%f0%80%80%af",
        "/v1/public/%u002e%u002e/orders",
        "/v1/%uff0forders",
        // What needs no encoding.
        "/v1/%6frders",
        "/v1/%4Frders",
        "/%76%31/orders",
        "/v1/a%2Db",
        "/v1/a%5fb",
        "/v1/a%2Ejson",
        "/v1/%30",
        // What ends a path in the middle.
        "/v1/orders%3f",
        "/v1/orders%3Fx=/public",
        "/v1/orders%23",
        "/v1/orders#",
        "/v1/public#/../",
        "/v1/orders%00",
        "/v1/public%00/../orders",
        "/v1/orders%0a",
        "/v1/orders%0D%0ahost:x",
        "/v1/orders%09",
        "/v1/orders%7f",
        "/v1/%1f",
        "/v1/orders\n",
        "/v1/orders\t",
        "/v1/ orders",
        "/v1/orders\x7f",
        "/v1/orders\x01",
        // No such encoding.
        "/v1/%",
        "/v1/%2",
        "/v1/%zz",
        "/v1/%2z",
        "/v1/%%32f",
        "/v1/% 20",
        "/v1/%+2",
        "/%?20",
        "/v1/a%/b",
        "/v1/%-1",
        // Not of a path.
        "/v1/\"orders\"",
        "/v1/<x>",
        "/v1/[x]",
        "/v1/{x}",
        "/v1/x|y",
        "/v1/x^y",
        "/v1/x`y",
        "/v1/\xC3\xA9",
        "/v1/\xff",
        "/v1/%ff",
        "/v1/%C3",
        "/v1/%C3/%A9",
        "/v1/%ed%a0%80",
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char path[AUTH_PATH_MAX + 1];
        const char *why = NULL;
        ck_assert_msg (!auth_path_read (targets[i], path, &why), "%s", targets[i]);
        ck_assert (why != NULL && *why != '\0');
    }
}
END_TEST

START_TEST (test_each_byte)
{
    // Encoded, each is what it is, or refused; and refused as what it is not.
    for (unsigned c = 0; c < 256; c++) {
        char target[16], path[AUTH_PATH_MAX + 1];
        const char *why;
        snprintf (target, sizeof target, "/a%%%02x", c);
        bool read = auth_path_read (target, path, &why);
        bool never = c < 0x20 || c >= 0x7f || strchr ("/\\;?#-._", (int) c) != NULL ||
                     (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        ck_assert_msg (read == !never, "%s", target);
        ck_assert (!read || (path[2] == (char) c && path[3] == '\0'));
    }
}
END_TEST

START_TEST (test_length)
{
    static char target[AUTH_PATH_MAX + 64];
    char path[AUTH_PATH_MAX + 1];
    const char *why;
    memset (target, 'a', sizeof target);
    target[0] = '/';
    target[AUTH_PATH_MAX] = '\0';
    ck_assert (auth_path_read (target, path, &why));
    ck_assert_str_eq (path, target);
    target[AUTH_PATH_MAX] = '/';
    target[AUTH_PATH_MAX + 1] = '\0';
    ck_assert (!auth_path_read (target, path, &why));
    target[AUTH_PATH_MAX] = '?'; // of the query nothing is kept
    target[AUTH_PATH_MAX + 1] = 'a';
    target[sizeof target - 1] = '\0';
    ck_assert (auth_path_read (target, path, &why));
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("auth_path");
    TCase *tcase = tcase_create ("auth_path");
    tcase_add_test (tcase, test_read);
    tcase_add_test (tcase, test_refused);
    tcase_add_test (tcase, test_each_byte);
    tcase_add_test (tcase, test_length);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
