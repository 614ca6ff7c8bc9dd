// The statements of the issuer's store, by number.
#ifndef JETON_ISSUER_STATEMENTS_H
#define JETON_ISSUER_STATEMENTS_H

#include "services/issuer/store.h"

enum {
    USER_BY_NAME = STORE_PUBLIC_KEYS + 1,
    CLIENT_BY_NUMBER,
    CUSTOMER_BY_EMAIL,
    ASSERTION_ADD,
    SCOPE_FIND,
    SIGNING_KEYS,
    SIGNING_KEY_ADD,
    SIGNING_KEY_ROTATE,
    RECORD_ADD,
    JWT_REVOKE,
    JWT_REVOKED,
    REFRESH_BEGIN,
    REFRESH_FIND,
    REFRESH_ROTATE,
    REFRESH_REVOKE,
    REFRESH_ERASE,
    OPAQUE_ADD,
    OPAQUE_ADD_ONE,
    OPAQUE_REVOKE,
    CALLER_USER,
    CODE_REDIRECT,
    CODE_ADD,
    CODE_FIND,
    CODE_USE,
    CODE_END,
};

// store_outcome_of (outcome): As this store's callers know it.
enum store_outcome store_outcome_of (enum db_outcome outcome);

#endif
