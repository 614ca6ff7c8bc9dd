// Bodies of REST: JSON as anybody sends it, read as the request of a method (R34). The first byte chooses the method, the rest is the body.
#include "admin.pb-c.h"
#include "audit.pb-c.h"
#include "common/json/json.h"
#include "common/rpc/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { ARENA = 1 << 20 };

static const ProtobufCMessageDescriptor *
descriptor_choose (uint8_t byte)
{
    unsigned admin = jeton__v1__admin__descriptor.n_methods;
    unsigned n = byte % (admin + jeton__v1__audit_logger__descriptor.n_methods);
    return n < admin ? jeton__v1__admin__descriptor.methods[n].input
                     : jeton__v1__audit_logger__descriptor.methods[n - admin].input;
}

// Errors are safe to show, as JSON, and name a member.
static void
error_check (const struct error *path, const struct error *why)
{
    json_t *shown = json_pack ("{s:s, s:s}", "field", path->text, "description", why->text);
    assert (shown && why->text[0] != '\0');
    json_decref (shown);
}

// A service takes what was read, and it means the same when it is written and read again.
static void
message_check (const ProtobufCMessage *message, struct arena *arena)
{
    size_t size = protobuf_c_message_get_packed_size (message), again_size;
    uint8_t *packed = malloc (size + 1), *again;
    struct wire_violation violation;
    struct error error;
    assert (packed && protobuf_c_message_pack (message, packed) == size);
    assert (wire_check (message->descriptor, packed, size, &violation));
    json_t *written = json_from_message (message);
    ProtobufCMessage *read = json_to_message (written, message->descriptor, arena, &error);
    json_decref (written);
    // What was left out is there, as null or empty, so it may be more than the arena has.
    if (read) {
        again_size = protobuf_c_message_get_packed_size (read);
        again = malloc (again_size + 1);
        assert (again && protobuf_c_message_pack (read, again) == again_size);
        assert (again_size == size && memcmp (again, packed, size) == 0);
        free (again);
    }
    free (packed);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    json_error_t wrong;
    json_t *body = json_loadb ((const char *) data + 1, size - 1, JSON_REJECT_DUPLICATES, &wrong);
    if (!body)
        return 0;
    struct arena *arena = arena_new (ARENA);
    struct error path, why;
    ProtobufCMessage *message =
        json_to_message_at (body, descriptor_choose (data[0]), arena, &path, &why);
    if (message)
        message_check (message, arena);
    else
        error_check (&path, &why);
    json_decref (body);
    arena_destroy (&arena);
    return 0;
}
