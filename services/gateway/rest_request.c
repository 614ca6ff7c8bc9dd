// From a request of HTTP to the message that a method takes.
#include "common/json/json.h"
#include "services/gateway/rest.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
refuse (struct rest *rest, const char *field, const char *why)
{
    exchange_problem (rest->exchange, 400, "invalid-argument", "the request is wrong",
                      &(struct http_violation){field, why}, 1);
    return false;
}

// ---- the path -------------------------------------------------------------------------------------------------------

bool
rest_segment (const char **path, char *name_r, size_t size)
{
    const char *begin = strchr (*path, '{');
    if (!begin)
        return false;
    size_t length = strcspn (begin + 1, "}");
    snprintf (name_r, size, "%.*s", (int) length, begin + 1);
    *path = begin + length + 2;
    return true;
}

bool
rest_in_path (const struct rest_route *route, const char *name)
{
    char segment[64];
    for (const char *path = route->path; rest_segment (&path, segment, sizeof segment);)
        if (strcmp (segment, name) == 0)
            return true;
    return false;
}

static void
path_read (const struct rest *rest, json_t *members)
{
    char name[64];
    for (const char *path = rest->route->path; rest_segment (&path, name, sizeof name);)
        json_object_set_new (members, name, json_string (exchange_segment (rest->exchange, name)));
}

// ---- the query ------------------------------------------------------------------------------------------------------

const ProtobufCFieldDescriptor *
rest_field (const ProtobufCMessageDescriptor *descriptor, const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name (descriptor, name);
}

bool
rest_parameter (const struct rest_route *route, const ProtobufCFieldDescriptor *field)
{
    return field->label != PROTOBUF_C_LABEL_REPEATED && field->type != PROTOBUF_C_TYPE_MESSAGE &&
           field->type != PROTOBUF_C_TYPE_BYTES && !rest_in_path (route, field->name);
}

// A page's own, which has other names in the query.
static const char *
page_member (const struct rest *rest, const char *name)
{
    if (!rest_field (rest->method->input, "page"))
        return NULL;
    return strcmp (name, "page_size") == 0 ? "size" : strcmp (name, "cursor") == 0 ? name : NULL;
}

// Texts, numbers (as digits) and names are read by the field's type afterwards; true and false are words of JSON.
static json_t *
parameter_value (const ProtobufCFieldDescriptor *field, const char *value)
{
    if (field->type == PROTOBUF_C_TYPE_BOOL &&
        (strcmp (value, "true") == 0 || strcmp (value, "false") == 0))
        return json_boolean (value[0] == 't');
    return json_string (value);
}

struct query {
    struct rest *rest;
    json_t *members, *page;
};

static bool
query_take (void *context, const char *name, const char *value)
{
    struct query *query = context;
    const struct rest_route *route = query->rest->route;
    const ProtobufCFieldDescriptor *field = rest_field (query->rest->method->input, name);
    const char *member = page_member (query->rest, name);
    if (member) {
        json_object_set_new (query->page, member, json_string (value));
        return true;
    }
    if (!field || !rest_parameter (route, field) || (route->flags & REST_IMAGE) != 0)
        return refuse (query->rest, name, "there is no such parameter");
    json_object_set_new (query->members, name, parameter_value (field, value));
    return true;
}

static bool
query_none (void *context, const char *name, const char *value)
{
    (void) value;
    return refuse (context, name,
                   "there is no such parameter: members of the body say what is to "
                   "be done");
}

static bool
parameters_read (struct rest *rest, json_t *members)
{
    if ((exchange_method (rest->exchange) & (HTTP_GET | HTTP_HEAD)) == 0)
        return exchange_query_each (rest->exchange, query_none, rest);
    struct query query = {rest, members, json_object ()};
    bool good = exchange_query_each (rest->exchange, query_take, &query);
    if (good && json_object_size (query.page) > 0)
        json_object_set (members, "page", query.page);
    json_decref (query.page);
    return good;
}

// ---- the body -------------------------------------------------------------------------------------------------------

static bool
member_allowed (struct rest *rest, const char *name)
{
    const ProtobufCFieldDescriptor *field = json_field (rest->method->input, name);
    if (!field)
        return true; // the reader says that there is none
    if (rest_in_path (rest->route, field->name))
        return refuse (rest, name, "is in the path already");
    if ((rest->route->flags & REST_EDIT) != 0 && strcmp (field->name, "fields") == 0)
        return refuse (rest, name, "is not given: what the body has is what is changed");
    return true;
}

