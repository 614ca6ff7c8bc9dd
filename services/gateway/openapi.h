// What the files of the description share: schemas of messages.
#ifndef JETON_GATEWAY_OPENAPI_H
#define JETON_GATEWAY_OPENAPI_H

#include "services/gateway/rest.h"

// Which way a message goes. What we send has every member; what we take may leave out or set to null each of them, and has digits for a number too.
enum schema_way { SCHEMA_SENT, SCHEMA_TAKEN };

// schema_reference (schemas, descriptor, way): {"$ref": …} to the message's schema, which is added to `schemas`, with those that it refers to, unless it is there.
json_t *schema_reference (json_t *schemas, const ProtobufCMessageDescriptor *descriptor,
                          enum schema_way way);
// schema_request (schemas, route): The body that a row takes: what of the method's request is neither in the path nor made here. NULL: there is none.
json_t *schema_request (json_t *schemas, const struct rest_route *route);
// schema_parameter (field): Of a parameter of the query.
json_t *schema_parameter (const ProtobufCFieldDescriptor *field);

#endif
