// Audit records as services write them into the outbox (R36): what is in them, and of whom.
#include "common/audit/record.h"
#include "common/caller/caller.h"
#include "common/memory/memory.h"
#include "types.pb-c.h"
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// ---- a request --------------------------------------------------------------------------------------------------------

struct request {
    struct arena *arena;
    struct peer peer;
    struct caller *caller;
    const char *address, *user_agent;
};

struct arena *
request_arena (struct request *request)
{
    return request->arena;
}

const struct peer *
request_peer (const struct request *request)
{
    return &request->peer;
}

const struct caller *
request_caller (const struct request *request)
{
    return request->caller;
}

const char *
request_metadata (const struct request *request, const char *key)
{
    return strcmp (key, "client-address") == 0 ? request->address
           : strcmp (key, "user-agent") == 0   ? request->user_agent
                                               : NULL;
}

const char *
request_correlation (const struct request *request)
{
    (void) request;
    return "0123456789abcdef0123456789abcdef";
}

const char *
request_method (const struct request *request)
{
    (void) request;
    return "jeton.v1.Admin/DisableToken";
}

static struct request request;
static Jeton__V1__Token before, after;
static struct audit_change change;

static void
set_up (void)
{
    request = (struct request){.arena = arena_new (1 << 16),
                               .peer = {.name = "gateway", .roles = ROLE_GATEWAY},
                               .address = "192.0.2.7",
                               .user_agent = "test/1"};
    jeton__v1__token__init (&before);
    jeton__v1__token__init (&after);
    before.id = after.id = (char *) "TKN-0123-4567";
    before.revision = 4;
    after.revision = 5;
    change = (struct audit_change){.event = "platform.tokens.token.disabled",
                                   .summary = "The token was disabled.",
                                   .object_type = "token",
                                   .object_id = "TKN-0123-4567",
                                   .object_name = "Shop",
                                   .account_id = "ACC-0123-4567",
                                   .revision = 5,
                                   .before = &before.base,
                                   .after = &after.base};
}

static void
tear_down (void)
{
    arena_destroy (&request.arena);
}

static Jeton__V1__AuditRecord *
record_of (const uint8_t *data, size_t size)
{
    ck_assert_ptr_nonnull (data);
    Jeton__V1__AuditRecord *record = jeton__v1__audit_record__unpack (NULL, size, data);
    ck_assert_ptr_nonnull (record);
    return record;
}

static Jeton__V1__AuditRecord *
packed (void)
{
    size_t size;
    const uint8_t *data = audit_pack (&request, &change, &size);
    return record_of (data, size);
}

static int64_t
revision_of (const ProtobufCBinaryData *bytes)
{
    Jeton__V1__Token *token = jeton__v1__token__unpack (NULL, bytes->len, bytes->data);
    ck_assert_ptr_nonnull (token);
    int64_t revision = token->revision;
    jeton__v1__token__free_unpacked (token, NULL);
    return revision;
}

// ---- tests ------------------------------------------------------------------------------------------------------------

START_TEST (a_record_has_all_that_is_known)
{
    int64_t began_us = (int64_t) time (NULL) * 1000000;
    Jeton__V1__AuditRecord *record = packed ();
    // Both are the auditor's to give.
    ck_assert_str_eq (record->id, "");
    ck_assert_int_eq (record->sequence, 0);
    ck_assert_str_eq (record->event, "platform.tokens.token.disabled");
    ck_assert_str_eq (record->summary, "The token was disabled.");
    ck_assert_int_eq (record->type, JETON__V1__AUDIT_TYPE__AUDIT_TYPE_ACTION);
    ck_assert_int_eq (record->visibility, JETON__V1__VISIBILITY__VISIBILITY_PUBLIC);
    // C's time () may be a few milliseconds behind.
    ck_assert_int_ge (record->time_us, began_us - 1000000);
    ck_assert_int_le (record->time_us, began_us + 60 * 1000000LL);
    ck_assert_str_eq (record->object->id, "TKN-0123-4567");
    ck_assert_str_eq (record->object->name, "Shop");
    ck_assert_str_eq (record->object->type, "token");
    ck_assert_str_eq (record->object->account_id, "ACC-0123-4567");
    ck_assert_int_eq (record->object->revision, 5);
    ck_assert_str_eq (record->request->address, "192.0.2.7");
    ck_assert_str_eq (record->request->user_agent, "test/1");
    ck_assert_str_eq (record->request->correlation_id, "0123456789abcdef0123456789abcdef");
    ck_assert_str_eq (record->request->method, "jeton.v1.Admin/DisableToken");
    ck_assert_str_eq (record->request->peer, "gateway");
    ck_assert_str_eq (record->object_message, "jeton.v1.Token");
    ck_assert_int_eq (revision_of (&record->before), 4);
    ck_assert_int_eq (revision_of (&record->after), 5);
    jeton__v1__audit_record__free_unpacked (record, NULL);
}
END_TEST

