// Notices of tokens that expire (R9), against PostgreSQL, with two admin processes' worth of them: 30, 7 and 1 days ahead, each exactly once.
// objects: tests/unit/support_postgres.o services/cli/migrate.o services/cli/schema.o services/cli/roles.o services/admin/notice.o services/admin/store.o services/admin/store_token.o services/admin/statements.o
// objects: services/admin/view.o services/admin/change.o services/admin/idempotency.o services/admin/reply.o services/admin/secret.o
#include "audit.pb-c.h"
#include "common/crypto/crypto.h"
#include "common/log/log.h"
#include "services/admin/admin.h"
#include "services/admin/notice.h"
#include "services/admin/store.h"
#include "services/cli/migrate.h"
#include "tests/unit/support_postgres.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DUE                                                                                        \
    "SELECT count (*) FROM tokens WHERE status <> 3 AND"                                           \
    " token_notice_at (expires_at, noticed_expiry, noticed_days) <= now ()"

enum { ADMINS = 2, LIMIT_MS = 60000 };
static struct postgres postgres;
static PGconn *pg;
static struct loop *loop;
static struct resolver *resolver;
static struct admin admins[ADMINS];

static int
number (const char *sql)
{
    return atoi (postgres_text (pg, sql));
}

// ---- the loop ------------------------------------------------------------------------------------------------------

static bool (*wanted) (void);
static int64_t deadline;

static int
look (struct loop *l, int id, void *argument)
{
    (void) l, (void) id, (void) argument;
    return wanted () || zclock_mono () > deadline ? -1 : 0;
}

static void
run_until (bool (*condition) (void))
{
    wanted = condition;
    deadline = zclock_mono () + LIMIT_MS;
    int id = loop_timer (loop, 1, 0, look, NULL);
    loop_run (loop);
    loop_timer_end (loop, id);
    ck_assert (condition ());
}

static bool
all_ready (void)
{
    struct error error;
    return db_ready (admins[0].process.db, &error) && db_ready (admins[1].process.db, &error);
}

static bool
all_idle (void)
{
    return db_idle (admins[0].process.db) && db_idle (admins[1].process.db);
}

static bool
nothing_due (void)
{
    return all_idle () && number (DUE) == 0;
}

// As if both processes were started anew.
static void
pass (void)
{
    for (int i = 0; i < ADMINS; i++) {
        notice_stop (&admins[i]);
        notice_start (&admins[i]);
    }
    run_until (nothing_due);
}

// ---- fixtures ------------------------------------------------------------------------------------------------------

static void
set_up (void)
{
    loop = loop_new ();
    resolver = resolver_new (loop);
    for (int i = 0; i < ADMINS; i++) {
        struct db_options options = {.url = postgres_url (&postgres, "jeton_admin", "postgres"),
                                     .application = "test_admin_notice",
                                     .connections = 2,
                                     .queue_limit = 1000,
                                     .group_limit = 64,
                                     .timeout_ms = 20000,
                                     .statements = store_statements};
        admins[i] = (struct admin){.process = {.loop = loop},
                                   .settings = {.notice_interval_s = 3600, .notice_batch = 50}};
        admins[i].process.db = db_new (loop, resolver, &options);
    }
    run_until (all_ready);
    pg = postgres_connect (&postgres, "postgres", "postgres");
    postgres_run (pg, "TRUNCATE tokens, accounts, outbox, changes RESTART IDENTITY CASCADE;"
                      "INSERT INTO accounts (name, status) VALUES ('a', 1), ('suspended', 2)");
}

static void
tear_down (void)
{
    for (int i = 0; i < ADMINS; i++) {
        notice_stop (&admins[i]);
        db_destroy (&admins[i].process.db);
    }
    resolver_destroy (&resolver);
    loop_destroy (&loop);
    PQfinish (pg);
}

// `n` tokens: `expiry` and what was noticed of it as SQL.
static void
tokens (int n, int account, int status, const char *expiry, const char *noticed)
{
    cleanup_free char *sql = xasprintf (
        "INSERT INTO tokens (account, name, kind, environment, status, digest, created_by_id,"
        " created_by_name, expires_at, noticed_expiry, noticed_days)"
        " SELECT %d, 'Token ' || n, 2, 1, %d, sha256 (random()::text::bytea), 'o', 'o', e, %s"
        " FROM generate_series (1, %d) n, LATERAL (SELECT %s AS e) x",
        account, status, noticed, n, expiry);
    postgres_run (pg, sql);
}

