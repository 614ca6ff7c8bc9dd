// REST: the methods of Admin and of the AuditLogger as resources below /v1/ (R34), by one table of routes and one handler.
//
// A request becomes the message that its method takes, by the descriptors: {segments} of the path and, of GET, parameters of the query are its fields of the same name ("page_size" and
// "cursor" those of its page), the members of the body all others. The answer is the reply as JSON (common/json), or the one member of it that the row names. Nothing is decided here: the
// call goes out with the bearer token that came with the request, and the service judges.
#ifndef JETON_GATEWAY_REST_H
#define JETON_GATEWAY_REST_H

#include "services/gateway/gateway.h"

#include <protobuf-c/protobuf-c.h>

enum rest_flag {
    REST_WRITE = 1 << 0, // it changes something: it is sent once, and Idempotency-Key is for it
    REST_REVISION =
        1
        << 1, // only with the revision that the caller has seen: If-Match, or the member `revision`
    REST_EDIT =
        1 << 2, // the members of the body are what changes: they become the request's `fields`
    REST_LOCATION = 1 << 3, // what was made can be read below this path, by its id
    REST_IMAGE = 1 << 4,    // the body, of the request or of the answer, is a picture as it is
    REST_TAIL = 1 << 5,     // server-sent events
    REST_EXPORT = 1 << 6,   // lines of JSON, as a file
};

// What a row of rest_routes stands for: its `context`.
struct rest_route {
    const char *path; // the row's
    enum upstream upstream;
    const char *method;    // of the service's descriptor
    const char *operation; // what the description calls it
    const char
        *member; // of the reply, which is the answer; of a tail's items: the event. NULL: all of it
    int status;  // when it is done; 204: without a body
    unsigned flags;      // enum rest_flag, or-ed
    const char *summary; // one sentence for the description
};

// A method that has no route, and why.
struct rest_omission {
    const char *method, *why;
};
extern const struct rest_omission rest_omissions[]; // ended by a row whose method is NULL

// A request under way: the exchange's context, in its arena.
struct rest {
    struct exchange *exchange;
    const struct rest_route *route;
    const ProtobufCServiceDescriptor *service;
    const ProtobufCMethodDescriptor *method;
    const char *bearer;
    bool matched; // it came with If-Match
};

// rest_service (route): The descriptor of its service. rest_method (route): of its method.
const ProtobufCServiceDescriptor *rest_service (const struct rest_route *route);
const ProtobufCMethodDescriptor *rest_method (const struct rest_route *route);
// rest_segment (&path, name_r, size): The next {name} of a path; `path` goes on behind it. False: there is none any more.
bool rest_segment (const char **path, char *name_r, size_t size)
    __attribute__ ((warn_unused_result));
// rest_in_path (route, name): Is it one of the path's {segments}?
bool rest_in_path (const struct rest_route *route, const char *name);
// rest_parameter (route, field): Is this field of the request's message a parameter of the query?
bool rest_parameter (const struct rest_route *route, const ProtobufCFieldDescriptor *field);
// rest_field (descriptor, name): A field by its .proto name, or NULL.
const ProtobufCFieldDescriptor *rest_field (const ProtobufCMessageDescriptor *descriptor,
                                            const char *name);
// rest_object (method): The field of the reply that is the object which the call is about: the first one, if that is a message with a revision. Else NULL.
const ProtobufCFieldDescriptor *rest_object (const ProtobufCMethodDescriptor *method);

// rest_handle (exchange): The handler of all rows but the description's.
http_handler rest_handle;

// ---- rest_request.c
// rest_members (rest): The request's message as a JSON object, which the caller releases; NULL: the exchange has been ended with a problem that names the field at fault.
json_t *rest_members (struct rest *rest) __attribute__ ((warn_unused_result));
// rest_message (rest, members, descriptor): In the exchange's arena. NULL: the exchange has been ended.
ProtobufCMessage *rest_message (struct rest *rest, const json_t *members,
                                const ProtobufCMessageDescriptor *descriptor)
    __attribute__ ((warn_unused_result));
// rest_tag_read (text, &revision_r): An entity tag of ours that is alone in If-Match. False: it is none.
bool rest_tag_read (const char *text, int64_t *revision_r) __attribute__ ((warn_unused_result));

// ---- rest_reply.c
// rest_json (message): As JSON, audit records with the objects in them. The caller releases it.
json_t *rest_json (const ProtobufCMessage *message);
// rest_reply (rest, reply): Answer with what the method replied.
void rest_reply (struct rest *rest, const ProtobufCMessage *reply);
// rest_fail (rest, result): Answer with what became of the call instead: fields at fault by the names that they have here.
void rest_fail (struct rest *rest, const struct rpc_result *result);
// rest_name (rest, field): What a field of the message is called in the request: "page.size" is page_size.
const char *rest_name (const struct rest *rest, const char *field);
// rest_tag_among (list, tag): Is the entity tag one of those of If-None-Match, in the weak comparison of RFC 9110 section 8.8.3.2?
bool rest_tag_among (const char *list, const char *tag);

// ---- rest_image.c
// rest_image_read (rest, message): The request's body into the message. False: the exchange has been ended.
bool rest_image_read (struct rest *rest, ProtobufCMessage *message)
    __attribute__ ((warn_unused_result));
// rest_image_reply (rest, reply): Answer with the picture.
void rest_image_reply (struct rest *rest, const ProtobufCMessage *reply);

// ---- rest_tail.c
// rest_tail (rest, members): Answer with what comes, event by event.
void rest_tail (struct rest *rest, json_t *members);

// ---- rest_export.c
// rest_export (rest, message): Answer with the trail, line by line, as fast as the client takes it.
void rest_export (struct rest *rest, const ProtobufCMessage *message);

// A response that comes bit by bit, while it is under way.
struct rest_stream {
    struct node link;                           // in the gateway's streams
    void (*drain) (struct rest_stream *stream); // the gateway ends: say so, and end it
};
// rest_drain (gateway): End all streams, and say why. (rest_tail.c)
void rest_drain (struct gateway *gateway);

// ---- openapi.c
http_handler openapi_handle;
// openapi_new (routes, url): The description (OpenAPI 3.1) of these routes, served at this URL. The caller frees it.
char *openapi_new (const struct http_route *routes, const char *url);

#endif
