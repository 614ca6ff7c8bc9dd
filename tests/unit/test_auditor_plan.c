// What the auditor's queries cost in a trail of many partitions (R41).
// objects: tests/unit/support_postgres.o tests/unit/support_plan.o tests/unit/support_migrate.o services/cli/migrate.o services/cli/schema.o services/cli/roles.o services/auditor/statements.o
#include "common/memory/memory.h"
#include "services/auditor/store.h"
#include "tests/unit/support_migrate.h"
#include "tests/unit/support_plan.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARTITIONS = 6, RECORDS = 15000 }; // of each

static struct postgres postgres;
static PGconn *pg;

static const char *
plan (const char *name, const char *parameters)
{
    const struct db_statement *row = store_statements;
    while (row->name && strcmp (row->name, name) != 0)
        row++;
    ck_assert_msg (row->name, "there is no statement %s", name);
    return plan_of (pg, row, parameters);
}

static int
count (const char *text, const char *part)
{
    int n = 0;
    for (const char *p = text; (p = strstr (p, part)) != NULL; p += strlen (part))
        n++;
    return n;
}

// Everything comes from an index, in order.
static void
assert_indexed (const char *text)
{
    ck_assert_msg (count (text, "Seq Scan on trail_") == count (text, "Seq Scan on trail_drops"),
                   "%s", text);
    ck_assert_msg (!strstr (text, "Bitmap"), "%s", text);
}

// A record is looked up in the one partition that has its number.
START_TEST (test_record)
{
    const char *text = plan ("auditor_record", "36000");
    assert_indexed (text);
    ck_assert_msg (strstr (text, "using trail_30001_pkey "), "%s", text);
    ck_assert_msg (strstr (text, "Subplans Removed: 5"), "%s", text);
}
END_TEST

// What a tail or an export reads next, too; and the head is the last record of the last partition.
START_TEST (test_follow)
{
    const char *text = plan ("auditor_follow", "36000, 36064, 64");
    assert_indexed (text);
    ck_assert_msg (strstr (text, "Subplans Removed: 5"), "%s", text);
    text = plan ("auditor_follow_account", "36000, 36064, 64, 'ACC-1', true");
    assert_indexed (text);
    ck_assert_msg (strstr (text, "Subplans Removed: 5"), "%s", text);
    text = plan ("auditor_export", "36000, 36064, 36000, 36064, 64");
    assert_indexed (text);
    ck_assert_msg (strstr (text, "Subplans Removed: 5"), "%s", text);
    text = plan ("auditor_head", NULL);
    assert_indexed (text);
    ck_assert_msg (!strstr (text, "Merge Append"), "%s", text);
}
END_TEST

// A page without a filter begins in the partition of its cursor, and ends when it is full: the append is in order.
START_TEST (test_page)
{
    const char *text = plan ("auditor_list", "36000, 51, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
                                             " NULL, true");
    assert_indexed (text);
    ck_assert_msg (!strstr (text, "Sort") && !strstr (text, "Merge"), "%s", text);
    ck_assert_msg (strstr (text, "Subplans Removed: 3"), "%s", text);
}
END_TEST

// A page with a filter looks into the filter's index of each partition that can have something, and stops when it is full.
START_TEST (test_filtered_pages)
{
    static const struct {
        const char *statement, *parameters, *index;
    } pages[] = {
        {"auditor_list_object",
         "36000, 51, 'TKN-7', NULL, NULL, NULL, NULL, NULL, NULL, NULL, true", "object_id"},
        {"auditor_list_actor", "36000, 51, NULL, 'a', NULL, NULL, NULL, NULL, NULL, NULL, true",
         "actor_id"},
        {"auditor_list_account",
         "36000, 51, NULL, NULL, 'ACC-1', NULL, NULL, NULL, NULL, NULL, true", "account_id"},
        {"auditor_list_event", "36000, 51, NULL, NULL, NULL, 'e.1', NULL, NULL, NULL, NULL, true",
         "event"},
    };
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        const char *text = plan (pages[i].statement, pages[i].parameters);
        cleanup_free char *index = xasprintf ("trail_30001_%s_sequence_idx", pages[i].index);
        assert_indexed (text);
        ck_assert_msg (strstr (text, index), "%s: %s", pages[i].statement, text);
        ck_assert_msg (strstr (text, "Merge Append"), "%s: %s", pages[i].statement, text);
    }
}
END_TEST

