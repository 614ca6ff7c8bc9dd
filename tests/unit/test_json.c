#include "audit.pb-c.h"
#include "common/json/json.h"
#include "envelope.pb-c.h"
#include "health.pb-c.h"
#include "types.pb-c.h"
#include "validator.pb-c.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static void
assert_json (const ProtobufCMessage *message, const char *expected)
{
    json_t *object = json_from_message (message);
    char *text = json_dumps (object, JSON_COMPACT);
    ck_assert_str_eq (text, expected);
    free (text);
    json_decref (object);
}

// The end of a token that has none of it.
#define LIMITS                                                                                     \
    ",\"allow_list\":[],\"rate_limit\":null,\"last_rotated_at\":null,\"grace_until\":null,"        \
    "\"expiring\":false,\"unrotated\":false,\"revealable\":false,\"logo\":null}"

START_TEST (test_empty)
{
    Jeton__V1__Token token = JETON__V1__TOKEN__INIT;
    assert_json (
        &token.base,
        "{\"id\":\"\",\"account_id\":\"\",\"name\":\"\",\"description\":\"\",\"kind\":null,"
        "\"environment\":null,\"status\":null,\"expired\":false,\"modules\":[],"
        "\"owner_id\":\"\",\"created_by\":null,\"created_at\":null,\"updated_at\":null,"
        "\"expires_at\":null,\"last_access_at\":null,\"revision\":0" LIMITS);
}
END_TEST

START_TEST (test_full)
{
    char id[] = "TKN-0123-4567", name[] = "grün \"x\"", orders[] = "orders", stock[] = "stock";
    Jeton__V1__ModuleGrant one = JETON__V1__MODULE_GRANT__INIT, two = one;
    one.module = orders;
    one.access = JETON__V1__ACCESS__ACCESS_WRITE;
    two.module = stock;
    two.access = 77; // of a later version
    Jeton__V1__ModuleGrant *modules[] = {&one, &two};
    Jeton__V1__Actor actor = JETON__V1__ACTOR__INIT;
    actor.id = name;
    Jeton__V1__Token token = JETON__V1__TOKEN__INIT;
    token.id = id;
    token.name = name;
    token.kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_PERSONAL;
    token.environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    token.status = JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DISABLED;
    token.expired = 1;
    token.modules = modules;
    token.n_modules = 2;
    token.created_by = &actor;
    token.created_at = -1;
    token.expires_at = INT64_MAX;
    assert_json (
        &token.base,
        "{\"id\":\"TKN-0123-4567\",\"account_id\":\"\",\"name\":\"grün \\\"x\\\"\","
        "\"description\":\"\",\"kind\":\"personal\",\"environment\":\"live\","
        "\"status\":\"disabled\",\"expired\":true,\"modules\":[{\"module\":\"orders\","
        "\"access\":\"write\"},{\"module\":\"stock\",\"access\":77}],\"owner_id\":\"\","
        "\"created_by\":{\"id\":\"grün \\\"x\\\"\",\"name\":\"\",\"account_id\":\"\","
        "\"type\":\"\"},\"created_at\":-1,\"updated_at\":null,"
        "\"expires_at\":9223372036854775807,\"last_access_at\":null,\"revision\":0" LIMITS);
}
END_TEST

START_TEST (test_repeated_text)
{
    char orders[] = "orders", broken[] = "a\xff\x80z";
    char *modules[] = {orders, broken};
    Jeton__V1__Account account = JETON__V1__ACCOUNT__INIT;
    account.modules = modules;
    account.n_modules = 2;
    account.token_limit = INT32_MIN;
    assert_json (&account.base,
                 "{\"id\":\"\",\"name\":\"\",\"status\":null,\"revision\":0,\"created_at\":null,"
                 "\"token_limit\":-2147483648,\"modules\":[\"orders\",\"a??z\"],"
                 "\"rate_limit\":null,\"base_rate_limit\":null}");
}
END_TEST

