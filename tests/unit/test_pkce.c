// PKCE by S256 (RFC 7636), which the authorization code grant needs (R17).
#include "common/token/pkce.h"
#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

// Appendix B.
static const char verifier[] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
static const char challenge[] = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

START_TEST (appendix_b)
{
    char made[PKCE_CHALLENGE_SIZE];
    pkce_challenge (verifier, made);
    ck_assert_str_eq (made, challenge);
    ck_assert (pkce_match (verifier, challenge));
    ck_assert (!pkce_match (challenge, challenge)); // that would be "plain"
    for (size_t i = 0; i < sizeof made - 1; i++) {
        memcpy (made, challenge, sizeof made);
        made[i] = made[i] == 'A' ? 'B' : 'A';
        ck_assert (!pkce_match (verifier, made));
    }
}
END_TEST

START_TEST (forms)
{
    char text[200];
    memset (text, 'a', sizeof text);
    for (size_t length = 0; length < sizeof text; length++) {
        text[length] = '\0';
        ck_assert_int_eq (pkce_verifier_good (text), length >= 43 && length <= 128);
        text[length] = 'a';
    }
    text[64] = '\0';
    for (int c = 1; c < 256; c++) {
        text[50] = (char) c;
        bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                          (c >= '0' && c <= '9') || strchr ("-._~", c);
        ck_assert_int_eq (pkce_verifier_good (text), unreserved);
    }
    ck_assert (pkce_challenge_good (challenge));
    static const char *const bad[] = {
        "",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN", // bits that mean nothing
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw cM",
        "\xc3\xa9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", // what libsodium takes for "__"
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg (!pkce_challenge_good (bad[i]), "%s", bad[i]);
        ck_assert (!pkce_match (verifier, bad[i]));
    }
    ck_assert (!pkce_match ("short", challenge));
}
END_TEST

int
main (void)
{
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("pkce");
    TCase *tcase = tcase_create ("pkce");
    tcase_add_test (tcase, appendix_b);
    tcase_add_test (tcase, forms);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
