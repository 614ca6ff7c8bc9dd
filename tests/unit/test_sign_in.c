// The pages of /oauth/authorize (R17, R23, R46), with a browser and an issuer that the test plays: which form is taken, what is asked for, what is told to whom.
// objects: tests/unit/sign_in_fixture.o services/gateway/authorize.o services/gateway/consent.o services/gateway/markup.o services/gateway/page.o services/gateway/page_style.o services/gateway/sign_in.o
#include "envelope.pb-c.h"
#include "tests/unit/sign_in_fixture.h"

#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

START_TEST (locations)
{
    static const struct {
        const char *uri, *wanted;
    } rows[] = {
        {"https://a/b", "https://a/b?error=x&error_description=a%20b&state=%26%23&iss=i"},
        {"https://a/b?c=d", "https://a/b?c=d&error=x&error_description=a%20b&state=%26%23&iss=i"},
        {"https://a/b?", "https://a/b?error=x&error_description=a%20b&state=%26%23&iss=i"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct authorization authorization = {.redirect_uri = rows[i].uri, .state = "&#"};
        cleanup_markup struct markup location = {0};
        authorize_location (&authorization, "i", "error", "x", "a b", &location);
        ck_assert_str_eq (location.data, rows[i].wanted);
    }
}
END_TEST

START_TEST (cookies)
{
    static const struct {
        const char *header, *wanted;
    } rows[] = {
        {NULL, NULL},           {"", NULL},    {"a=1", "1"},      {"b=2; a=1", "1"},
        {"b=2;a=1;c=3", "1"},   {"a=", ""},    {"a", NULL},       {"aa=1", NULL},
        {"b=a=1; a=2", "2"},    {"A=1", NULL}, {"a=1; a=2", "1"}, {";;; a=x=y;", "x=y"},
        {"b=\"; a=1\"", "1\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t length = 0;
        const char *value = sign_in_cookie (rows[i].header, "a", &length);
        ck_assert_msg ((value != NULL) == (rows[i].wanted != NULL), "%zu", i);
        if (value) {
            ck_assert_uint_eq (length, strlen (rows[i].wanted));
            ck_assert_int_eq (strncmp (value, rows[i].wanted, length), 0);
        }
    }
    // What we never made is as if it had not come.
    static const char *const bad[] = {
        "x",         ".",        "YWRh.",     "." JWT,          "YWRh",
        "YW!h." JWT, "YWRh.a b", "YWRh.a\"b", "YWRh.a\xc3\xa9", "YQBh." JWT,
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char header[256];
        good_query ();
        snprintf (header, sizeof header, "__Host-jeton-login=%s; __Host-jeton-form=short", bad[i]);
        fixture_put (it.headers, HEADERS, "Cookie", header);
        play (HTTP_GET);
        ck_assert_msg (it.call.bearer == NULL, "%s", bad[i]);
        answer (look ());
        keep_cookie (form_cookie, sizeof form_cookie);
    }
}
END_TEST

START_TEST (whole)
{
    char form[64];
    at_sign_in (form);
    ck_assert_str_eq (it.asked.client_id, "CLI-0000-0001");
    ck_assert (!it.asked.consent && !it.call.write && !it.call.bearer);
    says ("<strong><bdi>desk</bdi></strong>");
    says ("href=\"" BACK
          "?error=access_denied&amp;state=s%261&amp;iss=https%3A%2F%2Fjeton.example\"");
    ck_assert (
        strstr (fixture_get (it.set, HEADERS, "Content-Security-Policy"), "form-action 'self';"));
    post ("sign-in", form, NULL, false);
    play (HTTP_POST);
    ck_assert_str_eq (it.call.method, "Login");
    ck_assert_str_eq (it.login.username, "Ada");
    ck_assert_str_eq (it.login.password, "correct horse");
    ck_assert (it.call.write && !it.call.bearer);
    Jeton__V1__LoginReply reply = login_reply ();
    answer_code (JETON__V1__CODE__CODE_OK, "", &reply);
    leads_to ("/oauth/authorize?response_type=code&client_id=CLI-0000-0001&redirect_uri="
              "https%3A%2F%2Fdesk.example%2Fback&state=s%261");
    ck_assert_str_eq (fixture_get (it.set, HEADERS, "Set-Cookie"),
                      "__Host-jeton-login=YWRh." JWT
                      "; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax");
    at_consent (form);
    says ("<bdi>orders</bdi> <span>read and change</span>");
    says ("<bdi>stock</bdi> <span>read</span>");
    says ("Market <span>12</span>");
    says ("Signed in as <bdi>ada</bdi>");
    ck_assert (!fixture_get (it.set, HEADERS, "Set-Cookie"));
    post ("allow", form, look ().scope, true);
    play (HTTP_POST);
    ck_assert (it.asked.consent && it.call.write);
    ck_assert_str_eq (it.asked.scope, look ().scope); // what was shown, not what was asked for
    ck_assert_str_eq (it.call.bearer, JWT);
    Jeton__V1__AuthorizeReply code = look ();
    code.code = (char *) "jtn_code_x";
    answer (code);
    leads_to (BACK "?code=jtn_code_x&state=s%261&iss=https%3A%2F%2Fjeton.example");
    ck_assert_str_eq (it.body, "");
}
END_TEST

START_TEST (forged)
{
    char form[64], other[64];
    static const struct {
        const char *name, *value;
        bool good;
    } rows[] = {
        {"Origin", "https://jeton.example", true},
        {"Origin", "https://gate.internal:8443", true}, // as Host says
        {"Origin", "https://evil.example", false},
        {"Origin", "https://jeton.example.evil.example", false},
        {"Origin", "https://jeton.exampl", false},
        {"Origin", "http://gate.internal:8443", false},
        {"Origin", "null", false},
        {"Origin", "", false},
        {"Sec-Fetch-Site", "same-origin", true},
        {"Sec-Fetch-Site", "same-site", false},
        {"Sec-Fetch-Site", "cross-site", false},
        {"Sec-Fetch-Site", "none", false},
    };
    at_consent (form);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture_fresh ();
        fixture_put (it.headers, HEADERS, "Host", "gate.internal:8443");
        fixture_put (it.headers, HEADERS, rows[i].name, rows[i].value);
        ck_assert_msg (sign_in_ours (&it, gateway.settings.public_url) == rows[i].good, "%s: %s",
                       rows[i].name, rows[i].value);
    }
    // For another scope, user, action, request or browser than it was made for.
    for (int what = 0; what < 8; what++) {
        snprintf (other, sizeof other, "%s", form);
        if (what == 4)
            other[0] = other[0] == 'A' ? 'B' : 'A';
        post (what == 1 ? "switch" : "allow", what == 5 ? "" : other,
              what == 0 ? "module:orders:write" : look ().scope, what != 2);
        if (what == 3) {
            free (it.query[2].value);
            it.query[2].value = xstrdup ("https://desk.example/other");
        } else if (what == 6 || what == 7) {
            char *header = it.headers[0].value;
            if (what == 6)
                header[strlen ("theme=dark; __Host-jeton-form=")] ^= 1;
            else
                strstr (header, "jeton-form")[9] = 't';
        }
        play (HTTP_POST);
        ck_assert_msg (!it.callback && it.status == 403, "%d: %d", what, it.status);
        ck_assert (!fixture_get (it.set, HEADERS, "Location"));
    }
    post ("allow", form, look ().scope, true);
    fixture_put (it.form, PAIRS, "form", form);
    play (HTTP_POST);
    ck_assert_int_eq (it.status, 400);
    post ("allow", form, look ().scope, true);
    it.content_type = "text/plain";
    play (HTTP_POST);
    ck_assert_int_eq (it.status, 400);
}
END_TEST

START_TEST (twice)
{
    static const char *const names[] = {
        "response_type", "client_id",      "redirect_uri", "scope",
        "state",         "code_challenge", "environment",  "code_challenge_method"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (int empty = 0; empty < 2; empty++) {
            fixture_fresh ();
            fixture_put (it.query, PAIRS, names[i], empty ? "" : "live");
            fixture_put (it.query, PAIRS, names[i], empty ? "" : "live");
            play (HTTP_GET);
            ck_assert_int_eq (it.status, 400);
        }
    }
    good_query ();
    fixture_put (it.query, PAIRS, "environment", "moon");
    play (HTTP_GET);
    ck_assert_int_eq (it.status, 400);
    good_query ();
    fixture_put (it.query, PAIRS, "environment", "test");
    play (HTTP_GET);
    ck_assert_int_eq (it.asked.environment, JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST);
}
END_TEST

START_TEST (sign_in_fails)
{
    static const struct {
        int code;
        const char *message;
        uint32_t wait;
        int status;
        const char *says, *retry;
    } rows[] = {
        {JETON__V1__CODE__CODE_UNAUTHENTICATED, "", 0, 403,
         "The user name or the password is wrong", NULL},
        {JETON__V1__CODE__CODE_INVALID_ARGUMENT, "username is required", 0, 403,
         "The user name or the password is wrong", NULL},
        {JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
         "too many failed sign-ins: wait 17 s before the next", 17, 429, "Wait 17 seconds", "17"},
        {JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
         "too many sign-ins at once: try again in a moment", 0, 429, "Too many people", "5"},
        {JETON__V1__CODE__CODE_UNAVAILABLE, "", 0, 503, "not possible at the moment", "5"},
        {JETON__V1__CODE__CODE_UNKNOWN, "", 0, 503, "not possible at the moment", "5"},
    };
    char form[64];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        at_sign_in (form);
        post ("sign-in", form, NULL, false);
        play (HTTP_POST);
        retry_after = rows[i].wait;
        answer_code (rows[i].code, rows[i].message, NULL);
        retry_after = 0;
        answer (look ());
        ck_assert_int_eq (it.status, rows[i].status);
        says (rows[i].says);
        says ("role=\"alert\"");
        says ("<title>Error: Sign in");
        says ("value=\"Ada\"");
        ck_assert (!strstr (it.body, "horse"));
        ck_assert (!fixture_get (it.set, HEADERS, "Set-Cookie"));
        const char *retry = fixture_get (it.set, HEADERS, "Retry-After");
        ck_assert ((retry != NULL) == (rows[i].retry != NULL));
        if (retry)
            ck_assert_str_eq (retry, rows[i].retry);
    }
}
END_TEST

