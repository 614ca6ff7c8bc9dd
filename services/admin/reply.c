#include "services/admin/reply.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include <assert.h>
#include <string.h>

// No two methods have a type of request in common.
const ProtobufCMessageDescriptor *
reply_descriptor (const struct request *request)
{
    const ProtobufCServiceDescriptor *service = &jeton__v1__admin__descriptor;
    const ProtobufCMessage *message = request_message (request);
    const ProtobufCMethodDescriptor *method = service->methods;
    while (method < service->methods + service->n_methods && method->input != message->descriptor)
        method++;
    assert (method < service->methods + service->n_methods);
    return method->output;
}

ProtobufCMessage *
reply_new (struct request *request, const ProtobufCMessage *rest)
{
    const ProtobufCMessageDescriptor *type = reply_descriptor (request);
    ProtobufCMessage *reply = arena_alloc (request_arena (request), type->sizeof_message);
    assert (!rest || rest->descriptor == type);
    if (!reply)
        change_no_memory (request);
    else if (rest)
        memcpy (reply, rest, type->sizeof_message);
    else
        protobuf_c_message_init (type, reply);
    return reply;
}

ProtobufCMessage *
reply_of (struct request *request, const ProtobufCMessage *object, const ProtobufCMessage *rest)
{
    ProtobufCMessage *reply = reply_new (request, rest);
    if (!reply)
        return NULL;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field (reply->descriptor, 1);
    assert (field && field->type == PROTOBUF_C_TYPE_MESSAGE &&
            field->descriptor == object->descriptor);
    memcpy ((char *) reply + field->offset, &object, sizeof object);
    return reply;
}

void
reply_object (struct request *request, const ProtobufCMessage *object)
{
    const ProtobufCMessage *reply = reply_of (request, object, NULL);
    if (reply)
        request_reply (request, reply);
}
