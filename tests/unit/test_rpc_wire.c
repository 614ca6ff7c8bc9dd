// rpc_wire_check, the heap of deadlines and the lists.
#include "admin.pb-c.h"
#include "common/rpc/client_internal.h"
#include "common/rpc/server.h"
#include "common/rpc/wire.h"
#include "envelope.pb-c.h"
#include "validator.pb-c.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
expect (const ProtobufCMessageDescriptor *descriptor, const void *data, size_t size,
        const char *violation)
{
    struct error error = {.text = ""};
    bool good = rpc_wire_check (descriptor, data, size, &error);
    ck_assert_str_eq (error.text, violation != NULL ? violation : "");
    ck_assert (good == (violation == NULL));
    ck_assert (rpc_wire_check (descriptor, data, size, NULL) == good);
}

#define EXPECT(descriptor, text, violation)                                                        \
    expect (&jeton__v1__##descriptor##__descriptor, text, sizeof text - 1, violation)

// What is taken apart, and what is not. The expected contents, joined by commas.
static void
parts_are (const char *data, size_t size, int expected, const char *contents)
{
    struct wire_part parts[3];
    char text[64] = "";
    int n = wire_parts ((const uint8_t *) data, size, 4, parts, 3);
    ck_assert_int_eq (n, expected);
    for (int i = 0; i < n; i++) {
        ck_assert_uint_eq (parts[i].field_size, parts[i].content_size + 2);
        ck_assert_ptr_eq (parts[i].field + 2, parts[i].content);
        size_t length = strlen (text);
        snprintf (text + length, sizeof text - length, "%.*s,", (int) parts[i].content_size,
                  (const char *) parts[i].content);
    }
    ck_assert_str_eq (text, contents);
}

START_TEST (parts)
{
#define PARTS(data, n, contents) parts_are (data, sizeof data - 1, n, contents)
    PARTS ("", 0, "");
    PARTS ("\x22\x02hi", 1, "hi,");
    PARTS ("\x22\x01x\x22\x00\x22\x02yz", 3, "x,,yz,");
    PARTS ("\x22\x01x\x22\x00\x22\x02yz\x22\x00", -1, ""); // too many
    PARTS ("\x1a\x01x\x22\x00", 0, "");                    // begins with another
    PARTS ("\x22\x01x\x1a\x00", -1, "");                   // has another
    PARTS ("\x22\x03hi", -1, "");
    PARTS ("\x22", -1, "");
    PARTS ("\x22\xff\xff\xff\xff\xff\x01", -1, "");
    PARTS ("\x20\x01", 0, "");
    PARTS ("\x22\x01x\x20\x01", -1, "");
    PARTS ("\xff\xff", 0, "");
    PARTS ("\x22\x01x\xff", -1, "");
}
END_TEST

START_TEST (strings)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"plain", true},
        {"", true},
        {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xed\x9f\xbf\xee\x80\x80", true},
        {"\xff", false},
        {"\x80", false},
        {"\xc0\xaf", false},         // overlong
        {"\xe0\x80\xaf", false},     // overlong
        {"\xf0\x80\x80\xaf", false}, // overlong
        {"\xed\xa0\x80", false},     // a surrogate
        {"\xf4\x90\x80\x80", false}, // beyond Unicode
        {"\xf5\x80\x80\x80", false},
        {"\xc3", false}, // cut short
        {"\xe2\x82", false},
        {"\xf0\x9f\x98", false},
        {"\xe2(\xa1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char data[32];
        size_t length = strlen (cases[i].text);
        data[0] = 0x0a;
        data[1] = (char) length;
        memcpy (data + 2, cases[i].text, length);
        expect (&jeton__v1__validate_request__descriptor, data, length + 2,
                cases[i].good ? NULL : "token is not valid UTF-8");
        memcpy (data, cases[i].text, length + 1);
        wire_text_clean (data);
        ck_assert (cases[i].good == (strcmp (data, cases[i].text) == 0));
    }
    EXPECT (validate_request,
            "\x0a\x03"
            "a\0b",
            "token contains a NUL");
}
END_TEST

