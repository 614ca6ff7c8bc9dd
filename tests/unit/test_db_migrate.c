// `jeton db migrate`.
// objects: tests/unit/support_postgres.o services/cli/migrate.o services/cli/schema.o services/cli/roles.o
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include "services/cli/migrate.h"
#include "tests/unit/support_postgres.h"
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct postgres postgres;
static char dir[100]; // of the files of one test
static char database[32];
static int counter;

// Each test has a database and a directory of its own.
static void
setup (void)
{
    snprintf (database, sizeof database, "test%d", ++counter);
    snprintf (dir, sizeof dir, "%s/schema%d", postgres.dir, counter);
    ck_assert_int_eq (mkdir (dir, 0700), 0);
    PGconn *pg = postgres_connect (&postgres, "postgres", "postgres");
    char sql[64];
    snprintf (sql, sizeof sql, "CREATE DATABASE %s", database);
    postgres_run (pg, sql);
    PQfinish (pg);
}

static void
put (const char *name, const char *text)
{
    cleanup_free char *path = xasprintf ("%s/%s", dir, name);
    FILE *file = fopen (path, "w");
    ck_assert_ptr_nonnull (file);
    fputs (text, file);
    fclose (file);
}

static char *output;

static bool
migrate_with (const char *schema_dir, const char *secrets, bool json, struct error *error_r)
{
    free (output);
    output = NULL;
    size_t size;
    FILE *out = open_memstream (&output, &size);
    struct migrate_options options = {.url = postgres_url (&postgres, "postgres", database),
                                      .schema_dir = schema_dir,
                                      .secrets_dir = secrets,
                                      .json = json,
                                      .out = out};
    bool good = migrate_run (&options, error_r);
    fclose (out);
    return good;
}

static void
works (void)
{
    struct error error = {""};
    ck_assert_msg (migrate_with (dir, NULL, false, &error), "%s", error.text);
}

static void
refused (const char *text)
{
    struct error error = {""};
    ck_assert (!migrate_with (dir, NULL, false, &error));
    ck_assert_msg (strstr (error.text, text), "%s", error.text);
}

static const char *
ask (const char *sql)
{
    PGconn *pg = postgres_connect (&postgres, "postgres", database);
    const char *text = postgres_text (pg, sql);
    PQfinish (pg);
    return text;
}

START_TEST (applies_in_order_and_once)
{
    put ("0001_first.sql", "CREATE TABLE a (n int); INSERT INTO a VALUES (1);");
    put ("0002_second_one.sql", "UPDATE a SET n = n + 1;\n-- the end\n");
    works ();
    ck_assert (strstr (output, "0001 first applied") && strstr (output, "0002 second_one applied"));
    works ();
    ck_assert (strstr (output, "nothing to apply"));
    ck_assert_str_eq (ask ("SELECT n FROM a"), "2");
    put ("0003_third.sql", "UPDATE a SET n = 10 * n");
    works ();
    ck_assert_str_eq (ask ("SELECT n FROM a"), "20");
    ck_assert_str_eq (
        ask ("SELECT string_agg (version || name, ' ' ORDER BY version) FROM schema_migrations"),
        "1first 2second_one 3third");
}
END_TEST

START_TEST (tells_programs_what_it_did)
{
    put ("0001_first.sql", "CREATE TABLE a (n int)");
    struct error error;
    ck_assert (migrate_with (dir, NULL, true, &error));
    ck_assert (strstr (output, "\"from\": 0") && strstr (output, "\"to\": 1") &&
               strstr (output, "\"name\": \"first\""));
}
END_TEST

static void *
migrate_thread (void *argument)
{
    FILE *out = fopen ("/dev/null", "w");
    struct migrate_options options = {.url = argument, .schema_dir = dir, .out = out};
    struct error error = {""};
    bool good = migrate_run (&options, &error);
    fclose (out);
    return good ? NULL : xstrdup (error.text);
}

START_TEST (two_at_once_apply_once)
{
    put ("0001_first.sql",
         "CREATE TABLE a (n int); SELECT pg_sleep (0.3); INSERT INTO a VALUES (1);");
    char *url = xstrdup (postgres_url (&postgres, "postgres", database));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq (pthread_create (&threads[i], NULL, migrate_thread, url), 0);
    for (int i = 0; i < 4; i++) {
        void *error;
        pthread_join (threads[i], &error);
        ck_assert_msg (!error, "%s", (char *) error);
    }
    free (url);
    ck_assert_str_eq (ask ("SELECT count (*) FROM a"), "1");
}
END_TEST

