// What protobuf-c does not look at, and what packs the envelope around a message. For rpc and what gathers its calls.
#ifndef JETON_RPC_WIRE_H
#define JETON_RPC_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where a message is wrong, and how.
struct wire_violation {
    char field[256]; // its path; empty for the message itself
    const char *what;
};

// wire_check (descriptor, data, size, violation_r): See rpc_wire_check. When it returns true, protobuf-c unpacks the message, unless
// its allocator refuses.
bool wire_check (const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
                 struct wire_violation *violation_r) __attribute__ ((warn_unused_result));

// wire_call_id (data, size): The id in a ClientMessage that is not well-formed as a whole; 0 where it cannot be told.
uint64_t wire_call_id (const uint8_t *data, size_t size);

// wire_parts (data, size, number, parts_r, max): What is nothing but 1 to max fields of that number that have a length, such as messages, is taken apart into these; nothing
// is copied. How many they are. 0: it begins otherwise. -1: it begins so, but is cut short, or has something else in it, or more of them.
struct wire_part {
    const uint8_t *field, *content; // both end where the field does
    size_t field_size, content_size;
};
int wire_parts (const uint8_t *data, size_t size, uint32_t number, struct wire_part *parts_r,
                size_t max);

// wire_text_clean (text): Replaces bytes that are not UTF-8, in place: receivers refuse a message for one.
void wire_text_clean (char *text);

// wire_varint_size (value), wire_varint_write (value, data_r): A varint; the size is returned.
static inline size_t
wire_varint_size (uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

static inline size_t
wire_varint_write (uint64_t value, uint8_t *data_r)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        data_r[size++] = (uint8_t) (value | 0x80);
    data_r[size++] = (uint8_t) value;
    return size;
}

#endif
