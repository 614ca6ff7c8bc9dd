// The chain of the trail: its digests, its order, its checkpoints (R38).
#include "tests/unit/test_chain.h"

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

// A key that was replaced: what it signed has to be right, covers nothing, and ends where its successor begins.
START_TEST (test_replaced_key)
{
    struct trail trail;
    struct chain_walk walk;
    struct error error = {0};
    struct signed_checkpoint old, made;
    const struct sign_key former = key;
    uint8_t seed[CRYPTO_SEED_SIZE] = {9};
    make_trail (&trail);
    make_checkpoint (&old, 2, trail.rows[1].digest);
    crypto_sign_seed_keypair (key.public_key, key.secret_key, seed);
    make_checkpoint (&made, 4, trail.rows[3].digest);
    chain_walk_start (&walk, &key);
    for (size_t i = 0; i < 2; i++)
        ck_assert (chain_walk_entry (&walk, &trail.rows[i].entry, &error));
    ck_assert (!chain_walk_checkpoint (&walk, &old.checkpoint, &error));
    assert_begins (error.text, "AUD-0000-0000-0000-0002: its checkpoint was signed with another");
    chain_walk_former (&walk, &former, 1);
    old.signature[3] ^= 1;
    ck_assert (!chain_walk_checkpoint (&walk, &old.checkpoint, &error));
    assert_begins (error.text, "AUD-0000-0000-0000-0002: the signature");
    old.signature[3] ^= 1;
    ck_assert (chain_walk_checkpoint (&walk, &old.checkpoint, &error));
    ck_assert_int_eq (walk.covered, 0);
    for (size_t i = 2; i < 4; i++)
        ck_assert (chain_walk_entry (&walk, &trail.rows[i].entry, &error));
    ck_assert (chain_walk_checkpoint (&walk, &made.checkpoint, &error));
    ck_assert_int_eq (walk.covered, 4);
    ck_assert_mem_eq (walk.covered_digest, trail.rows[3].digest, CHAIN_DIGEST_SIZE);
    ck_assert (chain_walk_entry (&walk, &trail.rows[4].entry, &error));
    key = former;
    make_checkpoint (&old, 5, trail.rows[4].digest);
    struct sign_key present;
    crypto_sign_seed_keypair (present.public_key, present.secret_key, seed);
    walk.key = &present;
    ck_assert (!chain_walk_checkpoint (&walk, &old.checkpoint, &error));
    assert_begins (error.text,
                   "AUD-0000-0000-0000-0005: its checkpoint was signed with a key that");
    ck_assert_int_eq (walk.covered, 4);
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
    tcase_add_test (tcase, test_replaced_key);
    tcase_add_test (tcase, test_statement);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
