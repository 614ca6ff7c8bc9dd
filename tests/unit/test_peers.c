#include "common/memory/memory.h"
#include "common/rpc/peers.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define KEY1 "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY2 "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define HASH "#rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf"

static struct peers *
parse (const char *text, struct error *error_r)
{
    return peers_parse (text, strlen (text), error_r);
}

START_TEST (peers_are_found)
{
    struct error error;
    struct peers *peers = parse ("# who may connect\n\n" KEY1 "  admin\tservice,operator # ours\r\n"
                                 "   " KEY2 " alice caller",
                                 &error);
    ck_assert_ptr_nonnull (peers);
    ck_assert_uint_eq (peers_count (peers), 2);
    const struct peer *admin = peers_by_name (peers, "admin");
    ck_assert_ptr_nonnull (admin);
    ck_assert_str_eq (admin->key, KEY1);
    ck_assert_uint_eq (admin->roles, ROLE_SERVICE | ROLE_OPERATOR);
    ck_assert_ptr_eq (peers_by_key (peers, KEY1), admin);
    ck_assert_str_eq (peers_by_key (peers, KEY2)->name, "alice");
    ck_assert_uint_eq (peers_by_key (peers, KEY2)->roles, ROLE_CALLER);
    ck_assert_ptr_null (peers_by_key (peers, "admin"));
    ck_assert_ptr_null (peers_by_name (peers, "bob"));
    peers_destroy (&peers);
    peers_destroy (&peers);
    peers = parse ("", &error);
    ck_assert_uint_eq (peers_count (peers), 0);
    ck_assert_ptr_null (peers_by_name (peers, "bob"));
    peers_destroy (&peers);
}
END_TEST

// # is a character of Z85, but not where a key begins.
START_TEST (a_hash_begins_a_comment)
{
    struct error error;
    char secret[41], key[41];
    struct peers *peers = parse (HASH " odd service\n#" KEY1 " not service\n"
                                      "########################################\n",
                                 &error);
    ck_assert_ptr_nonnull (peers);
    ck_assert_uint_eq (peers_count (peers), 0);
    peers_destroy (&peers);
    for (int i = 0; i < 200; i++) {
        char line[80];
        ck_assert_int_eq (zmq_curve_keypair (key, secret), 0);
        snprintf (line, sizeof line, "%s name service", key);
        peers = parse (line, &error);
        ck_assert_uint_eq (peers_count (peers), 1);
        peers_destroy (&peers);
    }
}
END_TEST

START_TEST (faults_are_named_by_line)
{
    static const struct {
        const char *text, *what;
    } faults[] = {
        {KEY1 " admin service\nshort admin2 service\n", "line 2: the key"},
        {KEY1 "x admin service\n", "line 1: the key"},
        {"\"q:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7 admin service\n", "line 1: the key"},
        {KEY1 " admin\n", "line 1: a line has"},
        {KEY1 " admin service operator\n", "line 1: a line has"},
        {KEY1 " ad/min service\n", "line 1: a name"},
        {KEY1 " aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa service\n",
         "line 1: a name"},
        {KEY1 " admin king\n", "line 1: roles"},
        {KEY1 " admin service,\n", "line 1: roles"},
        {KEY1 " admin ,service\n", "line 1: roles"},
        {KEY1 " a service\n" KEY1 " b service\n", "the same key"},
        {KEY1 " a service\n" KEY2 " a service\n", "twice"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct error error = {.text = ""};
        ck_assert_ptr_null (parse (faults[i].text, &error));
        ck_assert_msg (strstr (error.text, faults[i].what) != NULL, "%zu: %s", i, error.text);
        ck_assert_ptr_null (parse (faults[i].text, NULL));
    }
    struct error error;
    ck_assert_ptr_null (peers_parse (KEY1 " a\0b service", sizeof KEY1 " a?b service" - 1, &error));
}
END_TEST

START_TEST (sizes_are_limited)
{
    struct error error;
    char *text = xcalloc (1, (1 << 20) + 1);
    memset (text, '\n', 10001);
    struct peers *peers = peers_parse (text, 10000, &error);
    ck_assert_ptr_nonnull (peers);
    peers_destroy (&peers);
    ck_assert_ptr_null (peers_parse (text, 10001, &error));
    ck_assert_ptr_nonnull (strstr (error.text, "lines"));
    memset (text, '#', (1 << 20) + 1);
    ck_assert_ptr_null (peers_parse (text, (1 << 20) + 1, &error));
    ck_assert_ptr_nonnull (strstr (error.text, "larger"));
    free (text);
}
END_TEST

START_TEST (files)
{
    char path[] = "/tmp/jeton-peers-XXXXXX";
    struct error error;
    int fd = mkstemp (path);
    ck_assert_int_eq (write (fd, KEY1 " a service\n", sizeof KEY1 + 10), sizeof KEY1 + 10);
    close (fd);
    struct peers *peers = peers_load (path, &error);
    ck_assert_ptr_nonnull (peers);
    peers_destroy (&peers);
    ck_assert_int_eq (truncate (path, 20), 0);
    ck_assert_ptr_null (peers_load (path, &error));
    ck_assert_ptr_nonnull (strstr (error.text, path));
    ck_assert_ptr_nonnull (strstr (error.text, "line 1"));
    unlink (path);
    ck_assert_ptr_null (peers_load (path, &error));
    ck_assert_ptr_nonnull (strstr (error.text, path));
    ck_assert_ptr_null (peers_load ("/tmp", &error));
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("peers");
    TCase *peers = tcase_create ("peers");
    tcase_add_test (peers, peers_are_found);
    tcase_add_test (peers, a_hash_begins_a_comment);
    tcase_add_test (peers, faults_are_named_by_line);
    tcase_add_test (peers, sizes_are_limited);
    tcase_add_test (peers, files);
    suite_add_tcase (suite, peers);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