static Jeton__V1__AuditRecord *
record_read (const char *hex)
{
    size_t size;
    uint8_t *data = PQunescapeBytea ((const unsigned char *) hex, &size);
    Jeton__V1__AuditRecord *record = jeton__v1__audit_record__unpack (NULL, size, data);
    ck_assert_ptr_nonnull (record);
    PQfreemem (data);
    return record;
}

// The days of a notice, as its summary tells them.
static int
days_of (const Jeton__V1__AuditRecord *record)
{
    const char *within = strstr (record->summary, " expires within ");
    ck_assert_msg (within, "%s", record->summary);
    return atoi (within + strlen (" expires within "));
}

// "30 7 1": the notices of a token in the outbox, in order.
static void
told (int64_t token, char text_r[64])
{
    char id[ID_SIZE];
    size_t length = 0;
    id_format ("TKN", token, id);
    PGresult *result = PQexec (pg, "SELECT record FROM outbox ORDER BY id");
    text_r[0] = '\0';
    for (int i = 0; i < PQntuples (result); i++) {
        Jeton__V1__AuditRecord *record = record_read (PQgetvalue (result, i, 0));
        if (strcmp (record->object->id, id) == 0)
            length += (size_t) snprintf (text_r + length, 64 - length, "%s%d", length ? " " : "",
                                         days_of (record));
        jeton__v1__audit_record__free_unpacked (record, NULL);
    }
    PQclear (result);
}

// ---- tests ---------------------------------------------------------------------------------------------------------

static const struct {
    const char *expiry, *noticed, *told;
    int account, status;
} cases[] = {
    {"now () + interval '31 days'", "NULL, NULL", "", 1, 1},
    {"now () + interval '29 days'", "NULL, NULL", "30", 1, 1},
    // The nearest only: those before it would tell the same.
    {"now () + interval '5 days'", "NULL, NULL", "7", 1, 1},
    {"now () + interval '12 hours'", "NULL, NULL", "1", 1, 1},
    {"now () - interval '1 second'", "NULL, NULL", "", 1, 1},
    {"NULL::timestamptz", "NULL, NULL", "", 1, 1},
    {"now () + interval '5 days'", "NULL, NULL", "", 1, 3}, // deleted
    {"now () + interval '5 days'", "NULL, NULL", "7", 1, 2},
    {"now () + interval '5 days'", "NULL, NULL", "7", 2, 1}, // suspended
    {"now () + interval '20 days'", "e, 30", "", 1, 1},
    {"now () + interval '20 days'", "e - interval '1 second', 30", "30", 1, 1},
    {"now () + interval '20 days'", "e + interval '1 year', 1", "30", 1, 1},
    {"now () + interval '5 days'", "e, 30", "7", 1, 1},
    {"now () + interval '5 days'", "e, 7", "", 1, 1},
    {"now () + interval '12 hours'", "e, 7", "1", 1, 1},
    {"now () + interval '12 hours'", "e, 30", "1", 1, 1},
    {"now () + interval '12 hours'", "e, 1", "", 1, 1},
    {"now () + interval '12 hours'", "e, 0", "", 1, 1},
};

START_TEST (test_which)
{
    size_t n = sizeof cases / sizeof *cases;
    for (size_t i = 0; i < n; i++)
        tokens (1, cases[i].account, cases[i].status, cases[i].expiry, cases[i].noticed);
    for (int again = 0; again < 3; again++) {
        pass ();
        for (size_t i = 0; i < n; i++) {
            char text[64];
            told ((int64_t) i + 1, text);
            ck_assert_msg (strcmp (text, cases[i].told) == 0, "%s, %s: \"%s\"", cases[i].expiry,
                           cases[i].noticed, text);
        }
    }
    ck_assert_int_eq (number ("SELECT count (*) FROM changes"), 0);
    ck_assert_int_eq (number ("SELECT count (*) FROM tokens WHERE revision <> 1"), 0);
}
END_TEST

// Time passes in steps of six hours, with a restart in each.
START_TEST (test_life)
{
    char text[64];
    tokens (1, 1, 1, "now () + interval '33 days'", "NULL, NULL");
    for (int hours = 0; hours <= 33 * 24; hours += 6) {
        pass ();
        told (1, text);
        int left = 33 * 24 - hours;
        ck_assert_str_eq (text, left > 30 * 24  ? ""
                                : left > 7 * 24 ? "30"
                                : left > 24     ? "30 7"
                                                : "30 7 1");
        postgres_run (pg, "UPDATE tokens SET expires_at = expires_at - interval '6 hours',"
                          " noticed_expiry = noticed_expiry - interval '6 hours'");
    }
    // One that is set anew is announced anew; one that comes back without that anybody was told of another is not.
    postgres_run (pg, "UPDATE tokens SET expires_at = now () + interval '20 days'");
    pass ();
    told (1, text);
    ck_assert_str_eq (text, "30 7 1 30");
    postgres_run (pg, "UPDATE tokens SET expires_at = expires_at + interval '1 year'");
    pass ();
    postgres_run (pg, "UPDATE tokens SET expires_at = expires_at - interval '1 year'");
    pass ();
    told (1, text);
    ck_assert_str_eq (text, "30 7 1 30");
}
END_TEST