START_TEST (the_actor_is_the_user_or_else_the_peer)
{
    struct caller caller = {.id = "USR-0123-4567", .account_id = "ACC-7654-3210", .name = "ada"};
    Jeton__V1__AuditRecord *record = packed ();
    ck_assert_str_eq (record->actor->id, "gateway");
    ck_assert_str_eq (record->actor->name, "gateway");
    ck_assert_str_eq (record->actor->account_id, "");
    ck_assert_str_eq (record->actor->type, "service");
    jeton__v1__audit_record__free_unpacked (record, NULL);

    request.peer.roles |= ROLE_OPERATOR;
    record = packed ();
    ck_assert_str_eq (record->actor->type, "operator");
    jeton__v1__audit_record__free_unpacked (record, NULL);

    // Whoever brought it: the user has done it, and the peer is told beside.
    request.caller = &caller;
    record = packed ();
    ck_assert_str_eq (record->actor->id, "USR-0123-4567");
    ck_assert_str_eq (record->actor->name, "ada");
    ck_assert_str_eq (record->actor->account_id, "ACC-7654-3210");
    ck_assert_str_eq (record->actor->type, "user");
    ck_assert_str_eq (record->request->peer, "gateway");
    jeton__v1__audit_record__free_unpacked (record, NULL);
}
END_TEST

START_TEST (what_is_made_has_no_before_and_what_is_gone_no_after)
{
    change.before = NULL;
    Jeton__V1__AuditRecord *record = packed ();
    ck_assert_uint_eq (record->before.len, 0);
    ck_assert_int_eq (revision_of (&record->after), 5);
    ck_assert_str_eq (record->object_message, "jeton.v1.Token");
    jeton__v1__audit_record__free_unpacked (record, NULL);

    change.before = &before.base;
    change.after = NULL;
    record = packed ();
    ck_assert_uint_eq (record->after.len, 0);
    ck_assert_int_eq (revision_of (&record->before), 4);
    ck_assert_str_eq (record->object_message, "jeton.v1.Token");
    jeton__v1__audit_record__free_unpacked (record, NULL);

    change.before = NULL;
    record = packed ();
    ck_assert_str_eq (record->object_message, "");
    jeton__v1__audit_record__free_unpacked (record, NULL);
}
END_TEST

START_TEST (type_and_visibility_are_as_they_are_given)
{
    change.type = JETON__V1__AUDIT_TYPE__AUDIT_TYPE_NOTICE;
    change.visibility = JETON__V1__VISIBILITY__VISIBILITY_PRIVATE;
    Jeton__V1__AuditRecord *record = packed ();
    ck_assert_int_eq (record->type, JETON__V1__AUDIT_TYPE__AUDIT_TYPE_NOTICE);
    ck_assert_int_eq (record->visibility, JETON__V1__VISIBILITY__VISIBILITY_PRIVATE);
    jeton__v1__audit_record__free_unpacked (record, NULL);
}
END_TEST

START_TEST (what_is_not_known_is_empty)
{
    request.address = request.user_agent = NULL;
    change = (struct audit_change){.event = "platform.keys.signing_key.created"};
    Jeton__V1__AuditRecord *record = packed ();
    ck_assert_str_eq (record->request->address, "");
    ck_assert_str_eq (record->request->user_agent, "");
    ck_assert_str_eq (record->summary, "");
    ck_assert_str_eq (record->object->id, "");
    ck_assert_str_eq (record->object->account_id, "");
    jeton__v1__audit_record__free_unpacked (record, NULL);
}
END_TEST

START_TEST (what_a_process_does_by_itself_has_no_request)
{
    size_t size;
    const uint8_t *data = audit_pack_service (request.arena, "issuer", &change, &size);
    Jeton__V1__AuditRecord *record = record_of (data, size);
    ck_assert_str_eq (record->actor->id, "issuer");
    ck_assert_str_eq (record->actor->name, "issuer");
    ck_assert_str_eq (record->actor->type, "service");
    ck_assert_ptr_null (record->request);
    ck_assert_int_eq (revision_of (&record->after), 5);
    jeton__v1__audit_record__free_unpacked (record, NULL);
}
END_TEST

// A change without a record must not be: the caller is told that there is none.
START_TEST (no_memory_is_no_record)
{
    size_t size, left = 0;
    // Every place at which the memory can end.
    for (size_t limit = 16; limit < 4096; limit += 16) {
        arena_destroy (&request.arena);
        request.arena = arena_new (limit);
        left += audit_pack (&request, &change, &size) == NULL;
        left += audit_pack_service (request.arena, "issuer", &change, &size) == NULL;
    }
    ck_assert_uint_gt (left, 3);
    ck_assert_uint_lt (left, 2 * (4096 / 16 - 1));
}
END_TEST

int
main (void)
{
    const TTest *const tests[] = {a_record_has_all_that_is_known,
                                  the_actor_is_the_user_or_else_the_peer,
                                  what_is_made_has_no_before_and_what_is_gone_no_after,
                                  type_and_visibility_are_as_they_are_given,
                                  what_is_not_known_is_empty,
                                  what_a_process_does_by_itself_has_no_request,
                                  no_memory_is_no_record};
    Suite *suite = suite_create ("audit records");
    TCase *tcase = tcase_create ("record");
    tcase_add_checked_fixture (tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test (tcase, tests[i]);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
