// Entries of the trail: what becomes of an outbox row, whatever it holds.
// objects: services/auditor/entry.o
#include "common/audit/chain.h"
#include "common/token/id.h"
#include "services/auditor/auditor.h"
#include <check.h>

int64_t
auditor_now_us (void)
{
    return 1700000000000000;
}

static const uint8_t zero[CHAIN_DIGEST_SIZE];

// An outbox row as the services write it. The caller frees.
static uint8_t *
outbox_row (const char *event, const char *object_id, size_t *size_r)
{
    Jeton__V1__AuditRecord record = JETON__V1__AUDIT_RECORD__INIT;
    Jeton__V1__AuditObject object = JETON__V1__AUDIT_OBJECT__INIT;
    Jeton__V1__Actor actor = JETON__V1__ACTOR__INIT;
    object.id = (char *) object_id;
    object.account_id = (char *) "ACC-0000-0001";
    actor.id = (char *) "alice";
    record.event = (char *) event;
    record.object = &object;
    record.actor = &actor;
    record.time_us = 1234567890;
    record.visibility = JETON__V1__VISIBILITY__VISIBILITY_PUBLIC;
    *size_r = jeton__v1__audit_record__get_packed_size (&record);
    uint8_t *data = xcalloc (1, *size_r + 1);
    jeton__v1__audit_record__pack (&record, data);
    return data;
}

static Jeton__V1__AuditRecord *
unpacked (const Jeton__V1__TrailEntry *entry)
{
    Jeton__V1__AuditRecord *record =
        jeton__v1__audit_record__unpack (NULL, entry->record.len, entry->record.data);
    ck_assert_ptr_nonnull (record);
    return record;
}

// Whatever it was made from: it is the next entry of a chain that verifies.
static void
assert_verifies (const Jeton__V1__TrailEntry *entry)
{
    struct chain_walk walk;
    struct error error = {""};
    chain_walk_start (&walk, NULL);
    ck_assert_msg (chain_walk_entry (&walk, entry, &error), "%s", error.text);
}

static void
assert_unreadable (const uint8_t *data, size_t size, bool trust)
{
    Jeton__V1__TrailEntry entry;
    ck_assert (!entry_make (1, zero, data, size, trust, &entry));
    Jeton__V1__AuditRecord *record = unpacked (&entry);
    ck_assert_str_eq (record->event, ENTRY_UNREADABLE);
    ck_assert_str_eq (record->id, "AUD-0000-0000-0000-0001");
    ck_assert_str_eq (entry.event, ENTRY_UNREADABLE);
    ck_assert_str_eq (entry.object_id, "");
    ck_assert_int_eq (entry.time_us, 1700000000000000);
    ck_assert_int_eq (entry.visibility, JETON__V1__VISIBILITY__VISIBILITY_PRIVATE);
    ck_assert_uint_eq (record->after.len, size);
    ck_assert_int_eq (memcmp (record->after.data, data, size), 0);
    assert_verifies (&entry);
    jeton__v1__audit_record__free_unpacked (record, NULL);
    entry_clear (&entry);
}

START_TEST (readable)
{
    size_t size;
    cleanup_free uint8_t *data =
        outbox_row ("platform.tokens.token.disabled", "TKN-0000-0007", &size);
    Jeton__V1__TrailEntry entry;
    ck_assert (entry_make (1, zero, data, size, true, &entry));
    Jeton__V1__AuditRecord *record = unpacked (&entry);
    ck_assert_str_eq (record->id, "AUD-0000-0000-0000-0001");
    ck_assert_int_eq (record->sequence, 1);
    ck_assert_str_eq (entry.event, "platform.tokens.token.disabled");
    ck_assert_str_eq (entry.object_id, "TKN-0000-0007");
    ck_assert_str_eq (entry.account_id, "ACC-0000-0001");
    ck_assert_str_eq (entry.actor_id, "alice");
    ck_assert_int_eq (entry.time_us, 1234567890);
    assert_verifies (&entry);
    jeton__v1__audit_record__free_unpacked (record, NULL);
    entry_clear (&entry);
    entry_clear (&entry); // idempotent
}
END_TEST

START_TEST (chained)
{
    struct chain_walk walk;
    uint8_t digest[CHAIN_DIGEST_SIZE] = {0};
    chain_walk_start (&walk, NULL);
    for (int64_t sequence = 1; sequence <= 5; sequence++) {
        size_t size;
        struct error error = {""};
        Jeton__V1__TrailEntry entry;
        cleanup_free uint8_t *data = outbox_row ("a.b", "TKN-0000-0001", &size);
        // The third is not readable, and stops nobody.
        ck_assert (entry_make (sequence, digest, data, size - (sequence == 3), true, &entry) ==
                   (sequence != 3));
        ck_assert_msg (chain_walk_entry (&walk, &entry, &error), "%s", error.text);
        memcpy (digest, entry.digest.data, sizeof digest);
        entry_clear (&entry);
    }
    ck_assert_int_eq (walk.sequence, 5);
}
END_TEST

