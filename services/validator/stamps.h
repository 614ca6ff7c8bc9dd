// What has changed since: the cache's sense of age, without clocks and without looking for what a change is about.
//
// A counter rises with each change. A change of a token writes the counter into the token's slot; what was asked before is older than that
// slot, and is not believed any more. Objects whose numbers fall into the same slot age together, which costs a query and is never wrong.
//
// A block says that an object may change at any moment: nothing about it is believed, however new, until a change of the same object
// ends the block. Each object is blocked or not; blocks are not counted.
#ifndef JETON_VALIDATOR_STAMPS_H
#define JETON_VALIDATOR_STAMPS_H

#include "common/token/jwt.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STAMPS_BLOCKS_MAX = 1024 }; // tokens and accounts that are blocked at a time
#define STAMPS_BLOCKED UINT64_MAX

struct stamps_slots {
    uint64_t *slots; // stamp of the last change, or STAMPS_BLOCKED
    unsigned shift;  // 64 minus the bits of their number
};

struct stamps_block {
    struct stamps_slots *where;
    int64_t number;
};

struct stamps {
    uint64_t now;
    uint64_t all, keys,
        unknown; // the last change of everything, of signing keys, of what is not known
    struct stamps_slots tokens, accounts;
    size_t nblocks;
    struct stamps_block blocks[STAMPS_BLOCKS_MAX];
};

// stamps_start (stamps, tokens, accounts): Zeroed memory becomes a set with at least so many slots. stamps_end frees them.
void stamps_start (struct stamps *stamps, size_t tokens, size_t accounts);
void stamps_end (struct stamps *stamps);
size_t stamps_bytes (size_t tokens, size_t accounts); // what the slots take

// See cache_change_… and cache_block_… in cache.h.
void stamps_change (struct stamps *stamps, struct stamps_slots *where, int64_t number);
bool stamps_block (struct stamps *stamps, struct stamps_slots *where, int64_t number);

static inline uint64_t *
stamps_slot (const struct stamps_slots *where, int64_t number)
{
    // Fibonacci hashing (Knuth, volume 3, 6.4): numbers that follow each other get slots far apart, each its own.
    return &where->slots[(uint64_t) number * 0x9e3779b97f4a7c15 >> where->shift];
}

// stamps_good (stamps, token, account, stamp): Has nothing changed since about this token of this account? A JWT, whose number is jwt_number's, goes by
// the signing keys as well.
static inline bool
stamps_good (const struct stamps *stamps, int64_t token, int64_t account, uint64_t stamp)
{
    if (token >= JWT_NUMBER_MIN && stamps->keys > stamp)
        return false;
    return *stamps_slot (&stamps->tokens, token) <= stamp &&
           *stamps_slot (&stamps->accounts, account) <= stamp && stamps->all <= stamp;
}

// stamps_good_unknown (stamps, stamp): Has no token changed since that might be the one that was not known?
static inline bool
stamps_good_unknown (const struct stamps *stamps, uint64_t stamp)
{
    return stamps->unknown <= stamp && stamps->all <= stamp && stamps->nblocks == 0;
}

#endif
