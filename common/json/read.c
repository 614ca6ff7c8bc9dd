#include "common/json/internal.h"
#include "common/json/json.h"
#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Where a message is being read from.
struct reading {
    struct arena *arena;
    struct error *path, *error; // what is at fault, and why
};

static bool to_object (const struct reading *reading, const json_t *value,
                       const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **message_r);

static bool
wrong (const struct reading *reading, const char *what)
{
    error_set (reading->error, "%s", what);
    return false;
}

static void *
room (const struct reading *reading, size_t size)
{
    void *data = arena_alloc (reading->arena, size);
    if (!data)
        error_set (reading->error, "is too large");
    return data;
}

// A whole number as a string of digits.
static bool
to_digits (const struct reading *reading, const json_t *value, int64_t *number_r)
{
    const char *text = json_string_value (value);
    const char *digits = text ? text + (*text == '-') : "";
    if (*digits == '\0' ||
        digits + strspn (digits, "0123456789") != text + json_string_length (value))
        return wrong (reading, "must be a whole number");
    errno = 0;
    *number_r = strtoll (text, NULL, 10);
    return errno == 0 || wrong (reading, *text == '-' ? "is too small" : "is too large");
}

static bool
to_integer (const struct reading *reading, const json_t *value, int64_t minimum, int64_t maximum,
            int64_t *number_r)
{
    if (json_is_integer (value))
        *number_r = json_integer_value (value);
    else if (!to_digits (reading, value, number_r))
        return false;
    if (*number_r >= minimum && *number_r <= maximum)
        return true;
    return wrong (reading, *number_r < minimum ? "is too small" : "is too large");
}

static bool
to_text (const struct reading *reading, const json_t *value, char **text_r)
{
    const char *text = json_string_value (value);
    if (!text)
        return wrong (reading, "must be a text");
    size_t size = json_string_length (value) + 1;
    if (memchr (text, '\0', size - 1))
        return wrong (reading, "must not have a NUL character");
    char *copy = room (reading, size);
    if (!copy)
        return false;
    memcpy (copy, text, size);
    *text_r = copy;
    return true;
}

static bool
to_bytes (const struct reading *reading, const json_t *value, ProtobufCBinaryData *bytes_r)
{
    static const int variants[] = {
        sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    size_t length = json_string_length (value);
    if (!json_is_string (value))
        return wrong (reading, "must be bytes in base64");
    bytes_r->data = room (reading, length + 1);
    if (!bytes_r->data)
        return false;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        if (sodium_base642bin (bytes_r->data, length, json_string_value (value), length, NULL,
                               &bytes_r->len, NULL, variants[i]) == 0)
            return true;
    return wrong (reading, "must be bytes in base64");
}

static bool
to_enum (const struct reading *reading, const json_t *value,
         const ProtobufCEnumDescriptor *descriptor, int *number_r)
{
    const char *text = json_string_value (value);
    if (text && json_enum_value (descriptor, text, number_r))
        return true;
    const ProtobufCEnumValue *whole =
        text ? protobuf_c_enum_descriptor_get_value_by_name (descriptor, text) : NULL;
    if (whole) {
        *number_r = whole->value;
        return true;
    }
    error_set (reading->error, "must be");
    char name[64];
    for (unsigned i = 0, n = 0; i < descriptor->n_values; i++) {
        json_enum_name (descriptor, descriptor->values[i].value, name, sizeof name);
        if (strcmp (name, "unspecified") == 0)
            continue;
        struct error before = *reading->error;
        error_set (reading->error, "%s%s %s", before.text, n++ > 0 ? "," : "", name);
    }
    return false;
}

static bool
to_value (const struct reading *reading, const ProtobufCFieldDescriptor *field, const json_t *value,
          void *value_r)
{
    int64_t number = 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        if (!to_integer (reading, value, INT32_MIN, INT32_MAX, &number))
            return false;
        *(int32_t *) value_r = (int32_t) number;
        return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return to_integer (reading, value, INT64_MIN, INT64_MAX, value_r);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        if (!to_integer (reading, value, 0, UINT32_MAX, &number))
            return false;
        *(uint32_t *) value_r = (uint32_t) number;
        return true;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        if (!to_integer (reading, value, 0, INT64_MAX, &number))
            return false;
        *(uint64_t *) value_r = (uint64_t) number;
        return true;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        if (!json_is_number (value))
            return wrong (reading, "must be a number");
        if (field->type == PROTOBUF_C_TYPE_FLOAT)
            *(float *) value_r = (float) json_number_value (value);
        else
            *(double *) value_r = json_number_value (value);
        return true;
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean (value))
            return wrong (reading, "must be true or false");
        *(protobuf_c_boolean *) value_r = json_is_true (value);
        return true;
    case PROTOBUF_C_TYPE_ENUM:
        return to_enum (reading, value, field->descriptor, value_r);
    case PROTOBUF_C_TYPE_STRING:
        return to_text (reading, value, value_r);
    case PROTOBUF_C_TYPE_BYTES:
        return to_bytes (reading, value, value_r);
    case PROTOBUF_C_TYPE_MESSAGE:
        return to_object (reading, value, field->descriptor, value_r);
    }
    return wrong (reading, "is of a type that is not read");
}

