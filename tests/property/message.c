#include "tests/property/message.h"
#include <assert.h>
#include <string.h>

void
message_init (union message *message, const ProtobufCMessageDescriptor *type)
{
    assert (type->sizeof_message <= sizeof *message);
    protobuf_c_message_init (type, message);
}

static const ProtobufCFieldDescriptor *
find (const void *message, const char *name)
{
    const ProtobufCMessage *base = message;
    return protobuf_c_message_descriptor_get_field_by_name (base->descriptor, name);
}

bool
message_has (const void *message, const char *name)
{
    return find (message, name);
}

static void *
member (const void *message, const char *name, const ProtobufCFieldDescriptor **field_r)
{
    *field_r = find (message, name);
    assert (*field_r);
    return (char *) message + (*field_r)->offset;
}

void
message_set_text (void *message, const char *name, const char *text)
{
    const ProtobufCFieldDescriptor *field;
    const char **place = member (message, name, &field);
    assert (field->type == PROTOBUF_C_TYPE_STRING);
    *place = text;
}

// The types that proto/ uses.
static bool
is_64 (const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_UINT64;
}

void
message_set_number (void *message, const char *name, int64_t number)
{
    const ProtobufCFieldDescriptor *field;
    void *place = member (message, name, &field);
    int32_t small = (int32_t) number;
    if (is_64 (field))
        memcpy (place, &number, sizeof number);
    else
        memcpy (place, &small, sizeof small);
}

void
message_set_list (void *message, const char *name, size_t n, const void *items)
{
    const ProtobufCFieldDescriptor *field;
    const void **place = member (message, name, &field);
    assert (field->label == PROTOBUF_C_LABEL_REPEATED);
    *place = items;
    memcpy ((char *) message + field->quantifier_offset, &n, sizeof n);
}

void
message_set_bytes (void *message, const char *name, const void *data, size_t size)
{
    const ProtobufCFieldDescriptor *field;
    ProtobufCBinaryData *place = member (message, name, &field);
    assert (field->type == PROTOBUF_C_TYPE_BYTES);
    place->data = (uint8_t *) data;
    place->len = size;
}

void
message_set_message (void *message, const char *name, const void *other)
{
    const ProtobufCFieldDescriptor *field;
    const void **place = member (message, name, &field);
    assert (field->type == PROTOBUF_C_TYPE_MESSAGE);
    *place = other;
}

const char *
message_text (const void *message, const char *name)
{
    const ProtobufCFieldDescriptor *field;
    char *const *place = member (message, name, &field);
    assert (field->type == PROTOBUF_C_TYPE_STRING);
    return *place;
}

int64_t
message_number (const void *message, const char *name)
{
    const ProtobufCFieldDescriptor *field;
    const void *place = member (message, name, &field);
    int64_t number;
    int32_t small;
    memcpy (&small, place, sizeof small);
    if (!is_64 (field))
        return small;
    memcpy (&number, place, sizeof number);
    return number;
}

const void *
message_list (const void *message, const char *name, size_t *n_r)
{
    const ProtobufCFieldDescriptor *field;
    const void *const *place = member (message, name, &field);
    memcpy (n_r, (const char *) message + field->quantifier_offset, sizeof *n_r);
    return *place;
}

const void *
message_inner (const void *message, const char *name)
{
    const ProtobufCFieldDescriptor *field;
    const void *const *place = member (message, name, &field);
    assert (field->type == PROTOBUF_C_TYPE_MESSAGE);
    return *place;
}
