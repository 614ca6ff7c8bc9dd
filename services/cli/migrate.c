#include "services/cli/migrate.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILES_MAX = 999,
    FILE_SIZE_MAX = 1024 * 1024,
    SERVER_VERSION_MIN = 140000,
    HASH_SIZE = 2 * crypto_hash_sha256_BYTES + 1
};

// "jeton db" in ASCII: of the lock that keeps two runs apart.
#define LOCK_KEY "7666661962605945954"

static const char *const roles[] = {"admin", "issuer", "validator", "auditor"};
enum { N_ROLES = sizeof roles / sizeof *roles };

struct file {
    int version;
    char *name; // without number and .sql
    char *path;
    char *sql;
    char hash[HASH_SIZE]; // SHA-256, hexadecimal
};

struct migration {
    const struct migrate_options *options;
    char *schema_dir;
    struct file *files;
    int n_files;
    PGconn *pg;
    int from, to; // versions before and after
    json_t *applied;
};

static void
result_clear (PGresult **result)
{
    PQclear (*result);
}
#define cleanup_result __attribute__ ((cleanup (result_clear)))

static void say (const struct migration *m, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

static void
say (const struct migration *m, const char *format, ...)
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

// ---- the files -----------------------------------------------------------------------------------------------------

static bool
is_directory (const char *path)
{
    struct stat status;
    return stat (path, &status) == 0 && S_ISDIR (status.st_mode);
}

// In the tree the programs are in build/bin or build/sanitize/bin; installed, beside share/.
static bool
schema_dir_find (struct migration *m, struct error *error_r)
{
    if (m->options->schema_dir) {
        m->schema_dir = xstrdup (m->options->schema_dir);
        return true;
    }
    char program[4096];
    ssize_t length = readlink ("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    char *slash = strrchr (program, '/');
    if (slash)
        *slash = 0;
    static const char *const places[] = {"../../deploy/schema", "../../../deploy/schema",
                                         "../share/jeton/schema"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        m->schema_dir = xasprintf ("%s/%s", program, places[i]);
        if (is_directory (m->schema_dir))
            return true;
        free (m->schema_dir);
        m->schema_dir = NULL;
    }
    error_set (error_r, "no schema directory near %s: name it with --schema", program);
    return false;
}

// NNNN_name.sql
static bool
name_parse (const char *name, struct file *file_r)
{
    size_t length = strlen (name);
    if (length < 10 || strspn (name, "0123456789") != 4 || name[4] != '_' ||
        strcmp (name + length - 4, ".sql") != 0)
        return false;
    file_r->version = atoi (name);
    file_r->name = xstrdup (name + 5);
    file_r->name[length - 5 - 4] = 0;
    return true;
}

static bool
file_load (const struct migration *m, const char *entry, struct file *file_r, struct error *error_r)
{
    *file_r = (struct file){.path = xasprintf ("%s/%s", m->schema_dir, entry)};
    if (!name_parse (entry, file_r)) {
        error_set (error_r,
                   "%s: files of the schema are called NNNN_name.sql: rename it or take it away",
                   file_r->path);
        return false;
    }
    cleanup_free uint8_t *data = xcalloc (1, FILE_SIZE_MAX + 1);
    size_t size;
    if (!crypto_file_read (file_r->path, false, data, FILE_SIZE_MAX, &size, error_r))
        return false;
    if (memchr (data, 0, size)) {
        error_set (error_r, "%s: holds a NUL byte: it is no SQL", file_r->path);
        return false;
    }
    file_r->sql = xcalloc (1, size + 1);
    memcpy (file_r->sql, data, size);
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256 (hash, data, size);
    sodium_bin2hex (file_r->hash, sizeof file_r->hash, hash, sizeof hash);
    return true;
}

static int
is_sql (const struct dirent *entry)
{
    size_t length = strlen (entry->d_name);
    return entry->d_name[0] != '.' && length > 4 &&
           strcmp (entry->d_name + length - 4, ".sql") == 0;
}

static bool
files_in_order (const struct migration *m, struct error *error_r)
{
    for (int i = 0; i < m->n_files; i++) {
        const struct file *file = &m->files[i];
        if (i > 0 && file->version == m->files[i - 1].version) {
            error_set (error_r, "%s and %s have the same number: renumber the newer one",
                       m->files[i - 1].path, file->path);
            return false;
        }
        if (file->version != i + 1) {
            error_set (error_r,
                       "%s: number %04d is missing before it: the files must be numbered without "
                       "gaps from 0001",
                       file->path, i + 1);
            return false;
        }
    }
    return true;
}

static bool
files_load (struct migration *m, struct error *error_r)
{
    struct dirent **entries = NULL;
    int n = scandir (m->schema_dir, &entries, is_sql, alphasort);
    if (n <= 0 || n > FILES_MAX)
        error_set (error_r, "%s: %s", m->schema_dir,
                   n < 0 ? strerror (errno)
                   : n == 0
                       ? "holds no NNNN_name.sql: name the directory of the schema with --schema"
                       : "holds too many files");
    bool good = n > 0 && n <= FILES_MAX;
    m->files = xcalloc (n > 0 ? (size_t) n : 1, sizeof *m->files);
    for (int i = 0; i < n; i++) {
        // A file that fails is counted as well, for its parts to be freed.
        if (good)
            good = file_load (m, entries[i]->d_name, &m->files[m->n_files++], error_r);
        free (entries[i]);
    }
    free (entries);
    return good && files_in_order (m, error_r);
}

// ---- talking to the server -----------------------------------------------------------------------------------------

static bool
failed (const struct migration *m, const PGresult *result, const char *what, struct error *error_r)
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

static bool
run (const struct migration *m, const char *sql, const char *what, struct error *error_r)
{
    cleanup_result PGresult *result = PQexec (m->pg, sql);
    ExecStatusType status = PQresultStatus (result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
           failed (m, result, what, error_r);
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
    return run (m, "SET search_path = public; SET statement_timeout = 0; SET lock_timeout = 0",
                "session", error_r);
}

// The lock is the session's: it goes when this process ends, however it ends.
static bool
lock (const struct migration *m, struct error *error_r)
{
    cleanup_result PGresult *result = PQexec (m->pg, "SELECT pg_try_advisory_lock (" LOCK_KEY ")");
    if (PQresultStatus (result) != PGRES_TUPLES_OK)
        return failed (m, result, "lock", error_r);
    if (strcmp (PQgetvalue (result, 0, 0), "t") == 0)
        return true;
    say (m, "another migration of this database is running: waiting for it to end");
    return run (m, "SELECT pg_advisory_lock (" LOCK_KEY ")", "lock", error_r);
}

// ---- roles ---------------------------------------------------------------------------------------------------------

// The roles of a server are shared by its databases: another database's migration may make them at the same time.
static bool
role_create (const struct migration *m, const char *role, struct error *error_r)
{
    char sql[160];
    snprintf (sql, sizeof sql,
              "CREATE ROLE jeton_%s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION", role);
    cleanup_result PGresult *result = PQexec (m->pg, sql);
    if (PQresultStatus (result) == PGRES_COMMAND_OK) {
        say (m, "role jeton_%s made", role);
        return true;
    }
    const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
    if (state && (strcmp (state, "42710") == 0 || strcmp (state, "23505") == 0))
        return true;
    snprintf (sql, sizeof sql, "role jeton_%s", role);
    return failed (m, result, sql, error_r);
}

static bool
role_check (const struct migration *m, const char *role, struct error *error_r)
{
    char sql[200];
    snprintf (sql, sizeof sql,
              "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls "
              "FROM pg_roles WHERE rolname = 'jeton_%s'",
              role);
    cleanup_result PGresult *result = PQexec (m->pg, sql);
    if (PQresultStatus (result) != PGRES_TUPLES_OK)
        return failed (m, result, "roles", error_r);
    if (PQntuples (result) == 0)
        return role_create (m, role, error_r);
    if (strcmp (PQgetvalue (result, 0, 0), "f") == 0)
        return true;
    error_set (error_r,
               "role jeton_%s may do more than a process of Jeton should: "
               "ALTER ROLE jeton_%s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
               role, role);
    return false;
}

// The server gets a SCRAM verifier (RFC 5802), so that no password is in its log or its statistics.
static bool
password_set (const struct migration *m, const char *role, char *password, struct error *error_r)
{
    char name[32], what[64];
    snprintf (name, sizeof name, "jeton_%s", role);
    snprintf (what, sizeof what, "password of role %s", name);
    char *verifier = PQencryptPasswordConn (m->pg, password, name, "scram-sha-256");
    char *literal = verifier ? PQescapeLiteral (m->pg, verifier, strlen (verifier)) : NULL;
    bool good = false;
    if (literal) {
        cleanup_free char *sql = xasprintf ("ALTER ROLE %s PASSWORD %s", name, literal);
        good = run (m, sql, what, error_r);
    } else {
        error_set (error_r, "%s: %s", what, PQerrorMessage (m->pg));
    }
    PQfreemem (literal);
    PQfreemem (verifier);
    return good;
}

static bool
password_load (const struct migration *m, const char *role, struct error *error_r)
{
    cleanup_free char *path = xasprintf ("%s/database-%s", m->options->secrets_dir, role);
    char password[513] = "";
    size_t size;
    if (!crypto_file_read (path, true, (uint8_t *) password, sizeof password - 1, &size, error_r))
        return false;
    password[size] = 0;
    password[strcspn (password, "\r\n")] = 0;
    bool good = *password != 0;
    if (good)
        good = password_set (m, role, password, error_r);
    else
        error_set (error_r, "%s: is empty: it must hold the password of role jeton_%s", path, role);
    sodium_memzero (password, sizeof password);
    return good;
}

static bool
roles_make (const struct migration *m, struct error *error_r)
{
    for (int i = 0; i < N_ROLES; i++)
        if (!role_check (m, roles[i], error_r) ||
            (m->options->secrets_dir && !password_load (m, roles[i], error_r)))
            return false;
    // Temporary tables would be a way to fill the disk.
    return run (
        m,
        "DO $$ BEGIN"
        " EXECUTE format ('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database ());"
        " EXECUTE format ('GRANT CONNECT ON DATABASE %I TO jeton_admin, jeton_issuer, "
        "jeton_validator, jeton_auditor',"
        " current_database ());"
        "END $$",
        "rights on the database", error_r);
}

// ---- what has been applied -----------------------------------------------------------------------------------------

static bool
applied_check (const struct migration *m, const PGresult *rows, int i, struct error *error_r)
{
    int version = atoi (PQgetvalue (rows, i, 0));
    if (version > m->n_files) {
        int newest = atoi (PQgetvalue (rows, PQntuples (rows) - 1, 0));
        error_set (error_r,
                   "the database's schema is version %d, this program knows %d at most: use the "
                   "newer program",
                   newest, m->n_files);
        return false;
    }
    if (version != i + 1) {
        error_set (error_r,
                   "schema_migrations lacks version %d but has %d: restore its rows from a backup",
                   i + 1, version);
        return false;
    }
    const struct file *file = &m->files[version - 1];
    if (strcmp (PQgetvalue (rows, i, 1), file->hash) == 0)
        return true;
    error_set (error_r,
               "%s: has changed since it was applied on %s: restore it as it was, and put the "
               "change into a new file %04d_….sql",
               file->path, PQgetvalue (rows, i, 2), m->n_files + 1);
    return false;
}

static bool
applied_load (struct migration *m, struct error *error_r)
{
    if (!run (m,
              "CREATE TABLE IF NOT EXISTS schema_migrations ("
              " version    integer PRIMARY KEY,"
              " name       text NOT NULL,"
              " sha256     text NOT NULL,"
              " applied_at timestamptz NOT NULL DEFAULT now())",
              "schema_migrations", error_r))
        return false;
    cleanup_result PGresult *rows = PQexec (m->pg, "SELECT version, sha256, to_char (applied_at AT "
                                                   "TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI \"UTC\"')"
                                                   " FROM schema_migrations ORDER BY version");
    if (PQresultStatus (rows) != PGRES_TUPLES_OK)
        return failed (m, rows, "schema_migrations", error_r);
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
file_failed (const struct migration *m, const struct file *file, const PGresult *result,
             int statement, struct error *error_r)
{
    const char *position = PQresultErrorField (result, PG_DIAG_STATEMENT_POSITION);
    char what[300];
    if (position)
        snprintf (what, sizeof what, "%s: line %d (statement %d)", file->path,
                  line_of (file->sql, atoi (position)), statement);
    else
        snprintf (what, sizeof what, "%s: statement %d", file->path, statement);
    return failed (m, result, what, error_r);
}

// One simple query with all statements of the file. Its results come one by one, so the one that fails can be counted.
static bool
file_run (const struct migration *m, const struct file *file, struct error *error_r)
{
    if (!PQsendQuery (m->pg, file->sql))
        return failed (m, NULL, file->path, error_r);
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
file_record (const struct migration *m, const struct file *file, struct error *error_r)
{
    char version[16];
    snprintf (version, sizeof version, "%d", file->version);
    const char *values[] = {version, file->name, file->hash};
    cleanup_result PGresult *result = PQexecParams (
        m->pg, "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)", 3, NULL,
        values, NULL, NULL, 0);
    return PQresultStatus (result) == PGRES_COMMAND_OK || failed (m, result, file->path, error_r);
}

static bool
file_apply (struct migration *m, const struct file *file, struct error *error_r)
{
    if (!run (m, "BEGIN", file->path, error_r))
        return false;
    // The end of the session rolls back what fails.
    if (!file_run (m, file, error_r) || !file_record (m, file, error_r))
        return false;
    if (!run (m, "COMMIT", file->path, error_r)) {
        if (PQstatus (m->pg) != CONNECTION_OK)
            error_prefix (
                error_r,
                "the connection was lost in the commit: run this again to see how it ended");
        return false;
    }
    say (m, "%04d %s applied", file->version, file->name);
    json_array_append_new (m->applied,
                           json_pack ("{s:i, s:s}", "version", file->version, "name", file->name));
    m->to = file->version;
    return true;
}

static bool
migrate (struct migration *m, struct error *error_r)
{
    if (!schema_dir_find (m, error_r) || !files_load (m, error_r) || !database_open (m, error_r) ||
        !lock (m, error_r))
        return false;
    // Before anything is changed: may these files have to do with this database at all?
    if (!applied_load (m, error_r) || !roles_make (m, error_r))
        return false;
    for (int i = m->from; i < m->n_files; i++)
        if (!file_apply (m, &m->files[i], error_r))
            return false;
    if (m->from == m->to)
        say (m, "schema is version %d: nothing to apply", m->to);
    else
        say (m, "schema is version %d now (was %d)", m->to, m->from);
    return true;
}

static void
end (struct migration *m)
{
    PQfinish (m->pg);
    for (int i = 0; i < m->n_files; i++) {
        free (m->files[i].name);
        free (m->files[i].path);
        free (m->files[i].sql);
    }
    free (m->files);
    free (m->schema_dir);
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