START_TEST (forms)
{
    EXPECT (validate_request, "", NULL);
    EXPECT (validate_request, "\x0a", "token is cut short, or of no known wire type");
    EXPECT (validate_request, "\x0a\x05tok", "token is cut short, or of no known wire type");
    EXPECT (validate_request, "\x0a\xff\xff\xff\xff\x0f",
            "token is cut short, or of no known wire type");
    EXPECT (validate_request, "\x0a\x80\x80\x80\x80\x80\x00",
            "token is cut short, or of no known wire type");
    EXPECT (validate_request, "\x0d\x01\x02\x03\x04", "token has the wrong wire type");
    EXPECT (validate_request, "\x0b", "token is cut short, or of no known wire type");
    EXPECT (validate_request, "\x02\x00", "the message is not a protobuf message"); // field 0
    EXPECT (validate_request, "\x80", "the message is not a protobuf message");
    EXPECT (validate_request, "\xff\xff\xff\xff\xff\x01", "the message is not a protobuf message");
    EXPECT (validate_request, "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", NULL);
    EXPECT (validate_request, "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "access is cut short, or of no known wire type");
    EXPECT (validate_request, "\xa2\x06\x03\xff\x00\xff",
            NULL); // bytes or whatever of an unknown field
    EXPECT (validate_request, "\xa9\x06\x01\x02\x03\x04\x05\x06\x07\x08", NULL);
    EXPECT (validate_request, "\xad\x06\x01\x02\x03\x04", NULL);
    EXPECT (validate_request, "\xad\x06\x01\x02\x03",
            "the message is cut short, or of no known wire type");
}
END_TEST

START_TEST (paths)
{
    EXPECT (validate_batch_request, "\x0a\x00\x0a\x02\x12\x00\x0a\x03\x12\x01\xff",
            "requests[2].module is not valid UTF-8");
    EXPECT (client_message, "\x0a\x0b\x22\x03\x0a\x01k\x22\x04\x12\x02v\xff",
            "request.metadata[1].value is not valid UTF-8");
}
END_TEST

// No message of ours nests itself, so that one is made for it.
static ProtobufCMessageDescriptor nested;
static const ProtobufCFieldDescriptor nested_field = {
    .name = "in",
    .id = 1,
    .label = PROTOBUF_C_LABEL_NONE,
    .type = PROTOBUF_C_TYPE_MESSAGE,
    .descriptor = &nested,
};
static const ProtobufCIntRange nested_ranges[] = {{1, 0}, {0, 1}};
static const unsigned nested_indices[] = {0};

START_TEST (depth)
{
    nested = (ProtobufCMessageDescriptor){
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
        .name = "Nested",
        .n_fields = 1,
        .fields = &nested_field,
        .fields_sorted_by_name = nested_indices,
        .n_field_ranges = 1,
        .field_ranges = nested_ranges,
    };
    uint8_t data[128];
    size_t size = 0;
    for (int level = 1; level <= 40; level++) {
        bool good = wire_check (&nested, data, size, &(struct wire_violation){.what = NULL});
        ck_assert_msg (good == (level <= 32), "%d", level);
        memmove (data + 2, data, size);
        data[0] = 0x0a;
        data[1] = (uint8_t) size;
        size += 2;
    }
}
END_TEST

START_TEST (varints)
{
    static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint8_t data[16];
        ck_assert_uint_eq (wire_varint_write (values[i], data), wire_varint_size (values[i]));
    }
    ck_assert_uint_eq (wire_varint_size (UINT64_MAX), 10);
}
END_TEST

// What the client packs by hand is what any protobuf library would read.
START_TEST (frames)
{
    const char *metadata[] = {"user-agent", "test", "idempotency-key", "", NULL};
    Jeton__V1__ValidateRequest body = JETON__V1__VALIDATE_REQUEST__INIT;
    char text[300];
    memset (text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct rpc_client client = {.spare = NULL};
    for (int i = 0; i < 2; i++) {
        struct rpc_call call = {.client = &client, .id = UINT64_C (1) << (40 * i), .credit = 64};
        struct rpc_call_options options = {.metadata = i == 1 ? metadata : NULL};
        body.token = i == 1 ? text : (char *) "";
        rpc_frame_pack (&call, "jeton.v1.Validator/Validate", &body.base, &options, 0);
        rpc_frame_timeout (&call, 4000000000u);
        struct error error;
        ck_assert (rpc_wire_check (&jeton__v1__client_message__descriptor, call.frame,
                                   call.frame_size, &error));
        ck_assert_uint_eq (wire_call_id (call.frame, call.frame_size), call.id);
        Jeton__V1__ClientMessage *message =
            jeton__v1__client_message__unpack (NULL, call.frame_size, call.frame);
        ck_assert_ptr_nonnull (message);
        ck_assert_uint_eq (message->request->id, call.id);
        ck_assert_uint_eq (message->request->timeout_ms, 4000000000u);
        ck_assert_uint_eq (message->request->credit, 64);
        ck_assert_uint_eq (message->request->n_metadata, i == 1 ? 2 : 0);
        Jeton__V1__ValidateRequest *inner = jeton__v1__validate_request__unpack (
            NULL, message->request->body.len, message->request->body.data);
        ck_assert_str_eq (inner->token, body.token);
        jeton__v1__validate_request__free_unpacked (inner, NULL);
        jeton__v1__client_message__free_unpacked (message, NULL);
        // What was in it does not stay, and the next is written in its place.
        const uint8_t *frame = call.frame;
        size_t size = call.frame_size;
        rpc_frame_free (&call);
        ck_assert_ptr_null (call.frame);
        ck_assert_ptr_eq (client.spare, frame);
        for (size_t at = 0; at < size; at++)
            ck_assert_uint_eq (frame[at], 0);
    }
    free (client.spare);
}
END_TEST

static uint32_t
draw (uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

START_TEST (deadlines_come_in_order)
{
    enum { N = 500 };
    static struct deadline all[N];
    struct deadlines deadlines = {.n = 0};
    uint32_t state = 1;
    for (int i = 0; i < N; i++)
        deadlines_set (&deadlines, &all[i], (int64_t) (draw (&state) % 100));
    for (int i = 0; i < N; i += 3)
        deadlines_set (&deadlines, &all[i], (int64_t) (draw (&state) % 100));
    for (int i = 0; i < N; i += 5) {
        deadlines_remove (&deadlines, &all[i]);
        deadlines_remove (&deadlines, &all[i]);
    }
    int64_t previous = 0;
    for (int i = 0; i < N - N / 5; i++) {
        struct deadline *first = deadlines_first (&deadlines);
        ck_assert_int_ge (first->at_ms, previous);
        previous = first->at_ms;
        deadlines_remove (&deadlines, first);
    }
    ck_assert_ptr_null (deadlines_first (&deadlines));
    deadlines_free (&deadlines);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("rpc wire");
    TCase *wire = tcase_create ("wire");
    tcase_add_test (wire, strings);
    tcase_add_test (wire, parts);
    tcase_add_test (wire, forms);
    tcase_add_test (wire, paths);
    tcase_add_test (wire, depth);
    tcase_add_test (wire, varints);
    tcase_add_test (wire, frames);
    tcase_add_test (wire, deadlines_come_in_order);
    suite_add_tcase (suite, wire);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
