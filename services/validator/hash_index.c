#include "services/validator/hash_index.h"

#include "common/memory/memory.h"

#include <assert.h>
#include <stdlib.h>

static size_t
size_for (size_t room)
{
    size_t size = 64;
    while (size * 2 < room * 3)
        size *= 2;
    return size;
}

void
hash_index_start (struct hash_index *hashes, size_t room)
{
    size_t size = size_for (room);
    hashes->slots = xcalloc (size, sizeof hashes->slots[0]);
    hashes->mask = size - 1;
}

void
hash_index_end (struct hash_index *hashes)
{
    free (hashes->slots);
}

size_t
hash_index_bytes (size_t room)
{
    return size_for (room) * sizeof (struct hash_slot);
}

void
hash_index_add (struct hash_index *hashes, uint32_t hash, uint32_t number)
{
    size_t at = hash & hashes->mask;
    while (hashes->slots[at].number != 0)
        at = (at + 1) & hashes->mask;
    hashes->slots[at] = (struct hash_slot){hash, number};
}

void
hash_index_remove (struct hash_index *hashes, uint32_t hash, uint32_t number)
{
    size_t mask = hashes->mask, gap = hash & mask;
    while (hashes->slots[gap].number != number) {
        assert (hashes->slots[gap].number != 0);
        gap = (gap + 1) & mask;
    }
    // Those behind move up where they may: each must be found by going on from its home.
    for (size_t at = (gap + 1) & mask; hashes->slots[at].number != 0; at = (at + 1) & mask) {
        size_t home = hashes->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            hashes->slots[gap] = hashes->slots[at];
            gap = at;
        }
    }
    hashes->slots[gap] = (struct hash_slot){0, 0};
}