// A record that names itself does not get its way: the writer numbers it.
START_TEST (numbered)
{
    Jeton__V1__AuditRecord claim = JETON__V1__AUDIT_RECORD__INIT, *record;
    uint8_t data[256];
    Jeton__V1__TrailEntry entry;
    claim.id = (char *) "AUD-9999-9999-9999-9999";
    claim.sequence = -5;
    size_t size = jeton__v1__audit_record__pack (&claim, data);
    ck_assert (entry_make (12, zero, data, size, true, &entry));
    record = unpacked (&entry);
    ck_assert_str_eq (record->id, "AUD-0000-0000-0000-0012");
    ck_assert_int_eq (record->sequence, 12);
    jeton__v1__audit_record__free_unpacked (record, NULL);
    entry_clear (&entry);
}
END_TEST

START_TEST (hostile)
{
    size_t size;
    cleanup_free uint8_t *data = outbox_row ("platform.tokens.token.made", "TKN-1", &size);
    assert_unreadable ((const uint8_t *) "\xff\xff\xff", 3, true);
    assert_unreadable ((const uint8_t *) "\x1a\x03\xff\xfe\x80", 5,
                       true); // an event that is not UTF-8
    assert_unreadable ((const uint8_t *) "\x1a\x03"
                                         "a\0b",
                       5, true); // a NUL in it
    assert_unreadable (data, size, false);
    // What only the auditor tells, as somebody else would have it.
    static const char *const ours[] = {CHAIN_DROPPED, ENTRY_UNREADABLE};
    for (size_t i = 0; i < 2; i++) {
        size_t length;
        cleanup_free uint8_t *forged = outbox_row (ours[i], "AUD-1", &length);
        assert_unreadable (forged, length, true);
    }
    for (size_t cut = 1; cut < size; cut++) {
        Jeton__V1__TrailEntry entry;
        (void) entry_make (1, zero, data, cut, true, &entry); // some prefixes are messages, too
        assert_verifies (&entry);
        entry_clear (&entry);
    }
}
END_TEST

// Nothing, packed, is an empty record.
START_TEST (empty)
{
    Jeton__V1__TrailEntry entry;
    ck_assert (entry_make (1, zero, (const uint8_t *) "", 0, true, &entry));
    ck_assert_str_eq (entry.event, "");
    assert_verifies (&entry);
    entry_clear (&entry);
}
END_TEST

START_TEST (oversized)
{
    char text[ENTRY_TEXT_MAX + 2];
    size_t size;
    memset (text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    cleanup_free uint8_t *data = outbox_row ("a.b", text, &size);
    assert_unreadable (data, size, true);
    text[ENTRY_TEXT_MAX] = '\0';
    cleanup_free uint8_t *fits = outbox_row ("a.b", text, &size);
    Jeton__V1__TrailEntry entry;
    ck_assert (entry_make (1, zero, fits, size, true, &entry));
    entry_clear (&entry);
}
END_TEST

// A visibility that the column cannot hold: field 8, a varint of 2^31 - 1.
START_TEST (visibility)
{
    assert_unreadable ((const uint8_t *) "\x40\xff\xff\xff\xff\x07", 6, true);
}
END_TEST

// Unknown fields of two bytes each take the most memory when they are unpacked.
START_TEST (unknown_fields)
{
    enum { SIZE = 200000 };
    cleanup_free uint8_t *data = xcalloc (1, SIZE);
    Jeton__V1__TrailEntry entry;
    for (size_t i = 0; i < SIZE; i += 2)
        data[i] = 15 << 3; // field 15, varint, 0
    (void) entry_make (1, zero, data, SIZE, true, &entry);
    assert_verifies (&entry);
    ck_assert_uint_ge (entry.record.len, SIZE);
    entry_clear (&entry);
}
END_TEST

START_TEST (shown)
{
    struct arena *arena = arena_new (1 << 20);
    size_t size;
    cleanup_free uint8_t *data = outbox_row ("a.b", "TKN-1", &size);
    Jeton__V1__AuditRecord *record =
        entry_record (arena, &(struct store_row){.number = 3, .data = data, .size = size});
    ck_assert_ptr_nonnull (record);
    ck_assert_str_eq (record->event, "a.b");
    uint8_t *broken = (uint8_t *) "\xff\xff";
    record = entry_record (arena, &(struct store_row){.number = 3, .data = broken, .size = 2});
    ck_assert_ptr_nonnull (record);
    ck_assert_str_eq (record->event, ENTRY_UNREADABLE);
    ck_assert_str_eq (record->id, "AUD-0000-0000-0000-0003");
    // Numbers that no id can show are the database owner's doing, too.
    record = entry_record (arena, &(struct store_row){.number = -3, .data = broken, .size = 2});
    ck_assert_str_eq (record->id, "");
    record =
        entry_record (arena, &(struct store_row){.number = INT64_MAX, .data = broken, .size = 2});
    ck_assert_str_eq (record->id, "");
    arena_destroy (&arena);
    arena = arena_new (64);
    ck_assert_ptr_null (
        entry_record (arena, &(struct store_row){.number = 3, .data = data, .size = size}));
    arena_destroy (&arena);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("auditor");
    TCase *entries = tcase_create ("entries");
    tcase_add_test (entries, readable);
    tcase_add_test (entries, chained);
    tcase_add_test (entries, numbered);
    tcase_add_test (entries, hostile);
    tcase_add_test (entries, empty);
    tcase_add_test (entries, oversized);
    tcase_add_test (entries, visibility);
    tcase_add_test (entries, unknown_fields);
    tcase_add_test (entries, shown);
    suite_add_tcase (suite, entries);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