static int
waiting (PGconn *pg)
{
    return atoi (postgres_text (pg, "SELECT count (*) FROM pg_locks WHERE locktype = 'advisory'"
                                    " AND NOT granted"));
}

// Lets the first go on when the second waits for it.
static void *
release_thread (void *pg)
{
    while (waiting (pg) < 2)
        continue;
    postgres_run (pg, "SELECT pg_advisory_unlock (77)");
    return NULL;
}

START_TEST (says_that_it_waits)
{
    put ("0001_first.sql", "SELECT 1; SELECT pg_advisory_xact_lock_shared (77)");
    char *url = xstrdup (postgres_url (&postgres, "postgres", database));
    PGconn *pg = PQconnectdb (url);
    postgres_run (pg, "SELECT pg_advisory_lock (77)");
    pthread_t first, release;
    ck_assert_int_eq (pthread_create (&first, NULL, migrate_thread, url), 0);
    while (waiting (pg) < 1)
        continue;
    ck_assert_int_eq (pthread_create (&release, NULL, release_thread, pg), 0);
    works ();
    ck_assert_ptr_nonnull (strstr (output, "waiting"));
    pthread_join (release, NULL);
    void *error;
    pthread_join (first, &error);
    ck_assert_ptr_null (error);
    PQfinish (pg);
    free (url);
}
END_TEST

START_TEST (a_changed_file_is_refused)
{
    put ("0001_first.sql", "CREATE TABLE a (n int)");
    works ();
    put ("0001_first.sql", "CREATE TABLE a (n bigint)");
    put ("0002_second.sql", "CREATE TABLE b (n int)");
    refused ("0001_first.sql: has changed since it was applied");
    ck_assert_str_eq (ask ("SELECT count (*) FROM pg_tables WHERE tablename = 'b'"), "0");
}
END_TEST

START_TEST (a_newer_schema_is_refused)
{
    put ("0001_first.sql", "CREATE TABLE a (n int)");
    works ();
    ask ("INSERT INTO schema_migrations (version, name, sha256) VALUES (2, 'future', '') RETURNING "
         "1");
    refused ("is version 2, this program knows 1 at most");
}
END_TEST

START_TEST (a_lost_row_is_refused)
{
    put ("0001_first.sql", "CREATE TABLE a (n int)");
    put ("0002_second.sql", "CREATE TABLE b (n int)");
    works ();
    ask ("DELETE FROM schema_migrations WHERE version = 1 RETURNING 1");
    refused ("lacks version 1");
}
END_TEST

