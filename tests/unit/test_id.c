#include "common/token/id.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

// Worked out with another implementation. They must never change: ids have been handed out.
static const struct {
    int64_t number;
    const char *id;
} known[] = {
    {1, "TKN-2819-5568"},        {2, "TKN-2773-6247"},     {3, "TKN-3727-7738"},
    {9999, "TKN-8087-7881"},     {10000, "TKN-8984-8336"}, {12345678, "TKN-3191-8280"},
    {99999999, "TKN-1595-8128"},
};

START_TEST (test_known)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char id[ID_SIZE];
        id_format ("TKN", known[i].number, id);
        ck_assert_str_eq (id, known[i].id);
        int64_t number = 0;
        ck_assert (id_parse ("TKN", id, &number));
        ck_assert_int_eq (number, known[i].number);
    }
}
END_TEST

START_TEST (test_round_trip)
{
    // 7919 and 10^8 have no common factor: the numbers are spread over all there are.
    for (int64_t i = 1; i < 100000; i++) {
        int64_t number = i * 7919 % (ID_NUMBER_MAX + 1), back;
        char id[ID_SIZE];
        id_format ("ACC", number, id);
        ck_assert_uint_eq (strlen (id), ID_SIZE - 1);
        ck_assert (id_parse ("ACC", id, &back));
        ck_assert_int_eq (back, number);
    }
}
END_TEST

// Of the first 100,000 numbers no two have the same id.
START_TEST (test_unique)
{
    unsigned char *seen = calloc (1, ID_NUMBER_MAX / 8 + 1);
    ck_assert_ptr_nonnull (seen);
    for (int64_t i = 1; i <= 100000; i++) {
        char id[ID_SIZE];
        id_format ("USR", i, id);
        long shown = strtol (id + 4, NULL, 10) * 10000 + strtol (id + 9, NULL, 10);
        ck_assert (!(seen[shown / 8] & 1 << shown % 8));
        seen[shown / 8] |= (unsigned char) (1 << shown % 8);
    }
    free (seen);
}
END_TEST

START_TEST (test_form)
{
    static const char *const bad[] = {
        "",
        "T",
        "TKN",
        "TKN-",
        "TKN-2819",
        "TKN-2819-",
        "TKN-2819-556",
        "TKN-2819-55680",
        "TKN-2819-5568 ",
        "TKN-2819 5568",
        "TKN_2819-5568",
        "TKN--819-5568",
        "TKN-2819-+568",
        "TKN-28a9-5568",
        "tkn-2819-5568",
        "ACC-2819-5568",
        "TKN-9150-7051", // number 0, which no object has
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        // In memory of its exact size, for the sanitizer to see a byte too far.
        char *text = strdup (bad[i]);
        int64_t number = -1;
        ck_assert (!id_parse ("TKN", text, &number));
        ck_assert_int_eq (number, -1);
        free (text);
    }
}
END_TEST

START_TEST (test_audit)
{
    static const struct {
        int64_t sequence;
        const char *id;
    } ids[] = {{1, "AUD-0000-0000-0000-0001"},
               {123456789012, "AUD-0000-1234-5678-9012"},
               {ID_AUDIT_MAX, "AUD-9999-9999-9999-9999"}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char id[ID_AUDIT_SIZE];
        int64_t sequence;
        id_audit_format (ids[i].sequence, id);
        ck_assert_str_eq (id, ids[i].id);
        ck_assert (id_audit_parse (id, &sequence));
        ck_assert_int_eq (sequence, ids[i].sequence);
    }
    static const char *const bad[] = {"",
                                      "AUD",
                                      "AUD-0000-0000-0000-0000",
                                      "AUD-0000-0000-0000-001",
                                      "AUD-0000-0000-0000-00012",
                                      "AUD-0000-0000-0001",
                                      "AUX-0000-0000-0000-0001",
                                      "AUD-0000-0000-0000-000x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = strdup (bad[i]);
        int64_t sequence;
        ck_assert (!id_audit_parse (text, &sequence));
        free (text);
    }
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("id");
    TCase *tcase = tcase_create ("id");
    tcase_add_test (tcase, test_known);
    tcase_add_test (tcase, test_round_trip);
    tcase_add_test (tcase, test_unique);
    tcase_add_test (tcase, test_form);
    tcase_add_test (tcase, test_audit);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
