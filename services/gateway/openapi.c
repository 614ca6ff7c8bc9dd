// GET /openapi.json: what REST takes and answers, from the routes and the descriptors of the messages, so that it says what is done.
#include "services/gateway/openapi.h"
#include "common/json/json.h"
#include "common/memory/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
verb (const struct http_route *row)
{
    switch (row->methods) {
    case HTTP_GET:
        return "get";
    case HTTP_POST:
        return "post";
    case HTTP_PUT:
        return "put";
    case HTTP_PATCH:
        return "patch";
    default:
        return "delete";
    }
}

static bool
reads (const struct http_route *row)
{
    return row->methods == HTTP_GET;
}

static bool
image (const struct rest_route *route)
{
    return (route->flags & REST_IMAGE) != 0;
}

// ---- parameters -----------------------------------------------------------------------------------------------------

static void
parameter (json_t *parameters, const char *name, const char *in, bool required, json_t *schema,
           const char *description)
{
    json_t *one = json_pack ("{s:s, s:s, s:b, s:o}", "name", name, "in", in, "required", required,
                             "schema", schema);
    if (description)
        json_object_set_new (one, "description", json_string (description));
    json_array_append_new (parameters, one);
}

static json_t *
text (void)
{
    return json_pack ("{s:s}", "type", "string");
}

static void
query_parameters (json_t *parameters, const struct rest_route *route)
{
    const ProtobufCMessageDescriptor *input = rest_method (route)->input;
    for (unsigned i = 0; i < input->n_fields; i++)
        if (rest_parameter (route, &input->fields[i]))
            parameter (parameters, input->fields[i].name, "query", false,
                       schema_parameter (&input->fields[i]), NULL);
    if (!rest_field (input, "page"))
        return;
    parameter (parameters, "page_size", "query", false,
               json_pack ("{s:s, s:i, s:i}", "type", "integer", "minimum", 1, "maximum", 500),
               "how many at most; 50 without it");
    parameter (parameters, "cursor", "query", false, text (),
               "next_cursor of the page before; without it the first page");
}

static void
header_parameters (json_t *parameters, const struct http_route *row)
{
    const struct rest_route *route = row->context;
    if (!reads (row) && rest_field (rest_method (route)->input, "revision"))
        parameter (parameters, "If-Match", "header", false, text (),
                   (route->flags & REST_REVISION) != 0
                       ? "the ETag of what you have seen; 428 without it, 412 when it has changed"
                       : "the ETag of what you have seen: 412 when it has changed");
    if (reads (row) && (rest_object (rest_method (route)) || image (route)))
        parameter (parameters, "If-None-Match", "header", false, text (),
                   "the ETag of what you have: 304 when it is still the same");
    if ((route->flags & REST_WRITE) != 0)
        parameter (
            parameters, "Idempotency-Key", "header", false,
            json_pack ("{s:s, s:i, s:i}", "type", "string", "minLength", 1, "maxLength", 128),
            "a new one for each change: a repeat with it is done once, and answered alike");
    if ((route->flags & REST_TAIL) != 0)
        parameter (parameters, "Last-Event-ID", "header", false, text (),
                   "the id of the last event that came: it goes on after it");
}

static json_t *
parameters_of (const struct http_route *row)
{
    const struct rest_route *route = row->context;
    json_t *parameters = json_array ();
    char name[64];
    for (const char *path = row->path; rest_segment (&path, name, sizeof name);)
        parameter (parameters, name, "path", true,
                   json_pack ("{s:s, s:i}", "type", "string", "minLength", 1), NULL);
    if (reads (row) && !image (route))
        query_parameters (parameters, route);
    header_parameters (parameters, row);
    return parameters;
}

// ---- bodies ---------------------------------------------------------------------------------------------------------

static json_t *
content (const char *type, json_t *schema)
{
    return json_pack ("{s:{s:o}}", type, "schema", schema);
}

static json_t *
images (void)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/webp"};
    json_t *all = json_object ();
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        json_object_set_new (all, types[i], json_object ());
    return all;
}

static json_t *
body_of (json_t *schemas, const struct http_route *row)
{
    const struct rest_route *route = row->context;
    if (row->body_limit == 0)
        return NULL;
    if (image (route))
        return json_pack ("{s:b, s:o}", "required", true, "content", images ());
    json_t *schema = schema_request (schemas, route);
    if (!schema)
        return NULL;
    bool required = (route->flags & REST_EDIT) != 0 || route->status == 201;
    return json_pack ("{s:b, s:o}", "required", required, "content",
                      content ("application/json", schema));
}

static void
header (json_t *response, const char *name, const char *description)
{
    json_t *headers = json_object_get (response, "headers");
    if (!headers) {
        json_object_set_new (response, "headers", json_object ());
        headers = json_object_get (response, "headers");
    }
    json_object_set_new (headers, name,
                         json_pack ("{s:s, s:o}", "description", description, "schema", text ()));
}

static json_t *
answer_content (json_t *schemas, const struct rest_route *route)
{
    const ProtobufCMessageDescriptor *answer = rest_method (route)->output;
    if (image (route) && !route->member)
        return images ();
    if ((route->flags & REST_EXPORT) != 0)
        return content ("application/x-ndjson",
                        json_pack ("{s:s, s:s}", "type", "string", "description",
                                   "a JSON object a line; one with the member `cut`, a problem, is "
                                   "the last of an export that could not be ended"));
    if (route->member)
        answer = rest_field (answer, route->member)->descriptor;
    json_t *schema = schema_reference (schemas, answer, SCHEMA_SENT);
    if ((route->flags & REST_TAIL) == 0)
        return content ("application/json", schema);
    return content ("text/event-stream",
                    json_pack ("{s:s, s:s, s:s, s:o}", "type", "string", "contentMediaType",
                               "application/json", "description",
                               "events, with this as data; `end`, with a problem, is the last",
                               "contentSchema", schema));
}

