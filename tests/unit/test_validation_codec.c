// The messages of validations by hand: the same bytes as protobuf-c makes, the same messages as it unpacks, and nothing else (R28, R42, R43). fuzz_validation looks further.
#include "common/memory/memory.h"
#include "common/rpc/server.h"
#include "common/validation/codec.h"
#include "common/validation/internal.h"
#include "validator.pb-c.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;

static void
set_up (void)
{
    arena = arena_new (1 << 20);
}

static void
tear_down (void)
{
    arena_destroy (&arena);
}

// Packed by protobuf-c, unpacked by hand, packed again: nothing has changed.
static void
unpacks (rpc_unpack *unpack, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size (message);
    cleanup_free uint8_t *packed = xcalloc (1, size), *again = xcalloc (1, size);
    protobuf_c_message_pack (message, packed);
    const ProtobufCMessage *unpacked = unpack (arena, packed, size);
    ck_assert_ptr_nonnull (unpacked);
    ck_assert_uint_eq (protobuf_c_message_get_packed_size (unpacked), size);
    protobuf_c_message_pack (unpacked, again);
    ck_assert_mem_eq (packed, again, size);
    arena_reset (arena);
}

static void
packs (const struct rpc_codec *codec, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size (message);
    ck_assert_uint_eq (codec->reply_size (message), size);
    cleanup_free uint8_t *theirs = xcalloc (1, size), *ours = xcalloc (1, size);
    protobuf_c_message_pack (message, theirs);
    ck_assert_uint_eq (codec->reply_pack (message, ours), size);
    ck_assert_mem_eq (theirs, ours, size);
    unpacks (codec->reply, message);
}

static char *
long_text (size_t length)
{
    char *text = xcalloc (1, length + 1);
    memset (text, 'x', length);
    return text;
}

START_TEST (requests)
{
    Jeton__V1__ValidateRequest empty = JETON__V1__VALIDATE_REQUEST__INIT, full = empty;
    Jeton__V1__ValidateRequest *list[] = {&full, &empty, &full};
    Jeton__V1__ValidateBatchRequest batch = JETON__V1__VALIDATE_BATCH_REQUEST__INIT;
    unpacks (validation_batch_codec.request, &batch.base);
    unpacks (validation_codec.request, &empty.base);
    static const size_t lengths[] = {0, 1, 7, 8, 9, 127, 128, 16383};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        cleanup_free char *token = long_text (lengths[i]);
        full.token = token;
        full.module = (char *) "orders";
        full.access = JETON__V1__ACCESS__ACCESS_WRITE;
        full.environment = (Jeton__V1__Environment) 1000;
        full.client_address = (char *) "192.0.2.1";
        full.store_client = (char *) "CLI-0123-4567";
        unpacks (validation_codec.request, &full.base);
        batch.n_requests = sizeof list / sizeof *list;
        batch.requests = list;
        batch.only_known = !batch.only_known;
        batch.brief = i % 3 == 0;
        // More than the room of a length of two bytes.
        if (lengths[i] < 10000)
            unpacks (validation_batch_codec.request, &batch.base);
    }
}
END_TEST

START_TEST (requests_packed)
{
    static const char *const texts[] = {"", "x", "jtn_live_abc", "orders"};
    static const int numbers[] = {0, 1, 2, 127, 128, -1, INT32_MAX};
    char *large = xcalloc (1, 20001);
    memset (large, 'y', 20000);
    for (int i = 0; i < 5 * 5 * 7; i++) {
        Jeton__V1__ValidateRequest request = JETON__V1__VALIDATE_REQUEST__INIT;
        uint8_t ours[40100], theirs[40100];
        struct validation_sizes sizes;
        request.token = i % 5 < 4 ? (char *) texts[i % 5] : large;
        request.module = (char *) texts[i / 5 % 4];
        request.client_address = i / 5 % 5 < 4 ? (char *) texts[3 - i / 5 % 5] : large;
        request.store_client = (char *) texts[i / 7 % 4];
        request.access = (Jeton__V1__Access) numbers[i / 25];
        request.environment = (Jeton__V1__Environment) numbers[6 - i / 25];
        validation_measure (&request, &sizes);
        ck_assert_uint_eq (sizes.all, jeton__v1__validate_request__get_packed_size (&request));
        validation_pack (&request, &sizes, ours);
        jeton__v1__validate_request__pack (&request, theirs);
        ck_assert_mem_eq (ours, theirs, sizes.all);
        size_t length;
        const char *token = validation_token (ours, sizes.all, &length);
        ck_assert_uint_eq (length, strlen (request.token));
        ck_assert_mem_eq (token, request.token, length);
    }
    free (large);
}
END_TEST

