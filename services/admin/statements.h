// The handles of the statements, for store_*.c only.
#ifndef JETON_ADMIN_STATEMENTS_H
#define JETON_ADMIN_STATEMENTS_H

#include "services/admin/admin.h"
#include "services/admin/resource.h"
#include "services/admin/resource_statements.h"
#include "services/admin/store.h"

enum statement {
    PUBLIC_KEYS = STORE_PUBLIC_KEYS,
    CALLER = STORE_CALLER,
    ACCOUNT_GET,
    ACCOUNT_LIST,
    ACCOUNT_PREPARE,
    ACCOUNT_CREATE,
    ACCOUNT_EDIT,
    ACCOUNT_STATUS,
    JWT_OWNER,
    JWT_REVOKE,
    JWT_GENERATION,
    MODULE_LIST,
    MODULE_PREPARE,
    MODULE_CREATE,
    MODULE_GET_OF_ACCOUNT,
    MODULE_SET,
    USER_GET,
    USER_LIST,
    USER_LIST_OF_ACCOUNT,
    USER_PREPARE,
    USER_CREATE,
    USER_CHANGE_PREPARE,
    USER_EDIT,
    USER_STATUS,
    TOKEN_GET,
    TOKEN_LIST_ALL, // of all accounts
    TOKEN_LIST_ALL_DOWN,
    TOKEN_LIST_CREATED, // of one; two for each enum store_token_sort, in its order
    TOKEN_LIST_CREATED_DOWN,
    TOKEN_LIST_NAME,
    TOKEN_LIST_NAME_DOWN,
    TOKEN_LIST_ACCESS,
    TOKEN_LIST_ACCESS_DOWN,
    TOKEN_LIST_EXPIRY,
    TOKEN_LIST_EXPIRY_DOWN,
    TOKEN_BOUND_ALL, // the same order
    TOKEN_BOUND_ALL_DOWN,
    TOKEN_BOUND_CREATED,
    TOKEN_BOUND_CREATED_DOWN,
    TOKEN_BOUND_NAME,
    TOKEN_BOUND_NAME_DOWN,
    TOKEN_BOUND_ACCESS,
    TOKEN_BOUND_ACCESS_DOWN,
    TOKEN_BOUND_EXPIRY,
    TOKEN_BOUND_EXPIRY_DOWN,
    TOKEN_LIST_ONE,
    TOKEN_COUNT,
    TOKEN_PREPARE,
    TOKEN_CREATE,
    TOKEN_EDIT_PREPARE,
    TOKEN_EDIT,
    TOKEN_LOGO_SET,
    TOKEN_LOGO_GET,
    TOKEN_ROTATE,
    TOKEN_GET_SEALED,
    TOKEN_REVEAL,
    TOKEN_RESEAL_LIST,
    TOKEN_RESEAL,
    TOKEN_STATUS,
    TOKEN_NOTICE_LIST,
    TOKEN_NOTICE,
    IMPORT_ACCOUNT,
    IMPORT_PREFIXES,
    IMPORT_LINES,
    IMPORT,
    EXPORT,
    PREFIX_LIST,
    PREFIX_GET,
    PREFIX_RELEASE,
    PREFIX_REMOVE,
    SCOPE_FIND,
    CLIENT_SCOPES,
    CLIENT_SECRET_ROTATE,
    IDEMPOTENCY_GET,
    IDEMPOTENCY_TIDY,
    CUSTOMER_LIST_DOWN,
    CUSTOMER_LIST_EMAIL,
    CUSTOMER_LIST_EMAIL_DOWN,
    RESOURCE_STATEMENTS_BEGIN, // RESOURCE_STATEMENT (resource, operation)
    FEED_BEGIN = RESOURCE_STATEMENTS_BEGIN + RESOURCES * RESOURCE_OPERATIONS,
    STATEMENTS_END = FEED_BEGIN + FEED_N,
};

// Parameters hold pointers into themselves: they are filled in where they are, never copied.

// store_param_new (params, change): What the creation of an object begins with. store_param_change (params, change): What a change of one begins
// with, in the order of the accounts' locks.
void store_param_new (struct db_params *params, const struct change *change);
void store_param_change (struct db_params *params, const struct change *change);
// store_param_page (params, page): What a list begins with.
void store_param_page (struct db_params *params, const struct page *page);
// store_param_rate_limit (params, limit): `limit` NULL: none.
void store_param_rate_limit (struct db_params *params, const Jeton__V1__RateLimit *limit);

// store_get (request, statement, number, callback): One object by its number.
void store_get (struct request *request, enum statement statement, int64_t number,
                db_callback *callback);

// store_db (request): The database of the request's process.
static inline struct db *
store_db (const struct request *request)
{
    struct admin *admin = request_owner (request);
    return admin->process.db;
}

#endif
