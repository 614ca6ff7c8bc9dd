// Messages whose type is known only when the test runs: their fields by name, as proto/ has them.
#ifndef JETON_PROPERTY_MESSAGE_H
#define JETON_PROPERTY_MESSAGE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MESSAGE_SIZE = 512 }; // of the struct of any request

// Room for one message, without what it points to.
union message {
    ProtobufCMessage base;
    char room[MESSAGE_SIZE];
    max_align_t align;
};

// message_init (message, type): An empty message.
void message_init (union message *message, const ProtobufCMessageDescriptor *type);

// message_has (message, name): Is there such a field in its type? For all others the field must be there (asserted).
bool message_has (const void *message, const char *name);

// message_set_text, message_set_number, message_set_list: Texts and arrays are borrowed, and must last as long as the message. A number may be of any
// integer type, an enum or a bool.
void message_set_text (void *message, const char *name, const char *text);
void message_set_number (void *message, const char *name, int64_t number);
void message_set_list (void *message, const char *name, size_t n, const void *items);
void message_set_bytes (void *message, const char *name, const void *data, size_t size);
void message_set_message (void *message, const char *name, const void *other);

// message_text, message_number, message_list, message_inner: Their values; message_list gives the array, n_r its length.
const char *message_text (const void *message, const char *name);
int64_t message_number (const void *message, const char *name);
const void *message_list (const void *message, const char *name, size_t *n_r);
const void *message_inner (const void *message, const char *name);

#endif
