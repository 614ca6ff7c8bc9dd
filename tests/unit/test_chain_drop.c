// A trail whose oldest records were dropped: what stands for them, and who hides records as if they had been (R38, R41).
#include "tests/unit/test_chain.h"

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

int
main (void)
{
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    uint8_t seed[CRYPTO_SEED_SIZE] = {1};
    crypto_sign_seed_keypair (key.public_key, key.secret_key, seed);
    Suite *suite = suite_create ("chain_drop");
    TCase *tcase = tcase_create ("chain_drop");
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
