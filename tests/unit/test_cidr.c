// Networks and addresses of allow-lists (R10).
#include "common/net/cidr.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct cidr
network (const char *text)
{
    struct cidr cidr;
    ck_assert_msg (cidr_parse (text, &cidr), "%s", text);
    return cidr;
}

static struct cidr
address (const char *text)
{
    struct cidr cidr;
    ck_assert_msg (cidr_address (text, &cidr), "%s", text);
    return cidr;
}

START_TEST (test_canonical)
{
    static const char *const rows[][2] = {
        {"192.0.2.0/24", "192.0.2.0/24"},
        {"192.0.2.7/24", "192.0.2.0/24"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"255.255.255.255/32", "255.255.255.255/32"},
        {"10.255.0.0/9", "10.128.0.0/9"},
        {"2001:DB8::/32", "2001:db8::/32"},
        {"2001:db8:0:0:0:0:0:1/128", "2001:db8::1/128"},
        {"2001:db8:ffff::/33", "2001:db8:8000::/33"},
        {"::/0", "::/0"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/128",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/128"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cidr cidr = network (rows[i][0]);
        char text[CIDR_TEXT_SIZE];
        cidr_format (&cidr, text);
        ck_assert_str_eq (text, rows[i][1]);
    }
}
END_TEST

START_TEST (test_wrong)
{
    static const char *const wrong[] = {"",
                                        "/",
                                        "192.0.2.0",
                                        "192.0.2.0/",
                                        "192.0.2.0/33",
                                        "192.0.2/24",
                                        "192.0.2.0/024",
                                        "192.0.2.0/+8",
                                        "192.0.2.0/-1",
                                        "192.0.2.0/2 4",
                                        " 192.0.2.0/24",
                                        "192.0.2.0/24 ",
                                        "192.0.2.0/24/24",
                                        "256.0.0.0/8",
                                        "2001:db8::/129",
                                        "2001:db8::/99999999999",
                                        "2001:db8:::/32",
                                        "fe80::1%eth0/64",
                                        "::ffff:192.0.2.0/120",
                                        "::ffff:0:0/96",
                                        "example.com/24",
                                        "1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222/1"};
    struct cidr cidr;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg (!cidr_parse (wrong[i], &cidr), "%s", wrong[i]);
    ck_assert (!cidr_address ("192.0.2.0/24", &cidr));
    ck_assert (!cidr_address ("", &cidr));
}
END_TEST

START_TEST (test_contains)
{
    static const struct {
        const char *network, *address;
        bool in;
    } rows[] = {
        {"192.0.2.0/24", "192.0.2.0", true},
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.1/32", "192.0.2.1", true},
        {"192.0.2.1/32", "192.0.2.2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.9", false},
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"192.0.2.0/24", "::ffff:192.0.2.9", true},
        {"::/0", "::ffff:192.0.2.9", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cidr outer = network (rows[i].network), inner = address (rows[i].address);
        ck_assert_msg (cidr_contains (&outer, &inner) == rows[i].in, "%s, %s", rows[i].network,
                       rows[i].address);
    }
    struct cidr wide = network ("10.0.0.0/8"), narrow = network ("10.1.0.0/16");
    ck_assert (cidr_contains (&wide, &narrow) && !cidr_contains (&narrow, &wide));
    ck_assert (cidr_contains (&wide, &wide));
}
END_TEST

START_TEST (test_place)
{
    static const char *const rows[][2] = {{"192.0.2.1", "c0000201/32"},
                                          {"::ffff:192.0.2.1", "c0000201/32"},
                                          {"2001:db8:1:2:3:4:5:6", "20010db800010002/64"},
                                          {"gateway", "gateway"},
                                          {"", ""}};
    char place[CIDR_PLACE_SIZE], long_one[600];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cidr_place (rows[i][0], place);
        ck_assert_str_eq (place, rows[i][1]);
    }
    memset (long_one, 'x', sizeof long_one);
    long_one[sizeof long_one - 1] = 0;
    cidr_place (long_one, place);
    ck_assert_uint_eq (strlen (place), sizeof place - 1);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("cidr");
    TCase *tcase = tcase_create ("cidr");
    tcase_add_test (tcase, test_canonical);
    tcase_add_test (tcase, test_wrong);
    tcase_add_test (tcase, test_contains);
    tcase_add_test (tcase, test_place);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
