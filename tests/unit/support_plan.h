// What PostgreSQL would do for a statement of a service's table: plans are read, not clocks.
#ifndef JETON_SUPPORT_PLAN_H
#define JETON_SUPPORT_PLAN_H

#include "common/db/db.h"
#include <libpq-fe.h>

// plan_of (pg, statement, parameters): EXPLAIN of the statement, prepared as the services prepare it, with a plan that is good for all values; its lines,
// each ended by a newline. `parameters` are SQL: "1, 'x'". Valid until the next call.
const char *plan_of (PGconn *pg, const struct db_statement *statement, const char *parameters);

#endif
