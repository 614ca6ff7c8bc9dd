#include "services/issuer/token.h"

#include <assert.h>
#include <string.h>

// What proves who a client is, by the names that these fields have in each request; and what a refusal says, in each reply.
static const char *const credentials[] = {
    "client_id", "client_secret", "client_assertion_type", "client_assertion", NULL,
};
static const char *const refusal_fields[] = {
    "status", "error", "error_description", "www_authenticate", "retry_after", NULL,
};

static const void *
field_at (const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return (const char *) message + field->offset;
}

static void
field_copy (const ProtobufCMessage *from, const char *name, ProtobufCMessage *to)
{
    const ProtobufCFieldDescriptor *source = protobuf_c_message_descriptor_get_field_by_name (
                                       from->descriptor, name),
                                   *target = protobuf_c_message_descriptor_get_field_by_name (
                                       to->descriptor, name);
    assert (source && target && source->type == target->type);
    bool text = target->type == PROTOBUF_C_TYPE_STRING;
    memcpy ((char *) to + target->offset, field_at (from, source),
            text ? sizeof (char *) : sizeof (int32_t));
}

struct asking *
asking_new (struct request *request, const struct endpoint *endpoint,
            Jeton__V1__TokenRequest *message)
{
    struct arena *arena = request_arena (request);
    struct asking none = {.request = request, .endpoint = endpoint};
    struct asking *asking = arena_memdup (arena, &none, sizeof none);
    if (endpoint->proven)
        for (size_t i = 0; credentials[i]; i++)
            field_copy (request_message (request), credentials[i], &message->base);
    if (asking)
        asking->message = arena_memdup (arena, message, sizeof *message);
    if (!asking || !asking->message) {
        token_no_memory (&none);
        return NULL;
    }
    token_address (asking);
    return asking;
}

void
asking_refuse (const struct asking *asking, const Jeton__V1__TokenReply *refusal)
{
    union {
        ProtobufCMessage base;
        Jeton__V1__StoreTokenReply store;
        Jeton__V1__CustomerTokenReply customer;
        Jeton__V1__RevokeReply revoke;
        Jeton__V1__AuthenticateClientReply authenticate;
    } reply;
    assert (asking->endpoint->reply->sizeof_message <= sizeof reply);
    protobuf_c_message_init (asking->endpoint->reply, &reply);
    for (size_t i = 0; refusal_fields[i]; i++)
        field_copy (&refusal->base, refusal_fields[i], &reply.base);
    request_reply (asking->request, &reply.base);
}
