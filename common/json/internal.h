// What the files of common/json share.
#ifndef JETON_JSON_INTERNAL_H
#define JETON_JSON_INTERNAL_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

// json_value_size (type): The size of one value in a message's structure.
size_t json_value_size (ProtobufCType type);

#endif
