// The messages of Validate and ValidateBatch (proto/validator.proto) by hand, for both ends. The plain form that is unpacked: fields that are known, texts
// of ASCII, each shorter than 16 KiB. All that makes sense in these messages has it; what does not is told so by protobuf-c's way.
#ifndef JETON_VALIDATION_CODEC_H
#define JETON_VALIDATION_CODEC_H

#include "common/rpc/codec.h" // codec_read.c unpacks, codec_write.c packs

extern const struct rpc_codec validation_codec;       // of Validate
extern const struct rpc_codec validation_batch_codec; // of ValidateBatch

#endif
