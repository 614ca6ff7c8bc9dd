// The ids of access tokens (R24): of those that are made together, too.
// objects: services/issuer/access.o services/issuer/claims.o
#include "services/issuer/access.h"
#include "services/issuer/signing.h"

#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

// No key is needed for an id.
const struct jwt_key *
signing_active (const struct signing *signing)
{
    (void) signing;
    return NULL;
}

enum { N = 3 * ACCESS_RANDOM_N };

static int
order (const void *a, const void *b)
{
    return strcmp (a, b);
}

// n ids, of which no two are the same.
static void
all_differ (char (*ids)[ACCESS_JTI_SIZE], size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_uint_eq (strlen (ids[i]), ACCESS_JTI_SIZE - 1);
    qsort (ids, n, ACCESS_JTI_SIZE, order);
    for (size_t i = 1; i < n; i++)
        ck_assert_str_ne (ids[i - 1], ids[i]);
}

START_TEST (test_together)
{
    char ids[N + N][ACCESS_JTI_SIZE];
    struct access_random random = {.n = 0};
    for (size_t i = 0; i < N; i++)
        access_jti_next (&random, N - i, ids[i]);
    ck_assert_uint_eq (random.n, 0); // nothing was drawn that nobody wanted
    for (size_t i = 0; i < N; i++)
        access_jti (ids[N + i]);
    all_differ (ids, N + N);
}
END_TEST

START_TEST (test_draws)
{
    char ids[4][ACCESS_JTI_SIZE];
    struct access_random random = {.n = 0};
    access_jti_next (&random, 1, ids[0]);
    ck_assert_uint_eq (random.n, 0);
    access_jti_next (&random, 2, ids[1]);
    ck_assert_uint_eq (random.n, 1);
    access_jti_next (&random, 1, ids[2]);
    ck_assert_uint_eq (random.n, 0);
    access_jti_next (&random, SIZE_MAX, ids[3]); // its room is the bound
    ck_assert_uint_eq (random.n, ACCESS_RANDOM_N - 1);
    all_differ (ids, 4);
}
END_TEST

int
main (void)
{
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("access");
    TCase *tcase = tcase_create ("ids");
    tcase_add_test (tcase, test_together);
    tcase_add_test (tcase, test_draws);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