// The end of a figure that has none of it.
#define STAT_REST                                                                                  \
    ",\"kind\":null,\"help\":\"\",\"labels\":[],\"sum\":0,\"bounds\":[],\"buckets\":[]}"

START_TEST (test_numbers_and_bytes)
{
    char name[] = "x";
    Jeton__V1__Stat stat = JETON__V1__STAT__INIT;
    stat.name = name;
    stat.value = INT64_MAX;
    assert_json (&stat.base, "{\"name\":\"x\",\"value\":9223372036854775807" STAT_REST);
    stat.value = UINT64_MAX;
    assert_json (&stat.base, "{\"name\":\"x\",\"value\":\"18446744073709551615\"" STAT_REST);

    uint8_t bytes[] = {0xfb, 0xff, 0xfe, 0x00};
    Jeton__V1__GetCheckpointKeyReply key = JETON__V1__GET_CHECKPOINT_KEY_REPLY__INIT;
    assert_json (&key.base, "{\"public_key\":\"\"}");
    key.public_key = (ProtobufCBinaryData){sizeof bytes, bytes};
    assert_json (&key.base, "{\"public_key\":\"+//+AA==\"}");

    Jeton__V1__PageRequest page = JETON__V1__PAGE_REQUEST__INIT;
    page.size = UINT32_MAX;
    assert_json (&page.base, "{\"size\":4294967295,\"cursor\":\"\"}");
}
END_TEST

START_TEST (test_oneof)
{
    Jeton__V1__ClientMessage message = JETON__V1__CLIENT_MESSAGE__INIT;
    assert_json (&message.base,
                 "{\"request\":null,\"credit\":null,\"cancel\":null,\"several\":null}");
    Jeton__V1__Cancel cancel = JETON__V1__CANCEL__INIT;
    cancel.id = 5;
    message.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_CANCEL;
    message.cancel = &cancel;
    assert_json (&message.base,
                 "{\"request\":null,\"credit\":null,\"cancel\":{\"id\":5},\"several\":null}");
}
END_TEST

START_TEST (test_enum_names)
{
    char text[64];
    json_enum_name (&jeton__v1__decision__descriptor, 1, text, sizeof text);
    ck_assert_str_eq (text, "allow");
    json_enum_name (&jeton__v1__reason__descriptor, 10, text, sizeof text);
    ck_assert_str_eq (text, "module_not_granted");
    json_enum_name (&jeton__v1__token_kind__descriptor, 0, text, sizeof text);
    ck_assert_str_eq (text, "unspecified");
    json_enum_name (&jeton__v1__code__descriptor, 8, text, sizeof text);
    ck_assert_str_eq (text, "resource_exhausted");
    json_enum_name (&jeton__v1__code__descriptor, -3, text, sizeof text);
    ck_assert_str_eq (text, "-3");
    json_enum_name (&jeton__v1__code__descriptor, 8, text, 4);
    ck_assert_str_eq (text, "res");
}
END_TEST

