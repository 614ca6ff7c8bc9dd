// What lists of tokens and customers cost in an account of very many (R31): a page comes from an index, from where the one before ended, without a sort.
// objects: tests/unit/support_postgres.o tests/unit/support_plan.o tests/unit/support_migrate.o services/cli/migrate.o services/cli/schema.o services/cli/roles.o services/admin/statements.o
#include "common/memory/memory.h"
#include "services/admin/statements.h"
#include "services/admin/store.h"
#include "tests/unit/support_migrate.h"
#include "tests/unit/support_plan.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct postgres postgres;
static PGconn *pg;

// A million tokens in one account, and some in others; a tenth of that where everything is slow: it is enough for the planner to prefer the same.
static int
tokens (void)
{
    const char *slow = getenv ("JETON_SLOW");
    return slow && strcmp (slow, "1") != 0 ? 100000 : 1000000;
}

// Without what checks and indexes row by row: that is done at the end, at once. Every eleventh token is of another account; what expires has
// been announced, but for a few.
static void
fill_tokens (void)
{
    cleanup_free char *sql = xasprintf (
        "SET session_replication_role = replica; SET maintenance_work_mem = '256MB';"
        "CREATE TEMPORARY TABLE defined AS"
        " SELECT pg_get_indexdef (indexrelid) AS sql, indexrelid::regclass AS name FROM pg_index i"
        " WHERE indrelid = 'tokens'::regclass"
        " AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid);"
        "DO $$ DECLARE d record; BEGIN"
        " FOR d IN SELECT * FROM defined LOOP EXECUTE 'DROP INDEX ' || d.name; END LOOP; END $$;"
        "INSERT INTO tokens (account, name, kind, environment, digest, status, description,"
        " created_by_id,"
        " created_by_name, expires_at, last_access_at, noticed_expiry, noticed_days)"
        " SELECT CASE WHEN n %% 11 = 0 THEN 2 + n %% 99 ELSE 1 END, 'Token ' || n %% 977,"
        " CASE WHEN hash %% 5 = 0 THEN 3 ELSE 2 END, 1,"
        " sha256 (n::text::bytea), CASE WHEN hash %% 7 = 0 THEN 2 ELSE 1 END,"
        " CASE WHEN hash %% 12 = 0 THEN 'one of a dozen' ELSE '' END,"
        " CASE WHEN hash %% 13 = 0 THEN 'USR-0000-0001' ELSE 'o' END, 'o', e,"
        " CASE WHEN n %% 2 = 0 THEN now () - n %% 10009 * interval '1 minute' END,"
        " CASE WHEN n %% 1000 > 0 THEN e END, CASE WHEN n %% 1000 > 0 AND e IS NOT NULL THEN 1 END"
        " FROM generate_series (1, %d) n, LATERAL (SELECT abs (hashint4 (n)) AS hash,"
        "  CASE WHEN n %% 3 = 0 THEN now () + n %% 10007 * interval '1 minute' END AS e) x;"
        "DO $$ DECLARE d record; BEGIN"
        " FOR d IN SELECT * FROM defined LOOP EXECUTE d.sql; END LOOP; END $$;"
        "INSERT INTO token_modules SELECT account, number, 1, 1 FROM tokens WHERE number %% 10 = 0;"
        "DROP TABLE defined; RESET ALL",
        tokens () / 10 * 11);
    postgres_run (pg, sql);
}

static void
fill (void)
{
    pg = postgres_migrated (&postgres);
    postgres_run (pg, "INSERT INTO modules (name, title) VALUES ('orders', 'Orders')");
    postgres_run (pg, "INSERT INTO accounts (name) SELECT 'a' FROM generate_series (1, 100)");
    postgres_run (pg, "INSERT INTO account_modules SELECT number, 1 FROM accounts");
    fill_tokens ();
    postgres_run (pg, "INSERT INTO customers (account, email, password_hash)"
                      " SELECT CASE WHEN n % 5 = 0 THEN 1 + n % 100 ELSE 1 END, 'C' || n || "
                      "'@shop.example', repeat ('x', 97)"
                      " FROM generate_series (1, 100000) n");
    postgres_run (pg, "ANALYZE");
}

enum { ROWS = 51, SCAN = 5000 };

