// From hashes to numbers: open addressing, linear, without gaps (Knuth, volume 3, 6.4, algorithm R). It knows nothing of what the numbers
// stand for, so looking past one, or moving it, reads no other memory. Several may have one hash.
#ifndef JETON_VALIDATOR_HASH_INDEX_H
#define JETON_VALIDATOR_HASH_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct hash_slot {
    uint32_t hash;
    uint32_t number; // from 1; 0: empty
};

struct hash_index {
    struct hash_slot *slots;
    size_t mask; // their number is a power of two
};

// hash_index_start (hashes, room): Zeroed memory becomes an empty one, for so many numbers at most; two thirds full then. hash_index_end frees.
void hash_index_start (struct hash_index *hashes, size_t room);
void hash_index_end (struct hash_index *hashes);
size_t hash_index_bytes (size_t room); // what it takes

// hash_index_next (hashes, hash, &at): The numbers with this hash, one a call, then 0. Begin with `at` = hash; nothing may change meanwhile.
static inline uint32_t
hash_index_next (const struct hash_index *hashes, uint32_t hash, size_t *at)
{
    for (;; ++*at) {
        const struct hash_slot *slot = &hashes->slots[*at & hashes->mask];
        if (slot->number == 0)
            return 0;
        if (slot->hash == hash) {
            ++*at;
            return slot->number;
        }
    }
}

// hash_index_add (hashes, hash, number), hash_index_remove (hashes, hash, number): It must not be there yet; it must be there.
void hash_index_add (struct hash_index *hashes, uint32_t hash, uint32_t number);
void hash_index_remove (struct hash_index *hashes, uint32_t hash, uint32_t number);

static inline void
hash_index_prefetch (const struct hash_index *hashes, uint32_t hash)
{
    __builtin_prefetch (&hashes->slots[hash & hashes->mask]);
}

#endif
