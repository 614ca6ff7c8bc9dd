// What lists of tokens and customers cost in an account of very many (R31): a page comes from an index, from where the one before ended, without a sort.
// objects: tests/unit/support_postgres.o tests/unit/support_plan.o services/cli/migrate.o services/cli/schema.o services/cli/roles.o services/admin/statements.o
#include "common/crypto/crypto.h"
#include "services/admin/statements.h"
#include "services/admin/store.h"
#include "services/cli/migrate.h"
#include "tests/unit/support_plan.h"
#include "tests/unit/support_postgres.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct postgres postgres;
static PGconn *pg;

// 100,000 tokens are enough for the planner to prefer what it prefers with a million.
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
    postgres_run (pg, "INSERT INTO accounts (name) SELECT 'a' FROM generate_series (1, 100)");
    postgres_run (pg, "INSERT INTO account_modules SELECT number, 1 FROM accounts");
    postgres_run (pg,
                  "INSERT INTO tokens (account, name, kind, environment, digest, created_by_id,"
                  " created_by_name, expires_at, last_access_at)"
                  " SELECT CASE WHEN n % 5 = 0 THEN 1 + n % 100 ELSE 1 END, 'Token ' || n % 977,"
                  " 2, 1, sha256 (n::text::bytea), 'o', 'o',"
                  " CASE WHEN n % 3 = 0 THEN now () + n % 10007 * interval '1 minute' END,"
                  " CASE WHEN n % 2 = 0 THEN now () - n % 10009 * interval '1 minute' END"
                  " FROM generate_series (1, 100000) n");
    postgres_run (pg, "INSERT INTO token_modules SELECT account, number, 1, 1 FROM tokens");
    postgres_run (pg, "INSERT INTO customers (account, email, password_hash)"
                      " SELECT CASE WHEN n % 5 = 0 THEN 1 + n % 100 ELSE 1 END, 'C' || n || "
                      "'@shop.example', repeat ('x', 97)"
                      " FROM generate_series (1, 100000) n");
    postgres_run (pg, "ANALYZE");
}

static const struct {
    enum statement statement;
    const char *index, *condition, *key;
} lists[] = {
    {TOKEN_LIST, "Index Scan using tokens_pkey", "number > ", NULL},
    {TOKEN_LIST_DOWN, "Index Scan Backward using tokens_pkey", "number < ", NULL},
    {TOKEN_LIST_CREATED, "Index Scan using tokens_listed", "number > ", NULL},
    {TOKEN_LIST_CREATED_DOWN, "Index Scan Backward using tokens_listed", "number < ", NULL},
    {TOKEN_LIST_NAME, "Index Scan using tokens_by_name", "ROW(", "'token 5'"},
    {TOKEN_LIST_NAME_DOWN, "Index Scan Backward using tokens_by_name", "ROW(", "'token 5'"},
    {TOKEN_LIST_ACCESS, "Index Scan using tokens_by_access", "ROW(", "''"},
    {TOKEN_LIST_ACCESS_DOWN, "Index Scan Backward using tokens_by_access", "ROW(", "''"},
    {TOKEN_LIST_EXPIRY, "Index Scan using tokens_by_expiry", "ROW(", "'0'"},
    {TOKEN_LIST_EXPIRY_DOWN, "Index Scan Backward using tokens_by_expiry", "ROW(", "''"},
};

START_TEST (test_pages)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char parameters[128];
        snprintf (parameters, sizeof parameters, "%d, 0, 0, '', '', '', 0, 0, 50000, 51%s%s",
                  lists[i].statement <= TOKEN_LIST_DOWN ? 0 : 1, lists[i].key ? ", " : "",
                  lists[i].key ? lists[i].key : "");
        const struct db_statement *statement = &store_statements[lists[i].statement];
        const char *plan = plan_of (pg, statement, parameters);
        const char *scan = strstr (plan, lists[i].index);
        ck_assert_msg (scan, "%s:\n%s", statement->name, plan);
        // The condition that the page begins with belongs to the index, so that no earlier row is read.
        const char *condition = strstr (scan, "Index Cond: "), *end = strchr (condition, '\n');
        const char *begins = strstr (condition, lists[i].condition);
        ck_assert_msg (begins && begins < end, "%s:\n%s", statement->name, plan);
        ck_assert_msg (!strstr (plan, "Seq Scan on tokens"), "%s:\n%s", statement->name, plan);
        // The page itself: the modules of each of its tokens are sorted, and are few.
        const char *below = strstr (plan, "SubPlan"), *sort = strstr (plan, "Sort");
        ck_assert_msg (!sort || (below && below < sort), "%s:\n%s", statement->name, plan);
    }
}
END_TEST

