// Messages as JSON, by their descriptors.
//
// Like the proto3 JSON mapping, but with the .proto's own field names, every field present, integers as numbers (one that is larger than a
// signed 64-bit number as a string of digits), bytes as standard base64, absent messages as null,
// enum values without their type's prefix and in lower case (DECISION_ALLOW: "allow"; unspecified: null), and null for a field
// whose name ends in _at or _until and that is 0.
//
// What the proto3 mapping writes is read as well: names in lowerCamelCase ("accountId"), integers as strings of digits, enum values by their whole names
// ("DECISION_ALLOW"), base64 in the alphabet for URLs and without padding. Not read: numbers for enum values, and 1.0 or 1e3 for an integer.
#ifndef JETON_JSON_H
#define JETON_JSON_H

#include "common/error/error.h"
#include "common/memory/memory.h"
#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

// json_from_message (message): A new object; the caller releases it (json_decref).
json_t *json_from_message (const ProtobufCMessage *message);

// json_may_be_null (field): Is null among what json_from_message writes for it?
bool json_may_be_null (const ProtobufCFieldDescriptor *field);

// json_enum_name (descriptor, value, text_r, size): "allow"; the number for a value that is not in the descriptor.
void json_enum_name (const ProtobufCEnumDescriptor *descriptor, int value, char *text_r,
                     size_t size);
// json_enum_value (descriptor, text, value_r): The reverse, without case, '-' for '_' allowed; false when there is none.
bool json_enum_value (const ProtobufCEnumDescriptor *descriptor, const char *text, int *value_r)
    __attribute__ ((warn_unused_result));

// json_field (descriptor, name): The field that a member of this name is; NULL: none.
const ProtobufCFieldDescriptor *json_field (const ProtobufCMessageDescriptor *descriptor,
                                            const char *name);

// json_to_message (object, descriptor, arena, error_r): The reverse of json_from_message: a new message in the arena. A member that is null or absent is
// as if it had never been set. NULL: error_r begins with the path of the member at fault ("modules[0].access: …"): one that the message does not have, that
// is there by both of its names, is of another type, or too large a number; or the arena is full.
ProtobufCMessage *json_to_message (const json_t *object,
                                   const ProtobufCMessageDescriptor *descriptor,
                                   struct arena *arena, struct error *error_r)
    __attribute__ ((warn_unused_result));
// json_to_message_at (object, descriptor, arena, path_r, why_r): The same with the path ("" for the whole) and what is wrong with it each by itself.
ProtobufCMessage *json_to_message_at (const json_t *object,
                                      const ProtobufCMessageDescriptor *descriptor,
                                      struct arena *arena, struct error *path_r,
                                      struct error *why_r) __attribute__ ((warn_unused_result));

#endif
