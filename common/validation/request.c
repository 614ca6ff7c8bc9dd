#include "common/rpc/wire.h"
#include "common/validation/internal.h"

#include <string.h>

enum {
    TOKEN_TAG = 1 << 3 | 2,
    MODULE_TAG = 2 << 3 | 2,
    ACCESS_TAG = 3 << 3 | 0,
    ENVIRONMENT_TAG = 4 << 3 | 0,
    ADDRESS_TAG = 5 << 3 | 2,
    STORE_CLIENT_TAG = 6 << 3 | 2,
};

static size_t
text_size (size_t length)
{
    return length > 0 ? 1 + wire_varint_size (length) + length : 0;
}

// Negative numbers, which no enum has here, are ten bytes long.
static size_t
number_size (int number)
{
    return number != 0 ? 1 + wire_varint_size ((uint64_t) (int64_t) number) : 0;
}

static uint8_t *
text_pack (uint8_t tag, const char *text, size_t length, uint8_t *at)
{
    if (length == 0)
        return at;
    *at++ = tag;
    at += wire_varint_write (length, at);
    memcpy (at, text, length);
    return at + length;
}

static uint8_t *
number_pack (uint8_t tag, int number, uint8_t *at)
{
    if (number == 0)
        return at;
    *at++ = tag;
    return at + wire_varint_write ((uint64_t) (int64_t) number, at);
}

void
validation_measure (const Jeton__V1__ValidateRequest *request, struct validation_sizes *sizes_r)
{
    sizes_r->token = strlen (request->token);
    sizes_r->module = strlen (request->module);
    sizes_r->address = strlen (request->client_address);
    sizes_r->store_client = strlen (request->store_client);
    sizes_r->all = text_size (sizes_r->token) + text_size (sizes_r->module) +
                   number_size ((int) request->access) + number_size ((int) request->environment) +
                   text_size (sizes_r->address) + text_size (sizes_r->store_client);
}

void
validation_pack (const Jeton__V1__ValidateRequest *request, const struct validation_sizes *sizes,
                 uint8_t *data_r)
{
    uint8_t *at = text_pack (TOKEN_TAG, request->token, sizes->token, data_r);
    at = text_pack (MODULE_TAG, request->module, sizes->module, at);
    at = number_pack (ACCESS_TAG, (int) request->access, at);
    at = number_pack (ENVIRONMENT_TAG, (int) request->environment, at);
    at = text_pack (ADDRESS_TAG, request->client_address, sizes->address, at);
    text_pack (STORE_CLIENT_TAG, request->store_client, sizes->store_client, at);
}

const char *
validation_token (const uint8_t *data, size_t size, size_t *length_r)
{
    *length_r = 0;
    if (size == 0 || data[0] != TOKEN_TAG)
        return "";
    const uint8_t *at = data + 1;
    unsigned shift = 0;
    do
        *length_r |= (size_t) (*at & 0x7f) << shift;
    while (shift += 7, *at++ >= 0x80);
    return (const char *) at;
}
