#include "common/audit/chain.h"
#include "common/memory/memory.h"
#include "common/token/id.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char checkpoint_prefix[] = "jeton checkpoint 1\n";

enum { STATEMENT_SIZE = sizeof checkpoint_prefix - 1 + 8 + CHAIN_DIGEST_SIZE + 8 };

void
chain_digest (const uint8_t previous[CHAIN_DIGEST_SIZE], const uint8_t *record, size_t size,
              uint8_t digest_r[CHAIN_DIGEST_SIZE])
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init (&state);
    crypto_hash_sha256_update (&state, previous, CHAIN_DIGEST_SIZE);
    if (size)
        crypto_hash_sha256_update (&state, record, size);
    crypto_hash_sha256_final (&state, digest_r);
}

static uint8_t *
put_number (uint8_t *p, int64_t number)
{
    for (int i = 0; i < 8; i++)
        *p++ = (uint8_t) ((uint64_t) number >> (56 - 8 * i));
    return p;
}

static void
checkpoint_statement (int64_t sequence, const uint8_t digest[CHAIN_DIGEST_SIZE], int64_t time_us,
                      uint8_t statement_r[STATEMENT_SIZE])
{
    uint8_t *p = statement_r;
    memcpy (p, checkpoint_prefix, sizeof checkpoint_prefix - 1);
    p = put_number (p + sizeof checkpoint_prefix - 1, sequence);
    memcpy (p, digest, CHAIN_DIGEST_SIZE);
    put_number (p + CHAIN_DIGEST_SIZE, time_us);
}

void
chain_checkpoint_sign (const struct sign_key *key, int64_t sequence,
                       const uint8_t digest[CHAIN_DIGEST_SIZE], int64_t time_us,
                       uint8_t signature_r[CRYPTO_SIGNATURE_SIZE])
{
    uint8_t statement[STATEMENT_SIZE];
    checkpoint_statement (sequence, digest, time_us, statement);
    sign_make (key, statement, sizeof statement, signature_r);
}

void
chain_key_id (const uint8_t public_key[CRYPTO_PUBLIC_SIZE], uint8_t id_r[CHAIN_KEY_ID_SIZE])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256 (hash, public_key, CRYPTO_PUBLIC_SIZE);
    memcpy (id_r, hash, CHAIN_KEY_ID_SIZE);
}

void
chain_walk_start (struct chain_walk *walk, const struct sign_key *key)
{
    *walk = (struct chain_walk){.key = key};
}

void
chain_walk_former (struct chain_walk *walk, const struct sign_key *keys, size_t n)
{
    walk->former = keys;
    walk->nformer = n;
}

// "AUD-…: " before the text. A number that no record can have is shown as it is.
static bool __attribute__ ((format (printf, 3, 4)))
refuse (struct error *error_r, int64_t sequence, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    char id[ID_AUDIT_SIZE];
    if (sequence >= 1 && sequence <= ID_AUDIT_MAX) {
        id_audit_format (sequence, id);
        error_set (error_r, "%s: %s", id, text);
    } else {
        error_set (error_r, "AUD-%" PRId64 ": %s", sequence, text);
    }
    return false;
}

// The first column that does not say what the record says; NULL when all do.
static const char *
different_column (const Jeton__V1__TrailEntry *entry, const Jeton__V1__AuditRecord *record)
{
    const Jeton__V1__AuditObject *object = record->object;
    const Jeton__V1__Actor *actor = record->actor;
    char id[ID_AUDIT_SIZE];
    id_audit_format (entry->sequence, id);
    if (strcmp (record->id, id) != 0)
        return "id";
    if (record->sequence != entry->sequence)
        return "sequence";
    if (strcmp (record->event, entry->event) != 0)
        return "event";
    if (strcmp (object ? object->id : "", entry->object_id) != 0)
        return "object_id";
    if (strcmp (actor ? actor->id : "", entry->actor_id) != 0)
        return "actor_id";
    if (strcmp (object ? object->account_id : "", entry->account_id) != 0)
        return "account_id";
    if (record->time_us != entry->time_us)
        return "time_us";
    if (record->visibility != entry->visibility)
        return "visibility";
    return NULL;
}

