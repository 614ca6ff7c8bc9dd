// Objects as messages, compared whatever depends on the clock.
#ifndef JETON_PROPERTY_VIEW_H
#define JETON_PROPERTY_VIEW_H

#include <protobuf-c/protobuf-c.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>

struct view_hash {
    bool known;
    uint8_t bytes[crypto_generichash_BYTES_MIN];
};

// view_hash (message): Of what does not depend on the time of the look, nor on the order of grants. Changes the message accordingly.
struct view_hash view_hash (ProtobufCMessage *message);
bool view_equal (const struct view_hash *a, const struct view_hash *b);

#endif
