#include "tests/unit/support_plan.h"
#include "common/memory/memory.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

static PGresult *
run (PGconn *pg, const char *sql, ExecStatusType wanted)
{
    PGresult *result = PQexec (pg, sql);
    ck_assert_msg (PQresultStatus (result) == wanted, "%s: %s", sql, PQerrorMessage (pg));
    return result;
}

const char *
plan_of (PGconn *pg, const struct db_statement *statement, const char *parameters)
{
    static char plan[16384];
    PQclear (run (pg, "SET plan_cache_mode = force_generic_plan", PGRES_COMMAND_OK));
    PGresult *prepared = PQprepare (pg, statement->name, statement->sql, 0, NULL);
    ck_assert_msg (PQresultStatus (prepared) == PGRES_COMMAND_OK, "%s", PQerrorMessage (pg));
    PQclear (prepared);
    cleanup_free char *sql =
        xasprintf ("EXPLAIN (COSTS OFF) EXECUTE %s (%s)", statement->name, parameters);
    PGresult *result = run (pg, sql, PGRES_TUPLES_OK);
    size_t length = 0;
    for (int i = 0; i < PQntuples (result); i++)
        length += (size_t) snprintf (plan + length, sizeof plan - length, "%s\n",
                                     PQgetvalue (result, i, 0));
    ck_assert_uint_lt (length, sizeof plan);
    PQclear (result);
    cleanup_free char *deallocate = xasprintf ("DEALLOCATE %s", statement->name);
    PQclear (run (pg, deallocate, PGRES_COMMAND_OK));
    return plan;
}
