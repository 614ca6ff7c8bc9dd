// Messages as JSON, by their descriptors.
//
// Like the proto3 JSON mapping, but with the .proto's own field names, every field present, integers as numbers (one that is larger than a
// signed 64-bit number as a string of digits), bytes as standard base64, absent messages as null,
// enum values without their type's prefix and in lower case (DECISION_ALLOW: "allow"; unspecified: null), and null for a field
// whose name ends in _at and that is 0.
#ifndef JETON_JSON_H
#define JETON_JSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

// json_from_message (message): A new object; the caller releases it (json_decref).
json_t *json_from_message (const ProtobufCMessage *message);

// json_enum_name (descriptor, value, text_r, size): "allow"; the number for a value that is not in the descriptor.
void json_enum_name (const ProtobufCEnumDescriptor *descriptor, int value, char *text_r,
                     size_t size);
// json_enum_value (descriptor, text, value_r): The reverse, without case, '-' for '_' allowed; false when there is none.
bool json_enum_value (const ProtobufCEnumDescriptor *descriptor, const char *text, int *value_r)
    __attribute__ ((warn_unused_result));

#endif