// The SHA-256 of a drop as it is packed.
static void
drop_digest (const Jeton__V1__TrailDrop *drop, uint8_t digest_r[CHAIN_DIGEST_SIZE])
{
    size_t size = jeton__v1__trail_drop__get_packed_size (drop);
    cleanup_free uint8_t *packed = xcalloc (1, size + 1);
    jeton__v1__trail_drop__pack (drop, packed);
    crypto_hash_sha256 (digest_r, packed, size);
}

// Is it the record of that drop?
static bool
tells_of (const Jeton__V1__AuditRecord *record, const uint8_t drop[CHAIN_DIGEST_SIZE])
{
    uint8_t digest[CHAIN_DIGEST_SIZE];
    if (strcmp (record->event, CHAIN_DROPPED) != 0 || record->before.len == 0)
        return false;
    crypto_hash_sha256 (digest, record->before.data, record->before.len);
    return memcmp (digest, drop, CHAIN_DIGEST_SIZE) == 0;
}

bool
chain_walk_entry (struct chain_walk *walk, const Jeton__V1__TrailEntry *entry,
                  struct error *error_r)
{
    int64_t expected = walk->sequence + 1;
    if (entry->sequence != expected)
        return refuse (error_r, expected,
                       "missing from the trail: number %" PRId64 " comes in its place",
                       entry->sequence);
    if (expected > ID_AUDIT_MAX)
        return refuse (error_r, expected, "beyond the last number that a record can have");
    uint8_t digest[CHAIN_DIGEST_SIZE];
    chain_digest (walk->digest, entry->record.data, entry->record.len, digest);
    if (entry->digest.len != CHAIN_DIGEST_SIZE ||
        memcmp (entry->digest.data, digest, CHAIN_DIGEST_SIZE) != 0)
        return refuse (error_r, expected,
                       "digest does not match the record and the digest before it");
    Jeton__V1__AuditRecord *record =
        jeton__v1__audit_record__unpack (NULL, entry->record.len, entry->record.data);
    if (!record)
        return refuse (error_r, expected, "the record cannot be unpacked");
    const char *column = different_column (entry, record);
    if (expected == walk->told)
        walk->told_of = tells_of (record, walk->drop);
    jeton__v1__audit_record__free_unpacked (record, NULL);
    if (column)
        return refuse (error_r, expected, "column %s does not say what the record says", column);
    walk->sequence = expected;
    walk->entries++;
    memcpy (walk->digest, digest, CHAIN_DIGEST_SIZE);
    return true;
}

// ---- checkpoints ----------------------------------------------------------------------------------------------------

static bool
is_of (const Jeton__V1__Checkpoint *checkpoint, const struct sign_key *key)
{
    uint8_t id[CHAIN_KEY_ID_SIZE];
    chain_key_id (key->public_key, id);
    return checkpoint->key_id.len == sizeof id &&
           memcmp (checkpoint->key_id.data, id, sizeof id) == 0;
}

// The one that it says it was made with; NULL: none that is known.
static const struct sign_key *
key_of (const struct chain_walk *walk, const Jeton__V1__Checkpoint *checkpoint)
{
    if (is_of (checkpoint, walk->key))
        return walk->key;
    for (size_t i = 0; i < walk->nformer; i++)
        if (is_of (checkpoint, &walk->former[i]))
            return &walk->former[i];
    return NULL;
}

// Made for where the walk is, with its key, or one of those before. Without a key, any is taken.
static bool
checkpoint_check (struct chain_walk *walk, const Jeton__V1__Checkpoint *checkpoint,
                  const uint8_t digest[CHAIN_DIGEST_SIZE], struct error *error_r)
{
    uint8_t statement[STATEMENT_SIZE];
    if (!walk->key)
        return true;
    const struct sign_key *key = key_of (walk, checkpoint);
    if (!key)
        return refuse (error_r, checkpoint->sequence, "its checkpoint was signed with another key");
    // Whoever has a key that was replaced must not go on with it.
    if (key != walk->key && walk->covered > 0)
        return refuse (error_r, checkpoint->sequence,
                       "its checkpoint was signed with a key that had been replaced");
    checkpoint_statement (checkpoint->sequence, digest, checkpoint->time_us, statement);
    if (checkpoint->signature.len != CRYPTO_SIGNATURE_SIZE ||
        !sign_check (key, statement, sizeof statement, checkpoint->signature.data))
        return refuse (error_r, checkpoint->sequence, "the signature of its checkpoint is wrong");
    if (key == walk->key) {
        walk->covered = checkpoint->sequence;
        memcpy (walk->covered_digest, digest, sizeof walk->covered_digest);
    }
    return true;
}

