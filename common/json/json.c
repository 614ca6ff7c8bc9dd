#include "common/json/json.h"
#include "common/json/internal.h"
#include "common/memory/memory.h"
#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- names of enum values -------------------------------------------------------------------------------------------

// Is `name` in front of the part that is its own: the type's name in upper case with _ between its words (TokenKind: TOKEN_KIND_)?
static const char *
own_part (const ProtobufCEnumDescriptor *descriptor, const char *name)
{
    const char *p = name;
    const char *type = descriptor->short_name;
    for (size_t i = 0; type[i]; i++) {
        if (i > 0 && isupper ((unsigned char) type[i]) && !isupper ((unsigned char) type[i - 1]) &&
            *p++ != '_')
            return name;
        if (*p++ != toupper ((unsigned char) type[i]))
            return name;
    }
    return *p == '_' ? p + 1 : name;
}

void
json_enum_name (const ProtobufCEnumDescriptor *descriptor, int value, char *text_r, size_t size)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value (descriptor, value);
    if (!known) {
        snprintf (text_r, size, "%d", value);
        return;
    }
    snprintf (text_r, size, "%s", own_part (descriptor, known->name));
    for (char *p = text_r; *p; p++)
        *p = (char) tolower ((unsigned char) *p);
}

static bool
same_name (const char *name, const char *text)
{
    for (; *name && *text; name++, text++) {
        char given = *text == '-' ? '_' : (char) toupper ((unsigned char) *text);
        if (*name != given)
            return false;
    }
    return *name == *text;
}

bool
json_enum_value (const ProtobufCEnumDescriptor *descriptor, const char *text, int *value_r)
{
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        const ProtobufCEnumValue *value = &descriptor->values[i];
        if (same_name (own_part (descriptor, value->name), text)) {
            *value_r = value->value;
            return true;
        }
    }
    return false;
}

// ---- values ---------------------------------------------------------------------------------------------------------

static json_t *
from_enum (const ProtobufCEnumDescriptor *descriptor, int value)
{
    char text[64];
    json_enum_name (descriptor, value, text, sizeof text);
    if (!protobuf_c_enum_descriptor_get_value (descriptor, value))
        return json_integer (value);
    return strcmp (text, "unspecified") == 0 ? json_null () : json_string (text);
}

static json_t *
from_text (const char *text)
{
    json_t *value = json_string (text ? text : "");
    if (value)
        return value;
    // Not UTF-8. What checked messages hold always is; the bytes of an old record need not be.
    cleanup_free char *copy = xstrdup (text);
    for (char *p = copy; *p; p++)
        if ((unsigned char) *p >= 0x80)
            *p = '?';
    return json_string (copy);
}

static json_t *
from_bytes (const ProtobufCBinaryData *bytes)
{
    size_t size = sodium_base64_ENCODED_LEN (bytes->len, sodium_base64_VARIANT_ORIGINAL);
    cleanup_free char *text = xcalloc (1, size);
    sodium_bin2base64 (text, size, bytes->data, bytes->len, sodium_base64_VARIANT_ORIGINAL);
    return json_string (text);
}

static json_t *
from_unsigned (uint64_t number)
{
    if (number <= INT64_MAX)
        return json_integer ((json_int_t) number);
    char digits[24];
    snprintf (digits, sizeof digits, "%" PRIu64, number);
    return json_string (digits);
}

static json_t *
from_real (double number)
{
    json_t *value = json_real (number);
    return value ? value : json_null (); // not a number, or infinite
}

static json_t *
from_value (const ProtobufCFieldDescriptor *field, const void *value)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return json_integer (*(const int32_t *) value);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return json_integer (*(const int64_t *) value);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return json_integer (*(const uint32_t *) value);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return from_unsigned (*(const uint64_t *) value);
    case PROTOBUF_C_TYPE_FLOAT:
        return from_real ((double) *(const float *) value);
    case PROTOBUF_C_TYPE_DOUBLE:
        return from_real (*(const double *) value);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean (*(const protobuf_c_boolean *) value);
    case PROTOBUF_C_TYPE_ENUM:
        return from_enum (field->descriptor, *(const int *) value);
    case PROTOBUF_C_TYPE_STRING:
        return from_text (*(char *const *) value);
    case PROTOBUF_C_TYPE_BYTES:
        return from_bytes (value);
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *message = *(ProtobufCMessage *const *) value;
        return message ? json_from_message (message) : json_null ();
    }
    }
    return json_null ();
}

size_t
json_value_size (ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return 4;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof (protobuf_c_boolean);
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof (int);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof (ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof (void *);
    }
    return sizeof (void *);
}

static json_t *
from_repeated (const ProtobufCFieldDescriptor *field, const void *message)
{
    size_t n = *(const size_t *) ((const char *) message + field->quantifier_offset);
    const char *values = *(const char *const *) ((const char *) message + field->offset);
    json_t *array = json_array ();
    for (size_t i = 0; i < n; i++)
        json_array_append_new (array,
                               from_value (field, values + i * json_value_size (field->type)));
    return array;
}

// Of a oneof, or of proto2's optional fields, which say in a number beside them whether they are there.
static bool
present (const ProtobufCFieldDescriptor *field, const void *message)
{
    const void *quantifier = (const char *) message + field->quantifier_offset;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *) quantifier == field->id;
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING &&
        field->type != PROTOBUF_C_TYPE_MESSAGE)
        return *(const protobuf_c_boolean *) quantifier;
    return true;
}

// Of a time, 0 is none.
static bool
is_time (const ProtobufCFieldDescriptor *field)
{
    size_t length = strlen (field->name);
    return field->label != PROTOBUF_C_LABEL_REPEATED &&
           ((length > 3 && strcmp (field->name + length - 3, "_at") == 0) ||
            (length > 6 && strcmp (field->name + length - 6, "_until") == 0));
}

bool
json_may_be_null (const ProtobufCFieldDescriptor *field)
{
    bool optional = field->label == PROTOBUF_C_LABEL_OPTIONAL ||
                    (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    return field->label != PROTOBUF_C_LABEL_REPEATED &&
           (optional || is_time (field) || field->type == PROTOBUF_C_TYPE_ENUM ||
            field->type == PROTOBUF_C_TYPE_MESSAGE);
}

json_t *
json_from_message (const ProtobufCMessage *message)
{
    json_t *object = json_object ();
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        json_t *value;
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            value = from_repeated (field, message);
        else if (!present (field, message))
            value = json_null ();
        else
            value = from_value (field, (const char *) message + field->offset);
        if (is_time (field) && json_is_integer (value) && json_integer_value (value) == 0) {
            json_decref (value);
            value = json_null ();
        }
        json_object_set_new (object, field->name, value);
    }
    return object;
}
