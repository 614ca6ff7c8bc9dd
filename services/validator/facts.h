// What a decision about a token needs to know of it: the seam between where that comes from (lookup) and what follows from it (decide).
#ifndef JETON_VALIDATOR_FACTS_H
#define JETON_VALIDATOR_FACTS_H

#include "common/net/cidr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODULE_NAME_SIZE = 65, FACTS_GRANTS_MAX = 1024, FACTS_ALLOWED_MAX = 64 };

struct grant {
    char module[MODULE_NAME_SIZE];
    uint8_t access; // Jeton__V1__Access: what the token was granted
    bool enabled;   // the module is enabled for the account
};

// Numbers of enums are those of proto/types.proto. One allocation: free ().
struct facts {
    int64_t token; // 0: a JWT
    int64_t account;
    int64_t user;       // the owner, 0 where there is none
    int64_t expires_at; // 0: never
    int64_t
        grace_until; // of the value before a rotation: accepted until then; 0: this is the current value
    uint8_t kind;        // 0: a JWT
    uint8_t environment; // 0: not bound to one by what is stored (a JWT says it itself)
    uint8_t token_status;
    uint8_t account_status;
    uint8_t user_status; // active where there is no user
    size_t nallowed;     // 0: it may be used from anywhere
    struct cidr allowed[FACTS_ALLOWED_MAX];
    size_t ngrants;
    struct grant grants[];
};

#endif
