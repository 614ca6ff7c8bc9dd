// What the values of imported tokens begin with. Such a value has no check part of ours: it is looked up by its digest; a value that is neither ours nor
// begins in one of these ways is refused unread.
#ifndef JETON_VALIDATOR_FOREIGN_H
#define JETON_VALIDATOR_FOREIGN_H

#include "common/db/db.h"
#include <czmq.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FOREIGN_PREFIXES_MAX = 256, FOREIGN_PREFIX_SIZE = 33, FOREIGN_VALUE_MAX = 1024 };

// The statement that reads them: the process's table of statements has a row with it.
#define FOREIGN_SQL "SELECT prefix FROM foreign_prefixes LIMIT 256"

// foreign_new (loop, db, statement, interval_ms, loaded, context): Begins to read them every *interval_ms, a setting. `statement` is the row with
// FOREIGN_SQL. `loaded` is called when they have been read for the first time.
typedef void foreign_callback (void *context);
struct foreign *foreign_new (struct loop *loop, struct db *db, int statement,
                             const int64_t *interval_ms, foreign_callback *loaded, void *context)
    __attribute__ ((returns_nonnull));
// foreign_destroy (&foreign): After the database is closed. NULL-safe.
void foreign_destroy (struct foreign **foreign);

// foreign_loaded (foreign): Were they read at least once?
bool foreign_loaded (const struct foreign *foreign);
// foreign_match (foreign, value, length): Does it begin with one of them? A value of more than FOREIGN_VALUE_MAX bytes does not.
bool foreign_match (const struct foreign *foreign, const char *value, size_t length);

#endif
