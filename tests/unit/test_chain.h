// A trail as the auditor stores it, its checkpoints and the key that signs them. Included once by a test's only source file.
#ifndef JETON_TEST_CHAIN_H
#define JETON_TEST_CHAIN_H

#include "common/audit/chain.h"
#include "common/token/id.h"
#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES = 5 };

// A trail as the auditor stores it.
struct trail {
    struct row {
        Jeton__V1__TrailEntry entry;
        uint8_t record[256];
        uint8_t digest[CHAIN_DIGEST_SIZE];
        char event[64], object_id[16], actor_id[16], account_id[16];
    } rows[ENTRIES];
};

static struct sign_key key;

static void
make_row (struct row *row, int64_t sequence, const uint8_t *previous)
{
    char id[ID_AUDIT_SIZE], type[] = "token";
    id_audit_format (sequence, id);
    snprintf (row->event, sizeof row->event, "platform.tokens.token.%s",
              sequence % 2 ? "created" : "disabled");
    snprintf (row->object_id, sizeof row->object_id, "TKN-0000-%04d", (int) sequence);
    snprintf (row->actor_id, sizeof row->actor_id, "alice");
    snprintf (row->account_id, sizeof row->account_id, "ACC-0000-0001");

    Jeton__V1__AuditObject object = JETON__V1__AUDIT_OBJECT__INIT;
    object.id = row->object_id;
    object.account_id = row->account_id;
    object.type = type;
    Jeton__V1__Actor actor = JETON__V1__ACTOR__INIT;
    actor.id = row->actor_id;
    Jeton__V1__AuditRecord record = JETON__V1__AUDIT_RECORD__INIT;
    record.id = id;
    record.sequence = sequence;
    record.event = row->event;
    record.object = &object;
    record.actor = &actor;
    record.time_us = 1700000000000000 + sequence;
    record.visibility = JETON__V1__VISIBILITY__VISIBILITY_PUBLIC;
    size_t size = jeton__v1__audit_record__pack (&record, row->record);
    ck_assert_uint_le (size, sizeof row->record);
    chain_digest (previous, row->record, size, row->digest);

    jeton__v1__trail_entry__init (&row->entry);
    row->entry.sequence = sequence;
    row->entry.record = (ProtobufCBinaryData){size, row->record};
    row->entry.digest = (ProtobufCBinaryData){CHAIN_DIGEST_SIZE, row->digest};
    row->entry.event = row->event;
    row->entry.object_id = row->object_id;
    row->entry.actor_id = row->actor_id;
    row->entry.account_id = row->account_id;
    row->entry.time_us = record.time_us;
    row->entry.visibility = record.visibility;
}

static void
make_trail (struct trail *trail)
{
    static const uint8_t before_first[CHAIN_DIGEST_SIZE];
    const uint8_t *previous = before_first;
    for (int i = 0; i < ENTRIES; i++) {
        make_row (&trail->rows[i], i + 1, previous);
        previous = trail->rows[i].digest;
    }
}

// How many entries hold; error_r says what is wrong with the next.
static inline int
walk_all (const struct trail *trail, struct chain_walk *walk, struct error *error_r)
{
    chain_walk_start (walk, &key);
    for (int i = 0; i < ENTRIES; i++)
        if (!chain_walk_entry (walk, &trail->rows[i].entry, error_r))
            return i;
    return ENTRIES;
}

struct signed_checkpoint {
    Jeton__V1__Checkpoint checkpoint;
    uint8_t digest[CHAIN_DIGEST_SIZE], key_id[CHAIN_KEY_ID_SIZE], signature[CRYPTO_SIGNATURE_SIZE];
};

static void
make_checkpoint (struct signed_checkpoint *made, int64_t sequence, const uint8_t *digest)
{
    memcpy (made->digest, digest, sizeof made->digest);
    chain_key_id (key.public_key, made->key_id);
    chain_checkpoint_sign (&key, sequence, digest, 1700000000000000, made->signature);
    jeton__v1__checkpoint__init (&made->checkpoint);
    made->checkpoint.sequence = sequence;
    made->checkpoint.time_us = 1700000000000000;
    made->checkpoint.digest = (ProtobufCBinaryData){sizeof made->digest, made->digest};
    made->checkpoint.key_id = (ProtobufCBinaryData){sizeof made->key_id, made->key_id};
    made->checkpoint.signature = (ProtobufCBinaryData){sizeof made->signature, made->signature};
}

static void
assert_begins (const char *text, const char *begin)
{
    ck_assert_msg (strncmp (text, begin, strlen (begin)) == 0, "%s", text);
}

#endif