// Who is signed in may not be who is meant.
START_TEST (another)
{
    char form[64];
    Jeton__V1__AuthorizeReply denied = look ();
    denied.status = 403;
    denied.error = (char *) "access_denied";
    at_consent (form);
    for (int what = 0; what < 3; what++) {
        good_query ();
        send_cookies (true);
        play (HTTP_GET);
        if (what == 0)
            answer (denied);
        else
            answer_code (what == 1 ? JETON__V1__CODE__CODE_UNAUTHENTICATED
                                   : JETON__V1__CODE__CODE_PERMISSION_DENIED,
                         "", NULL);
        ck_assert (!it.call.bearer);
        answer (look ());
        ck_assert_int_eq (it.status, what == 1 ? 200 : 403);
        says ("name=\"password\"");
        ck_assert ((strstr (it.body, "role=\"alert\"") != NULL) == (what != 1));
    }
    at_consent (form);
    char *change = field_of ("switch");
    // Signing out: the cookie goes in any case; that the token could not be revoked is told.
    static const int codes[] = {JETON__V1__CODE__CODE_OK,
                                JETON__V1__CODE__CODE_UNAUTHENTICATED,
                                JETON__V1__CODE__CODE_UNAVAILABLE,
                                JETON__V1__CODE__CODE_UNKNOWN,
                                JETON__V1__CODE__CODE_PERMISSION_DENIED,
                                JETON__V1__CODE__CODE_OK};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        Jeton__V1__RevokeReply done = JETON__V1__REVOKE_REPLY__INIT;
        done.status = i == 5 ? 400 : 200; // 400: an issuer that does not know of it
        post ("switch", change, NULL, true);
        play (HTTP_POST);
        ck_assert_str_eq (it.call.method, "Revoke");
        ck_assert_str_eq (it.call.bearer, JWT);
        answer_code (codes[i], "", codes[i] == JETON__V1__CODE__CODE_OK ? &done : NULL);
        ck_assert_int_eq (it.status, i < 2 ? 303 : 503);
        ck_assert (strstr (fixture_get (it.set, HEADERS, "Set-Cookie"),
                           "__Host-jeton-login=; Max-Age=0;"));
        if (i >= 2)
            says ("Signed out here only");
    }
}
END_TEST

