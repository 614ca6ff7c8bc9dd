// What each process's role may do in the database after `jeton db migrate`, and what it may not (R45).
// objects: tests/unit/support_postgres.o services/cli/migrate.o services/cli/schema.o services/cli/roles.o
#include "common/crypto/crypto.h"
#include "services/cli/migrate.h"
#include "tests/unit/db_rights.h"
#include "tests/unit/support_postgres.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct postgres postgres;

START_TEST (roles_have_the_least_rights)
{
    struct migrate_options options = {.url = postgres_url (&postgres, "postgres", "postgres"),
                                      .schema_dir = "deploy/schema",
                                      .secrets_dir = postgres_secrets (&postgres),
                                      .out = fopen ("/dev/null", "w")};
    struct error error = {""};
    // Twice: what is there already does not widen either.
    for (int i = 0; i < 2; i++) {
        ck_assert_msg (migrate_run (&options, &error), "%s", error.text);
    }
    fclose (options.out);
    PGconn *pg = NULL;
    const char *role = "";
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
        const struct right *right = &rights[i];
        if (strcmp (role, right->role) != 0) {
            char user[32];
            snprintf (user, sizeof user, "jeton_%s", role = right->role);
            PQfinish (pg);
            pg = postgres_connect (&postgres, user, "postgres");
        }
        PGresult *result = PQexec (pg, right->sql);
        const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
        const char *want = right->may ? "00000" : "42501";
        ck_assert_msg (strcmp (state ? state : "00000", want) == 0, "%s: %s: %s", role, right->sql,
                       state ? PQresultErrorMessage (result) : "was allowed");
        PQclear (result);
    }
    PQfinish (pg);
}
END_TEST

int
main (void)
{
    struct error error;
    if (!crypto_start (&error))
        return EXIT_FAILURE;
    alarm (600);
    postgres_start (&postgres);
    Suite *suite = suite_create ("db_rights");
    TCase *tcase = tcase_create ("db_rights");
    tcase_add_test (tcase, roles_have_the_least_rights);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    // Not forked: the server belongs to this process.
    srunner_set_fork_status (runner, CK_NOFORK);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    postgres_destroy (&postgres);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
