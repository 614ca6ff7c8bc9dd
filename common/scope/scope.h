// Resource scopes: which markets and stock locations a token is for (R13-R16), in the syntax of OAuth scopes (RFC 6749 section 3.3).
//
//     market:1234 stock_location:4567        by number
//     market:id:MKT-0123-4567                by id
//     market:code:eu                         by code
//
// Three steps. scope_parse looks at the text alone. SCOPE_STATEMENT, which a process puts into its table of statements, finds in the database
// what the text names. scope_resolve matches the two and applies the rules. The first and the last are pure.
#ifndef JETON_SCOPE_H
#define JETON_SCOPE_H

#include "common/db/db.h"
#include "common/error/error.h"
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SCOPE_TEXT_MAX = 4096,  // bytes
    SCOPE_ENTRIES_MAX = 64, // parts of one text
    SCOPE_CODE_SIZE = 65,
    SCOPE_PART_SIZE = 96, // of a part as an error shows it
};

enum scope_kind { SCOPE_MARKET = 1, SCOPE_STOCK_LOCATION = 2 };

// One part of a scope text.
struct scope_entry {
    enum scope_kind kind;
    int64_t number;             // 0: by code
    char code[SCOPE_CODE_SIZE]; // "": by number
    char part[SCOPE_PART_SIZE]; // as it was written, for errors
};

struct scope {
    size_t n;
    struct scope_entry entries[SCOPE_ENTRIES_MAX];
};

// scope_parse (text, size, scope_r, error_r):
// An empty text is an empty scope. False: it is no resource scope; the error names the part that is at fault, with everything that is not printable
// ASCII as "?". Parts are separated by one space or more; one that is there twice is an error.
bool scope_parse (const char *text, size_t size, struct scope *scope_r, struct error *error_r)
    __attribute__ ((warn_unused_result));

// scope_part_show (part, length, part_r): As errors show it: printable ASCII, and cut where it is too long to be meant.
void scope_part_show (const char *part, size_t length, char part_r[SCOPE_PART_SIZE]);

// Finds what a scope names in an account: $1 the account, then markets by number and by code, stock locations by number and by code, as scope_params
// binds them. A row for each: kind, number, code, status, market (of a location), customer group (of a market; 0: public) and the group's
// status. Deleted ones are not found.
#define SCOPE_STATEMENT                                                                            \
    "SELECT 1, m.number, m.code, m.status, 0, coalesce (m.customer_group, 0),"                     \
    " coalesce ((SELECT g.status FROM customer_groups g"                                           \
    "  WHERE g.account = m.account AND g.number = m.customer_group), 0)"                           \
    " FROM markets m WHERE m.account = $1::bigint AND m.status <> 3"                               \
    " AND (m.number = ANY (string_to_array ($2, ',')::bigint[])"                                   \
    "  OR m.code = ANY (string_to_array ($3, ',')))"                                               \
    " UNION ALL SELECT 2, l.number, l.code, l.status, l.market, 0, 0"                              \
    " FROM stock_locations l WHERE l.account = $1::bigint AND l.status <> 3"                       \
    " AND (l.number = ANY (string_to_array ($4, ',')::bigint[])"                                   \
    "  OR l.code = ANY (string_to_array ($5, ',')))"

// The lists that go into the statement: they must live until db_call has returned.
struct scope_lists {
    char numbers[2][SCOPE_ENTRIES_MAX * 10];
    char codes[2][SCOPE_ENTRIES_MAX * SCOPE_CODE_SIZE];
};

// scope_params (scope, account, lists_r, params): Append the statement's parameters.
void scope_params (const struct scope *scope, int64_t account, struct scope_lists *lists_r,
                   struct db_params *params);

// A resource that was found.
struct scope_resource {
    enum scope_kind kind;
    int64_t number;
    char code[SCOPE_CODE_SIZE];
    int64_t market; // of a location: its market, which is in the scope too
};

struct scope_resources {
    size_t n;
    struct scope_resource resources[SCOPE_ENTRIES_MAX]; // in the order of the text
};

// What a scope is resolved for.
struct scope_use {
    int64_t customer_group; // of the customer who signs in with a password (R15); 0: of none
    // Worked out again, for a token that there is already: what has become inactive, private or is gone since is left out, with the
    // locations of such a market (R14). Nothing may be left then: a token that had a scope has an empty one, which reaches nothing. Otherwise
    // it is an error.
    bool again;
};

enum scope_result {
    SCOPE_OK,
    SCOPE_INVALID, // invalid_scope (RFC 6749 section 5.2); the error names the part
    SCOPE_WRONG,   // the rows are not of the form that the statement gives: a defect
};

// scope_resolve (scope, rows, use, resources_r, error_r): Match a scope with the statement's rows and apply the rules: each resource is there
// and active; a private market is for a customer of its group, which is active; a stock location's market is in the scope too; none is
// there twice.
enum scope_result scope_resolve (const struct scope *scope, const PGresult *rows,
                                 const struct scope_use *use, struct scope_resources *resources_r,
                                 struct error *error_r) __attribute__ ((warn_unused_result));

// scope_format (resources, text_r): In canonical form, "market:1234 stock_location:4567": by number, in the order of the text.
enum { SCOPE_FORMAT_SIZE = SCOPE_ENTRIES_MAX * 25 };
void scope_format (const struct scope_resources *resources, char text_r[SCOPE_FORMAT_SIZE]);

#endif