static void
allowance_fill (Jeton__V1__Allowance *allowance, Jeton__V1__RateLimit *limit)
{
    jeton__v1__rate_limit__init (limit);
    jeton__v1__allowance__init (allowance);
    limit->per_minute = 600;
    limit->burst = 1;
    allowance->limit = limit;
    allowance->account = true;
    allowance->retry_after_s = 4000000000;
}

START_TEST (replies)
{
    Jeton__V1__ValidateReply empty = JETON__V1__VALIDATE_REPLY__INIT, full = empty, odd = empty;
    Jeton__V1__ValidateReply *list[] = {&full, &empty, &odd, &full};
    Jeton__V1__ValidateBatchReply batch = JETON__V1__VALIDATE_BATCH_REPLY__INIT;
    Jeton__V1__Allowance allowance;
    Jeton__V1__RateLimit limit;
    allowance_fill (&allowance, &limit);
    full.decision = JETON__V1__DECISION__DECISION_ALLOW;
    full.reason = JETON__V1__REASON__REASON_OK;
    full.status = 200;
    full.token = (char *) "TKN-1234-5678";
    full.account = (char *) "ACC-1234-5678";
    full.user = (char *) "USR-1234-5678";
    full.client = (char *) "CLI-1234-5678";
    full.kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE;
    full.granted_access = JETON__V1__ACCESS__ACCESS_WRITE;
    full.expires_at = INT64_MAX;
    full.scope = (char *) "market:7";
    full.token_number = 1;
    full.account_number = 127;
    full.user_number = 128;
    full.client_number = 99999999;
    full.customer_number = UINT32_MAX;
    cleanup_free char *challenge = long_text (300);
    odd.www_authenticate = challenge; // a length of two bytes
    odd.allowance = &allowance;
    odd.status = 429;
    odd.token = NULL; // as good as ""
    packs (&validation_codec, &empty.base);
    packs (&validation_codec, &full.base);
    packs (&validation_codec, &odd.base);
    packs (&validation_batch_codec, &batch.base);
    batch.n_replies = sizeof list / sizeof *list;
    batch.replies = list;
    packs (&validation_batch_codec, &batch.base);
    // Negative numbers are packed as protobuf-c does, and left to it when they come.
    full.status = -1;
    full.decision = (Jeton__V1__Decision) -1;
    full.expires_at = INT64_MIN;
    uint8_t theirs[300], ours[300];
    size_t size = protobuf_c_message_pack (&full.base, theirs);
    ck_assert_uint_eq (validation_codec.reply_pack (&full.base, ours), size);
    ck_assert_mem_eq (theirs, ours, size);
    ck_assert_ptr_null (validation_codec.reply (arena, ours, size));
}
END_TEST

// One field that the codec does not know would be lost on the way: each that the message has is set.
START_TEST (all_fields)
{
    Jeton__V1__ValidateReply reply = JETON__V1__VALIDATE_REPLY__INIT;
    const ProtobufCMessageDescriptor *descriptor = reply.base.descriptor;
    Jeton__V1__Allowance allowance;
    Jeton__V1__RateLimit limit;
    allowance_fill (&allowance, &limit);
    static char text[] = "text";
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        char *member = (char *) &reply + descriptor->fields[i].offset;
        ProtobufCType type = descriptor->fields[i].type;
        if (type == PROTOBUF_C_TYPE_STRING)
            *(char **) (void *) member = text;
        else if (type == PROTOBUF_C_TYPE_MESSAGE)
            *(Jeton__V1__Allowance **) (void *) member = &allowance;
        else // numbers, little endian
            *member = 7;
    }
    packs (&validation_codec, &reply.base);
    ck_assert_uint_eq (jeton__v1__validate_request__descriptor.n_fields, 6);
}
END_TEST

#define LEFT(codec, kind, bytes)                                                                   \
    ck_assert_ptr_null ((codec).kind (arena, (const uint8_t *) (bytes), sizeof (bytes) - 1))

