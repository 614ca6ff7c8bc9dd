// What a decision about a token needs to know of it: the seam between where that comes from (lookup, cache) and what follows from it (decide).
#ifndef JETON_VALIDATOR_FACTS_H
#define JETON_VALIDATOR_FACTS_H

#include "services/validator/policy.h"
#include <stdint.h>

// Numbers of enums are those of proto/types.proto.
struct facts {
    int64_t token; // 0: a JWT
    int64_t account;
    int64_t user;       // the owner, or whom a client's token stands for; 0: none
    int64_t customer;   // whom a client's token stands for; 0: nobody else. Then there is no user
    int64_t revision;   // of an API token, from memory its low bits (told.h); otherwise 0
    int64_t expires_at; // 0: never
    int64_t
        grace_until; // of the value before a rotation: accepted until then; 0: this is the current value
    uint8_t kind;        // 0: a JWT
    uint8_t environment; // 0: not bound to one by what is stored (a JWT says it itself)
    uint8_t token_status;
    uint8_t account_status;
    uint8_t user_status;   // active where there is no user
    struct policy *policy; // never NULL; held by who made the facts
    const char *jti;       // of a JWT, otherwise NULL
};

#endif