// The names of what is edited, by which the service knows what to change.
static void
fields_name (const struct rest *rest, json_t *members)
{
    json_t *fields = json_array ();
    const char *name;
    json_t *value;
    json_object_foreach (members, name, value)
    {
        const ProtobufCFieldDescriptor *field = json_field (rest->method->input, name);
        if (field && !rest_in_path (rest->route, field->name) &&
            strcmp (field->name, "revision") != 0)
            json_array_append_new (fields, json_string (field->name));
    }
    json_object_set_new (members, "fields", fields);
}

static bool
body_read (struct rest *rest, json_t *members)
{
    size_t size;
    exchange_body (rest->exchange, &size);
    if ((rest->route->flags & REST_IMAGE) != 0)
        return true;
    if (size > 0) {
        const json_t *body = exchange_json (rest->exchange);
        const char *name;
        json_t *value;
        if (!body)
            return false;
        json_object_foreach ((json_t *) body, name, value)
        {
            if (!member_allowed (rest, name))
                return false;
            json_object_set (members, name, value);
        }
    }
    if ((rest->route->flags & REST_EDIT) != 0)
        fields_name (rest, members);
    return true;
}

// ---- the revision ---------------------------------------------------------------------------------------------------

bool
rest_tag_read (const char *text, int64_t *revision_r)
{
    char *end;
    if (text[0] != '"' || text[1] < '1' || text[1] > '9')
        return false;
    errno = 0;
    *revision_r = strtoll (text + 1, &end, 10);
    if (errno != 0)
        return false;
    if (*end == '.')
        end += 1 + strspn (end + 1, "0123456789abcdef");
    return strcmp (end, "\"") == 0;
}

static bool
match_refuse (struct rest *rest, const char *tag)
{
    // A weak tag never matches (RFC 9110 section 13.1.1), and neither does one that is of something else.
    if (strncmp (tag, "W/\"", 3) == 0 || (tag[0] == '"' && strchr (tag, ',') == NULL)) {
        exchange_problem (rest->exchange, 412, "precondition-failed",
                          "it has another ETag: read it again, and decide again",
                          &(struct http_violation){"If-Match", "is not its ETag"}, 1);
        return false;
    }
    return refuse (rest, "If-Match", "must be one ETag, as the answer to a GET had it");
}

static bool
match_read (struct rest *rest, json_t *members)
{
    const char *tag = exchange_header (rest->exchange, "if-match");
    const ProtobufCFieldDescriptor *field = rest_field (rest->method->input, "revision");
    const json_t *given = json_object_get (members, "revision");
    int64_t revision = 0;
    bool reads = (exchange_method (rest->exchange) & (HTTP_GET | HTTP_HEAD)) != 0;
    if (!reads && exchange_header (rest->exchange, "if-none-match"))
        return refuse (rest, "If-None-Match", "is for GET");
    if (!tag) {
        if ((rest->route->flags & REST_REVISION) == 0 || (given && !json_is_null (given)))
            return true;
        exchange_problem (
            rest->exchange, 428, "precondition-required",
            "this changes what you have seen, and nothing else: send If-Match with its ETag",
            &(struct http_violation){"If-Match", "is missing"}, 1);
        return false;
    }
    rest->matched = true;
    if (!field)
        return refuse (rest, "If-Match", "is not for this operation: no revision is compared");
    if (!rest_tag_read (tag, &revision))
        return match_refuse (rest, tag);
    if (given && !(json_is_integer (given) && json_integer_value (given) == revision))
        return refuse (rest, "revision", "is not what If-Match says");
    json_object_set_new (members, "revision", json_integer (revision));
    return true;
}

// ---- all of it ------------------------------------------------------------------------------------------------------

json_t *
rest_members (struct rest *rest)
{
    json_t *members = json_object ();
    if (body_read (rest, members) && parameters_read (rest, members) &&
        match_read (rest, members)) {
        path_read (rest, members);
        return members;
    }
    json_decref (members);
    return NULL;
}

ProtobufCMessage *
rest_message (struct rest *rest, const json_t *members,
              const ProtobufCMessageDescriptor *descriptor)
{
    struct error path, why;
    ProtobufCMessage *message =
        json_to_message_at (members, descriptor, exchange_arena (rest->exchange), &path, &why);
    if (!message)
        refuse (rest, rest_name (rest, path.text), why.text);
    return message;
}