static json_t *
answer (json_t *schemas, const struct http_route *row)
{
    const struct rest_route *route = row->context;
    json_t *response = json_pack ("{s:s}", "description", route->summary);
    if (route->status == 204)
        return response;
    json_object_set_new (response, "content", answer_content (schemas, route));
    if (rest_object (rest_method (route)) || (image (route) && reads (row)))
        header (response, "ETag", "for If-None-Match and, of an object with a revision, If-Match");
    if ((route->flags & REST_LOCATION) != 0)
        header (response, "Location", "where it can be read");
    if (reads (row) && rest_field (rest_method (route)->input, "page"))
        header (response, "Link", "the next page, if there is one (rel=next)");
    return response;
}

static json_t *
responses_of (json_t *schemas, const struct http_route *row)
{
    const struct rest_route *route = row->context;
    char status[8];
    json_t *all = json_object ();
    snprintf (status, sizeof status, "%d", route->status);
    json_object_set_new (all, status, answer (schemas, row));
    if (reads (row) && (rest_object (rest_method (route)) || image (route)))
        json_object_set_new (
            all, "304", json_pack ("{s:s}", "description", "it is still what If-None-Match says"));
    json_object_set_new (all, "401",
                         json_pack ("{s:s}", "$ref", "#/components/responses/Unauthenticated"));
    json_object_set_new (all, "default",
                         json_pack ("{s:s}", "$ref", "#/components/responses/Problem"));
    return all;
}

// ---- the document ---------------------------------------------------------------------------------------------------

static json_t *
operation (json_t *schemas, const struct http_route *row)
{
    const struct rest_route *route = row->context;
    const char *tag = row->path + strlen ("/v1/");
    json_t *one = json_pack ("{s:s, s:s, s:[o], s:o}", "operationId", route->operation, "summary",
                             route->summary, "tags", json_stringn (tag, strcspn (tag, "/")),
                             "parameters", parameters_of (row));
    json_t *body = body_of (schemas, row);
    if (body)
        json_object_set_new (one, "requestBody", body);
    json_object_set_new (one, "responses", responses_of (schemas, row));
    return one;
}

static json_t *
paths (json_t *schemas, const struct http_route *routes)
{
    json_t *all = json_object ();
    for (const struct http_route *row = routes; row->path; row++) {
        if (!row->context)
            continue;
        if (!json_object_get (all, row->path))
            json_object_set_new (all, row->path, json_object ());
        json_object_set_new (json_object_get (all, row->path), verb (row),
                             operation (schemas, row));
    }
    return all;
}

// What exchange_problem writes.
static json_t *
problem (void)
{
    static const char *const members[] = {"type", "title", "detail", "request"};
    json_t *properties =
        json_pack ("{s:{s:s}, s:{s:s, s:{s:s, s:{s:{s:s}, s:{s:s}}}}}", "status", "type", "integer",
                   "errors", "type", "array", "items", "type", "object", "properties", "field",
                   "type", "string", "description", "type", "string");
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        json_object_set_new (properties, members[i], text ());
    return json_pack ("{s:s, s:o, s:[s, s, s, s, s]}", "type", "object", "properties", properties,
                      "required", "type", "title", "status", "detail", "request");
}

static json_t *
responses (void)
{
    json_t *reference = json_pack ("{s:s}", "$ref", "#/components/schemas/Problem");
    json_t *body = content ("application/problem+json", reference);
    json_t *unauthenticated = json_pack ("{s:s, s:O}", "description",
                                         "no token came, or it is good no longer", "content", body);
    header (unauthenticated, "WWW-Authenticate", "RFC 6750");
    return json_pack ("{s:o, s:{s:s, s:o}}", "Unauthenticated", unauthenticated, "Problem",
                      "description", "it was not done (RFC 9457): why, and which field is at fault",
                      "content", body);
}

char *
openapi_new (const struct http_route *routes, const char *url)
{
    json_t *schemas = json_pack ("{s:o}", "Problem", problem ());
    json_t *all = paths (schemas, routes);
    json_t *document = json_pack (
        "{s:s, s:{s:s, s:s, s:s}, s:[{s:s}], s:[{s:[]}], s:o, s:{s:o, s:o, s:{s:{s:s, s:s, s:s}}}}",
        "openapi", "3.1.0", "info", "title", "Jeton", "version", JETON_VERSION, "description",
        "API tokens, and all that belongs to them. Times are seconds since the epoch. What is "
        "taken may also have lowerCamelCase names, and whole names of enumerations.",
        "servers", "url", url, "security", "login", "paths", all, "components", "schemas", schemas,
        "responses", responses (), "securitySchemes", "login", "type", "http", "scheme", "bearer",
        "description", "a user's login token: POST /api/token gives one");
    char *text = json_dumps (document, JSON_COMPACT);
    json_decref (document);
    return text;
}

void
openapi_handle (struct exchange *exchange)
{
    struct gateway *gateway = exchange_owner (exchange);
    if (!gateway->openapi)
        gateway->openapi = openapi_new (rest_routes, gateway->settings.public_url);
    exchange_set (exchange, "Cache-Control", "max-age=300");
    exchange_end (exchange, 200, "application/json", gateway->openapi, strlen (gateway->openapi));
}