static const struct {
    enum statement list, bound;
    const char *index, *condition, *keys; // the first and the last key, as SQL
} lists[] = {
    {TOKEN_LIST_ALL, TOKEN_BOUND_ALL, "Scan using tokens_pkey", "number > ", ""},
    {TOKEN_LIST_ALL_DOWN, TOKEN_BOUND_ALL_DOWN, "Scan Backward using tokens_pkey", "number < ", ""},
    {TOKEN_LIST_CREATED, TOKEN_BOUND_CREATED, "Scan using tokens_listed", "ROW(", ""},
    {TOKEN_LIST_CREATED_DOWN, TOKEN_BOUND_CREATED_DOWN, "Scan Backward using tokens_listed", "ROW(",
     ""},
    {TOKEN_LIST_NAME, TOKEN_BOUND_NAME, "Scan using tokens_by_name", "ROW(", ", 'token 5', 'zzz'"},
    {TOKEN_LIST_NAME_DOWN, TOKEN_BOUND_NAME_DOWN, "Scan Backward using tokens_by_name", "ROW(",
     ", 'token 5', ''"},
    {TOKEN_LIST_ACCESS, TOKEN_BOUND_ACCESS, "Scan using tokens_by_access", "ROW(",
     ", '', '253402300800000000'"},
    {TOKEN_LIST_ACCESS_DOWN, TOKEN_BOUND_ACCESS_DOWN, "Scan Backward using tokens_by_access",
     "ROW(", ", '253402300800000000', ''"},
    {TOKEN_LIST_EXPIRY, TOKEN_BOUND_EXPIRY, "Scan using tokens_by_expiry", "ROW(", ", '0', ''"},
    {TOKEN_LIST_EXPIRY_DOWN, TOKEN_BOUND_EXPIRY_DOWN, "Scan Backward using tokens_by_expiry",
     "ROW(", ", '', '0'"},
};
enum { LISTS = sizeof lists / sizeof *lists };

static const char *
whose (size_t i)
{
    return i < 2 ? "0" : "1"; // all accounts', or the large one's
}

// The number of the last row there could be.
static const char *
last (size_t i)
{
    return i % 2 ? "0" : "9223372036854775807";
}

// Where a filtered page that begins in the middle of the list ends.
static char *
bound_parameters (size_t i)
{
    return xasprintf ("%s, %d, %s, %d%s", whose (i), tokens () / 2, last (i), SCAN, lists[i].keys);
}

// The rows that the step at `scan` has read and left out; what stands behind that is of the steps below it.
static long
rows_left_out (const char *scan)
{
    for (const char *line = strchr (scan, '\n'); line; line = strchr (line + 1, '\n')) {
        const char *text = line + 1 + strspn (line + 1, " ");
        if (strncmp (text, "Rows Removed by Filter: ", strlen ("Rows Removed by Filter: ")) == 0)
            return plan_number (text, "Filter: ");
        if (strncmp (text, "SubPlan ", strlen ("SubPlan ")) == 0)
            break;
    }
    return 0;
}

// The plan goes along the list's index, from where the page begins to where it ends, and what it finds is in order.
static void
along_index (size_t i, const char *name, const char *plan)
{
    const char *scan = strstr (plan, lists[i].index);
    ck_assert_msg (scan, "%s:\n%s", name, plan);
    const char *condition = strstr (scan, "Index Cond: "), *end = strchr (condition, '\n');
    const char *begins = strstr (condition, lists[i].condition);
    ck_assert_msg (begins && begins < end, "%s:\n%s", name, plan);
    const char *ends = strstr (condition, i % 2 ? ">= " : "<= ");
    ck_assert_msg (ends && ends < end, "%s:\n%s", name, plan);
    ck_assert_msg (!strstr (plan, "Seq Scan on tokens"), "%s:\n%s", name, plan);
    // The page itself: the modules of each of its tokens are sorted, and are few.
    const char *below = strstr (plan, "SubPlan"), *sort = strstr (plan, "Sort");
    ck_assert_msg (!sort || (below && below < sort), "%s:\n%s", name, plan);
}

START_TEST (test_pages)
{
    for (size_t i = 0; i < LISTS; i++) {
        const struct db_statement *list = &store_statements[lists[i].list];
        cleanup_free char *parameters =
            xasprintf ("%s, 0, 0, '', '', '', 0, 0, %d, %d, %s%s", whose (i), tokens () / 2, ROWS,
                       last (i), lists[i].keys);
        const char *plan = plan_run (pg, list, parameters), *scan;
        along_index (i, list->name, plan);
        scan = strstr (plan, lists[i].index);
        ck_assert_msg (plan_number (scan, "(actual rows=") == ROWS, "%s:\n%s", list->name, plan);
        ck_assert_msg (rows_left_out (scan) == 0, "%s:\n%s", list->name, plan);
    }
}
END_TEST

