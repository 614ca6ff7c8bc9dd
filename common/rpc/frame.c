#include "common/rpc/client_internal.h"
#include "common/rpc/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLIENT_MESSAGE_REQUEST_TAG = 1 << 3 | 2,
    REQUEST_TIMEOUT_TAG = 3 << 3 | 0,
    REQUEST_BODY_TAG = 5 << 3 | 2,
    TIMEOUT_SIZE = 5, // a varint of fixed size, so that it can be written again
};

// A call may wait for a connection: what is left of its time is known only when it is sent.
void
rpc_frame_timeout (struct rpc_call *call, uint32_t timeout_ms)
{
    uint8_t *at = call->frame + call->timeout_at;
    for (int i = 0; i < TIMEOUT_SIZE; i++)
        at[i] = (uint8_t) ((timeout_ms >> (7 * i) & 0x7f) | (i < TIMEOUT_SIZE - 1 ? 0x80 : 0));
}

static size_t
metadata_fill (const char *const *pairs, Jeton__V1__Metadata *metadata, Jeton__V1__Metadata **list)
{
    size_t n = 0;
    for (; pairs != NULL && pairs[0] != NULL; pairs += 2, n++) {
        assert (n < 16 && pairs[1] != NULL);
        jeton__v1__metadata__init (&metadata[n]);
        metadata[n].key = (char *) pairs[0];
        metadata[n].value = (char *) pairs[1];
        list[n] = &metadata[n];
    }
    return n;
}

// Frames are large, and most are gone as soon as they are sent: to allocate each would have malloc put its free pieces together each time.
static void
frame_new (struct rpc_call *call)
{
    struct rpc_client *client = call->client;
    if (client->spare_room < call->frame_size) {
        free (client->spare);
        client->spare = xcalloc (1, call->frame_size);
        client->spare_room = call->frame_size;
    }
    call->frame = client->spare;
    call->frame_room = client->spare_room;
    client->spare = NULL;
    client->spare_room = 0;
}

void
rpc_frame_free (struct rpc_call *call)
{
    struct rpc_client *client = call->client;
    if (call->frame == NULL)
        return;
    explicit_bzero (call->frame, call->frame_size);
    if (call->frame_room > client->spare_room && call->frame_room <= RPC_CLIENT_SPARE_MAX) {
        free (client->spare);
        client->spare = call->frame;
        client->spare_room = call->frame_room;
    } else
        free (call->frame);
    call->frame = NULL;
}

// Packs the envelope, with room for a body of that size: where that belongs.
static uint8_t *
envelope_pack (struct rpc_call *call, const char *method, size_t body,
               const struct rpc_call_options *options, uint32_t timeout_ms)
{
    Jeton__V1__Metadata metadata[16], *list[16];
    Jeton__V1__Request request = JETON__V1__REQUEST__INIT;
    request.id = call->id;
    request.method = (char *) method;
    request.credit = call->credit;
    request.gather = true;
    request.metadata = list;
    request.n_metadata = metadata_fill (options->metadata, metadata, list);

    size_t size = jeton__v1__request__get_packed_size (&request) + 1 + TIMEOUT_SIZE;
    size += body > 0 ? 1 + wire_varint_size (body) + body : 0;
    call->frame_size = 1 + wire_varint_size (size) + size;
    frame_new (call);

    uint8_t *at = call->frame;
    *at++ = CLIENT_MESSAGE_REQUEST_TAG;
    at += wire_varint_write (size, at);
    at += jeton__v1__request__pack (&request, at);
    *at++ = REQUEST_TIMEOUT_TAG;
    call->timeout_at = (size_t) (at - call->frame);
    rpc_frame_timeout (call, timeout_ms);
    at += TIMEOUT_SIZE;
    if (body > 0) {
        *at++ = REQUEST_BODY_TAG;
        at += wire_varint_write (body, at);
    }
    assert (at + body == call->frame + call->frame_size);
    return at;
}

// The same as packing a ClientMessage, without packing the body twice.
void
rpc_frame_pack (struct rpc_call *call, const char *method, const ProtobufCMessage *message,
                const struct rpc_call_options *options, uint32_t timeout_ms)
{
    size_t size = protobuf_c_message_get_packed_size (message);
    uint8_t *body = envelope_pack (call, method, size, options, timeout_ms);
    size_t packed = protobuf_c_message_pack (message, body);
    assert (packed == size);
}

void
rpc_frame_wrap (struct rpc_call *call, const char *method, const uint8_t *body, size_t size,
                const struct rpc_call_options *options, uint32_t timeout_ms)
{
    memcpy (envelope_pack (call, method, size, options, timeout_ms), body, size);
}
