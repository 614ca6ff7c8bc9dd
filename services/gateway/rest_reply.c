// From the reply of a method to a response of HTTP.
#include "common/json/json.h"
#include "common/json/record.h"
#include "envelope.pb-c.h"
#include "services/gateway/rest.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_DIGEST = 16, TAG_SIZE = 64 };

// ---- JSON -----------------------------------------------------------------------------------------------------------

json_t *
rest_json (const ProtobufCMessage *message)
{
    json_t *object = json_from_message (message);
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE ||
            field->descriptor != &jeton__v1__audit_record__descriptor)
            continue;
        json_t *value = json_object_get (object, field->name), *record;
        size_t n;
        if (json_is_object (value))
            json_record_decode (value);
        json_array_foreach (value, n, record) json_record_decode (record);
    }
    return object;
}

// ---- entity tags ----------------------------------------------------------------------------------------------------

const ProtobufCFieldDescriptor *
rest_object (const ProtobufCMethodDescriptor *method)
{
    const ProtobufCFieldDescriptor *field =
        method->output->n_fields ? method->output->fields : NULL;
    bool object = field && field->type == PROTOBUF_C_TYPE_MESSAGE &&
                  field->label != PROTOBUF_C_LABEL_REPEATED &&
                  rest_field (field->descriptor, "revision");
    return object ? field : NULL;
}

// "7.0123456789abcdef": the revision, by which If-Match compares; and a digest, because there is more to see of an object than its revision tells (when it was last used).
static void
tag_make (const json_t *object, char tag_r[TAG_SIZE])
{
    cleanup_free char *text = json_dumps (object, JSON_COMPACT);
    uint8_t digest[crypto_hash_sha256_BYTES];
    char hex[TAG_DIGEST + 1];
    crypto_hash_sha256 (digest, (const uint8_t *) text, strlen (text));
    sodium_bin2hex (hex, sizeof hex, digest, TAG_DIGEST / 2);
    sodium_memzero (text, strlen (text));
    snprintf (tag_r, TAG_SIZE, "\"%" JSON_INTEGER_FORMAT ".%s\"",
              json_integer_value (json_object_get (object, "revision")), hex);
}

bool
rest_tag_among (const char *list, const char *tag)
{
    size_t length = strlen (tag);
    if (strcmp (list, "*") == 0)
        return true;
    while (*list) {
        list += strspn (list, ", \t");
        if (strncmp (list, "W/", 2) == 0)
            list += 2;
        if (strncmp (list, tag, length) == 0 && strchr (", \t", list[length]))
            return true;
        // Up to behind the closing quote, in which commas do not count.
        if (*list == '"')
            list += 1 + strcspn (list + 1, "\"");
        list += strcspn (list, ",");
    }
    return false;
}

// True: the client has just this, and has been told so.
static bool
tag_answer (struct rest *rest, const json_t *object)
{
    char tag[TAG_SIZE];
    tag_make (object, tag);
    exchange_set (rest->exchange, "ETag", tag);
    const char *known = exchange_header (rest->exchange, "if-none-match");
    if (!known || !rest_tag_among (known, tag))
        return false;
    exchange_end (rest->exchange, 304, NULL, "", 0);
    return true;
}

// ---- pages ----------------------------------------------------------------------------------------------------------

struct link {
    char *text;
    size_t size, room;
};

static void
link_add (struct link *link, const char *text, bool encode)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text; text++) {
        if (link->size + 4 > link->room)
            link->text = xrealloc (link->text, link->room = 2 * link->room + 64);
        if (encode && !strchr (plain, *text))
            link->size += (size_t) snprintf (link->text + link->size, 4, "%%%02X",
                                             (unsigned) (unsigned char) *text);
        else
            link->text[link->size++] = *text;
    }
}

static bool
link_parameter (void *context, const char *name, const char *value)
{
    struct link *link = context;
    if (strcmp (name, "cursor") == 0)
        return true;
    link_add (link, name, true);
    link_add (link, "=", false);
    link_add (link, value, true);
    link_add (link, "&", false);
    return true;
}

// The next page, with the same filters (RFC 8288).
static void
link_answer (struct rest *rest, const char *cursor)
{
    struct link link = {0};
    link_add (&link, "<", false);
    link_add (&link, exchange_path (rest->exchange), false);
    link_add (&link, "?", false);
    if (exchange_query_each (rest->exchange, link_parameter, &link)) {
        link_add (&link, "cursor=", false);
        link_add (&link, cursor, true);
        link_add (&link, ">; rel=\"next\"", false);
        link.text[link.size] = '\0';
        exchange_set (rest->exchange, "Link", link.text);
    }
    free (link.text);
}

// ---- the response ---------------------------------------------------------------------------------------------------

static void
location_answer (struct rest *rest, const json_t *object)
{
    const char *id = json_string_value (json_object_get (object, "id"));
    char *location = arena_printf (exchange_arena (rest->exchange), "%s/%s",
                                   exchange_path (rest->exchange), id ? id : "");
    if (location)
        exchange_set (rest->exchange, "Location", location);
}

void
rest_reply (struct rest *rest, const ProtobufCMessage *reply)
{
    const struct rest_route *route = rest->route;
    const ProtobufCFieldDescriptor *field = rest_object (rest->method);
    json_t *all = rest_json (reply);
    const json_t *object = field ? json_object_get (all, field->name) : NULL;
    const char *cursor = json_string_value (json_object_get (all, "next_cursor"));
    if (route->status == 204) {
        exchange_end (rest->exchange, 204, NULL, "", 0);
    } else if (!json_is_object (object) || !tag_answer (rest, object)) {
        if ((route->flags & REST_LOCATION) != 0 && object)
            location_answer (rest, object);
        if (cursor && *cursor && (exchange_method (rest->exchange) & (HTTP_GET | HTTP_HEAD)) != 0)
            link_answer (rest, cursor);
        exchange_end_json (
            rest->exchange, route->status,
            json_incref (route->member ? json_object_get (all, route->member) : all));
    }
    json_decref (all);
}

// ---- failures -------------------------------------------------------------------------------------------------------

const char *
rest_name (const struct rest *rest, const char *field)
{
    if ((rest->route->flags & REST_IMAGE) != 0 && strcmp (field, "logo") == 0)
        return "body";
    if (rest->matched && strcmp (field, "revision") == 0)
        return "If-Match";
    if (strcmp (field, "idempotency-key") == 0)
        return "Idempotency-Key";
    if (strcmp (field, "page.size") == 0)
        return "page_size";
    return strcmp (field, "page.cursor") == 0 ? "cursor" : field;
}

void
rest_fail (struct rest *rest, const struct rpc_result *result)
{
    struct rpc_result here = *result;
    for (size_t i = 0; i < here.ndetails; i++)
        here.details[i].field = rest_name (rest, here.details[i].field);
    // Without a precondition of the request, none has failed: somebody else came first.
    if (here.code == JETON__V1__CODE__CODE_ABORTED && !rest->matched)
        exchange_refuse (rest->exchange, 409, "conflict", "%s", here.message);
    else
        gateway_fail (rest->exchange, &here);
}
