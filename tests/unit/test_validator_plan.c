// What the validator's queries cost in a database of many tokens (R9, R42, R43).
// objects: tests/unit/support_postgres.o tests/unit/support_plan.o tests/unit/support_migrate.o services/cli/migrate.o services/cli/schema.o services/cli/roles.o services/validator/store.o services/validator/row.o services/validator/policy.o services/validator/modules.o
#include "common/memory/memory.h"
#include "services/validator/store.h"
#include "tests/unit/support_migrate.h"
#include "tests/unit/support_plan.h"
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
    const char *plan = plan_of (pg, statement ("token_facts"), "ARRAY[sha256 ('1')]");
    ck_assert_msg (strstr (plan, "using tokens_digest "), "%s", plan);
    ck_assert_msg (strstr (plan, "using tokens_old_digest "), "%s", plan);
    ck_assert_msg (!strstr (plan, "Seq Scan on tokens"), "%s", plan);
    ck_assert_msg (!strstr (plan, "Seq Scan on token_modules"), "%s", plan);
}
END_TEST

// What a client's token reaches (R14, R16) is found by keys, whatever it names: these tables are empty here, so that PostgreSQL has to be told not to read them whole.
START_TEST (test_client_facts)
{
    static const char *const tables[] = {"clients", "customers", "users", "markets",
                                         "stock_locations"};
    PQclear (PQexec (pg, "SET enable_seqscan = off"));
    const char *plan = plan_of (pg, statement ("client_facts"),
                                "ARRAY[1]::bigint[], ARRAY['module:m1:read'], ARRAY['1,2'],"
                                " ARRAY['3'], ARRAY[0]::bigint[], ARRAY['j'], ARRAY[0]::bigint[],"
                                " ARRAY[0]::bigint[]");
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        cleanup_free char *scan = xasprintf ("Seq Scan on %s", tables[i]);
        ck_assert_msg (!strstr (plan, scan), "%s", plan);
    }
    PQclear (PQexec (pg, "RESET enable_seqscan"));
}
END_TEST

// An opaque token (R24) is found in the partition that its value names, by a look at its key; the others are not looked at.
START_TEST (test_opaque_facts)
{
    postgres_run (
        pg,
        "INSERT INTO clients (account, name, kind, access_token_life_s) VALUES (1, 'c', 2, 7200)");
    postgres_run (pg, "INSERT INTO access_tokens (digest, day, client, environment, generation,"
                      " issued_at, expires_at, scope)"
                      " SELECT sha256 (n::text::bytea), 2 + extract (epoch FROM now ()) / 86400, 1,"
                      " 1, 0, now (), now () + interval '2 hours', 'module:orders:read'"
                      " FROM generate_series (1, 10000) n");
    postgres_run (pg, "ANALYZE access_tokens");
    PQclear (PQexec (pg, "SET enable_seqscan = off"));
    const char *plan =
        plan_run (pg, statement ("opaque_facts"),
                  "ARRAY[sha256 ('7')], ARRAY[(2 + floor (extract (epoch FROM now ())"
                  " / 86400))::integer], ARRAY['j']");
    PQclear (PQexec (pg, "RESET enable_seqscan"));
    ck_assert_msg (!strstr (plan, "Seq Scan on access_tokens"), "%s", plan);
    int looked = 0;
    for (const char *at = plan; (at = strstr (at, "_pkey on access_tokens_")); at++) {
        const char *end = strchr (at, '\n');
        looked += !memmem (at, (size_t) (end - at), "never executed", 14);
    }
    ck_assert_msg (looked == 1, "%d partitions were looked at: %s", looked, plan);
    ck_assert_msg (strstr (plan, "actual rows=1 loops=1"), "%s", plan);
}
END_TEST

// With numbers in the places of $1 to $3, as a plain query.
static struct db_statement
warm (const char *limit, const char *horizon, const char *half)
{
    static char sql[16384];
    char *to = stpcpy (sql, "");
    const char *copy = store_warm + strlen ("COPY (");
    const char *end = strstr (copy, ") TO STDOUT (FORMAT binary)");
    ck_assert_ptr_nonnull (end);
    for (; copy < end; copy++) {
        if (*copy == '$')
            to = stpcpy (to, (const char *[]){limit, horizon, half}[*++copy - '1']);
        else
            *to++ = *copy;
    }
    *to = '\0';
    return (struct db_statement){"warm", sql, false};
}

