#include "common/rpc/wire.h"
#include "common/error/error.h"
#include "common/rpc/server.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 32, VARINT_MAX = 10, SHORT_VARINT_MAX = 5, FIELD_NUMBER_MAX = (1 << 29) - 1 };
enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2, WIRE_FIXED32 = 5 };

// What is left to read.
struct cursor {
    const uint8_t *at, *end;
};

// One level of nesting: enough to tell the path of a field once something is wrong.
struct level {
    const struct level *parent;
    const uint8_t *begin; // of the message
    const uint8_t *at;    // of the field being read
    const ProtobufCFieldDescriptor *field;
};

static bool
read_varint (struct cursor *cursor, size_t size_max, uint64_t *value_r)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size_max && cursor->at < cursor->end; i++) {
        uint8_t byte = *cursor->at++;
        value |= (uint64_t) (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *value_r = value;
            return true;
        }
    }
    return false;
}

static bool
read_tag (struct cursor *cursor, uint32_t *number_r, unsigned *type_r)
{
    uint64_t tag;
    if (!read_varint (cursor, SHORT_VARINT_MAX, &tag) || tag >> 3 > FIELD_NUMBER_MAX)
        return false;
    *number_r = (uint32_t) (tag >> 3);
    *type_r = tag & 7;
    return *number_r != 0;
}

// For WIRE_LENGTH, content_r is what the length embraces.
static bool
read_value (struct cursor *cursor, unsigned type, struct cursor *content_r)
{
    uint64_t value;
    size_t left;
    switch (type) {
    case WIRE_VARINT:
        return read_varint (cursor, VARINT_MAX, &value);
    case WIRE_LENGTH:
        if (!read_varint (cursor, SHORT_VARINT_MAX, &value) || value > INT_MAX)
            return false;
        break;
    case WIRE_FIXED64:
        value = 8;
        break;
    case WIRE_FIXED32:
        value = 4;
        break;
    default: // groups, and numbers that mean nothing
        return false;
    }
    left = (size_t) (cursor->end - cursor->at);
    if (value > left)
        return false;
    *content_r = (struct cursor){.at = cursor->at, .end = cursor->at + value};
    cursor->at += value;
    return true;
}

// The length of the UTF-8 sequence at `at` (RFC 3629: no surrogates, nothing overlong); 0 when it is none.
static size_t
utf8_sequence (const uint8_t *at, const uint8_t *end)
{
    size_t left = (size_t) (end - at);
    if (at[0] < 0x80)
        return 1;
    if (at[0] >= 0xc2 && at[0] <= 0xdf)
        return left >= 2 && (at[1] & 0xc0) == 0x80 ? 2 : 0;
    if (at[0] >= 0xe0 && at[0] <= 0xef) {
        if (left < 3 || (at[1] & 0xc0) != 0x80 || (at[2] & 0xc0) != 0x80)
            return 0;
        bool overlong = at[0] == 0xe0 && at[1] < 0xa0;
        bool surrogate = at[0] == 0xed && at[1] > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    if (at[0] >= 0xf0 && at[0] <= 0xf4) {
        if (left < 4 || (at[1] & 0xc0) != 0x80 || (at[2] & 0xc0) != 0x80 || (at[3] & 0xc0) != 0x80)
            return 0;
        bool overlong = at[0] == 0xf0 && at[1] < 0x90;
        bool beyond = at[0] == 0xf4 && at[1] > 0x8f;
        return overlong || beyond ? 0 : 4;
    }
    return 0;
}

static const char *
string_fault (struct cursor content)
{
    // Nearly all text is ASCII: eight bytes at a time, as long as none has its high bit set, and none is 0.
    const uint64_t ones = UINT64_C (0x0101010101010101), highs = ones << 7;
    for (uint64_t word; content.end - content.at >= 8; content.at += 8) {
        memcpy (&word, content.at, sizeof word);
        if (((word | (word - ones)) & highs) != 0)
            break;
    }
    while (content.at < content.end) {
        size_t length = utf8_sequence (content.at, content.end);
        if (length == 0)
            return "is not valid UTF-8";
        if (*content.at == '\0')
            return "contains a NUL";
        content.at += length;
    }
    return NULL;
}

static unsigned
type_on_wire (ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LENGTH;
    }
    return WIRE_LENGTH;
}

static const char *
packed_fault (struct cursor content, unsigned type)
{
    struct cursor ignored;
    while (content.at < content.end)
        if (!read_value (&content, type, &ignored))
            return "is a packed list that is cut short";
    return NULL;
}

// How many fields of this number precede it in its message: its index in a repeated field.
static size_t
level_index (const struct level *level)
{
    struct cursor cursor = {.at = level->begin, .end = level->at}, content;
    size_t n = 0;
    uint32_t number;
    unsigned type;
    while (cursor.at < cursor.end && read_tag (&cursor, &number, &type) &&
           read_value (&cursor, type, &content))
        n += number == level->field->id;
    return n;
}