// Where a filtered page ends: that many rows on, whatever is in them.
START_TEST (test_bounds)
{
    for (size_t i = 0; i < LISTS; i++) {
        const struct db_statement *bound = &store_statements[lists[i].bound];
        cleanup_free char *parameters = bound_parameters (i);
        const char *plan = plan_run (pg, bound, parameters);
        along_index (i, bound->name, plan);
        ck_assert_msg (plan_number (strstr (plan, lists[i].index), "(actual rows=") == SCAN,
                       "%s:\n%s", bound->name, plan);
    }
}
END_TEST

static const char *const filters[] = {
    "2, 0, '', '', '', 0, 0",          "0, 3, '', '', '', 0, 0",
    "0, 0, 'orders', '', '', 0, 0",    "0, 0, 'none', '', '', 0, 0",
    "0, 0, '', 'nobody', '', 0, 0",    "0, 0, '', '', 'found nowhere', 0, 0",
    "0, 0, '', '', '', 4102444800, 0", "0, 0, '', '', '', 0, 1",
};

// The last row that a page of a list looks at, as parameters: its number, and the keys of the list with its key as the last.
static char *
bounded (size_t i)
{
    const struct db_statement *bound = &store_statements[lists[i].bound];
    cleanup_free char *parameters = bound_parameters (i);
    PGresult *result = plan_result (pg, bound, parameters);
    ck_assert_int_eq (PQntuples (result), 1);
    const char *first = lists[i].keys, *comma = *first ? strchr (first + 1, ',') : NULL;
    char *text = comma ? xasprintf ("%s%.*s, '%s'", PQgetvalue (result, 0, 0),
                                    (int) (comma - first), first, PQgetvalue (result, 0, 1))
                       : xstrdup (PQgetvalue (result, 0, 0));
    PQclear (result);
    return text;
}

// A page of any filter looks at so many rows as it may, and at no other: none passes some of these.
START_TEST (test_filters)
{
    for (size_t i = 0; i < LISTS; i++) {
        const struct db_statement *list = &store_statements[lists[i].list];
        cleanup_free char *until = bounded (i);
        for (size_t filter = 0; filter < sizeof filters / sizeof *filters; filter++) {
            cleanup_free char *parameters = xasprintf ("%s, %s, %d, %d, %s", whose (i),
                                                       filters[filter], tokens () / 2, ROWS, until);
            const char *plan = plan_run (pg, list, parameters);
            along_index (i, parameters, plan);
            const char *scan = strstr (plan, lists[i].index);
            long rows = plan_number (scan, "(actual rows=") + rows_left_out (scan);
            ck_assert_msg (rows <= SCAN, "%s: %s:\n%s", list->name, parameters, plan);
        }
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
    const char *plan = plan_of (pg, &store_statements[TOKEN_NOTICE_LIST], "100");
    const char *scan = strstr (plan, "Index Scan using tokens_notice on tokens t");
    ck_assert_msg (scan && strstr (scan, "Index Cond: "), "%s", plan);
    // The index has the order, and what it has is due: nothing is read to be left out.
    const char *below = strstr (plan, "SubPlan"), *filter = strstr (plan, "Filter: ");
    const char *sort = strstr (plan, "Sort");
    ck_assert_msg (below && (!filter || below < filter) && (!sort || below < sort), "%s", plan);
}
END_TEST

static void
end (void)
{
    PQfinish (pg);
}

static void
add (Suite *suite)
{
    TCase *tcase = tcase_create ("admin plan");
    tcase_set_timeout (tcase, 280);
    TCase *filling = tcase_create ("filling");
    tcase_add_unchecked_fixture (filling, fill, NULL);
    tcase_add_test (filling, test_pages);
    tcase_add_test (filling, test_customers);
    tcase_add_unchecked_fixture (tcase, NULL, end);
    tcase_add_test (tcase, test_bounds);
    tcase_add_test (tcase, test_filters);
    tcase_add_test (tcase, test_one);
    tcase_add_test (tcase, test_notices);
    suite_add_tcase (suite, filling);
    suite_add_tcase (suite, tcase);
}

int
main (void)
{
    return plan_tests ("admin plan", &postgres, add);
}
