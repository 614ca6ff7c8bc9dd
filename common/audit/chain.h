// The chain of the audit trail: making it and checking it. Knows neither database nor sockets.
#ifndef JETON_AUDIT_CHAIN_H
#define JETON_AUDIT_CHAIN_H

#include "audit.pb-c.h"
#include "common/crypto/crypto.h"
#include "common/error/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHAIN_DIGEST_SIZE = 32, CHAIN_KEY_ID_SIZE = 8 };

// The event of records that tell of a drop; `before` of such a record is the packed TrailDrop.
#define CHAIN_DROPPED "platform.audit.trail.dropped"

// chain_digest (previous, record, size, digest_r): SHA-256 (previous || record). The entry before the first is 32 zero bytes.
void chain_digest (const uint8_t previous[CHAIN_DIGEST_SIZE], const uint8_t *record, size_t size,
                   uint8_t digest_r[CHAIN_DIGEST_SIZE]);

// chain_checkpoint_sign (key, sequence, digest, time_us, signature_r), chain_key_id (public_key, id_r): see proto/audit.proto.
void chain_checkpoint_sign (const struct sign_key *key, int64_t sequence,
                            const uint8_t digest[CHAIN_DIGEST_SIZE], int64_t time_us,
                            uint8_t signature_r[CRYPTO_SIGNATURE_SIZE]);
void chain_key_id (const uint8_t public_key[CRYPTO_PUBLIC_SIZE], uint8_t id_r[CHAIN_KEY_ID_SIZE]);

// A walk along the chain, entry by entry.
struct chain_walk {
    const struct sign_key *key;    // NULL: checkpoints are counted, not checked
    const struct sign_key *former; // that were replaced by it
    size_t nformer;
    int64_t sequence;                  // of the last entry that was taken
    uint8_t digest[CHAIN_DIGEST_SIZE]; // its digest
    int64_t checkpoints;               // that held
    int64_t covered;                   // the last sequence number that a checkpoint holds for
    uint8_t covered_digest[CHAIN_DIGEST_SIZE]; // and the digest of that
    int64_t entries;                           // that were taken
    int64_t dropped;                 // the last sequence number that was dropped; 0: none was
    int64_t told;                    // the record that has to tell of the last drop
    uint8_t drop[CHAIN_DIGEST_SIZE]; // SHA-256 of that drop, packed
    bool told_of;                    // it did
};

// chain_walk_start (walk, key): From the beginning. chain_walk_former (walk, keys, n): What these keys signed holds as well, but covers nothing: a checkpoint of
// `key` that comes later does, and after the first one of those they sign no more. They are borrowed.
void chain_walk_start (struct chain_walk *walk, const struct sign_key *key);
void chain_walk_former (struct chain_walk *walk, const struct sign_key *keys, size_t n);

// chain_walk_entry (walk, entry, error_r): The next entry: its sequence number follows, its digest is right, its record unpacks, and each
// column equals what the record says. False: error_r names the record (AUD-…) and what is wrong; the walk is over.
bool chain_walk_entry (struct chain_walk *walk, const Jeton__V1__TrailEntry *entry,
                       struct error *error_r) __attribute__ ((warn_unused_result));

// chain_walk_checkpoint (walk, checkpoint, error_r): A checkpoint for the entry just taken: same digest, right key, right signature. One
// whose sequence number is beyond the last entry (the trail was cut) is refused as well: the caller hands it over at the end.
bool chain_walk_checkpoint (struct chain_walk *walk, const Jeton__V1__Checkpoint *checkpoint,
                            struct error *error_r) __attribute__ ((warn_unused_result));

// chain_walk_drop (walk, drop, error_r): Entries that were dropped, before all that are kept: it begins where the drop before it ended, and its
// checkpoint has the right key and signature. The walk goes on from there; the record that the drop names has to tell of it.
bool chain_walk_drop (struct chain_walk *walk, const Jeton__V1__TrailDrop *drop,
                      struct error *error_r) __attribute__ ((warn_unused_result));

// chain_walk_item (walk, item, error_r): Whichever of the three an item of an export is.
bool chain_walk_item (struct chain_walk *walk, const Jeton__V1__ExportTrailReply *item,
                      struct error *error_r) __attribute__ ((warn_unused_result));

// chain_walk_end (walk, error_r): At the end of the trail: a record has told of the last drop. (Those of earlier drops may have been dropped; the last
// one says where it began, and so that all before it had been dropped.)
bool chain_walk_end (const struct chain_walk *walk, struct error *error_r)
    __attribute__ ((warn_unused_result));

#endif
