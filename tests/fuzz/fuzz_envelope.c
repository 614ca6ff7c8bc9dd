// What a server does with a frame before it knows what it is, and a client with a reply.
#include "common/memory/memory.h"
#include "common/rpc/server.h"
#include "common/rpc/wire.h"
#include "envelope.pb-c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { ARENA_LIMIT = 64 << 20 }; // more than an input of this size can need

static void
check (const ProtobufCMessageDescriptor *descriptor, struct arena *arena, const uint8_t *data,
       size_t size)
{
    struct error violation = {.text = ""};
    if (!rpc_wire_check (descriptor, data, size, &violation)) {
        assert (violation.text[0] != '\0');
        return;
    }
    ProtobufCMessage *message =
        protobuf_c_message_unpack (descriptor, arena_protobuf (arena), size, data);
    assert (message != NULL); // a message that passed the check unpacks
    uint8_t *again = xcalloc (1, protobuf_c_message_get_packed_size (message));
    size_t again_size = protobuf_c_message_pack (message, again);
    assert (rpc_wire_check (descriptor, again, again_size, NULL));
    free (again);
    arena_reset (arena);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static struct arena *arena;
    if (arena == NULL)
        arena = arena_new (ARENA_LIMIT);
    check (&jeton__v1__client_message__descriptor, arena, data, size);
    check (&jeton__v1__reply__descriptor, arena, data, size);
    wire_call_id (data, size);
    char *text = xcalloc (1, size + 1);
    if (size > 0)
        memcpy (text, data, size);
    wire_text_clean (text);
    free (text);
    return 0;
}
