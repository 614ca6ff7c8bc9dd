// A row of store.c's statements as facts.
#ifndef JETON_VALIDATOR_ROW_H
#define JETON_VALIDATOR_ROW_H

#include "common/db/db.h"
#include "services/validator/facts.h"

// The columns that row_facts reads, in their order.
enum row_column {
    ROW_TOKEN,
    ROW_ACCOUNT,
    ROW_USER,
    ROW_EXPIRES_AT,
    ROW_KIND,
    ROW_ENVIRONMENT,
    ROW_TOKEN_STATUS,
    ROW_ACCOUNT_STATUS,
    ROW_USER_STATUS,
    ROW_GRANTS, // text, "orders 1 t,stock 2 f": module, access, enabled; or numbers, see row_names
    ROW_ALLOWED,
    ROW_GRACE_UNTIL,
    ROW_RATE,
    ROW_BURST,
    ROW_ACCOUNT_RATE,
    ROW_ACCOUNT_BURST,
    ROW_REVISION, // of an API token; otherwise 0
    ROW_COLUMNS,
    // Of a client's token, after these:
    ROW_CLIENT = ROW_COLUMNS,
    ROW_SCOPE, // the resources that are left of it; NULL: it is not restricted to any
    ROW_CLIENT_COLUMNS,
    // Of an opaque token, after these:
    ROW_CUSTOMER = ROW_CLIENT_COLUMNS,
    ROW_OPAQUE_COLUMNS
};

// Names of modules by their numbers in the database, which never change: for many rows at once, whose grants are a bigint each: the module's number times 8, its
// access times 2, and 1 if it is enabled.
struct row_names;
struct row_names *row_names_new (void) __attribute__ ((returns_nonnull));
void row_names_destroy (struct row_names **names); // NULL-safe
// row_names_read (names, result): Instead of what it has: from rows of a number and a name, in text, in rising order of the numbers. False: they make no sense.
bool row_names_read (struct row_names *names, const PGresult *result)
    __attribute__ ((warn_unused_result));

// row_facts (fields, names, policies, facts_r): names NULL: the grants are text. False: it makes no sense; then nothing is held. Otherwise
// facts_r->policy is held.
bool row_facts (const struct db_field fields[ROW_COLUMNS], const struct row_names *names,
                struct policies *policies, struct facts *facts_r)
    __attribute__ ((warn_unused_result));
// row_client_facts (fields, policies, facts_r): The same of a client's token; the grants are text.
bool row_client_facts (const struct db_field fields[ROW_CLIENT_COLUMNS], struct policies *policies,
                       struct facts *facts_r) __attribute__ ((warn_unused_result));
// row_opaque_facts (fields, policies, facts_r): The same of a client's opaque token.
bool row_opaque_facts (const struct db_field fields[ROW_OPAQUE_COLUMNS], struct policies *policies,
                       struct facts *facts_r) __attribute__ ((warn_unused_result));

#endif
