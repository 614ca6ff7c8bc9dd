#include "services/cli/migrate.h"
#include "common/memory/memory.h"
#include "services/cli/migration.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { SERVER_VERSION_MIN = 140000 };

// "jeton db" in ASCII: of the lock that keeps two runs apart.
#define LOCK_KEY "7666661962605945954"

void
migration_result_clear (PGresult **result)
{
    PQclear (*result);
}

void
migration_say (const struct migration *m, const char *format, ...)
{
    if (m->options->json)
        return;
    va_list arguments;
    va_start (arguments, format);
    vfprintf (m->options->out, format, arguments);
    va_end (arguments);
    fputc ('\n', m->options->out);
    fflush (m->options->out);
}

// ---- talking to the server -----------------------------------------------------------------------------------------

bool
migration_failed (const struct migration *m, const PGresult *result, const char *what,
                  struct error *error_r)
{
    const char *primary = PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
    const char *hint =
        state && strcmp (state, "42501") == 0
            ? ": run this as the owner of the database, with the right to make roles (CREATEROLE)"
            : "";
    error_set (error_r, "%s: %s%s", what, primary ? primary : PQerrorMessage (m->pg), hint);
    size_t length = strlen (error_r->text);
    if (length && error_r->text[length - 1] == '\n')
        error_r->text[length - 1] = 0;
    return false;
}

bool
migration_run (const struct migration *m, const char *sql, const char *what, struct error *error_r)
{
    cleanup_migration_result PGresult *result = PQexec (m->pg, sql);
    ExecStatusType status = PQresultStatus (result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
           migration_failed (m, result, what, error_r);
}

static void
ignore_notice (void *argument, const PGresult *result)
{
    (void) argument, (void) result;
}

static bool
database_open (struct migration *m, struct error *error_r)
{
    const char *keywords[] = {"dbname",          "password",        "application_name",
                              "client_encoding", "connect_timeout", NULL};
    const char *values[] = {
        m->options->url, m->options->password, "jeton db migrate", "UTF8", "10", NULL};
    // With expand_dbname, what follows the URL overrides it; a NULL value does not.
    m->pg = PQconnectdbParams (keywords, values, 1);
    if (PQstatus (m->pg) != CONNECTION_OK) {
        error_set (error_r, "the database cannot be reached: %s", PQerrorMessage (m->pg));
        char *end = strchr (error_r->text, '\n');
        if (end)
            *end = 0;
        return false;
    }
    if (PQserverVersion (m->pg) < SERVER_VERSION_MIN) {
        error_set (error_r, "the server is PostgreSQL %d: Jeton needs 14 or newer",
                   PQserverVersion (m->pg) / 10000);
        return false;
    }
    PQsetNoticeReceiver (m->pg, ignore_notice, NULL);
    return migration_run (
        m, "SET search_path = public; SET statement_timeout = 0; SET lock_timeout = 0", "session",
        error_r);
}

// The lock is the session's: it goes when this process ends, however it ends.
static bool
lock (const struct migration *m, struct error *error_r)
{
    cleanup_migration_result PGresult *result =
        PQexec (m->pg, "SELECT pg_try_advisory_lock (" LOCK_KEY ")");
    if (PQresultStatus (result) != PGRES_TUPLES_OK)
        return migration_failed (m, result, "lock", error_r);
    if (strcmp (PQgetvalue (result, 0, 0), "t") == 0)
        return true;
    migration_say (m, "another migration of this database is running: waiting for it to end");
    return migration_run (m, "SELECT pg_advisory_lock (" LOCK_KEY ")", "lock", error_r);
}

// ---- what has been applied -----------------------------------------------------------------------------------------

static bool
applied_check (const struct migration *m, const PGresult *rows, int i, struct error *error_r)
{
    int version = atoi (PQgetvalue (rows, i, 0));
    if (version > m->schema.n) {
        int newest = atoi (PQgetvalue (rows, PQntuples (rows) - 1, 0));
        error_set (error_r,
                   "the database's schema is version %d, this program knows %d at most: use the "
                   "newer program",
                   newest, m->schema.n);
        return false;
    }
    if (version != i + 1) {
        error_set (error_r,
                   "schema_migrations lacks version %d but has %d: restore its rows from a backup",
                   i + 1, version);
        return false;
    }
    const struct schema_file *file = &m->schema.files[version - 1];
    if (strcmp (PQgetvalue (rows, i, 1), file->hash) == 0)
        return true;
    error_set (error_r,
               "%s: has changed since it was applied on %s: restore it as it was, and put the "
               "change into a new file %04d_….sql",
               file->path, PQgetvalue (rows, i, 2), m->schema.n + 1);
    return false;
}

static bool
applied_load (struct migration *m, struct error *error_r)
{
    if (!migration_run (m,
                        "CREATE TABLE IF NOT EXISTS schema_migrations ("
                        " version    integer PRIMARY KEY,"
                        " name       text NOT NULL,"
                        " sha256     text NOT NULL,"
                        " applied_at timestamptz NOT NULL DEFAULT now())",
                        "schema_migrations", error_r))
        return false;
    cleanup_migration_result PGresult *rows =
        PQexec (m->pg, "SELECT version, sha256, to_char (applied_at AT "
                       "TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI \"UTC\"')"
                       " FROM schema_migrations ORDER BY version");
    if (PQresultStatus (rows) != PGRES_TUPLES_OK)
        return migration_failed (m, rows, "schema_migrations", error_r);
    for (int i = 0; i < PQntuples (rows); i++)
        if (!applied_check (m, rows, i, error_r))
            return false;
    m->from = m->to = PQntuples (rows);
    return true;
}

// ---- applying ------------------------------------------------------------------------------------------------------

// The line of a position, which PostgreSQL counts in characters from 1.
static int
line_of (const char *sql, int position)
{
    int line = 1;
    for (int at = 1; *sql && at < position; sql++) {
        line += *sql == '\n';
        // Not the second or later byte of a character in UTF-8.
        at += (sql[1] & 0xc0) != 0x80;
    }
    return line;
}

static bool
file_failed (const struct migration *m, const struct schema_file *file, const PGresult *result,
             int statement, struct error *error_r)
{
    const char *position = PQresultErrorField (result, PG_DIAG_STATEMENT_POSITION);
    char what[300];
    if (position)
        snprintf (what, sizeof what, "%s: line %d (statement %d)", file->path,
                  line_of (file->sql, atoi (position)), statement);
    else
        snprintf (what, sizeof what, "%s: statement %d", file->path, statement);
    return migration_failed (m, result, what, error_r);
}

// One simple query with all statements of the file. Its results come one by one, so the one that fails can be counted.
static bool
file_run (const struct migration *m, const struct schema_file *file, struct error *error_r)
{
    if (!PQsendQuery (m->pg, file->sql))
        return migration_failed (m, NULL, file->path, error_r);
    bool good = true;
    PGresult *result;
    for (int statement = 1; (result = PQgetResult (m->pg)); statement++) {
        ExecStatusType status = PQresultStatus (result);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
            error_set (error_r, "%s: statement %d: COPY from or to the client has no place here",
                       file->path, statement);
            PQclear (result);
            // Nothing but the end of the session ends a COPY with its transaction.
            return false;
        }
        if (good && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
            status != PGRES_EMPTY_QUERY)
            good = file_failed (m, file, result, statement, error_r);
        PQclear (result);
    }
    if (good && PQtransactionStatus (m->pg) != PQTRANS_INTRANS) {
        error_set (error_r,
                   "%s: ends the transaction that it runs in: take its COMMIT or ROLLBACK out",
                   file->path);
        good = false;
    }
    return good;
}

