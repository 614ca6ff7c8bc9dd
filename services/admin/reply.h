// Replies, built from the descriptors of proto/admin.proto: an object or a list of them is the first field of its method's reply, whatever the
// object is.
#ifndef JETON_ADMIN_REPLY_H
#define JETON_ADMIN_REPLY_H

#include "common/rpc/request.h"
#include <protobuf-c/protobuf-c.h>

// reply_descriptor (request): The type of the replies of the method that was called.
const ProtobufCMessageDescriptor *reply_descriptor (const struct request *request);

// reply_new (request, rest): A reply of the method that was called, in the request's arena: empty, or a copy of `rest`. NULL: there is no
// memory; the request was answered.
ProtobufCMessage *reply_new (struct request *request, const ProtobufCMessage *rest)
    __attribute__ ((warn_unused_result));

// reply_of (request, object, rest): The same with an object as its first field, which is of that type (asserted).
ProtobufCMessage *reply_of (struct request *request, const ProtobufCMessage *object,
                            const ProtobufCMessage *rest) __attribute__ ((warn_unused_result));

// reply_object (request, object): Ends the request with that, of an object alone. For what only looks: of a change, the reply is made before it is
// committed.
void reply_object (struct request *request, const ProtobufCMessage *object);

#endif
