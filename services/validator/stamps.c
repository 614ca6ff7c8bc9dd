#include "services/validator/stamps.h"

#include "common/memory/memory.h"

#include <stdlib.h>

static unsigned
bits_of (size_t n)
{
    unsigned bits = 1; // a shift by 64 is none
    while ((size_t) 1 << bits < n)
        bits++;
    return bits;
}

static struct stamps_slots
slots_new (size_t n)
{
    unsigned bits = bits_of (n);
    return (struct stamps_slots){xcalloc ((size_t) 1 << bits, sizeof (uint64_t)), 64 - bits};
}

void
stamps_start (struct stamps *stamps, size_t tokens, size_t accounts)
{
    stamps->tokens = slots_new (tokens);
    stamps->accounts = slots_new (accounts);
}

void
stamps_end (struct stamps *stamps)
{
    free (stamps->tokens.slots);
    free (stamps->accounts.slots);
}

size_t
stamps_bytes (size_t tokens, size_t accounts)
{
    return (((size_t) 1 << bits_of (tokens)) + ((size_t) 1 << bits_of (accounts))) *
           sizeof (uint64_t);
}

static struct stamps_block *
block_find (struct stamps *stamps, const struct stamps_slots *where, int64_t number)
{
    for (size_t i = 0; i < stamps->nblocks; i++)
        if (stamps->blocks[i].where == where && stamps->blocks[i].number == number)
            return &stamps->blocks[i];
    return NULL;
}

// Is another object blocked that has the same slot? Then the slot stays blocked.
static bool
slot_blocked (const struct stamps *stamps, const struct stamps_slots *where, const uint64_t *slot)
{
    for (size_t i = 0; i < stamps->nblocks; i++)
        if (stamps->blocks[i].where == where &&
            stamps_slot (where, stamps->blocks[i].number) == slot)
            return true;
    return false;
}

void
stamps_change (struct stamps *stamps, struct stamps_slots *where, int64_t number)
{
    struct stamps_block *block = block_find (stamps, where, number);
    if (block)
        *block = stamps->blocks[--stamps->nblocks];
    uint64_t *slot = stamps_slot (where, number);
    stamps->now++;
    *slot = slot_blocked (stamps, where, slot) ? STAMPS_BLOCKED : stamps->now;
}

bool
stamps_block (struct stamps *stamps, struct stamps_slots *where, int64_t number)
{
    if (!block_find (stamps, where, number)) {
        if (stamps->nblocks == STAMPS_BLOCKS_MAX) {
            stamps->all = STAMPS_BLOCKED;
            return false;
        }
        stamps->blocks[stamps->nblocks++] = (struct stamps_block){where, number};
    }
    *stamps_slot (where, number) = STAMPS_BLOCKED;
    return true;
}
