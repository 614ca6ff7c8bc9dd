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
static int
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

START_TEST (test_digest)
{
    // SHA-256 of 32 zero bytes and "abc", and of 32 zero bytes alone.
    static const uint8_t zero[CHAIN_DIGEST_SIZE];
    uint8_t digest[CHAIN_DIGEST_SIZE];
    char hex[2 * CHAIN_DIGEST_SIZE + 1];
    chain_digest (zero, (const uint8_t *) "abc", 3, digest);
    ck_assert_str_eq (sodium_bin2hex (hex, sizeof hex, digest, sizeof digest),
                      "365aa7d8f7f9402c4b9434502b4cc89ddb09fe50d7cd95b493b834c62d5a5370");
    chain_digest (zero, NULL, 0, digest);
    ck_assert_str_eq (sodium_bin2hex (hex, sizeof hex, digest, sizeof digest),
                      "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
}
END_TEST

START_TEST (test_holds)
{
    struct trail trail;
    struct chain_walk walk;
    struct error error;
    make_trail (&trail);
    ck_assert_int_eq (walk_all (&trail, &walk, &error), ENTRIES);
    ck_assert_int_eq (walk.sequence, ENTRIES);
    ck_assert_mem_eq (walk.digest, trail.rows[ENTRIES - 1].digest, CHAIN_DIGEST_SIZE);
}
END_TEST

// One bit of any record or digest: refused where it is, by name.
START_TEST (test_changed_bytes)
{
    struct trail trail;
    struct chain_walk walk;
    make_trail (&trail);
    for (int i = 0; i < ENTRIES; i++) {
        struct row *row = &trail.rows[i];
        char name[64];
        snprintf (name, sizeof name, "AUD-0000-0000-0000-000%d: ", i + 1);
        for (size_t j = 0; j < 8 * (row->entry.record.len + CHAIN_DIGEST_SIZE); j++) {
            size_t at = j / 8;
            uint8_t *byte = at < row->entry.record.len ? &row->record[at]
                                                       : &row->digest[at - row->entry.record.len];
            struct error error = {0};
            *byte ^= (uint8_t) (1 << j % 8);
            ck_assert_int_eq (walk_all (&trail, &walk, &error), i);
            assert_begins (error.text, name);
            *byte ^= (uint8_t) (1 << j % 8);
        }
    }
}
END_TEST

START_TEST (test_changed_columns)
{
    struct trail trail;
    struct chain_walk walk;
    struct error error = {0};
    make_trail (&trail);
    struct row *row = &trail.rows[1];
    char *const texts[] = {row->event, row->object_id, row->actor_id, row->account_id};
    static const char *const names[] = {"event", "object_id", "actor_id", "account_id"};
    for (size_t i = 0; i < 4; i++) {
        texts[i][0] ^= 1;
        ck_assert_int_eq (walk_all (&trail, &walk, &error), 1);
        assert_begins (error.text, "AUD-0000-0000-0000-0002: column ");
        ck_assert_ptr_nonnull (strstr (error.text, names[i]));
        texts[i][0] ^= 1;
    }
    row->entry.time_us++;
    ck_assert_int_eq (walk_all (&trail, &walk, &error), 1);
    ck_assert_ptr_nonnull (strstr (error.text, "time_us"));
    row->entry.time_us--;
    row->entry.visibility = JETON__V1__VISIBILITY__VISIBILITY_PRIVATE;
    ck_assert_int_eq (walk_all (&trail, &walk, &error), 1);
    ck_assert_ptr_nonnull (strstr (error.text, "visibility"));
}
END_TEST

START_TEST (test_order)
{
    struct trail trail;
    struct chain_walk walk;
    struct error error = {0};
    make_trail (&trail);
    // One is missing.
    chain_walk_start (&walk, NULL);
    ck_assert (chain_walk_entry (&walk, &trail.rows[0].entry, &error));
    ck_assert (!chain_walk_entry (&walk, &trail.rows[2].entry, &error));
    assert_begins (error.text, "AUD-0000-0000-0000-0002: missing");
    // Numbers that no record has; a record of another number with a right digest.
    static const int64_t odd[] = {0, -1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < 4; i++) {
        Jeton__V1__TrailEntry entry = trail.rows[1].entry;
        entry.sequence = odd[i];
        ck_assert (!chain_walk_entry (&walk, &entry, &error));
    }
    Jeton__V1__TrailEntry entry = trail.rows[2].entry;
    uint8_t digest[CHAIN_DIGEST_SIZE];
    chain_digest (walk.digest, entry.record.data, entry.record.len, digest);
    entry.sequence = 2;
    entry.digest.data = digest;
    ck_assert (!chain_walk_entry (&walk, &entry, &error));
    assert_begins (error.text, "AUD-0000-0000-0000-0002: column id");
}
END_TEST

START_TEST (test_not_a_record)
{
    struct chain_walk walk;
    struct error error = {0};
    uint8_t garbage[] = {0xff, 0xff, 0xff}, digest[CHAIN_DIGEST_SIZE];
    chain_walk_start (&walk, NULL);
    chain_digest (walk.digest, garbage, sizeof garbage, digest);
    Jeton__V1__TrailEntry entry = JETON__V1__TRAIL_ENTRY__INIT;
    entry.sequence = 1;
    ck_assert (!chain_walk_entry (&walk, &entry, &error)); // no digest, no record
    entry.record = (ProtobufCBinaryData){sizeof garbage, garbage};
    entry.digest = (ProtobufCBinaryData){sizeof digest, digest};
    ck_assert (!chain_walk_entry (&walk, &entry, &error));
    ck_assert_str_eq (error.text, "AUD-0000-0000-0000-0001: the record cannot be unpacked");
    // A record without object and actor holds, when its columns are empty.
    uint8_t packed[64];
    char id[ID_AUDIT_SIZE];
    id_audit_format (1, id);
    Jeton__V1__AuditRecord record = JETON__V1__AUDIT_RECORD__INIT;
    record.id = id;
    record.sequence = 1;
    size_t size = jeton__v1__audit_record__pack (&record, packed);
    chain_digest (walk.digest, packed, size, digest);
    entry.record = (ProtobufCBinaryData){size, packed};
    ck_assert (chain_walk_entry (&walk, &entry, &error));
}
END_TEST

START_TEST (test_checkpoint)
{
    struct trail trail;
    struct chain_walk walk;
    struct error error = {0};
    struct signed_checkpoint made;
    make_trail (&trail);
    ck_assert_int_eq (walk_all (&trail, &walk, &error), ENTRIES);
    make_checkpoint (&made, ENTRIES, walk.digest);
    ck_assert (chain_walk_checkpoint (&walk, &made.checkpoint, &error));
    ck_assert_int_eq (walk.checkpoints, 1);
    ck_assert_int_eq (walk.covered, ENTRIES);
    // Without the key it is counted only.
    walk.key = NULL;
    walk.covered = 0;
    ck_assert (chain_walk_checkpoint (&walk, &made.checkpoint, &error));
    ck_assert_int_eq (walk.checkpoints, 2);
    ck_assert_int_eq (walk.covered, 0);
}
END_TEST

START_TEST (test_bad_checkpoints)
{
    struct trail trail;
    struct chain_walk walk;
    struct error error = {0};
    struct signed_checkpoint made;
    make_trail (&trail);
    ck_assert_int_eq (walk_all (&trail, &walk, &error), ENTRIES);
    make_checkpoint (&made, ENTRIES, walk.digest);
    uint8_t *const fields[] = {made.digest, made.key_id, made.signature};
    static const size_t sizes[] = {sizeof made.digest, sizeof made.key_id, sizeof made.signature};
    for (size_t i = 0; i < 3; i++)
        for (size_t at = 0; at < sizes[i]; at++) {
            fields[i][at] ^= 0x40;
            ck_assert (!chain_walk_checkpoint (&walk, &made.checkpoint, &error));
            assert_begins (error.text, "AUD-0000-0000-0000-0005: ");
            fields[i][at] ^= 0x40;
        }
    made.checkpoint.time_us++;
    ck_assert (!chain_walk_checkpoint (&walk, &made.checkpoint, &error));
    made.checkpoint.time_us--;
    made.checkpoint.signature.len--;
    ck_assert (!chain_walk_checkpoint (&walk, &made.checkpoint, &error));
    made.checkpoint.signature.len++;
    // The trail was cut: the checkpoint is for more entries than there are.
    make_checkpoint (&made, ENTRIES + 2, walk.digest);
    ck_assert (!chain_walk_checkpoint (&walk, &made.checkpoint, &error));
    assert_begins (error.text, "AUD-0000-0000-0000-0007: missing");
    make_checkpoint (&made, ENTRIES - 1, trail.rows[ENTRIES - 2].digest);
    ck_assert (!chain_walk_checkpoint (&walk, &made.checkpoint, &error));
    make_checkpoint (&made, 0, walk.digest);
    ck_assert (!chain_walk_checkpoint (&walk, &made.checkpoint, &error));
    make_checkpoint (&made, INT64_MAX, walk.digest);
    ck_assert (!chain_walk_checkpoint (&walk, &made.checkpoint, &error));
    ck_assert_int_eq (walk.checkpoints, 0);
}
END_TEST

// ---- what was dropped (R38, R41) ------------------------------------------------------------------------------------

// The first three of five entries are dropped; the fifth tells of it.
struct dropped {
    struct trail trail;
    struct signed_checkpoint vouches;
    Jeton__V1__TrailDrop drop;
    uint8_t before[CHAIN_DIGEST_SIZE];
    uint8_t packed[512], record[1024], digest[CHAIN_DIGEST_SIZE];
};

static void
tell (struct dropped *made, const char *event)
{
    char id[ID_AUDIT_SIZE];
    struct row *row = &made->trail.rows[4];
    Jeton__V1__AuditRecord record = JETON__V1__AUDIT_RECORD__INIT;
    id_audit_format (5, id);
    record.id = id;
    record.sequence = 5;
    record.event = (char *) event;
    record.before = (ProtobufCBinaryData){jeton__v1__trail_drop__pack (&made->drop, made->packed),
                                          made->packed};
    size_t size = jeton__v1__audit_record__pack (&record, made->record);
    ck_assert_uint_le (size, sizeof made->record);
    chain_digest (made->trail.rows[3].digest, made->record, size, made->digest);
    jeton__v1__trail_entry__init (&row->entry);
    snprintf (row->event, sizeof row->event, "%s", event);
    row->entry.sequence = 5;
    row->entry.event = row->event;
    row->entry.record = (ProtobufCBinaryData){size, made->record};
    row->entry.digest = (ProtobufCBinaryData){sizeof made->digest, made->digest};
}

static void
make_dropped (struct dropped *made)
{
    memset (made->before, 0, sizeof made->before);
    make_trail (&made->trail);
    make_checkpoint (&made->vouches, 3, made->trail.rows[2].digest);
    jeton__v1__trail_drop__init (&made->drop);
    made->drop.first = 1;
    made->drop.last = 3;
    made->drop.digest_before = (ProtobufCBinaryData){sizeof made->before, made->before};
    made->drop.checkpoint = &made->vouches.checkpoint;
    made->drop.record = 5;
    tell (made, CHAIN_DROPPED);
}

static bool
walk_dropped (struct dropped *made, struct chain_walk *walk, struct error *error_r)
{
    Jeton__V1__ExportTrailReply item = JETON__V1__EXPORT_TRAIL_REPLY__INIT;
    item.drop = &made->drop;
    chain_walk_start (walk, &key);
    return chain_walk_item (walk, &item, error_r) &&
           chain_walk_entry (walk, &made->trail.rows[3].entry, error_r) &&
           chain_walk_entry (walk, &made->trail.rows[4].entry, error_r) &&
           chain_walk_end (walk, error_r);
}

static void
refused_drop (struct dropped *made, const char *begin)
{
    struct chain_walk walk;
    struct error error = {0};
    ck_assert (!walk_dropped (made, &walk, &error));
    assert_begins (error.text, begin);
    make_dropped (made);
}

START_TEST (test_drop)
{
    struct dropped made;
    struct chain_walk walk;
    struct error error = {""};
    make_dropped (&made);
    ck_assert_msg (walk_dropped (&made, &walk, &error), "%s", error.text);
    ck_assert_int_eq (walk.sequence, 5);
    ck_assert_int_eq (walk.entries, 2);
    ck_assert_int_eq (walk.dropped, 3);
    ck_assert_int_eq (walk.covered, 3);
    // In two parts: the last one is told of, and begins where the one before ended.
    struct signed_checkpoint second;
    Jeton__V1__TrailDrop next = made.drop;
    make_checkpoint (&second, 4, made.trail.rows[3].digest);
    next.first = next.last = 4;
    next.checkpoint = &second.checkpoint;
    next.digest_before.data = made.vouches.digest;
    struct dropped two = made;
    two.drop = next;
    tell (&two, CHAIN_DROPPED);
    chain_walk_start (&walk, &key);
    ck_assert (chain_walk_drop (&walk, &made.drop, &error));
    ck_assert_msg (chain_walk_drop (&walk, &next, &error), "%s", error.text);
    ck_assert (chain_walk_entry (&walk, &two.trail.rows[4].entry, &error));
    ck_assert (chain_walk_end (&walk, &error));
    ck_assert_int_eq (walk.dropped, 4);
}
END_TEST

START_TEST (test_bad_drops)
{
    struct dropped made;
    const char first[] = "AUD-0000-0000-0000-0001: ", last[] = "AUD-0000-0000-0000-0003: ";
    make_dropped (&made);
    made.drop.first = 2;
    refused_drop (&made, first);
    made.drop.first = 0;
    refused_drop (&made, first);
    made.drop.last = 4;
    refused_drop (&made, first);
    made.drop.last = INT64_MAX;
    refused_drop (&made, first);
    made.drop.last = 0;
    refused_drop (&made, first);
    made.before[7] ^= 1;
    refused_drop (&made, first);
    made.drop.digest_before.len--;
    refused_drop (&made, first);
    made.drop.checkpoint = NULL;
    refused_drop (&made, first);
    made.vouches.checkpoint.digest.len = 0;
    refused_drop (&made, first);
    uint8_t *const bytes[] = {made.vouches.digest, made.vouches.key_id, made.vouches.signature};
    for (size_t i = 0; i < 3; i++) {
        bytes[i][3] ^= 1;
        refused_drop (&made, last);
    }
    made.vouches.checkpoint.time_us++;
    refused_drop (&made, last);
}
END_TEST

// Whoever hides records as if they had been dropped lacks the record that tells of it.
START_TEST (test_untold_drops)
{
    struct dropped made;
    const char last[] = "AUD-0000-0000-0000-0003: dropped, and record number ";
    make_dropped (&made);
    made.drop.record = 4;
    refused_drop (&made, last);
    made.drop.record = 6;
    refused_drop (&made, last);
    tell (&made, "platform.audit.trail.droppe");
    refused_drop (&made, last);
    made.drop.first = 2; // of another drop
    tell (&made, CHAIN_DROPPED);
    made.drop.first = 1;
    refused_drop (&made, last);
    // Not before records either.
    struct chain_walk walk;
    struct error error = {0};
    chain_walk_start (&walk, &key);
    ck_assert (chain_walk_entry (&walk, &made.trail.rows[0].entry, &error));
    ck_assert (!chain_walk_drop (&walk, &made.drop, &error));
    assert_begins (error.text, "AUD-0000-0000-0000-0002: dropped, though there are records");
}
END_TEST

// What is signed is as proto/audit.proto says, so that anybody can check it.
START_TEST (test_statement)
{
    uint8_t digest[CHAIN_DIGEST_SIZE], signature[CRYPTO_SIGNATURE_SIZE];
    memset (digest, 0xab, sizeof digest);
    chain_checkpoint_sign (&key, 0x0102030405060708, digest, 0x1112131415161718, signature);
    uint8_t statement[19 + 8 + CHAIN_DIGEST_SIZE + 8] = "jeton checkpoint 1\n";
    for (uint8_t i = 0; i < 8; i++) {
        statement[19 + i] = (uint8_t) (0x01 + i);
        statement[59 + i] = (uint8_t) (0x11 + i);
    }
    memcpy (statement + 27, digest, sizeof digest);
    ck_assert (sign_check (&key, statement, sizeof statement, signature));
}
END_TEST

int
main (void)
{
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    uint8_t seed[CRYPTO_SEED_SIZE] = {1};
    crypto_sign_seed_keypair (key.public_key, key.secret_key, seed);
    Suite *suite = suite_create ("chain");
    TCase *tcase = tcase_create ("chain");
    tcase_add_test (tcase, test_digest);
    tcase_add_test (tcase, test_holds);
    tcase_add_test (tcase, test_changed_bytes);
    tcase_add_test (tcase, test_changed_columns);
    tcase_add_test (tcase, test_order);
    tcase_add_test (tcase, test_not_a_record);
    tcase_add_test (tcase, test_checkpoint);
    tcase_add_test (tcase, test_bad_checkpoints);
    tcase_add_test (tcase, test_statement);
    tcase_add_test (tcase, test_drop);
    tcase_add_test (tcase, test_bad_drops);
    tcase_add_test (tcase, test_untold_drops);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
