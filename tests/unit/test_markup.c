// What pages and redirects are written with (R17, R23): every byte escaped, hosts and sources as a browser takes them.
// objects: services/gateway/markup.o
#include "services/gateway/markup.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST (escaped)
{
    cleanup_markup struct markup markup = {0};
    markup_add (&markup, "<p title=\"%s\">100%%</p>", "<&>\"'\n\x7fé");
    ck_assert_str_eq (markup.data,
                      "<p title=\"&lt;&amp;&gt;&quot;&#39;\xef\xbf\xbd\xef\xbf\xbdé\">100%</p>");
    for (int c = 1; c < 256; c++) {
        cleanup_markup struct markup one = {0}, uri = {0};
        char text[2] = {(char) c, '\0'}, wanted[4];
        markup_text (&one, text);
        ck_assert_msg (c == '&' || !strpbrk (one.data, "<>\"'\n\r\t"), "%d", c);
        markup_uri (&uri, text);
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     strchr ("-._~", c);
        snprintf (wanted, sizeof wanted, plain ? "%c" : "%%%02X", c);
        ck_assert_str_eq (uri.data, wanted);
    }
}
END_TEST

START_TEST (places)
{
    static const struct {
        const char *uri, *host, *source;
    } rows[] = {
        {"https://desk.example/back?b=1", "desk.example", "https:"},
        {"https://desk.example:8443", "desk.example:8443", "https:"},
        {"http://127.0.0.1:5000/x", "127.0.0.1:5000", "https: http://127.0.0.1:5000"},
        {"http://localhost?x", "localhost", "https: http://localhost"},
        {"http://[::1]:80/", "[::1]:80", "https: http:"},
        {"http://a;script-src */", "a;script-src *", "https: http:"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char host[MARKUP_HOST_SIZE], source[MARKUP_SOURCE_SIZE];
        markup_host (rows[i].uri, host);
        ck_assert_str_eq (host, rows[i].host);
        markup_form_action (rows[i].uri, source);
        ck_assert_str_eq (source, rows[i].source);
    }
    char uri[600] = "https://", host[MARKUP_HOST_SIZE];
    memset (uri + 8, 'a', 500);
    memcpy (uri + 500, "evil.com", 9);
    markup_host (uri, host);
    ck_assert_uint_eq (strlen (host), MARKUP_HOST_SIZE - 1);
    ck_assert_int_eq (strncmp (host, "…a", 4), 0);
    ck_assert_str_eq (host + strlen (host) - 9, "aevil.com");
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("markup");
    TCase *tcase = tcase_create ("markup");
    tcase_add_test (tcase, escaped);
    tcase_add_test (tcase, places);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
