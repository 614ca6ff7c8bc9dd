// What the validator's queries cost in a database of many tokens.
// objects: tests/unit/support_postgres.o tests/unit/support_plan.o services/cli/migrate.o services/cli/schema.o services/cli/roles.o services/validator/store.o services/validator/row.o services/validator/policy.o services/validator/modules.o
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include "services/cli/migrate.h"
#include "services/validator/store.h"
#include "tests/unit/support_plan.h"
#include "tests/unit/support_postgres.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct postgres postgres;
static PGconn *pg;

static const struct db_statement *
statement (const char *name)
{
    const struct db_statement *row = store_statements;
    while (row->name && strcmp (row->name, name) != 0)
        row++;
    ck_assert_msg (row->name, "there is no statement %s", name);
    return row;
}

// A token is found by its value, or the one before (R9), by a look at an index each, and nothing is read whole.
START_TEST (test_token_facts)
{
    const char *plan = plan_of (pg, statement ("token_facts"), "sha256 ('1')");
    ck_assert_msg (strstr (plan, "using tokens_digest "), "%s", plan);
    ck_assert_msg (strstr (plan, "using tokens_old_digest "), "%s", plan);
    ck_assert_msg (!strstr (plan, "Seq Scan on tokens"), "%s", plan);
    ck_assert_msg (!strstr (plan, "Seq Scan on token_modules"), "%s", plan);
}
END_TEST

static void
fill (void)
{
    struct error error = {""};
    FILE *out = fopen ("/dev/null", "w");
    struct migrate_options options = {.url = postgres_url (&postgres, "postgres", "postgres"),
                                      .schema_dir = "deploy/schema",
                                      .out = out};
    ck_assert_msg (migrate_run (&options, &error), "%s", error.text);
    fclose (out);
    pg = postgres_connect (&postgres, "postgres", "postgres");
    postgres_run (pg, "INSERT INTO modules (name, title) VALUES ('orders', 'Orders')");
    postgres_run (pg, "INSERT INTO accounts (name) SELECT 'a' FROM generate_series (1, 1000)");
    postgres_run (pg, "INSERT INTO account_modules SELECT number, 1 FROM accounts");
    postgres_run (
        pg, "INSERT INTO tokens (account, name, kind, environment, digest, old_digest, "
            "grace_until, last_rotated_at, created_by_id, created_by_name)"
            " SELECT 1 + n % 1000, 't', 2, 1, sha256 (n::text::bytea), CASE WHEN n % 9 = 0 "
            "THEN sha256 (('o' || n)::bytea) END, CASE WHEN n % 9 = 0 THEN now () END,"
            " CASE WHEN n % 9 = 0 THEN now () END, 'o', 'o' FROM generate_series (1, 20000) n");
    postgres_run (pg, "INSERT INTO token_modules SELECT account, number, 1, 1 FROM tokens");
    postgres_run (pg, "ANALYZE");
}

int
main (void)
{
    struct error error = {""};
    if (!crypto_start (&error))
        return EXIT_FAILURE;
    alarm (120);
    postgres_start (&postgres);
    Suite *suite = suite_create ("validator plan");
    TCase *tcase = tcase_create ("validator plan");
    tcase_add_checked_fixture (tcase, fill, NULL);
    tcase_set_timeout (tcase, 100);
    tcase_add_test (tcase, test_token_facts);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_set_fork_status (runner, CK_NOFORK);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    PQfinish (pg);
    postgres_destroy (&postgres);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
