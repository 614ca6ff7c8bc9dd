// Bringing the schema of a database up to date: `jeton db migrate`.
#ifndef JETON_CLI_MIGRATE_H
#define JETON_CLI_MIGRATE_H

#include "common/error/error.h"
#include <stdbool.h>
#include <stdio.h>

struct migrate_options {
    const char *url;        // libpq connection string or postgresql:// URL of the database's owner
    const char *password;   // NULL: as the URL or libpq's passfile has it
    const char *schema_dir; // of the numbered SQL files; NULL: found from where the program lies
    const char *
        secrets_dir; // holds database-admin, database-issuer, …: the roles' passwords; NULL: they are left alone
    bool json; // one JSON object instead of lines: {"from", "to", "applied": [{"version", "name"}]}
    FILE *out; // where the lines, or the object, go
};

// migrate_run (options, error_r):
// Make the roles that are missing (jeton_admin, jeton_issuer, jeton_validator, jeton_auditor: LOGIN and nothing else), set their
// passwords, and apply each file NNNN_name.sql of the schema directory that has not been applied yet, in order, each in one
// transaction with its row in schema_migrations. Can be repeated; when two run at once, one waits for the other (an advisory
// lock). Blocks: for a command line, not for a loop.
// False, with nothing half applied: the database cannot be reached or does not allow it, its schema is newer than the files, an
// applied file has changed since, the files have gaps or double numbers, or a statement failed (file, statement, line and the
// server's message are named).
bool migrate_run (const struct migrate_options *options, struct error *error_r)
    __attribute__ ((warn_unused_result));

#endif
