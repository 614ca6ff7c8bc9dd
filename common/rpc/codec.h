// What takes the place of protobuf-c for the messages of one method, where the way through descriptors costs too much. It makes and reads the same
// bytes; nobody can tell which of the two did.
#ifndef JETON_RPC_CODEC_H
#define JETON_RPC_CODEC_H

#include "common/memory/memory.h"
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

// Unpacks into the arena. NULL: it is not of the plain form that this one knows, or the arena has no room. That is no judgement: whoever calls asks
// rpc_wire_check and protobuf-c then, which know all forms, and tell what is wrong. What it does unpack is what they would have made of it.
typedef ProtobufCMessage *rpc_unpack (struct arena *arena, const uint8_t *data, size_t size);

struct rpc_codec {
    rpc_unpack *request, *reply;
    // reply_size (reply), reply_pack (reply, data_r): As protobuf_c_message_get_packed_size and protobuf_c_message_pack, of a reply without unknown
    // fields. The size is what reply_pack returns, and writes.
    size_t (*reply_size) (const ProtobufCMessage *reply);
    size_t (*reply_pack) (const ProtobufCMessage *reply, uint8_t *data_r);
};

#endif
