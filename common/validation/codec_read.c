#include "common/rpc/wire.h"
#include "common/validation/codec_internal.h"
#include "validator.pb-c.h"

#include <limits.h>
#include <string.h>

// What is left to read, and where the next text goes. A text and its NUL need no more room than it has in the message, with tag and length.
struct reader {
    const uint8_t *at, *end;
    char *texts;
    struct arena *arena;
};

static bool
length_read (struct reader *reader, size_t *length_r)
{
    size_t left = (size_t) (reader->end - reader->at), n = 1;
    if (left == 0)
        return false;
    *length_r = reader->at[0];
    if (*length_r >= 0x80) {
        if (left == 1 || reader->at[1] >= 0x80)
            return false;
        *length_r = (*length_r & 0x7f) | (size_t) reader->at[1] << 7;
        n = 2;
    }
    reader->at += n;
    return *length_r <= left - n;
}

// Up to 63 bits, so that none is negative.
static bool
number_read (struct reader *reader, int64_t maximum, int64_t *number_r)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 63 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        number |= (uint64_t) (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *number_r = (int64_t) number;
            return *number_r <= maximum;
        }
    }
    return false;
}

static bool
enum_read (struct reader *reader, int *number_r)
{
    int64_t number;
    if (!number_read (reader, INT_MAX, &number))
        return false;
    *number_r = (int) number;
    return true;
}

// False: there is something else than ASCII in it, or a NUL.
static bool
plain_copy (const uint8_t *from, size_t length, char *to)
{
    const uint64_t ones = UINT64_C (0x0101010101010101), highs = ones << 7;
    uint64_t word, bad = 0;
    for (; length >= 8; length -= 8, from += 8, to += 8) {
        memcpy (&word, from, sizeof word);
        memcpy (to, &word, sizeof word);
        bad |= (word | (word - ones)) & highs;
    }
    for (; length > 0; length--) {
        bad |= *from == 0 || *from >= 0x80;
        *to++ = (char) *from++;
    }
    return bad == 0;
}

static bool
text_read (struct reader *reader, char **text_r)
{
    size_t length;
    if (!length_read (reader, &length) || !plain_copy (reader->at, length, reader->texts))
        return false;
    *text_r = reader->texts;
    reader->texts[length] = '\0';
    reader->texts += length + 1;
    reader->at += length;
    return true;
}

static bool
request_read (struct reader *reader, void *message)
{
    Jeton__V1__ValidateRequest *request = message;
    bool good = true;
    int number;
    jeton__v1__validate_request__init (request);
    while (good && reader->at < reader->end)
        switch (*reader->at++) {
        case REQUEST_TOKEN:
            good = text_read (reader, &request->token);
            break;
        case REQUEST_MODULE:
            good = text_read (reader, &request->module);
            break;
        case REQUEST_ACCESS:
            good = enum_read (reader, &number);
            request->access = good ? (Jeton__V1__Access) number : request->access;
            break;
        case REQUEST_ENVIRONMENT:
            good = enum_read (reader, &number);
            request->environment = good ? (Jeton__V1__Environment) number : request->environment;
            break;
        case REQUEST_CLIENT_ADDRESS:
            good = text_read (reader, &request->client_address);
            break;
        case REQUEST_STORE_CLIENT:
            good = text_read (reader, &request->store_client);
            break;
        default:
            good = false;
        }
    return good;
}

// Not one of many a decision has this: rate limits only.
static bool
allowance_read (struct reader *reader, Jeton__V1__Allowance **allowance_r)
{
    size_t length;
    struct wire_violation violation;
    if (*allowance_r != NULL || !length_read (reader, &length) ||
        !wire_check (&jeton__v1__allowance__descriptor, reader->at, length, &violation))
        return false; // a second one would be merged with the first
    *allowance_r =
        jeton__v1__allowance__unpack (arena_protobuf (reader->arena), length, reader->at);
    reader->at += length;
    return *allowance_r != NULL;
}

static bool
reply_text_read (struct reader *reader, unsigned tag, Jeton__V1__ValidateReply *reply)
{
    switch (tag) {
    case REPLY_WWW_AUTHENTICATE:
        return text_read (reader, &reply->www_authenticate);
    case REPLY_TOKEN:
        return text_read (reader, &reply->token);
    case REPLY_ACCOUNT:
        return text_read (reader, &reply->account);
    case REPLY_USER:
        return text_read (reader, &reply->user);
    case REPLY_CLIENT:
        return text_read (reader, &reply->client);
    case REPLY_SCOPE:
        return text_read (reader, &reply->scope);
    case REPLY_CUSTOMER:
        return text_read (reader, &reply->customer);
    case REPLY_ALLOWANCE:
        return allowance_read (reader, &reply->allowance);
    default:
        return false;
    }
}

static bool
reply_enum_read (struct reader *reader, unsigned tag, Jeton__V1__ValidateReply *reply)
{
    int number;
    if (!enum_read (reader, &number))
        return false;
    switch (tag) {
    case REPLY_DECISION:
        reply->decision = (Jeton__V1__Decision) number;
        return true;
    case REPLY_REASON:
        reply->reason = (Jeton__V1__Reason) number;
        return true;
    case REPLY_STATUS:
        reply->status = number;
        return true;
    case REPLY_KIND:
        reply->kind = (Jeton__V1__TokenKind) number;
        return true;
    case REPLY_GRANTED_ACCESS:
        reply->granted_access = (Jeton__V1__Access) number;
        return true;
    default:
        return false;
    }
}

static bool
id_number_read (struct reader *reader, uint32_t *number_r)
{
    int64_t number;
    if (!number_read (reader, UINT32_MAX, &number))
        return false;
    *number_r = (uint32_t) number;
    return true;
}