// With a prefix of events, the names are stepped through in the index.
START_TEST (test_prefix)
{
    const char *text = plan ("auditor_list_events",
                             "36000, 51, NULL, NULL, NULL, NULL, 'e.', 'e/', NULL, NULL, true");
    ck_assert_msg (!strstr (text, "Seq Scan"), "%s", text);
    ck_assert_msg (strstr (text, "Index Only Scan using trail_30001_event_sequence_idx"), "%s",
                   text);
}
END_TEST

// A page of the access log comes from the index of its leading filter, of each partition, in order, without a sort of more than the page (R41).
#define MATCHES ", 7, 'm', 1, false, 7, 7"
START_TEST (test_use)
{
    static const struct {
        const char *statement, *parameters, *index;
    } pages[] = {
        {"auditor_use_list", "1000, 36000, 51, 52, NULL, 0, 9000000000" MATCHES, "_second_id_idx"},
        {"auditor_use_list_token", "1000, 36000, 51, 52, 7, 0, 9000000000" MATCHES,
         "_token_second_id_idx"},
        {"auditor_use_list_account", "1000, 36000, 51, 52, 7, 0, 9000000000" MATCHES,
         "_account_second_id_idx"},
        {"auditor_use_list_jti", "1000, 36000, 51, 52, 'j', 0, 9000000000" MATCHES,
         "_jti_second_id_idx"},
        {"auditor_use_follow", "36000, 512, NULL, NULL" MATCHES, "_pkey"},
    };
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        const char *text = plan (pages[i].statement, pages[i].parameters);
        // The next partition is empty, and may be read as it likes.
        ck_assert_msg (!strstr (text, "Seq Scan on use_log_1 ") && !strstr (text, "Bitmap"), "%s",
                       text);
        ck_assert_msg (strstr (text, pages[i].index), "%s: %s", pages[i].statement, text);
    }
    const char *text = plan ("auditor_use_days_account", "20000, 5, 0, 30000, 51, 7, 7");
    ck_assert_msg (strstr (text, "use_days_account"), "%s", text);
    text = plan ("auditor_use_days_token", "20000, 5, 0, 30000, 51, 7, NULL");
    ck_assert_msg (strstr (text, "use_days_pkey"), "%s", text);
}
END_TEST

// With old changes go revocations of tokens that expired more than an hour ago, and no others (R25, R42).
START_TEST (test_revocations_expire)
{
    const struct db_statement *row = store_statements;
    while (strcmp (row->name, "auditor_changes_trim") != 0)
        row++;
    postgres_run (pg, "INSERT INTO accounts (name) VALUES ('a');"
                      "INSERT INTO revoked_jwts (account, jti, expires_at) SELECT 1, n,"
                      " now () - make_interval (mins => n) FROM generate_series (-60, 119) n");
    for (int i = 0; i < 2; i++) {
        PGresult *result = plan_result (pg, row, "0, 40");
        ck_assert_str_eq (PQgetvalue (result, 0, 0), "0"); // of changes
        PQclear (result);
    }
    PGresult *left = PQexec (pg, "SELECT count (*), max (-extract (epoch FROM expires_at - now ())"
                                 " / 60)::integer < 61 FROM revoked_jwts");
    ck_assert_str_eq (PQgetvalue (left, 0, 0), "120");
    ck_assert_str_eq (PQgetvalue (left, 0, 1), "t");
    PQclear (left);
}
END_TEST