static size_t
level_path (const struct level *level, char *path_r, size_t size)
{
    size_t used = level->parent != NULL ? level_path (level->parent, path_r, size) : 0;
    if (level->field == NULL || used + 1 >= size)
        return used;
    char index[24] = "";
    if (level->field->label == PROTOBUF_C_LABEL_REPEATED)
        snprintf (index, sizeof index, "[%zu]", level_index (level));
    int length = snprintf (path_r + used, size - used, "%s%s%s", used > 0 ? "." : "",
                           level->field->name, index);
    return used + (size_t) length < size ? used + (size_t) length : size - 1;
}

static bool
fault (const struct level *level, const char *what, struct wire_violation *violation_r)
{
    violation_r->field[0] = '\0';
    level_path (level, violation_r->field, sizeof violation_r->field);
    violation_r->what = what;
    return false;
}

static bool message_check (const ProtobufCMessageDescriptor *descriptor, struct cursor cursor,
                           const struct level *parent, unsigned depth,
                           struct wire_violation *violation_r);

static bool
field_check (const struct level *level, unsigned type, struct cursor content, unsigned depth,
             struct wire_violation *violation_r)
{
    const ProtobufCFieldDescriptor *field = level->field;
    unsigned expected = type_on_wire (field->type);
    const char *what = NULL;
    if (type == WIRE_LENGTH && expected != WIRE_LENGTH && field->label == PROTOBUF_C_LABEL_REPEATED)
        what = packed_fault (content, expected);
    else if (type != expected)
        what = "has the wrong wire type";
    else if (field->type == PROTOBUF_C_TYPE_STRING)
        what = string_fault (content);
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (depth < DEPTH_MAX)
            return message_check (field->descriptor, content, level, depth + 1, violation_r);
        what = "is nested too deep";
    }
    return what == NULL || fault (level, what, violation_r);
}

static bool
message_check (const ProtobufCMessageDescriptor *descriptor, struct cursor cursor,
               const struct level *parent, unsigned depth, struct wire_violation *violation_r)
{
    struct level level = {.parent = parent, .begin = cursor.at};
    while (cursor.at < cursor.end) {
        struct cursor content = {0};
        uint32_t number;
        unsigned type;
        level.at = cursor.at;
        level.field = NULL;
        if (!read_tag (&cursor, &number, &type))
            return fault (&level, "is not a protobuf message", violation_r);
        level.field = protobuf_c_message_descriptor_get_field (descriptor, number);
        if (!read_value (&cursor, type, &content))
            return fault (&level, "is cut short, or of no known wire type", violation_r);
        if (level.field != NULL && !field_check (&level, type, content, depth, violation_r))
            return false;
    }
    return true;
}

bool
wire_check (const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
            struct wire_violation *violation_r)
{
    if (size == 0)
        return true;
    struct cursor cursor = {.at = data, .end = data + size};
    return message_check (descriptor, cursor, NULL, 1, violation_r);
}

bool
rpc_wire_check (const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
                struct error *violation_r)
{
    struct wire_violation violation;
    if (wire_check (descriptor, data, size, &violation))
        return true;
    error_set (violation_r, "%s %s", violation.field[0] != '\0' ? violation.field : "the message",
               violation.what);
    return false;
}

uint64_t
wire_call_id (const uint8_t *data, size_t size)
{
    struct cursor cursor = {.at = data, .end = data + size};
    uint32_t number;
    unsigned type;
    uint64_t length, id;
    // ClientMessage is one field, 1 to 3, whose first field is the id, in what every known library writes.
    if (size == 0 || !read_tag (&cursor, &number, &type) || number > 3 || type != WIRE_LENGTH ||
        !read_varint (&cursor, SHORT_VARINT_MAX, &length))
        return 0;
    if (cursor.at == cursor.end || !read_tag (&cursor, &number, &type) || number != 1 ||
        type != WIRE_VARINT || !read_varint (&cursor, VARINT_MAX, &id))
        return 0;
    return id;
}

int
wire_parts (const uint8_t *data, size_t size, uint32_t number, struct wire_part *parts_r,
            size_t max)
{
    struct cursor cursor = {.at = data, .end = data + size}, content;
    size_t n = 0;
    while (size > 0 && cursor.at < cursor.end) {
        const uint8_t *field = cursor.at;
        uint32_t found;
        unsigned type;
        bool right = read_tag (&cursor, &found, &type) && found == number && type == WIRE_LENGTH;
        if (!right && n == 0)
            return 0;
        if (!right || n == max || !read_value (&cursor, type, &content))
            return -1;
        parts_r[n++] = (struct wire_part){.field = field,
                                          .content = content.at,
                                          .field_size = (size_t) (content.end - field),
                                          .content_size = (size_t) (content.end - content.at)};
    }
    return (int) n;
}

void
wire_text_clean (char *text)
{
    uint8_t *at = (uint8_t *) text, *end = at + strlen (text);
    while (at < end) {
        size_t length = utf8_sequence (at, end);
        if (length == 0)
            *at = '?';
        at += length > 0 ? length : 1;
    }
}