static bool
reply_number_read (struct reader *reader, unsigned tag, Jeton__V1__ValidateReply *reply)
{
    switch (tag) {
    case REPLY_EXPIRES_AT:
        return number_read (reader, INT64_MAX, &reply->expires_at);
    case REPLY_TOKEN_NUMBER:
        return id_number_read (reader, &reply->token_number);
    case REPLY_ACCOUNT_NUMBER:
        return id_number_read (reader, &reply->account_number);
    case REPLY_USER_NUMBER:
        return id_number_read (reader, &reply->user_number);
    case REPLY_CLIENT_NUMBER:
        return id_number_read (reader, &reply->client_number);
    case REPLY_CUSTOMER_NUMBER:
        return id_number_read (reader, &reply->customer_number);
    default:
        return reply_enum_read (reader, tag, reply);
    }
}
static bool
reply_read (struct reader *reader, void *message)
{
    Jeton__V1__ValidateReply *reply = message;
    bool good = true;
    jeton__v1__validate_reply__init (reply);
    while (good && reader->at < reader->end) {
        unsigned tag = *reader->at++;
        if (tag >= 0x80) { // of two bytes, as this one knows them
            if (reader->at == reader->end || *reader->at != 1)
                return false;
            tag = (tag & 0x7f) | (unsigned) *reader->at++ << 7;
        }
        good = (tag & 7) == LENGTH ? reply_text_read (reader, tag, reply)
                                   : reply_number_read (reader, tag, reply);
    }
    return good;
}

typedef bool message_read (struct reader *reader, void *message);

static void *
single_unpack (struct arena *arena, const uint8_t *data, size_t size, size_t message_size,
               message_read *read)
{
    char *message = arena_alloc (arena, message_size + size);
    if (message == NULL)
        return NULL;
    struct reader reader = {data, data + size, message + message_size, arena};
    return read (&reader, message) ? message : NULL;
}

// How many there are in a batch, and its flags; request NULL: it is none that has any. False: it has something else.
static bool
batch_count (struct reader reader, size_t *n_r, Jeton__V1__ValidateBatchRequest *request)
{
    *n_r = 0;
    while (reader.at < reader.end) {
        size_t length;
        uint8_t tag = *reader.at++;
        if (tag == BATCH_LIST) {
            if (!length_read (&reader, &length))
                return false;
            reader.at += length;
            ++*n_r;
        } else if ((tag != BATCH_ONLY_KNOWN && tag != BATCH_BRIEF) || request == NULL ||
                   reader.at == reader.end || *reader.at >= 0x80) {
            return false;
        } else {
            *(tag == BATCH_BRIEF ? &request->brief : &request->only_known) = *reader.at++ != 0;
        }
    }
    return true;
}

// All messages of a batch, behind them their texts, in one piece. NULL: no room, or not plain.
static void **
list_unpack (struct reader reader, size_t n, size_t message_size, message_read *read)
{
    size_t texts = (size_t) (reader.end - reader.at);
    void **list = arena_alloc (reader.arena, n * (sizeof *list + message_size) + texts);
    if (list == NULL)
        return NULL;
    char *message = (char *) (list + n);
    reader.texts = message + n * message_size;
    for (size_t i = 0; i < n;) {
        size_t length;
        if (*reader.at++ != BATCH_LIST) {
            reader.at++; // a flag
            continue;
        }
        if (!length_read (&reader, &length))
            return NULL;
        struct reader one = {reader.at, reader.at + length, reader.texts, reader.arena};
        if (!read (&one, message))
            return NULL;
        reader.at = one.at;
        reader.texts = one.texts;
        list[i++] = message;
        message += message_size;
    }
    return list;
}

ProtobufCMessage *
codec_request_read (struct arena *arena, const uint8_t *data, size_t size)
{
    return single_unpack (arena, data, size, sizeof (Jeton__V1__ValidateRequest), request_read);
}

ProtobufCMessage *
codec_reply_read (struct arena *arena, const uint8_t *data, size_t size)
{
    return single_unpack (arena, data, size, sizeof (Jeton__V1__ValidateReply), reply_read);
}

ProtobufCMessage *
codec_batch_request_read (struct arena *arena, const uint8_t *data, size_t size)
{
    struct reader reader = {.at = data, .end = data + size, .arena = arena};
    Jeton__V1__ValidateBatchRequest *batch = arena_alloc (arena, sizeof *batch);
    if (batch == NULL)
        return NULL;
    jeton__v1__validate_batch_request__init (batch);
    if (!batch_count (reader, &batch->n_requests, batch))
        return NULL;
    batch->requests = (Jeton__V1__ValidateRequest **) list_unpack (
        reader, batch->n_requests, sizeof (Jeton__V1__ValidateRequest), request_read);
    return batch->requests != NULL ? &batch->base : NULL;
}

ProtobufCMessage *
codec_batch_reply_read (struct arena *arena, const uint8_t *data, size_t size)
{
    struct reader reader = {.at = data, .end = data + size, .arena = arena};
    Jeton__V1__ValidateBatchReply *batch = arena_alloc (arena, sizeof *batch);
    if (batch == NULL)
        return NULL;
    jeton__v1__validate_batch_reply__init (batch);
    if (!batch_count (reader, &batch->n_replies, NULL))
        return NULL;
    batch->replies = (Jeton__V1__ValidateReply **) list_unpack (
        reader, batch->n_replies, sizeof (Jeton__V1__ValidateReply), reply_read);
    return batch->replies != NULL ? &batch->base : NULL;
}
