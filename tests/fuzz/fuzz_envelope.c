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
enum { PARTS_MAX = 32 };

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

// What is taken apart lies in it, one behind the other, up to its end.
static void
parts_check (const uint8_t *data, size_t size, uint32_t number)
{
    struct wire_part parts[PARTS_MAX];
    int n = wire_parts (data, size, number, parts, PARTS_MAX);
    assert (n >= -1 && n <= PARTS_MAX);
    const uint8_t *at = data;
    for (int i = 0; i < n; i++) {
        assert (parts[i].field == at && parts[i].field_size > parts[i].content_size);
        at += parts[i].field_size;
        assert (parts[i].content + parts[i].content_size == at);
        if (number == 4)
            parts_check (parts[i].content, parts[i].content_size, 1);
    }
    assert (n < 1 || at == data + size);
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
    parts_check (data, size, 4);
    parts_check (data, size, 7);
    char *text = xcalloc (1, size + 1);
    if (size > 0)
        memcpy (text, data, size);
    wire_text_clean (text);
    free (text);
    return 0;
}
