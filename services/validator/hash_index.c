#include "services/validator/hash_index.h"

#include "common/memory/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t
size_for (size_t room)
{
    size_t size = 64;
    while (size * 2 < room * 3)
        size *= 2;
    return size;
}

// Each look is at another page, and to find where a page is takes as long as the look itself, unless pages are large. Where there are none, nothing changes.
static void
large_pages (void *memory, size_t size)
{
    size_t page = (size_t) sysconf (_SC_PAGESIZE);
    size_t before = (page - (uintptr_t) memory % page) % page;
    if (size > before)
        (void) madvise ((char *) memory + before, (size - before) / page * page, MADV_HUGEPAGE);
}

void
hash_index_start (struct hash_index *hashes, size_t room)
{
    size_t size = size_for (room);
    hashes->slots = xcalloc (size, sizeof hashes->slots[0]);
    large_pages (hashes->slots, size * sizeof hashes->slots[0]);
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