START_TEST (test_enum_values)
{
    const ProtobufCEnumDescriptor *reason = &jeton__v1__reason__descriptor;
    for (unsigned i = 0; i < reason->n_values; i++) {
        char text[64];
        int value = -1;
        json_enum_name (reason, reason->values[i].value, text, sizeof text);
        ck_assert (json_enum_value (reason, text, &value));
        ck_assert_int_eq (value, reason->values[i].value);
    }
    int value = -1;
    ck_assert (json_enum_value (reason, "Rate-Limited", &value));
    ck_assert_int_eq (value, JETON__V1__REASON__REASON_RATE_LIMITED);
    static const char *const bad[] = {"",          "rate", "rate_limited_", "rate limited",
                                      "REASON_OK", "1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert (!json_enum_value (reason, bad[i], &value));
}
END_TEST

// ---- reading ---------------------------------------------------------------------------------------------------------

static ProtobufCMessage *
read_message (struct arena *arena, const ProtobufCMessageDescriptor *descriptor, const char *text,
              struct error *error_r)
{
    json_error_t error;
    json_t *object = json_loads (text, JSON_DECODE_ANY, &error);
    ck_assert_msg (object, "%s: %s", text, error.text);
    ProtobufCMessage *message = json_to_message (object, descriptor, arena, error_r);
    json_decref (object);
    return message;
}

// What was written is read again as it was.
START_TEST (test_read_back)
{
    static const char *const texts[] = {
        "{}", "{\"id\":null,\"modules\":[],\"rate_limit\":null,\"expires_at\":null}",
        "{\"id\":\"TKN-0123-4567\",\"name\":\"gr\u00fcn\",\"kind\":\"personal\",\"expired\":true,"
        "\"modules\":[{\"module\":\"a\"},{\"module\":\"b\",\"access\":\"write\"}],\"created_by\":{"
        "\"id\":\"x\"},"
        "\"created_at\":-1,\"expires_at\":9223372036854775807,\"allow_list\":[\"a\",\"b\"],"
        "\"rate_limit\":{\"per_minute\":4294967295}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct arena *arena = arena_new (100000);
        struct error error = {""};
        ProtobufCMessage *message =
            read_message (arena, &jeton__v1__token__descriptor, texts[i], &error);
        ck_assert_msg (message, "%s", error.text);
        json_t *once = json_from_message (message);
        message = json_to_message (once, &jeton__v1__token__descriptor, arena, &error);
        ck_assert_msg (message, "%s", error.text);
        json_t *twice = json_from_message (message);
        ck_assert (json_equal (once, twice));
        json_decref (once);
        json_decref (twice);
        arena_destroy (&arena);
    }
    struct arena *arena = arena_new (100000);
    struct error error = {""};
    Jeton__V1__AuditRecord *record =
        (Jeton__V1__AuditRecord *) read_message (arena, &jeton__v1__audit_record__descriptor,
                                                 "{\"before\":\"AP8A\",\"sequence\":7}", &error);
    ck_assert (record && record->before.len == 3 && record->sequence == 7);
    ck_assert_mem_eq (record->before.data, "\0\xff\0", 3);
    arena_destroy (&arena);
}
END_TEST

// What other programs write of the same message by the proto3 JSON mapping.
START_TEST (test_read_proto3)
{
    static const char text[] =
        "{\"accountId\":\"ACC-0000-0001\",\"kind\":\"TOKEN_KIND_SERVICE\",\"createdAt\":"
        "\"-9223372036854775808\",\"expiresAt\":\"9223372036854775807\",\"revision\":\"7\","
        "\"modules\":[{\"module\":\"a\",\"access\":\"ACCESS_WRITE\"}],\"allowList\":[\"x\"],"
        "\"rateLimit\":{\"perMinute\":\"60\"},\"createdBy\":{\"accountId\":\"y\"}}";
    struct arena *arena = arena_new (100000);
    struct error error = {""};
    Jeton__V1__Token *token =
        (Jeton__V1__Token *) read_message (arena, &jeton__v1__token__descriptor, text, &error);
    ck_assert_msg (token, "%s", error.text);
    ck_assert_str_eq (token->account_id, "ACC-0000-0001");
    ck_assert_int_eq (token->kind, JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE);
    ck_assert (token->created_at == INT64_MIN && token->expires_at == INT64_MAX);
    ck_assert (token->revision == 7 && token->rate_limit->per_minute == 60);
    ck_assert_int_eq (token->modules[0]->access, JETON__V1__ACCESS__ACCESS_WRITE);
    ck_assert_str_eq (token->allow_list[0], "x");
    ck_assert_str_eq (token->created_by->account_id, "y");
    // Bytes, in each of the four forms.
    static const char *const forms[] = {"+//+AA==", "+__-AA", "-__-AA==", "-__-AA", "+//+AA"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        json_t *object = json_pack ("{s:s}", "publicKey", forms[i]);
        Jeton__V1__GetCheckpointKeyReply *key =
            (Jeton__V1__GetCheckpointKeyReply *) json_to_message (
                object, &jeton__v1__get_checkpoint_key_reply__descriptor, arena, &error);
        json_decref (object);
        ck_assert (i == 1 ? !key : key && key->public_key.len == 4); // [1] mixes the alphabets
    }
    arena_destroy (&arena);
}
END_TEST

START_TEST (test_read_refused)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"[]", "must be an object"},
        {"{\"secret\":1}", "secret: there is no such member"},
        {"{\"id\":1}", "id: must be a text"},
        {"{\"expired\":1}", "expired: must be true or false"},
        {"{\"created_at\":1.0}", "created_at: must be a whole number"},
        {"{\"created_at\":\"\"}", "created_at: must be a whole number"},
        {"{\"created_at\":\"1.0\"}", "created_at: must be a whole number"},
        {"{\"created_at\":\"+1\"}", "created_at: must be a whole number"},
        {"{\"created_at\":\" 1\"}", "created_at: must be a whole number"},
        {"{\"created_at\":\"-\"}", "created_at: must be a whole number"},
        {"{\"created_at\":\"9223372036854775808\"}", "created_at: is too large"},
        {"{\"created_at\":\"-9223372036854775809\"}", "created_at: is too small"},
        {"{\"rateLimit\":{\"perMinute\":\"4294967296\"}}", "rateLimit.perMinute: is too large"},
        {"{\"rate_limit\":{},\"rateLimit\":{}}", "rateLimit: is there twice, by both of its names"},
        {"{\"rate_Limit\":{}}", "rate_Limit: there is no such member"},
        {"{\"kind\":\"TOKEN_KIND_NO\"}", "kind: must be personal, service, base, test, customer"},
        {"{\"kind\":\"no\"}", "kind: must be personal, service, base, test, customer"},
        {"{\"kind\":1}", "kind: must be personal, service, base, test, customer"},
        {"{\"modules\":{}}", "modules: must be a list"},
        {"{\"modules\":[{},1]}", "modules[1]: must be an object"},
        {"{\"modules\":[null]}", "modules[0]: must be an object"},
        {"{\"modules\":[{},{\"access\":\"all\"}]}", "modules[1].access: must be read, write"},
        {"{\"allow_list\":[\"a\",2]}", "allow_list[1]: must be a text"},
        {"{\"rate_limit\":[]}", "rate_limit: must be an object"},
        {"{\"rate_limit\":{\"burst\":-1}}", "rate_limit.burst: is too small"},
        {"{\"rate_limit\":{\"burst\":4294967296}}", "rate_limit.burst: is too large"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena *arena = arena_new (100000);
        struct error error = {""};
        ck_assert_ptr_null (
            read_message (arena, &jeton__v1__token__descriptor, bad[i].text, &error));
        ck_assert_str_eq (error.text, bad[i].why);
        arena_destroy (&arena);
    }
    // Bytes that are none, and an arena that is full.
    struct arena *arena = arena_new (sizeof (Jeton__V1__AuditRecord) + 64);
    struct error error = {""};
    ck_assert_ptr_null (
        read_message (arena, &jeton__v1__audit_record__descriptor, "{\"before\":\"?\"}", &error));
    ck_assert_str_eq (error.text, "before: must be bytes in base64");
    ck_assert_ptr_null (
        read_message (arena, &jeton__v1__audit_record__descriptor, "{\"event\":\"e\"}", &error));
    ck_assert_str_eq (error.text, "is too large");
    arena_destroy (&arena);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("json");
    TCase *tcase = tcase_create ("json");
    tcase_add_test (tcase, test_empty);
    tcase_add_test (tcase, test_full);
    tcase_add_test (tcase, test_repeated_text);
    tcase_add_test (tcase, test_numbers_and_bytes);
    tcase_add_test (tcase, test_oneof);
    tcase_add_test (tcase, test_enum_names);
    tcase_add_test (tcase, test_enum_values);
    tcase_add_test (tcase, test_read_back);
    tcase_add_test (tcase, test_read_proto3);
    tcase_add_test (tcase, test_read_refused);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
