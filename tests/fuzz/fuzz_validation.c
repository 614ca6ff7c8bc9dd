// What reads and makes the messages of validations by hand (common/validation/codec.h; R28, R42, R43), beside protobuf-c: whatever it unpacks passes the check and is what protobuf-c
// makes of it, and it packs replies as protobuf-c does. The first byte says which message.
#include "common/memory/memory.h"
#include "common/rpc/server.h"
#include "common/validation/codec.h"
#include "validator.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { ARENA_LIMIT = 64 << 20 }; // more than an input of this size can need

static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    const struct rpc_codec *codec;
    bool reply;
} kinds[] = {
    {&jeton__v1__validate_request__descriptor, &validation_codec, false},
    {&jeton__v1__validate_reply__descriptor, &validation_codec, true},
    {&jeton__v1__validate_batch_request__descriptor, &validation_batch_codec, false},
    {&jeton__v1__validate_batch_reply__descriptor, &validation_batch_codec, true},
};

// Two messages of one kind are equal when protobuf-c packs them alike.
static void
same (const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t size = protobuf_c_message_get_packed_size (a);
    assert (size == protobuf_c_message_get_packed_size (b));
    uint8_t *bytes = xcalloc (2, size + 1);
    protobuf_c_message_pack (a, bytes);
    protobuf_c_message_pack (b, bytes + size);
    assert (memcmp (bytes, bytes + size, size) == 0);
    free (bytes);
}

static bool
unknown_fields (const Jeton__V1__ValidateReply *reply)
{
    return reply->base.n_unknown_fields > 0;
}

static bool
has_unknown_fields (const ProtobufCMessage *message)
{
    if (message->descriptor == &jeton__v1__validate_reply__descriptor)
        return unknown_fields ((const Jeton__V1__ValidateReply *) message);
    const Jeton__V1__ValidateBatchReply *batch = (const Jeton__V1__ValidateBatchReply *) message;
    bool found = message->n_unknown_fields > 0;
    for (size_t i = 0; i < batch->n_replies; i++)
        found |= unknown_fields (batch->replies[i]);
    return found;
}

static void
packs_alike (const struct rpc_codec *codec, const ProtobufCMessage *reply)
{
    if (has_unknown_fields (reply))
        return;
    size_t size = protobuf_c_message_get_packed_size (reply);
    assert (codec->reply_size (reply) == size);
    uint8_t *theirs = xcalloc (1, size), *ours = xcalloc (1, size);
    protobuf_c_message_pack (reply, theirs);
    assert (codec->reply_pack (reply, ours) == size);
    assert (memcmp (theirs, ours, size) == 0);
    free (theirs);
    free (ours);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static struct arena *arena;
    if (arena == NULL)
        arena = arena_new (ARENA_LIMIT);
    if (size == 0)
        return 0;
    size_t kind = *data++ % (sizeof kinds / sizeof *kinds);
    size--;
    const ProtobufCMessageDescriptor *descriptor = kinds[kind].descriptor;
    rpc_unpack *unpack = kinds[kind].reply ? kinds[kind].codec->reply : kinds[kind].codec->request;
    const ProtobufCMessage *ours = unpack (arena, data, size), *theirs = NULL;
    if (rpc_wire_check (descriptor, data, size, NULL))
        theirs = protobuf_c_message_unpack (descriptor, arena_protobuf (arena), size, data);
    assert (ours == NULL || theirs != NULL);
    if (ours != NULL)
        same (ours, theirs);
    if (theirs != NULL && kinds[kind].reply)
        packs_alike (kinds[kind].codec, theirs);
    arena_reset (arena);
    return 0;
}