static bool
file_record (const struct migration *m, const struct schema_file *file, struct error *error_r)
{
    char version[16];
    snprintf (version, sizeof version, "%d", file->version);
    const char *values[] = {version, file->name, file->hash};
    cleanup_migration_result PGresult *result = PQexecParams (
        m->pg, "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)", 3, NULL,
        values, NULL, NULL, 0);
    return PQresultStatus (result) == PGRES_COMMAND_OK ||
           migration_failed (m, result, file->path, error_r);
}

static bool
file_apply (struct migration *m, const struct schema_file *file, struct error *error_r)
{
    if (!migration_run (m, "BEGIN", file->path, error_r))
        return false;
    // The end of the session rolls back what fails.
    if (!file_run (m, file, error_r) || !file_record (m, file, error_r))
        return false;
    if (!migration_run (m, "COMMIT", file->path, error_r)) {
        if (PQstatus (m->pg) != CONNECTION_OK)
            error_prefix (
                error_r,
                "the connection was lost in the commit: run this again to see how it ended");
        return false;
    }
    migration_say (m, "%04d %s applied", file->version, file->name);
    json_array_append_new (m->applied,
                           json_pack ("{s:i, s:s}", "version", file->version, "name", file->name));
    m->to = file->version;
    return true;
}

static bool
migrate (struct migration *m, struct error *error_r)
{
    if (!schema_load (&m->schema, m->options->schema_dir, error_r) || !database_open (m, error_r) ||
        !lock (m, error_r))
        return false;
    // Before anything is changed: may these files have to do with this database at all?
    if (!applied_load (m, error_r) || !roles_make (m, error_r))
        return false;
    for (int i = m->from; i < m->schema.n; i++)
        if (!file_apply (m, &m->schema.files[i], error_r))
            return false;
    if (m->from == m->to)
        migration_say (m, "schema is version %d: nothing to apply", m->to);
    else
        migration_say (m, "schema is version %d now (was %d)", m->to, m->from);
    return true;
}

static void
end (struct migration *m)
{
    PQfinish (m->pg);
    schema_free (&m->schema);
    json_decref (m->applied);
}

bool
migrate_run (const struct migrate_options *options, struct error *error_r)
{
    struct migration m = {.options = options, .applied = json_array ()};
    bool good = migrate (&m, error_r);
    if (good && options->json) {
        json_t *object =
            json_pack ("{s:i, s:i, s:O}", "from", m.from, "to", m.to, "applied", m.applied);
        json_dumpf (object, options->out, JSON_INDENT (2));
        fputc ('\n', options->out);
        json_decref (object);
    }
    end (&m);
    return good;
}