// What is not plain is left to protobuf-c, right or wrong.
START_TEST (left)
{
    LEFT (validation_codec, request, "\x0a\x02\xc3\xa9"); // not ASCII
    LEFT (validation_codec, request,
          "\x0a\x0a"
          "123456789\xff");
    LEFT (validation_codec, request,
          "\x0a\x03"
          "a\0b");
    LEFT (validation_codec, request,
          "\x0a\x0a"
          "1234567\0"
          "90");
    LEFT (validation_codec, request, "\x3a\x01x");         // not known
    LEFT (validation_codec, request, "\x08\x01");          // the wrong type
    LEFT (validation_codec, request, "\x0a\x81\x80\x00x"); // a length of three bytes
    LEFT (validation_codec, request, "\x0a");              // cut short
    LEFT (validation_codec, request, "\x0a\x80");
    LEFT (validation_codec, request, "\x0a\x05tok");
    LEFT (validation_codec, request, "\x18");
    LEFT (validation_codec, request, "\x18\x80");
    LEFT (validation_codec, request, "\x18\xff\xff\xff\xff\x0f"); // above an int
    LEFT (validation_batch_codec, request,
          "\x0a\x02\x0a\x05"
          "12345"); // beyond its message
    LEFT (validation_batch_codec, request, "\x0a");
    LEFT (validation_batch_codec, request, "\x10");
    LEFT (validation_batch_codec, request, "\x10\x80\x01");
    LEFT (validation_batch_codec, request, "\x18");
    LEFT (validation_batch_codec, request, "\x18\x81\x00");
    LEFT (validation_batch_codec, request, "\x20\x01");
    LEFT (validation_batch_codec, reply, "\x10\x01");
    LEFT (validation_codec, reply, "\x78\x80\x80\x80\x80\x10"); // above 32 bits
    LEFT (validation_codec, reply, "\x80");                     // tags of two bytes
    LEFT (validation_codec, reply, "\x80\x01");
    LEFT (validation_codec, reply, "\x88\x00\x01");
    LEFT (validation_codec, reply, "\x82\x01\x01"); // the wrong type
    LEFT (validation_codec, reply, "\xa0\x01\x01"); // not known
    LEFT (validation_codec, reply, "\x80\x02\x01");
    LEFT (validation_codec, reply, "\x6a\x02\x08\x01");                 // of an allowance
    LEFT (validation_codec, reply, "\x6a\x02\x18\x01\x6a\x02\x20\x01"); // two of them
    LEFT (validation_codec, reply, "\x58\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}
END_TEST

// The last of several counts, as everywhere in protobuf.
START_TEST (repeated)
{
    static const char bytes[] = "\x0a\x01"
                                "a\x12\x01m\x0a\x02"
                                "bc\x18\x01\x18\x82\x00";
    const Jeton__V1__ValidateRequest *request =
        (const Jeton__V1__ValidateRequest *) validation_codec.request (
            arena, (const uint8_t *) bytes, sizeof bytes - 1);
    ck_assert_ptr_nonnull (request);
    ck_assert_str_eq (request->token, "bc");
    ck_assert_str_eq (request->module, "m");
    ck_assert_int_eq ((int) request->access, 2);
    ck_assert_str_eq (request->client_address, "");
}
END_TEST

// As the client that gathers writes it: the flags come first.
START_TEST (order)
{
    static const char bytes[] = "\x10\x03\x18\x01\x0a\x05\x0a\x01"
                                "a\x18\x01\x10\x01\x0a\x04\x12\x02"
                                "bc\x10\x00";
    const Jeton__V1__ValidateBatchRequest *batch =
        (const Jeton__V1__ValidateBatchRequest *) validation_batch_codec.request (
            arena, (const uint8_t *) bytes, sizeof bytes - 1);
    ck_assert_ptr_nonnull (batch);
    ck_assert (!batch->only_known && batch->brief);
    ck_assert_uint_eq (batch->n_requests, 2);
    ck_assert_str_eq (batch->requests[0]->token, "a");
    ck_assert_int_eq ((int) batch->requests[0]->access, 1);
    ck_assert_str_eq (batch->requests[1]->token, "");
    ck_assert_str_eq (batch->requests[1]->module, "bc");
    // Each lies behind the one before, and the texts behind them all.
    ck_assert_ptr_eq (batch->requests[1], batch->requests[0] + 1);
    ck_assert (batch->requests[0]->token >= (char *) (batch->requests[1] + 1));
}
END_TEST

START_TEST (no_room)
{
    struct arena *small = arena_new (32);
    static const uint8_t bytes[] = {0x0a, 2, 0x0a, 0};
    ck_assert_ptr_null (validation_codec.request (small, bytes, 0));
    ck_assert_ptr_null (validation_batch_codec.request (small, bytes, sizeof bytes));
    arena_destroy (&small);
}
END_TEST

int
main (void)
{
    const TTest *const tests[] = {requests, requests_packed, replies, all_fields,
                                  left,     repeated,        order,   no_room};
    Suite *suite = suite_create ("validation_codec");
    TCase *all = tcase_create ("all");
    tcase_add_checked_fixture (all, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test (all, tests[i]);
    suite_add_tcase (suite, all);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
