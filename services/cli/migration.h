// One run of `jeton db migrate`: what its files share.
#ifndef JETON_CLI_MIGRATION_H
#define JETON_CLI_MIGRATION_H

#include "services/cli/migrate.h"
#include "services/cli/schema.h"
#include <jansson.h>
#include <libpq-fe.h>

struct migration {
    const struct migrate_options *options;
    struct schema schema;
    PGconn *pg;
    int from, to; // versions before and after
    json_t *applied;
};

// migration_say (m, format, …): A line for people; nothing with --json.
void migration_say (const struct migration *m, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
// migration_failed (m, result, what, error_r): Why a statement failed (NULL: why the connection did), with what to do where that is known.
// Returns false.
bool migration_failed (const struct migration *m, const PGresult *result, const char *what,
                       struct error *error_r);
// migration_run (m, sql, what, error_r): Run statements whose results do not matter. `what` names them in the error.
bool migration_run (const struct migration *m, const char *sql, const char *what,
                    struct error *error_r) __attribute__ ((warn_unused_result));

// roles_make (m, error_r): The roles of the processes: those that are missing, their passwords, and that they may connect (roles.c).
bool roles_make (const struct migration *m, struct error *error_r)
    __attribute__ ((warn_unused_result));

// For PGresult, which is NULL-safe.
void migration_result_clear (PGresult **result);
#define cleanup_migration_result __attribute__ ((cleanup (migration_result_clear)))

#endif