START_TEST (test_record)
{
    tokens (1, 1, 2, "now () + interval '6 days'", "NULL, NULL");
    postgres_run (pg, "UPDATE tokens SET revision = 5");
    pass ();
    PGresult *result = PQexec (pg, "SELECT record FROM outbox");
    ck_assert_int_eq (PQntuples (result), 1);
    Jeton__V1__AuditRecord *record = record_read (PQgetvalue (result, 0, 0));
    PQclear (result);
    ck_assert_int_eq (record->type, JETON__V1__AUDIT_TYPE__AUDIT_TYPE_NOTICE);
    ck_assert_str_eq (record->event, NOTICE_EVENT);
    ck_assert_int_eq (record->visibility, JETON__V1__VISIBILITY__VISIBILITY_PUBLIC);
    ck_assert_str_eq (record->actor->id, "admin");
    ck_assert_str_eq (record->actor->type, "service");
    ck_assert_str_eq (record->object->type, "token");
    ck_assert_str_eq (record->object->name, "Token 1");
    ck_assert_int_eq (record->object->revision, 5);
    ck_assert_ptr_null (record->request);
    Jeton__V1__Token *token =
        jeton__v1__token__unpack (NULL, record->after.len, record->after.data);
    ck_assert_ptr_nonnull (token);
    ck_assert_str_eq (record->object->id, token->id);
    ck_assert_str_eq (record->object->account_id, token->account_id);
    ck_assert (token->expiring);
    ck_assert_uint_eq (record->before.len, record->after.len);
    ck_assert_mem_eq (record->before.data, record->after.data, record->after.len);
    const char *summary = postgres_text (
        pg, "SELECT 'Token TKN-0000-0001 (Token 1) expires within 7 days: at '"
            " || to_char (expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || 'Z.'"
            " FROM tokens");
    const char *of_id = strchr (summary, '('), *told_of = strchr (record->summary, '(');
    ck_assert_str_eq (told_of, of_id);
    jeton__v1__token__free_unpacked (token, NULL);
    jeton__v1__audit_record__free_unpacked (record, NULL);
}
END_TEST

// Two at once, of many, with many that have expired before them.
START_TEST (test_two)
{
    tokens (1000, 1, 1, "now () - interval '1 day'", "NULL, NULL");
    tokens (3000, 1, 1, "now () + interval '5 days' + n * interval '1 s'", "NULL, NULL");
    pass ();
    ck_assert_int_eq (number ("SELECT count (*) FROM outbox"), 3000);
    PGresult *result = PQexec (pg, "SELECT record FROM outbox");
    bool *seen = xcalloc (4001, sizeof *seen);
    for (int i = 0; i < PQntuples (result); i++) {
        Jeton__V1__AuditRecord *record = record_read (PQgetvalue (result, i, 0));
        int64_t token = 0;
        ck_assert (id_parse ("TKN", record->object->id, &token));
        ck_assert_int_eq (days_of (record), 7);
        ck_assert (token > 1000 && token <= 4000 && !seen[token]);
        seen[token] = true;
        jeton__v1__audit_record__free_unpacked (record, NULL);
    }
    free (seen);
    PQclear (result);
    ck_assert_int_eq (number ("SELECT count (*) FROM tokens WHERE noticed_days = 0"), 1000);
    ck_assert_int_eq (number ("SELECT count (*) FROM tokens WHERE noticed_days = 7"), 3000);
}
END_TEST

static bool
all_but_one (void)
{
    return all_idle () && number (DUE) == 1;
}

// What somebody is changing is left for the next pass, and holds up nothing.
START_TEST (test_locked)
{
    tokens (200, 1, 1, "now () + interval '5 days'", "NULL, NULL");
    PGconn *other = postgres_connect (&postgres, "postgres", "postgres");
    postgres_run (other, "BEGIN; SELECT FROM tokens WHERE number = 7 FOR UPDATE");
    for (int i = 0; i < ADMINS; i++)
        notice_start (&admins[i]);
    run_until (all_but_one);
    ck_assert_int_eq (number ("SELECT count (*) FROM outbox"), 199);
    postgres_run (other, "COMMIT");
    PQfinish (other);
    pass ();
    ck_assert_int_eq (number ("SELECT count (*) FROM outbox"), 200);
}
END_TEST

