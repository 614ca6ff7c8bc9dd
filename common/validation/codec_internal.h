// How the files of the codec share what they know of the messages: codec_read.c (unpacking), codec_write.c (packing). Not for others.
#ifndef JETON_VALIDATION_CODEC_INTERNAL_H
#define JETON_VALIDATION_CODEC_INTERNAL_H

#include "common/rpc/codec.h"

// Fields are numbers below 16, so that each tag is one byte; but for a few of a reply, whose tags have two.
#define TAG(field, wire_type) ((field) << 3 | (wire_type))
enum { VARINT = 0, LENGTH = 2 };

enum {
    BATCH_LIST = TAG (1, LENGTH), // `requests` of a batch, and `replies`
    BATCH_ONLY_KNOWN = TAG (2, VARINT),
    BATCH_BRIEF = TAG (3, VARINT),

    REQUEST_TOKEN = TAG (1, LENGTH),
    REQUEST_MODULE = TAG (2, LENGTH),
    REQUEST_ACCESS = TAG (3, VARINT),
    REQUEST_ENVIRONMENT = TAG (4, VARINT),
    REQUEST_CLIENT_ADDRESS = TAG (5, LENGTH),
    REQUEST_STORE_CLIENT = TAG (6, LENGTH),

    REPLY_DECISION = TAG (1, VARINT),
    REPLY_REASON = TAG (2, VARINT),
    REPLY_STATUS = TAG (3, VARINT),
    REPLY_WWW_AUTHENTICATE = TAG (4, LENGTH),
    REPLY_TOKEN = TAG (5, LENGTH),
    REPLY_ACCOUNT = TAG (6, LENGTH),
    REPLY_USER = TAG (7, LENGTH),
    REPLY_CLIENT = TAG (8, LENGTH),
    REPLY_KIND = TAG (9, VARINT),
    REPLY_GRANTED_ACCESS = TAG (10, VARINT),
    REPLY_EXPIRES_AT = TAG (11, VARINT),
    REPLY_SCOPE = TAG (12, LENGTH),
    REPLY_ALLOWANCE = TAG (13, LENGTH),
    REPLY_CUSTOMER = TAG (14, LENGTH),
    REPLY_TOKEN_NUMBER = TAG (15, VARINT),
    REPLY_ACCOUNT_NUMBER = TAG (16, VARINT),
    REPLY_USER_NUMBER = TAG (17, VARINT),
    REPLY_CLIENT_NUMBER = TAG (18, VARINT),
    REPLY_CUSTOMER_NUMBER = TAG (19, VARINT),
};

// codec_read.c, as rpc_unpack.
ProtobufCMessage *codec_request_read (struct arena *arena, const uint8_t *data, size_t size);
ProtobufCMessage *codec_reply_read (struct arena *arena, const uint8_t *data, size_t size);
ProtobufCMessage *codec_batch_request_read (struct arena *arena, const uint8_t *data, size_t size);
ProtobufCMessage *codec_batch_reply_read (struct arena *arena, const uint8_t *data, size_t size);

#endif
