#include "tests/unit/support_plan.h"
#include "common/crypto/crypto.h"
#include "common/memory/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static PGresult *
run (PGconn *pg, const char *sql, ExecStatusType wanted)
{
    PGresult *result = PQexec (pg, sql);
    ck_assert_msg (PQresultStatus (result) == wanted, "%s: %s", sql, PQerrorMessage (pg));
    return result;
}

static PGresult *
execute (PGconn *pg, const char *before, const struct db_statement *statement,
         const char *parameters)
{
    PQclear (run (pg, "SET plan_cache_mode = force_generic_plan", PGRES_COMMAND_OK));
    PGresult *prepared = PQprepare (pg, statement->name, statement->sql, 0, NULL);
    ck_assert_msg (PQresultStatus (prepared) == PGRES_COMMAND_OK, "%s", PQerrorMessage (pg));
    PQclear (prepared);
    cleanup_free char *sql = xasprintf ("%sEXECUTE %s (%s)", before, statement->name, parameters);
    PGresult *result = run (pg, sql, PGRES_TUPLES_OK);
    cleanup_free char *deallocate = xasprintf ("DEALLOCATE %s", statement->name);
    PQclear (run (pg, deallocate, PGRES_COMMAND_OK));
    return result;
}

static const char *
explain (PGconn *pg, const char *before, const struct db_statement *statement,
         const char *parameters)
{
    static char plan[16384];
    PGresult *result = execute (pg, before, statement, parameters);
    size_t length = 0;
    for (int i = 0; i < PQntuples (result); i++)
        length += (size_t) snprintf (plan + length, sizeof plan - length, "%s\n",
                                     PQgetvalue (result, i, 0));
    ck_assert_uint_lt (length, sizeof plan);
    PQclear (result);
    return plan;
}

PGresult *
plan_result (PGconn *pg, const struct db_statement *statement, const char *parameters)
{
    return execute (pg, "", statement, parameters);
}

const char *
plan_of (PGconn *pg, const struct db_statement *statement, const char *parameters)
{
    return explain (pg, "EXPLAIN (COSTS OFF) ", statement, parameters);
}

const char *
plan_run (PGconn *pg, const struct db_statement *statement, const char *parameters)
{
    return explain (pg, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ", statement,
                    parameters);
}

long
plan_number (const char *text, const char *name)
{
    const char *found = strstr (text, name);
    return found ? atol (found + strlen (name)) : -1;
}

int
plan_tests (const char *name, struct postgres *postgres, void (*add) (Suite *suite))
{
    struct error error = {""};
    if (!crypto_start (&error))
        return EXIT_FAILURE;
    alarm (600);
    postgres_start (postgres);
    Suite *suite = suite_create (name);
    add (suite);
    SRunner *runner = srunner_create (suite);
    srunner_set_fork_status (runner, CK_NOFORK);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    postgres_destroy (postgres);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