static const struct {
    int statement;
    const char *index, *condition, *after;
} customers[] = {
    // by number, whichever index the planner thinks reads less
    {RESOURCE_STATEMENT (RESOURCE_CUSTOMER, RESOURCE_LIST), "Index Scan using customers_",
     "number > ", "50000"},
    {CUSTOMER_LIST_DOWN, "Index Scan Backward using customers_", "number < ", "50000"},
    {CUSTOMER_LIST_EMAIL, "Index Scan using customers_email", "lower(email) > ", "'c5'"},
    {CUSTOMER_LIST_EMAIL_DOWN, "Index Scan Backward using customers_email", "lower(email) < ",
     "'c5'"},
};

START_TEST (test_customers)
{
    for (size_t i = 0; i < sizeof customers / sizeof *customers; i++) {
        char parameters[64];
        snprintf (parameters, sizeof parameters, "%s, 51, 1, 0, 0, ''", customers[i].after);
        const struct db_statement *statement = &store_statements[customers[i].statement];
        const char *plan = plan_of (pg, statement, parameters);
        const char *scan = strstr (plan, customers[i].index);
        ck_assert_msg (scan, "%s:\n%s", statement->name, plan);
        const char *condition = strstr (scan, "Index Cond: "), *end = strchr (condition, '\n');
        const char *begins = strstr (condition, customers[i].condition);
        ck_assert_msg (begins && begins < end, "%s:\n%s", statement->name, plan);
        ck_assert_msg (!strstr (plan, "Sort"), "%s:\n%s", statement->name, plan);
    }
}
END_TEST

START_TEST (test_one)
{
    const char *plan =
        plan_of (pg, &store_statements[TOKEN_LIST_ONE], "1, 0, 0, '', '', '', 0, 0, 50000");
    ck_assert_msg (strstr (plan, "using tokens_pkey"), "%s", plan);
}
END_TEST

// A pass that looks for tokens to announce (R9) reads those that are due, and nothing when none is.
START_TEST (test_notices)
{
    postgres_run (pg, "UPDATE tokens SET noticed_expiry = expires_at, noticed_days = 1"
                      " WHERE expires_at IS NOT NULL AND number > 1000; ANALYZE tokens");
    const char *plan = plan_of (pg, &store_statements[TOKEN_NOTICE_LIST], "100");
    const char *scan = strstr (plan, "Index Scan using tokens_notice on tokens t");
    ck_assert_msg (scan && strstr (scan, "Index Cond: "), "%s", plan);
    // The index has the order, and what it has is due: nothing is read to be left out.
    const char *below = strstr (plan, "SubPlan"), *filter = strstr (plan, "Filter: ");
    const char *sort = strstr (plan, "Sort");
    ck_assert_msg (below && (!filter || below < filter) && (!sort || below < sort), "%s", plan);
}
END_TEST

int
main (void)
{
    struct error error = {""};
    if (!crypto_start (&error))
        return EXIT_FAILURE;
    alarm (180);
    postgres_start (&postgres);
    Suite *suite = suite_create ("admin plan");
    TCase *tcase = tcase_create ("admin plan");
    tcase_set_timeout (tcase, 150);
    TCase *filling = tcase_create ("filling");
    tcase_add_unchecked_fixture (filling, fill, NULL);
    tcase_add_test (filling, test_pages);
    tcase_add_test (filling, test_customers);
    tcase_add_test (tcase, test_one);
    tcase_add_test (tcase, test_notices);
    suite_add_tcase (suite, filling);
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
