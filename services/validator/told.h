// What was told of tokens whose status was changed and nothing else, so that they are refused without a query: a place for each token, and the last that was told in it.
//
// RULE. A change of a token that refuses it says its revision. Before and after are the stamps of the token's slot when it was heard; told again, with nothing else in
// between, it has the first before and the last after. What is kept of the token follows it when
// - the slot is still as it was after: nothing newer was heard,
// - it was asked for at `before` or later, so that whatever was heard earlier was there when it was read; and nothing was heard of its account, nor of everything, since,
// - and it was an active token of the revision before; or is already of this one, and has its status.
// Then it is that token with that status, as if it had been asked for at `after`. DESIGN.md, "Refused without a query", is the argument; tests/model/states.pml checks it.
#ifndef JETON_VALIDATOR_TOLD_H
#define JETON_VALIDATOR_TOLD_H

#include "services/validator/stamps.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Revisions are compared by so many of their low bits.
enum { TOLD_REVISION_BITS = 24, TOLD_PLACES = 4096 };

struct told {
    int64_t token; // 0: none
    int64_t revision;
    uint64_t before, after;
    uint8_t status;
};

// told_new (): TOLD_PLACES places, told_bytes () of memory. To be freed.
struct told *told_new (void) __attribute__ ((returns_nonnull));
size_t told_bytes (void);

static inline uint32_t
told_revision (int64_t revision)
{
    return (uint64_t) revision & ((1U << TOLD_REVISION_BITS) - 1);
}

// told_put (places, token, revision, status, before, after): It was told; the token's slot was `before` and is `after`.
void told_put (struct told *places, int64_t token, int64_t revision, uint8_t status,
               uint64_t before, uint64_t after);
// told_find (places, token): What was told of it last, or NULL.
const struct told *told_find (const struct told *places, int64_t token);
// told_follows (told, stamps, account, stamp, revision, status): By the rule, does what was asked for at `stamp` follow, a token of that account with that revision
// (told_revision) and status?
bool told_follows (const struct told *told, const struct stamps *stamps, int64_t account,
                   uint64_t stamp, uint32_t revision, uint8_t status);

#endif