// And refresh tokens and authorization codes, an hour after they have expired; families an hour later (R18, R42).
START_TEST (test_refresh_tokens_expire)
{
    const struct db_statement *row = store_statements;
    while (strcmp (row->name, "auditor_changes_trim") != 0)
        row++;
    postgres_run (
        pg,
        "INSERT INTO accounts (number, name) VALUES (77, 'a');"
        "INSERT INTO clients (number, account, name, kind, access_token_life_s)"
        " VALUES (77, 77, 'c', 2, 7200);"
        "INSERT INTO customers (number, account, email) VALUES (77, 77, 'c@x');"
        "INSERT INTO refresh_families (account, client, customer, environment, scope, generation, "
        "live,"
        " expires_at, jti, access_expires_at) SELECT 77, 77, 77, 1, '', 0, sha256 (n::text::bytea),"
        " now () - make_interval (mins => n), n, now () FROM generate_series (-60, 179) n;"
        "INSERT INTO refresh_tokens (digest, family, jti, access_expires_at, expires_at)"
        " SELECT live, number, jti, access_expires_at, expires_at FROM refresh_families;"
        "INSERT INTO users (number, account, username, name, role) VALUES (77, 77, 'u', 'u', 1);"
        "INSERT INTO authorization_codes (digest, account, client, owner, environment, scope, "
        "redirect_uri, challenge, generation, expires_at)"
        " SELECT live, 77, 77, 77, 1, '', 'https://a/', repeat ('a', 43), 0, expires_at"
        " FROM refresh_families");
    for (int i = 0; i < 3; i++)
        PQclear (plan_result (pg, row, "0, 50"));
    PGresult *left = PQexec (pg, "SELECT (SELECT count (*) FROM refresh_tokens),"
                                 " (SELECT count (*) FROM refresh_families),"
                                 " (SELECT count (*) FROM authorization_codes)");
    ck_assert_str_eq (PQgetvalue (left, 0, 0), "120");
    ck_assert_str_eq (PQgetvalue (left, 0, 1), "180");
    ck_assert_str_eq (PQgetvalue (left, 0, 2), "120");
    PQclear (left);
}
END_TEST

static void
fill_use (void)
{
    postgres_run (pg, "INSERT INTO use_log SELECT n, n / 10, 1, n % 100 + 1, n % 1000 + 1, 0,"
                      " CASE WHEN n % 50 = 0 THEN 'j' || n END, 'm', 'p', NULL, 1, 1, n % 2 + 1, 1"
                      " FROM generate_series (1, 40000) n;"
                      "UPDATE use_head SET last = 40000; SELECT use_partition_close (1, 1);"
                      "INSERT INTO use_days SELECT n, 19000 + n % 50, n % 100 + 1, 1, 1"
                      " FROM generate_series (1, 20000) n;"
                      "ANALYZE use_log; ANALYZE use_days");
}

static void
fill (void)
{
    pg = postgres_migrated (&postgres);
    for (int i = 0; i < PARTITIONS; i++) {
        cleanup_free char *rows = xasprintf (
            "INSERT INTO trail SELECT n, 'r', sha256 (n::text::bytea), 'e.' || n %% 20, 'TKN-' || "
            "n %% 1000, 'a' || n %% 10, 'ACC-' || n %% 100, n, 1 FROM generate_series (%d, %d) n;"
            "INSERT INTO checkpoints SELECT sequence, digest, 0, 'k', 's' FROM trail WHERE "
            "sequence = %d",
            i * RECORDS + 1, (i + 1) * RECORDS, (i + 1) * RECORDS);
        postgres_run (pg, rows);
        if (i + 1 < PARTITIONS)
            postgres_run (pg, "SELECT trail_partition_close ()");
    }
    fill_use ();
    postgres_run (pg, "ANALYZE");
}

static void
end (void)
{
    PQfinish (pg);
}

static void
add (Suite *suite)
{
    TCase *tcase = tcase_create ("auditor plan");
    tcase_add_unchecked_fixture (tcase, fill, end);
    tcase_set_timeout (tcase, 100);
    tcase_add_test (tcase, test_record);
    tcase_add_test (tcase, test_follow);
    tcase_add_test (tcase, test_page);
    tcase_add_test (tcase, test_filtered_pages);
    tcase_add_test (tcase, test_prefix);
    tcase_add_test (tcase, test_use);
    tcase_add_test (tcase, test_revocations_expire);
    tcase_add_test (tcase, test_refresh_tokens_expire);
    suite_add_tcase (suite, tcase);
}

int
main (void)
{
    return plan_tests ("auditor plan", &postgres, add);
}
