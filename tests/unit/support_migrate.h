// The schema of Jeton in a test's own PostgreSQL server.
#ifndef JETON_SUPPORT_MIGRATE_H
#define JETON_SUPPORT_MIGRATE_H

#include "tests/unit/support_postgres.h"

// postgres_migrated (postgres): Applies all files of deploy/schema to the database postgres, and connects to it as its owner. Fails the test otherwise.
PGconn *postgres_migrated (const struct postgres *postgres);

#endif
