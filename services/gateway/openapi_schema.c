// Schemas (JSON Schema 2020-12, as OpenAPI 3.1 has them) of messages, from their descriptors: what json_from_message writes, and what json_to_message reads.
#include "audit.pb-c.h"
#include "common/json/json.h"
#include "services/gateway/openapi.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static json_t *
types (const char *type, const char *other, bool null)
{
    json_t *types = json_pack ("[s]", type);
    if (other)
        json_array_append_new (types, json_string (other));
    if (null)
        json_array_append_new (types, json_string ("null"));
    if (json_array_size (types) > 1)
        return types;
    json_decref (types);
    return json_string (type);
}

static json_t *
integer (const char *format, int64_t minimum, int64_t maximum, enum schema_way way, bool null)
{
    json_t *schema = json_pack ("{s:o, s:s}", "type",
                                types ("integer", way == SCHEMA_TAKEN ? "string" : NULL, null),
                                "format", format);
    // Bounds of 64 bits are more than many readers of JSON can hold, and say nothing.
    if (maximum != INT64_MAX) {
        json_object_set_new (schema, "minimum", json_integer (minimum));
        json_object_set_new (schema, "maximum", json_integer (maximum));
    }
    if (way == SCHEMA_TAKEN)
        json_object_set_new (schema, "pattern", json_string ("^-?[0-9]+$"));
    return schema;
}

static json_t *
enumeration (const ProtobufCEnumDescriptor *descriptor, bool null)
{
    json_t *names = json_array ();
    char name[64];
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        json_enum_name (descriptor, descriptor->values[i].value, name, sizeof name);
        if (strcmp (name, "unspecified") != 0)
            json_array_append_new (names, json_string (name));
    }
    if (null)
        json_array_append_new (names, json_null ());
    return json_pack ("{s:o, s:o}", "type", types ("string", NULL, null), "enum", names);
}

// One value, which may be null.
static json_t *
value (json_t *schemas, const ProtobufCFieldDescriptor *field, enum schema_way way, bool null)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return integer ("int32", INT32_MIN, INT32_MAX, way, null);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return integer ("int64", 0, UINT32_MAX, way, null);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return integer ("int64", INT64_MIN, INT64_MAX, way, null);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return json_pack ("{s:o}", "type", types ("number", NULL, null));
    case PROTOBUF_C_TYPE_BOOL:
        return json_pack ("{s:o}", "type", types ("boolean", NULL, null));
    case PROTOBUF_C_TYPE_ENUM:
        return enumeration (field->descriptor, null);
    case PROTOBUF_C_TYPE_STRING:
        return json_pack ("{s:o}", "type", types ("string", NULL, null));
    case PROTOBUF_C_TYPE_BYTES:
        return json_pack ("{s:o, s:s}", "type", types ("string", NULL, null), "contentEncoding",
                          "base64");
    case PROTOBUF_C_TYPE_MESSAGE: {
        json_t *reference = schema_reference (schemas, field->descriptor, way);
        return null ? json_pack ("{s:[o, {s:s}]}", "anyOf", reference, "type", "null") : reference;
    }
    }
    return json_object ();
}

static json_t *
member (json_t *schemas, const ProtobufCMessageDescriptor *descriptor,
        const ProtobufCFieldDescriptor *field, enum schema_way way)
{
    // Packed objects of the trail: as the objects that they are.
    if (descriptor == &jeton__v1__audit_record__descriptor && field->type == PROTOBUF_C_TYPE_BYTES)
        return json_pack ("{s:[s, s, s]}", "type", "object", "string", "null");
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return json_pack ("{s:o, s:o}", "type", types ("array", NULL, way == SCHEMA_TAKEN), "items",
                          value (schemas, field, way, false));
    bool null = way == SCHEMA_TAKEN || json_may_be_null (field);
    return value (schemas, field, way, null);
}

// Of all fields but those that the row has elsewhere.
static json_t *
object (json_t *schemas, const ProtobufCMessageDescriptor *descriptor, enum schema_way way,
        const struct rest_route *route)
{
    json_t *properties = json_object (), *required = json_array ();
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (route && (rest_in_path (route, field->name) ||
                      ((route->flags & REST_EDIT) != 0 && strcmp (field->name, "fields") == 0)))
            continue;
        json_object_set_new (properties, field->name, member (schemas, descriptor, field, way));
        json_array_append_new (required, json_string (field->name));
    }
    json_t *schema = json_pack ("{s:s, s:o}", "type", "object", "properties", properties);
    if (way == SCHEMA_TAKEN)
        json_object_set_new (schema, "additionalProperties", json_false ());
    else
        json_object_set (schema, "required", required);
    json_decref (required);
    return schema;
}

json_t *
schema_reference (json_t *schemas, const ProtobufCMessageDescriptor *descriptor,
                  enum schema_way way)
{
    char name[128];
    snprintf (name, sizeof name, "%s%s", descriptor->short_name,
              way == SCHEMA_TAKEN ? "Taken" : "");
    if (!json_object_get (schemas, name)) {
        json_object_set_new (schemas, name, json_object ()); // it may come again in itself
        json_object_set_new (schemas, name, object (schemas, descriptor, way, NULL));
    }
    return json_pack ("{s:o}", "$ref", json_sprintf ("#/components/schemas/%s", name));
}

json_t *
schema_request (json_t *schemas, const struct rest_route *route)
{
    json_t *schema = object (schemas, rest_method (route)->input, SCHEMA_TAKEN, route);
    if (json_object_size (json_object_get (schema, "properties")) > 0)
        return schema;
    json_decref (schema);
    return NULL;
}

json_t *
schema_parameter (const ProtobufCFieldDescriptor *field)
{
    // In a query all is text: a number has no other form.
    return value (NULL, field, SCHEMA_SENT, false);
}
