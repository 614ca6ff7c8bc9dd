// Answers of forward-auth that are kept as they are written: nobody gets one that is not the same to the letter, and none is freed while it is being sent (R28, R46).
// objects: services/gateway/http_kept.o
#include "services/gateway/http_kept.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Of libmicrohttpd only what is used of it: a response is its number, and is freed once.
struct MHD_Response {
    bool freed;
};
static struct MHD_Response responses[8];

void
MHD_destroy_response (struct MHD_Response *response)
{
    ck_assert (!response->freed);
    response->freed = true;
}

static struct kept *kept;

static void
setup (void)
{
    memset (responses, 0, sizeof responses);
}

// Asks for the text as an exchange does. The number of the kept response; -1: it was not kept, and is now; -2: it is not kept.
static int
asked (const char *text, int number)
{
    bool keep;
    size_t size = strlen (text);
    struct kept_answer *answer = kept_find (kept, text, size, &keep);
    if (answer == NULL && !keep)
        return -2;
    ck_assert (answer == NULL || !keep);
    int found = answer ? (int) (answer->response - responses) : -1;
    if (answer == NULL)
        answer = kept_put (kept, text, size, &responses[number]);
    ck_assert (!answer->response->freed);
    kept_give (&answer);
    ck_assert_ptr_null (answer);
    return found;
}

// All have the same place.
START_TEST (test_letter)
{
    kept = kept_new (1);
    ck_assert_int_eq (asked ("scope=a", 0), -2);
    ck_assert_int_eq (asked ("scope=a", 0), -1);
    ck_assert_int_eq (asked ("scope=a", 0), 0);
    static const char *const others[] = {"scope=b", "scope=", "scope=a ", "", "Scope=a"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_int_eq (asked (others[i], 1), -2);
    ck_assert_int_eq (asked ("scope=a", 0), 0);
    kept_destroy (&kept);
    ck_assert (responses[0].freed && !responses[1].freed);
}
END_TEST

// What comes once puts nobody out, however much there is of it; what comes twice does.
START_TEST (test_place)
{
    kept = kept_new (1);
    asked ("a", 0);
    asked ("a", 0);
    for (int i = 0; i < 100; i++) {
        char text[32];
        snprintf (text, sizeof text, "remaining=%d", i);
        ck_assert_int_eq (asked (text, 1), -2);
    }
    ck_assert_int_eq (asked ("a", 0), 0);
    ck_assert_int_eq (asked ("b", 1), -2);
    ck_assert_int_eq (asked ("b", 1), -1);
    ck_assert (responses[0].freed);
    ck_assert_int_eq (asked ("b", 1), 1);
    ck_assert_int_eq (asked ("a", 2), -2);
    kept_destroy (&kept);
    ck_assert (responses[1].freed && !responses[2].freed);
}
END_TEST

// Who has one goes on with it when it has lost its place, and when the table is gone.
START_TEST (test_users)
{
    bool keep;
    kept = kept_new (1);
    asked ("a", 0);
    asked ("a", 0);
    struct kept_answer *first = kept_find (kept, "a", 1, &keep),
                       *second = kept_find (kept, "a", 1, &keep);
    ck_assert_ptr_nonnull (first);
    ck_assert_ptr_eq (first, second);
    asked ("b", 1);
    asked ("b", 1);
    struct kept_answer *other = kept_find (kept, "b", 1, &keep);
    ck_assert_ptr_ne (other, first);
    kept_give (&first);
    ck_assert (!responses[0].freed);
    kept_give (&second);
    ck_assert (responses[0].freed);
    kept_destroy (&kept);
    kept_destroy (&kept);
    ck_assert (!responses[1].freed);
    kept_give (&other);
    ck_assert (responses[1].freed);
}
END_TEST

START_TEST (test_none)
{
    kept = kept_new (0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq (asked ("a", 0), -2);
    kept_destroy (&kept);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("http_kept");
    TCase *tests = tcase_create ("kept");
    tcase_add_checked_fixture (tests, setup, NULL);
    tcase_add_test (tests, test_letter);
    tcase_add_test (tests, test_place);
    tcase_add_test (tests, test_users);
    tcase_add_test (tests, test_none);
    suite_add_tcase (suite, tests);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
