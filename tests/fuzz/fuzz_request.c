// The request messages of all methods: the first byte says which.
#include "admin.pb-c.h"
#include "audit.pb-c.h"
#include "common/memory/memory.h"
#include "common/rpc/server.h"
#include "health.pb-c.h"
#include "issuer.pb-c.h"
#include "validator.pb-c.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum { ARENA_LIMIT = 64 << 20 }; // more than an input of this size can need

static const ProtobufCServiceDescriptor *const services[] = {
    &jeton__v1__health__descriptor,       &jeton__v1__stats__descriptor,
    &jeton__v1__validator__descriptor,    &jeton__v1__issuer__descriptor,
    &jeton__v1__audit_logger__descriptor, &jeton__v1__admin__descriptor,
};

static const ProtobufCMessageDescriptor *
input_pick (unsigned choice)
{
    unsigned n = 0;
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        n += services[i]->n_methods;
    choice %= n;
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        if (choice < services[i]->n_methods)
            return services[i]->methods[choice].input;
        choice -= services[i]->n_methods;
    }
    abort ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static struct arena *arena;
    if (arena == NULL)
        arena = arena_new (ARENA_LIMIT);
    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *input = input_pick (data[0]);
    struct error violation = {.text = ""};
    if (!rpc_wire_check (input, data + 1, size - 1, &violation)) {
        assert (violation.text[0] != '\0');
        return 0;
    }
    ProtobufCMessage *message =
        protobuf_c_message_unpack (input, arena_protobuf (arena), size - 1, data + 1);
    assert (message != NULL); // a message that passed the check unpacks
    assert (protobuf_c_message_check (message));
    uint8_t *again = xcalloc (1, protobuf_c_message_get_packed_size (message));
    size_t again_size = protobuf_c_message_pack (message, again);
    assert (rpc_wire_check (input, again, again_size, NULL));
    free (again);
    arena_reset (arena);
    return 0;
}
