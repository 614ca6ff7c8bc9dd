// The keys by which callers choose an issuer (R20).
#include "common/net/cidr.h"
#include "common/token/issuer_home.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST (test_keys)
{
    char key[ISSUER_HOME_SIZE], text[2000];
    issuer_home_client ("CLI-0123-4567", "192.0.2.1", key);
    ck_assert_str_eq (key, "CLI-0123-4567 c0000201/32");
    issuer_home_client ("CLI-0123-4567", "2001:db8:1:2:3:4:5:6", key);
    ck_assert_str_eq (key, "CLI-0123-4567 20010db800010002/64");
    issuer_home_client ("CLI-0123-4567", NULL, key);
    ck_assert_str_eq (key, "CLI-0123-4567");
    issuer_home_client ("CLI-0123-4567", "", key);
    ck_assert_str_eq (key, "CLI-0123-4567");
    issuer_home_user ("Alice@Shop.Example", key);
    ck_assert_str_eq (key, "alice@shop.example");
    memset (text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    issuer_home_client (text, text, key);
    ck_assert_uint_eq (strlen (key), 512 + 1 + CIDR_PLACE_SIZE - 1);
    issuer_home_user (text, key);
    ck_assert_uint_eq (strlen (key), 512);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("issuer_home");
    TCase *tcase = tcase_create ("issuer_home");
    tcase_add_test (tcase, test_keys);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
