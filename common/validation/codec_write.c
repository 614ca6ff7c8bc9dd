#include "common/rpc/wire.h"
#include "common/validation/codec.h"
#include "common/validation/codec_internal.h"
#include "validator.pb-c.h"

#include <string.h>

static size_t
text_size (const char *text)
{
    if (text == NULL || *text == '\0')
        return 0;
    size_t length = strlen (text);
    return 1 + wire_varint_size (length) + length;
}

// Negative numbers are ten bytes long, whatever their type.
static size_t
number_size (int64_t number)
{
    return number != 0 ? 1 + wire_varint_size ((uint64_t) number) : 0;
}

static size_t
numbers_size (const Jeton__V1__ValidateReply *reply)
{
    const uint32_t two[] = {reply->account_number, reply->user_number, reply->client_number,
                            reply->customer_number}; // whose tags have two bytes
    size_t size = number_size (reply->token_number);
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        size += two[i] != 0 ? 1 + number_size (two[i]) : 0;
    return size;
}

static uint8_t *
text_write (uint8_t tag, const char *text, uint8_t *at)
{
    if (text == NULL || *text == '\0')
        return at;
    size_t length = strlen (text);
    *at++ = tag;
    at += wire_varint_write (length, at);
    // It ends with its length.
    // NOLINTNEXTLINE(bugprone-not-null-terminated-result)
    memcpy (at, text, length);
    return at + length;
}

static uint8_t *
number_write (unsigned tag, int64_t number, uint8_t *at)
{
    if (number == 0)
        return at;
    at += wire_varint_write (tag, at);
    return at + wire_varint_write ((uint64_t) number, at);
}

static size_t
reply_measure (const Jeton__V1__ValidateReply *reply)
{
    size_t size = number_size ((int) reply->decision) + number_size ((int) reply->reason) +
                  number_size (reply->status) + text_size (reply->www_authenticate) +
                  text_size (reply->token) + text_size (reply->account) + text_size (reply->user) +
                  text_size (reply->client) + number_size ((int) reply->kind) +
                  number_size ((int) reply->granted_access) + number_size (reply->expires_at) +
                  text_size (reply->scope) + text_size (reply->customer) + numbers_size (reply);
    if (reply->allowance != NULL) {
        size_t length = jeton__v1__allowance__get_packed_size (reply->allowance);
        size += 1 + wire_varint_size (length) + length;
    }
    return size;
}

static uint8_t *
reply_write (const Jeton__V1__ValidateReply *reply, uint8_t *at)
{
    at = number_write (REPLY_DECISION, (int) reply->decision, at);
    at = number_write (REPLY_REASON, (int) reply->reason, at);
    at = number_write (REPLY_STATUS, reply->status, at);
    at = text_write (REPLY_WWW_AUTHENTICATE, reply->www_authenticate, at);
    at = text_write (REPLY_TOKEN, reply->token, at);
    at = text_write (REPLY_ACCOUNT, reply->account, at);
    at = text_write (REPLY_USER, reply->user, at);
    at = text_write (REPLY_CLIENT, reply->client, at);
    at = number_write (REPLY_KIND, (int) reply->kind, at);
    at = number_write (REPLY_GRANTED_ACCESS, (int) reply->granted_access, at);
    at = number_write (REPLY_EXPIRES_AT, reply->expires_at, at);
    at = text_write (REPLY_SCOPE, reply->scope, at);
    if (reply->allowance != NULL) {
        *at++ = REPLY_ALLOWANCE;
        at += wire_varint_write (jeton__v1__allowance__get_packed_size (reply->allowance), at);
        at += jeton__v1__allowance__pack (reply->allowance, at);
    }
    at = text_write (REPLY_CUSTOMER, reply->customer, at);
    at = number_write (REPLY_TOKEN_NUMBER, reply->token_number, at);
    at = number_write (REPLY_ACCOUNT_NUMBER, reply->account_number, at);
    at = number_write (REPLY_USER_NUMBER, reply->user_number, at);
    at = number_write (REPLY_CLIENT_NUMBER, reply->client_number, at);
    return number_write (REPLY_CUSTOMER_NUMBER, reply->customer_number, at);
}

static size_t
reply_size (const ProtobufCMessage *message)
{
    return reply_measure ((const Jeton__V1__ValidateReply *) message);
}

static size_t
reply_pack (const ProtobufCMessage *message, uint8_t *data_r)
{
    return (size_t) (reply_write ((const Jeton__V1__ValidateReply *) message, data_r) - data_r);
}

static size_t
batch_reply_size (const ProtobufCMessage *message)
{
    const Jeton__V1__ValidateBatchReply *batch = (const Jeton__V1__ValidateBatchReply *) message;
    size_t size = 0;
    for (size_t i = 0; i < batch->n_replies; i++) {
        size_t length = reply_measure (batch->replies[i]);
        size += 1 + wire_varint_size (length) + length;
    }
    return size;
}

// The length of nearly all is one byte, so that it is written first and measured afterwards; the others move up.
static size_t
batch_reply_pack (const ProtobufCMessage *message, uint8_t *data_r)
{
    const Jeton__V1__ValidateBatchReply *batch = (const Jeton__V1__ValidateBatchReply *) message;
    uint8_t *at = data_r;
    for (size_t i = 0; i < batch->n_replies; i++) {
        *at++ = BATCH_LIST;
        size_t length = (size_t) (reply_write (batch->replies[i], at + 1) - (at + 1));
        size_t prefix = wire_varint_size (length);
        if (prefix > 1)
            memmove (at + prefix, at + 1, length);
        wire_varint_write (length, at);
        at += prefix + length;
    }
    return (size_t) (at - data_r);
}

const struct rpc_codec validation_codec = {codec_request_read, codec_reply_read, reply_size,
                                           reply_pack};
const struct rpc_codec validation_batch_codec = {codec_batch_request_read, codec_batch_reply_read,
                                                 batch_reply_size, batch_reply_pack};