// What the issuer does not let be told to the redirect URI is shown; what it cannot tell is no answer.
START_TEST (refusals)
{
    char form[64];
    Jeton__V1__AuthorizeReply wrong = JETON__V1__AUTHORIZE_REPLY__INIT;
    wrong.status = 400;
    wrong.error = (char *) "invalid_scope";
    wrong.error_description = (char *) "<no>";
    good_query ();
    play (HTTP_GET);
    answer (wrong);
    ck_assert_int_eq (it.status, 400);
    ck_assert (!fixture_get (it.set, HEADERS, "Location"));
    says ("invalid_scope: &lt;no&gt;");
    wrong.status = 429;
    wrong.retry_after = 3;
    good_query ();
    play (HTTP_GET);
    answer (wrong);
    ck_assert_int_eq (it.status, 429);
    ck_assert_str_eq (fixture_get (it.set, HEADERS, "Retry-After"), "3");
    says ("Too many requests");
    wrong.status = 400;
    wrong.redirect = true;
    wrong.iss = (char *) "i";
    good_query ();
    play (HTTP_GET);
    answer (wrong);
    leads_to (BACK "?error=invalid_scope&error_description=%3Cno%3E&state=s%261&iss=i");
    static const int codes[] = {JETON__V1__CODE__CODE_UNAVAILABLE, JETON__V1__CODE__CODE_UNKNOWN,
                                JETON__V1__CODE__CODE_DEADLINE_EXCEEDED,
                                JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                                JETON__V1__CODE__CODE_INTERNAL};
    at_consent (form);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        good_query ();
        play (HTTP_GET);
        answer_code (codes[i], "", NULL);
        ck_assert_int_eq (it.status, 503);
        post ("allow", form, look ().scope, true);
        play (HTTP_POST);
        answer_code (codes[i], "", NULL);
        ck_assert_int_eq (it.status, 503);
        ck_assert (!fixture_get (it.set, HEADERS, "Location"));
    }
    // Signed out elsewhere meanwhile, or the client may do less than was shown: from the beginning.
    for (int what = 0; what < 3; what++) {
        Jeton__V1__AuthorizeReply code = look ();
        code.code = (char *) "jtn_code_x";
        if (what == 0)
            code.scope = (char *) "market:12 module:orders:write";
        if (what == 1)
            code.redirect = false;
        post ("allow", form, look ().scope, true);
        play (HTTP_POST);
        if (what < 2)
            answer (code);
        else
            answer_code (JETON__V1__CODE__CODE_UNAUTHENTICATED, "", NULL);
        ck_assert_int_eq (it.status, 303);
        ck_assert (
            strstr (fixture_get (it.set, HEADERS, "Location"), AUTHORIZE_PATH "?response_type"));
    }
}
END_TEST