static const char *
warm_plan (void)
{
    struct db_statement statement = warm ("1000000", "1", "0");
    cleanup_free char *explain = xasprintf ("EXPLAIN (COSTS OFF) %s", statement.sql);
    static char plan[32768];
    char *to = plan;
    PGresult *result = PQexec (pg, explain);
    ck_assert_msg (PQresultStatus (result) == PGRES_TUPLES_OK, "%s", PQerrorMessage (pg));
    for (int i = 0; i < PQntuples (result); i++)
        to += snprintf (to, sizeof plan - (size_t) (to - plan), "%s\n", PQgetvalue (result, i, 0));
    PQclear (result);
    return plan;
}

// What is read at the start: those of the last hour by their index, and first; no tokens are sorted; each token's grants by a look at theirs, and what an account is
// only once.
START_TEST (test_warm)
{
    postgres_run (pg, "SET max_parallel_workers_per_gather = 0; SET jit = off");
    const char *plan = warm_plan ();
    const char *used = strstr (plan, "on token_use w"), *recent = strstr (plan, "tokens_recent");
    const char *all = strstr (plan, "Seq Scan on tokens t_3");
    bool good = strstr (plan, "Append") && used && recent && used < recent && all &&
                strstr (all, "Memoize") && !strstr (plan, "Sort Key: t") &&
                !strstr (plan, "Seq Scan on token_modules");
    if (!good) // longer than a message of Check may be
        fputs (plan, stderr);
    ck_assert (good);
    postgres_run (pg, "RESET max_parallel_workers_per_gather; RESET jit");
}
END_TEST

static PGresult *
rows_of (const char *limit, const char *horizon, const char *half)
{
    struct db_statement statement = warm (limit, horizon, half);
    PGresult *result = PQexec (pg, statement.sql);
    ck_assert_msg (PQresultStatus (result) == PGRES_TUPLES_OK, "%s", PQerrorMessage (pg));
    ck_assert_int_eq (PQnfields (result), STORE_WARM_COLUMNS);
    return result;
}

// Of a half: those first that token_use tells of, then those of the last hour, and of the last day. How many there are.
static int
half_check (PGresult *result, int remainder, bool *seen, int *age_r)
{
    int n = PQntuples (result);
    *age_r = 0;
    for (int i = 0; i < n; i++) {
        int number = atoi (PQgetvalue (result, i, STORE_WARM_FACTS + ROW_TOKEN));
        ck_assert (number > 0 && number <= 20000 && number % 2 == remainder && !seen[number]);
        seen[number] = true;
        // Of even ones, the number is how many minutes ago it was used; some have passed since, so those just below an edge may be beyond it.
        if (i == 0)
            ck_assert_int_le (number, 2);
        else if ((number < 50 || number >= 60) && (number < 1430 || number >= 1440)) {
            int its = (number >= 60) + (number >= 1440);
            ck_assert_int_ge (its, *age_r);
            *age_r = its;
        }
    }
    PQclear (result);
    return n;
}

// Each token that was used, once, whoever tells of it, and in which half ever it is.
START_TEST (test_warm_rows)
{
    static bool seen[20001];
    int age;
    ck_assert_int_eq (half_check (rows_of ("1000000", "1", "1"), 0, seen, &age), 10000);
    ck_assert_int_eq (age, 2);
    ck_assert_int_eq (half_check (rows_of ("1000000", "1", "0"), 1, seen, &age), 1);
    PGresult *result = rows_of ("20", "1", "1");
    ck_assert_int_eq (PQntuples (result), 20);
    PQclear (result);
}
END_TEST

// A database that has not reached the snapshot that is known gives nothing: its tokens may have been revoked since.
START_TEST (test_warm_behind)
{
    PGresult *result = rows_of ("1000000", "999999999999", "1");
    ck_assert_int_eq (PQntuples (result), 0);
    PQclear (result);
}
END_TEST

static void
fill (void)
{
    pg = postgres_migrated (&postgres);
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
    postgres_run (pg,
                  "UPDATE tokens SET last_access_at = now () - make_interval (mins => number::int)"
                  " WHERE number % 2 = 0");
    postgres_run (pg, "INSERT INTO token_use VALUES (1, 1), (2, 1)");
    postgres_run (pg, "VACUUM ANALYZE");
}

static void
end (void)
{
    PQfinish (pg);
}

static void
add (Suite *suite)
{
    TCase *tcase = tcase_create ("validator plan");
    tcase_add_unchecked_fixture (tcase, fill, end);
    tcase_set_timeout (tcase, 100);
    tcase_add_test (tcase, test_token_facts);
    tcase_add_test (tcase, test_client_facts);
    tcase_add_test (tcase, test_opaque_facts);
    tcase_add_test (tcase, test_warm);
    tcase_add_test (tcase, test_warm_rows);
    tcase_add_test (tcase, test_warm_behind);
    suite_add_tcase (suite, tcase);
}

int
main (void)
{
    return plan_tests ("validator plan", &postgres, add);
}