START_TEST (bad_sets_of_files_are_refused)
{
    refused ("holds no NNNN_name.sql");
    put ("0002_second.sql", "SELECT 1");
    refused ("0001 is missing");
    put ("0001_first.sql", "SELECT 1");
    put ("0001_other.sql", "SELECT 1");
    refused ("same number");
    put ("1_first.sql", "SELECT 1");
    refused ("called NNNN_name.sql");
    ck_assert_str_eq (ask ("SELECT count (*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}
END_TEST

START_TEST (what_fails_leaves_nothing)
{
    put ("0001_first.sql",
         "CREATE TABLE a (n int);\n-- caf\xc3\xa9\n\nINSERT INTO nowhere VALUES (1);");
    refused ("0001_first.sql: line 4 (statement 2): relation \"nowhere\" does not exist");
    put ("0001_first.sql",
         "CREATE TABLE a (n int);\nINSERT INTO a SELECT 1 / n FROM generate_series (0, 1) n;");
    refused ("0001_first.sql: statement 2: division by zero");
    put ("0001_first.sql", "CREATE TABLE a (n int); COPY a FROM STDIN;");
    refused ("COPY");
    ck_assert_str_eq (ask ("SELECT count (*) FROM pg_tables WHERE tablename = 'a'"), "0");
    put ("0001_first.sql", "SELECT 1; ROLLBACK");
    refused ("ends the transaction");
    ck_assert_str_eq (ask ("SELECT count (*) FROM schema_migrations"), "0");
}
END_TEST

START_TEST (an_unreachable_server_is_named)
{
    put ("0001_first.sql", "SELECT 1");
    struct migrate_options options = {.url = "host=/nonexistent", .schema_dir = dir, .out = stdout};
    struct error error;
    ck_assert (!migrate_run (&options, &error));
    ck_assert_ptr_nonnull (strstr (error.text, "cannot be reached"));
}
END_TEST

START_TEST (a_mighty_role_is_refused)
{
    put ("0001_first.sql", "SELECT 1");
    works ();
    ask ("ALTER ROLE jeton_auditor CREATEDB; SELECT 1");
    struct error error = {""};
    bool good = migrate_with (dir, NULL, false, &error);
    ask ("ALTER ROLE jeton_auditor NOCREATEDB; SELECT 1");
    ck_assert (!good);
    ck_assert_ptr_nonnull (strstr (error.text, "jeton_auditor may do more"));
}
END_TEST

START_TEST (passwords_come_from_files)
{
    put ("0001_first.sql", "SELECT 1");
    struct error error = {""};
    ck_assert_msg (migrate_with (dir, postgres_secrets (&postgres), false, &error), "%s",
                   error.text);
    PQfinish (postgres_connect (&postgres, "jeton_issuer", database));
    ck_assert_str_eq (ask ("SELECT count (*) FROM pg_authid WHERE rolname LIKE 'jeton\\_%'"
                           " AND rolpassword LIKE 'SCRAM-SHA-256$%'"),
                      "4");
    put ("database-admin", "x");
    cleanup_free char *path = xasprintf ("%s/database-admin", dir);
    chmod (path, 0600);
    ck_assert (!migrate_with (dir, dir, false, &error)); // the others are missing
    ck_assert_ptr_nonnull (strstr (error.text, "database-issuer"));
}
END_TEST

// Managed servers give no superuser.
START_TEST (an_owner_suffices)
{
    cleanup_free char *owner = xasprintf ("CREATE ROLE owner LOGIN CREATEROLE PASSWORD '%s'; ALTER "
                                          "DATABASE %s OWNER TO owner; SELECT 1",
                                          postgres_password ("owner"), database);
    ask (owner);
    struct migrate_options options = {.url = postgres_url (&postgres, "owner", database),
                                      .schema_dir = "deploy/schema",
                                      .secrets_dir = postgres_secrets (&postgres),
                                      .out = fopen ("/dev/null", "w")};
    struct error error = {""};
    bool good = migrate_run (&options, &error);
    // What its functions do for the auditor needs no more either.
    PGconn *pg = postgres_connect (&postgres, "owner", database);
    postgres_run (pg, "INSERT INTO trail VALUES (1, 'x', sha256 ('x'), 'e', 'o', 'a', '', 0, 1)");
    postgres_run (pg, "INSERT INTO checkpoints VALUES (1, sha256 ('x'), 0, 'k', 's')");
    PQfinish (pg);
    pg = postgres_connect (&postgres, "jeton_auditor", database);
    ck_assert_str_eq (postgres_text (pg, "SELECT trail_partition_close ()"), "2");
    PQfinish (pg);
    ask ("ALTER ROLE owner NOCREATEROLE; SELECT 1");
    struct error refusal = {""};
    bool again = migrate_run (&options, &refusal);
    fclose (options.out);
    ck_assert_msg (good, "%s", error.text);
    ck_assert (!again);
    ck_assert_msg (strstr (refusal.text, "CREATEROLE"), "%s", refusal.text);
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
    Suite *suite = suite_create ("db_migrate");
    TCase *tcase = tcase_create ("db_migrate");
    tcase_add_checked_fixture (tcase, setup, NULL);
    tcase_add_test (tcase, applies_in_order_and_once);
    tcase_add_test (tcase, tells_programs_what_it_did);
    tcase_add_test (tcase, two_at_once_apply_once);
    tcase_add_test (tcase, says_that_it_waits);
    tcase_add_test (tcase, a_changed_file_is_refused);
    tcase_add_test (tcase, a_newer_schema_is_refused);
    tcase_add_test (tcase, a_lost_row_is_refused);
    tcase_add_test (tcase, bad_sets_of_files_are_refused);
    tcase_add_test (tcase, what_fails_leaves_nothing);
    tcase_add_test (tcase, an_unreachable_server_is_named);
    tcase_add_test (tcase, a_mighty_role_is_refused);
    tcase_add_test (tcase, passwords_come_from_files);
    tcase_add_test (tcase, an_owner_suffices);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    // Not forked: the server belongs to this process.
    srunner_set_fork_status (runner, CK_NOFORK);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    free (output);
    postgres_destroy (&postgres);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