bool
chain_walk_checkpoint (struct chain_walk *walk, const Jeton__V1__Checkpoint *checkpoint,
                       struct error *error_r)
{
    int64_t sequence = checkpoint->sequence;
    if (sequence > walk->sequence)
        return refuse (
            error_r, sequence,
            "missing, though a checkpoint covers it: the trail was cut after number %" PRId64,
            walk->sequence);
    if (sequence < walk->sequence || sequence < 1)
        return refuse (error_r, sequence, "its checkpoint does not stand after its entry");
    if (checkpoint->digest.len != CHAIN_DIGEST_SIZE ||
        memcmp (checkpoint->digest.data, walk->digest, CHAIN_DIGEST_SIZE) != 0)
        return refuse (error_r, sequence, "digest is not the one that its checkpoint was made for");
    if (!checkpoint_check (walk, checkpoint, walk->digest, error_r))
        return false;
    walk->checkpoints++;
    return true;
}

// ---- what was dropped -----------------------------------------------------------------------------------------------

// Where a drop begins: behind what is known.
static bool
drop_begins (const struct chain_walk *walk, const Jeton__V1__TrailDrop *drop, struct error *error_r)
{
    int64_t expected = walk->sequence + 1;
    if (walk->entries > 0)
        return refuse (error_r, expected, "dropped, though there are records before it");
    if (drop->first != expected)
        return refuse (error_r, expected,
                       "missing from the trail: what was dropped begins with number %" PRId64,
                       drop->first);
    if (drop->last < drop->first || drop->last > ID_AUDIT_MAX)
        return refuse (error_r, expected, "dropped up to number %" PRId64 ", which cannot be",
                       drop->last);
    if (drop->digest_before.len != CHAIN_DIGEST_SIZE ||
        memcmp (drop->digest_before.data, walk->digest, CHAIN_DIGEST_SIZE) != 0)
        return refuse (error_r, expected,
                       "dropped, and its drop does not follow the digest before it");
    return true;
}

bool
chain_walk_drop (struct chain_walk *walk, const Jeton__V1__TrailDrop *drop, struct error *error_r)
{
    const Jeton__V1__Checkpoint *checkpoint = drop->checkpoint;
    if (!drop_begins (walk, drop, error_r))
        return false;
    if (!checkpoint)
        return refuse (error_r, drop->first, "dropped, and no checkpoint stands for it");
    if (checkpoint->sequence != drop->last || checkpoint->digest.len != CHAIN_DIGEST_SIZE)
        return refuse (error_r, drop->first,
                       "dropped up to number %" PRId64
                       ", and the checkpoint that should stand for it is of number %" PRId64,
                       drop->last, checkpoint->sequence);
    if (!checkpoint_check (walk, checkpoint, checkpoint->digest.data, error_r))
        return false;
    drop_digest (drop, walk->drop);
    walk->told = drop->record;
    walk->told_of = false;
    walk->sequence = walk->dropped = drop->last;
    memcpy (walk->digest, checkpoint->digest.data, CHAIN_DIGEST_SIZE);
    return true;
}

bool
chain_walk_item (struct chain_walk *walk, const Jeton__V1__ExportTrailReply *item,
                 struct error *error_r)
{
    if (item->drop)
        return chain_walk_drop (walk, item->drop, error_r);
    if (item->checkpoint)
        return chain_walk_checkpoint (walk, item->checkpoint, error_r);
    return !item->entry || chain_walk_entry (walk, item->entry, error_r);
}

bool
chain_walk_end (const struct chain_walk *walk, struct error *error_r)
{
    if (walk->dropped == 0 || walk->told_of)
        return true;
    return refuse (error_r, walk->dropped,
                   "dropped, and record number %" PRId64 ", which should tell of it, does not",
                   walk->told);
}