static int64_t marked, recorded;

static void
written (void *context, enum db_outcome outcome, PGresult *const *results,
         const struct db_error *error)
{
    (void) context, (void) error;
    ck_assert_int_eq (outcome, DB_OK);
    ck_assert (db_get_int (results[0], 0, 0, &marked) && db_get_int (results[0], 0, 1, &recorded));
}

// As a pass writes what it has read of token 1, of the revision 1.
static void
write_notice (char *days)
{
    char one[] = "1", record[] = "00ff";
    cleanup_free char *expiry = xstrdup (postgres_text (
        pg, "SELECT (extract (epoch FROM expires_at) * 1000000)::bigint FROM tokens"));
    char *lists[STORE_NOTICE_LISTS] = {one, one, expiry, days, record};
    store_token_notice (&admins[0], lists, written);
}

// What was read is written only while it is still so.
START_TEST (test_overtaken)
{
    static const struct {
        const char *change;
        int64_t marked, recorded;
    } rows[] = {
        {"revision = 2", 0, 0},
        {"status = 3", 0, 0},
        {"expires_at = expires_at + interval '1 microsecond'", 0, 0},
        {"noticed_expiry = expires_at, noticed_days = 7", 0, 0},
        {"noticed_expiry = expires_at, noticed_days = 1", 0, 0},
        {"noticed_expiry = expires_at, noticed_days = 30", 1, 1},
        {"description = ''", 1, 1},
    };
    char seven[] = "7", none[] = "0";
    tokens (1, 1, 1, "now () + interval '5 days'", "NULL, NULL");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_notice (seven); // goes out when the loop runs
        cleanup_free char *sql = xasprintf ("UPDATE tokens SET %s", rows[i].change);
        postgres_run (pg, sql);
        run_until (all_idle);
        ck_assert_msg (marked == rows[i].marked && recorded == rows[i].recorded, "%s",
                       rows[i].change);
        postgres_run (pg, "UPDATE tokens SET status = 1, revision = 1, noticed_expiry = NULL,"
                          " noticed_days = NULL");
    }
    // Of one that has expired nothing is told.
    write_notice (none);
    run_until (all_idle);
    ck_assert (marked == 1 && recorded == 0);
}
END_TEST

static bool
drained (void)
{
    return all_idle () && number (DUE) < 3000;
}

// A process that is about to end begins no other batch; another one does the rest.
START_TEST (test_draining)
{
    tokens (3000, 1, 1, "now () + interval '5 days'", "NULL, NULL");
    notice_start (&admins[0]);
    admins[0].process.draining = true;
    run_until (all_idle);
    ck_assert_int_eq (number (DUE), 3000);
    admins[0].process.draining = false;
    notice_stop (&admins[0]);
    notice_start (&admins[0]);
    run_until (drained);
    notice_stop (&admins[0]);
    run_until (all_idle);
    pass ();
    ck_assert_int_eq (number ("SELECT count (*) FROM outbox"), 3000);
}
END_TEST

static void
migrate (void)
{
    struct error error = {""};
    FILE *out = fopen ("/dev/null", "w");
    struct migrate_options options = {.url = postgres_url (&postgres, "postgres", "postgres"),
                                      .schema_dir = "deploy/schema",
                                      .secrets_dir = postgres_secrets (&postgres),
                                      .out = out};
    ck_assert_msg (migrate_run (&options, &error), "%s", error.text);
    fclose (out);
}

int
main (void)
{
    struct error error = {""};
    log_open ("test_admin_notice", LOG_LEVEL_ERROR);
    if (!crypto_start (&error))
        return EXIT_FAILURE;
    alarm (600);
    zsys_handler_set (NULL);
    postgres_start (&postgres);
    Suite *suite = suite_create ("admin notice");
    TCase *tcase = tcase_create ("admin notice");
    tcase_set_timeout (tcase, 110);
    tcase_add_unchecked_fixture (tcase, migrate, NULL);
    tcase_add_checked_fixture (tcase, set_up, tear_down);
    tcase_add_test (tcase, test_which);
    tcase_add_test (tcase, test_life);
    tcase_add_test (tcase, test_record);
    tcase_add_test (tcase, test_two);
    tcase_add_test (tcase, test_locked);
    tcase_add_test (tcase, test_overtaken);
    tcase_add_test (tcase, test_draining);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_set_fork_status (runner, CK_NOFORK);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    postgres_destroy (&postgres);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
