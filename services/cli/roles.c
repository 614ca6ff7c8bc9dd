// The roles of the processes in the database, and their passwords.
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include "services/cli/migration.h"
#include <sodium.h>
#include <string.h>

static const char *const roles[] = {"admin", "issuer", "validator", "auditor"};
enum { N_ROLES = sizeof roles / sizeof *roles };

// The roles of a server are shared by its databases: another database's migration may make them at the same time.
static bool
role_create (const struct migration *m, const char *role, struct error *error_r)
{
    char sql[160];
    snprintf (sql, sizeof sql,
              "CREATE ROLE jeton_%s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION", role);
    cleanup_migration_result PGresult *result = PQexec (m->pg, sql);
    if (PQresultStatus (result) == PGRES_COMMAND_OK) {
        migration_say (m, "role jeton_%s made", role);
        return true;
    }
    const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
    if (state && (strcmp (state, "42710") == 0 || strcmp (state, "23505") == 0))
        return true;
    snprintf (sql, sizeof sql, "role jeton_%s", role);
    return migration_failed (m, result, sql, error_r);
}

static bool
role_check (const struct migration *m, const char *role, struct error *error_r)
{
    char sql[200];
    snprintf (sql, sizeof sql,
              "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls "
              "FROM pg_roles WHERE rolname = 'jeton_%s'",
              role);
    cleanup_migration_result PGresult *result = PQexec (m->pg, sql);
    if (PQresultStatus (result) != PGRES_TUPLES_OK)
        return migration_failed (m, result, "roles", error_r);
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
        good = migration_run (m, sql, what, error_r);
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

bool
roles_make (const struct migration *m, struct error *error_r)
{
    for (int i = 0; i < N_ROLES; i++)
        if (!role_check (m, roles[i], error_r) ||
            (m->options->secrets_dir && !password_load (m, roles[i], error_r)))
            return false;
    // Temporary tables would be a way to fill the disk.
    return migration_run (
        m,
        "DO $$ BEGIN"
        " EXECUTE format ('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database ());"
        " EXECUTE format ('GRANT CONNECT ON DATABASE %I TO jeton_admin, jeton_issuer, "
        "jeton_validator, jeton_auditor',"
        " current_database ());"
        "END $$",
        "rights on the database", error_r);
}