START_TEST (hostile)
{
    static const char attack[] = "\"'><script>alert(1)</script><!--&";
    char form[64];
    at_consent (form);
    for (int page = 0; page < 4; page++) {
        Jeton__V1__AuthorizeReply reply = look ();
        reply.client_name = (char *) attack;
        reply.account = reply.account_name = (char *) attack;
        reply.iss = (char *) attack;
        fixture_fresh ();
        static const char *const names[] = {
            "response_type", "client_id",      "redirect_uri",         "scope",
            "state",         "code_challenge", "code_challenge_method"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            fixture_put (it.query, PAIRS, names[i], attack);
        if (page == 1)
            send_cookies (true);
        if (page == 2) {
            reply.error = reply.error_description = (char *) attack;
            reply.redirect = false;
        }
        if (page == 3)
            reply.scope = (char *) attack;
        play (HTTP_GET);
        answer (reply);
        ck_assert (!strstr (it.body, "<script") && !strstr (it.body, "<!--") &&
                   !strstr (it.body, "\"'"));
        const char *policy = fixture_get (it.set, HEADERS, "Content-Security-Policy");
        ck_assert_int_eq (strncmp (policy, "default-src 'none'; style-src 'sha256-", 38), 0);
        ck_assert (!strchr (policy, '<') && strstr (policy, "frame-ancestors 'none'"));
    }
}
END_TEST

int
main (void)
{
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("sign-in");
    TCase *tcase = tcase_create ("sign-in");
    tcase_add_checked_fixture (tcase, setup, NULL);
    tcase_add_test (tcase, locations);
    tcase_add_test (tcase, cookies);
    tcase_add_test (tcase, whole);
    tcase_add_test (tcase, forged);
    tcase_add_test (tcase, twice);
    tcase_add_test (tcase, sign_in_fails);
    tcase_add_test (tcase, another);
    tcase_add_test (tcase, refusals);
    tcase_add_test (tcase, hostile);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