// What is at fault, from the inside out: "access", "[0].access", "modules[0].access".
static void
locate (const struct reading *reading, const char *part)
{
    struct error rest = *reading->path;
    bool joined = rest.text[0] == '\0' || rest.text[0] == '[';
    error_set (reading->path, "%s%s%s", part, joined ? "" : ".", rest.text);
}

static bool
to_repeated (const struct reading *reading, const ProtobufCFieldDescriptor *field,
             const json_t *value, ProtobufCMessage *message)
{
    size_t n = json_array_size (value), size = json_value_size (field->type);
    if (!json_is_array (value))
        return wrong (reading, "must be a list");
    char *values = room (reading, (n + 1) * size);
    if (!values)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!to_value (reading, field, json_array_get (value, i), values + i * size)) {
            char part[32];
            snprintf (part, sizeof part, "[%zu]", i);
            locate (reading, part);
            return false;
        }
    *(size_t *) ((char *) message + field->quantifier_offset) = n;
    *(void **) ((char *) message + field->offset) = values;
    return true;
}

// Is `camel` the field's name in lowerCamelCase?
static bool
same_camel (const char *name, const char *camel)
{
    for (; *name; name++, camel++) {
        bool word = *name == '_';
        name += word;
        if (*camel != (word ? (char) toupper ((unsigned char) *name) : *name) || !*camel)
            return false;
    }
    return *camel == '\0';
}

const ProtobufCFieldDescriptor *
json_field (const ProtobufCMessageDescriptor *descriptor, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name (descriptor, name);
    for (unsigned i = 0; !field && i < descriptor->n_fields; i++)
        if (same_camel (descriptor->fields[i].name, name))
            field = &descriptor->fields[i];
    return field;
}

static bool
to_member (const struct reading *reading, const json_t *object, const char *name,
           const json_t *value, ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = json_field (message->descriptor, name);
    if (!field)
        return wrong (reading, "there is no such member");
    if (strcmp (field->name, name) != 0 && json_object_get (object, field->name))
        return wrong (reading, "is there twice, by both of its names");
    if (json_is_null (value))
        return true;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return to_repeated (reading, field, value, message);
    if (!to_value (reading, field, value, (char *) message + field->offset))
        return false;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        *(uint32_t *) ((char *) message + field->quantifier_offset) = field->id;
    return true;
}

static bool
to_object (const struct reading *reading, const json_t *value,
           const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **message_r)
{
    if (!json_is_object (value))
        return wrong (reading, "must be an object");
    ProtobufCMessage *message = room (reading, descriptor->sizeof_message);
    if (!message)
        return false;
    protobuf_c_message_init (descriptor, message);
    const char *name;
    json_t *member;
    json_object_foreach ((json_t *) value, name, member)
    {
        if (!to_member (reading, value, name, member, message)) {
            locate (reading, name);
            return false;
        }
    }
    *message_r = message;
    return true;
}

ProtobufCMessage *
json_to_message_at (const json_t *object, const ProtobufCMessageDescriptor *descriptor,
                    struct arena *arena, struct error *path_r, struct error *why_r)
{
    *path_r = *why_r = (struct error){""};
    ProtobufCMessage *message;
    bool good = to_object (&(struct reading){arena, path_r, why_r}, object, descriptor, &message);
    return good ? message : NULL;
}

ProtobufCMessage *
json_to_message (const json_t *object, const ProtobufCMessageDescriptor *descriptor,
                 struct arena *arena, struct error *error_r)
{
    struct error path, why;
    ProtobufCMessage *message = json_to_message_at (object, descriptor, arena, &path, &why);
    if (!message)
        error_set (error_r, "%s%s%s", path.text, *path.text ? ": " : "", why.text);
    return message;
}
