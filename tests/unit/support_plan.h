// What PostgreSQL would do for a statement of a service's table: plans are read, not clocks.
#ifndef JETON_SUPPORT_PLAN_H
#define JETON_SUPPORT_PLAN_H

#include "common/db/db.h"
#include "tests/unit/support_postgres.h"
#include <check.h>
#include <libpq-fe.h>

// plan_of (pg, statement, parameters): EXPLAIN of the statement, prepared as the services prepare it, with a plan that is good for all values; its lines,
// each ended by a newline. `parameters` are SQL: "1, 'x'". Valid until the next call.
const char *plan_of (PGconn *pg, const struct db_statement *statement, const char *parameters);

// plan_run (pg, statement, parameters): The same after it was run (EXPLAIN ANALYZE): with how many rows each step gave and left out, without times.
const char *plan_run (PGconn *pg, const struct db_statement *statement, const char *parameters);

// plan_result (pg, statement, parameters): What the statement gives, so prepared. The caller clears it.
PGresult *plan_result (PGconn *pg, const struct db_statement *statement, const char *parameters);

// plan_number (text, name): The number behind the first `name` in the text; -1: there is none.
long plan_number (const char *text, const char *name);

// plan_tests (name, postgres, add): main's work: start the server, run the tests that `add` puts into the suite, in this process, so that they share what a
// fixture has filled, and end the server. Returns the exit status.
int plan_tests (const char *name, struct postgres *postgres, void (*add) (Suite *suite));

#endif
