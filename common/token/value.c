#include "common/token/value.h"
#include "common/crypto/crypto.h"
#include "common/token/base64url.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    CHECK_SIZE = crypto_shorthash_BYTES,
    DAY_SIZE = 3,
    PAYLOAD_MAX = TOKEN_RANDOM_SIZE + DAY_SIZE,
    BINARY_MAX = PAYLOAD_MAX + CHECK_SIZE,
};
static_assert (crypto_shorthash_KEYBYTES == TOKEN_CHECK_KEY_SIZE, "SipHash's key");

// A kind of values: a prefix, and base64url of its payload and check part.
struct form {
    size_t length, prefix_length, payload;
    const char *prefixes[3]; // by environment
};
static const struct form api_form = {
    TOKEN_VALUE_LENGTH, 9, TOKEN_RANDOM_SIZE, {NULL, "jtn_live_", "jtn_test_"}};
static const struct form access_form = {
    TOKEN_ACCESS_LENGTH, 16, PAYLOAD_MAX, {NULL, "jtn_access_live_", "jtn_access_test_"}};
#define ONE_SPELLING(length, prefix, payload)                                                      \
    static_assert ((prefix) + ((payload) + CHECK_SIZE) / 3 * 4 == (length) &&                      \
                       ((payload) + CHECK_SIZE) % 3 == 0,                                          \
                   "one spelling: no padding, no unused bits")
ONE_SPELLING (TOKEN_VALUE_LENGTH, 9, TOKEN_RANDOM_SIZE);
ONE_SPELLING (TOKEN_ACCESS_LENGTH, 16, PAYLOAD_MAX);

bool
token_keys_load (const char *path, struct token_keys *keys_r, struct error *error_r)
{
    *keys_r = (struct token_keys){0};
    char text[4096];
    size_t length;
    if (!crypto_file_read (path, true, (uint8_t *) text, sizeof text - 1, &length, error_r))
        return false;
    text[length] = 0;
    bool good = true;
    char *cursor = text;
    const char *line;
    int number = 0;
    while (good && (line = crypto_file_line (&cursor, &number)) != NULL) {
        good = keys_r->n < TOKEN_CHECK_KEYS_MAX &&
               crypto_hex (line, keys_r->keys[keys_r->n], TOKEN_CHECK_KEY_SIZE);
        if (good)
            keys_r->n++;
        else if (keys_r->n == TOKEN_CHECK_KEYS_MAX)
            error_set (error_r, "%s:%d: more than %d keys", path, number, TOKEN_CHECK_KEYS_MAX);
        else
            error_set (error_r, "%s:%d: not a key of 32 hexadecimal digits", path, number);
    }
    if (good && keys_r->n == 0) {
        error_set (error_r, "%s: no key (one a line, 32 hexadecimal digits)", path);
        good = false;
    }
    sodium_memzero (text, sizeof text);
    if (!good)
        sodium_memzero (keys_r, sizeof *keys_r);
    return good;
}

// Over the prefix without "jtn_" and the last "_", which says kind and environment, and the payload: no two kinds have the same.
static void
check_part (const struct form *form, const uint8_t key[TOKEN_CHECK_KEY_SIZE],
            enum token_environment environment, const uint8_t *payload, uint8_t check_r[CHECK_SIZE])
{
    uint8_t input[32 + PAYLOAD_MAX];
    size_t label = form->prefix_length - 5;
    memcpy (input, form->prefixes[environment] + 4, label); // "live", "access_test"
    memcpy (input + label, payload, form->payload);
    crypto_shorthash (check_r, input, label + form->payload, key);
    sodium_memzero (input, sizeof input);
}

static void
encode (const struct form *form, const struct token_keys *keys, enum token_environment environment,
        const uint8_t *payload, char *value_r)
{
    assert (keys->n > 0 && (environment == TOKEN_LIVE || environment == TOKEN_TEST));
    uint8_t binary[BINARY_MAX];
    memcpy (binary, payload, form->payload);
    check_part (form, keys->keys[0], environment, payload, binary + form->payload);
    memcpy (value_r, form->prefixes[environment], form->prefix_length);
    sodium_bin2base64 (value_r + form->prefix_length, form->length + 1 - form->prefix_length,
                       binary, form->payload + CHECK_SIZE,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero (binary, sizeof binary);
}

// All keys are tried, so that time does not tell which one it was.
static bool
check_right (const struct form *form, const struct token_keys *keys,
             enum token_environment environment, const uint8_t *binary)
{
    bool good = false;
    for (size_t i = 0; i < keys->n; i++) {
        uint8_t check[CHECK_SIZE];
        check_part (form, keys->keys[i], environment, binary, check);
        good |= sodium_memcmp (check, binary + form->payload, CHECK_SIZE) == 0;
    }
    return good;
}

static bool
decode (const struct form *form, const struct token_keys *keys, const char *text, size_t length,
        enum token_environment *environment_r, uint8_t payload_r[PAYLOAD_MAX])
{
    if (length != form->length)
        return false;
    enum token_environment environment;
    if (memcmp (text, form->prefixes[TOKEN_LIVE], form->prefix_length) == 0)
        environment = TOKEN_LIVE;
    else if (memcmp (text, form->prefixes[TOKEN_TEST], form->prefix_length) == 0)
        environment = TOKEN_TEST;
    else
        return false;

    uint8_t binary[BINARY_MAX];
    bool good =
        base64url_decode (text + form->prefix_length, length - form->prefix_length, binary) &&
        check_right (form, keys, environment, binary);
    if (good) {
        *environment_r = environment;
        memcpy (payload_r, binary, form->payload);
    }
    sodium_memzero (binary, sizeof binary);
    return good;
}

// ---- API tokens ----------------------------------------------------------------------------------------------------

void
token_value_encode (const struct token_keys *keys, enum token_environment environment,
                    const uint8_t random[TOKEN_RANDOM_SIZE], char value_r[TOKEN_VALUE_LENGTH + 1])
{
    encode (&api_form, keys, environment, random, value_r);
}

void
token_value_make (const struct token_keys *keys, enum token_environment environment,
                  char value_r[TOKEN_VALUE_LENGTH + 1])
{
    uint8_t random[TOKEN_RANDOM_SIZE];
    randombytes_buf (random, sizeof random);
    token_value_encode (keys, environment, random, value_r);
    sodium_memzero (random, sizeof random);
}

bool
token_value_check (const struct token_keys *keys, const char *text, size_t length,
                   enum token_environment *environment_r)
{
    uint8_t payload[PAYLOAD_MAX];
    bool good = decode (&api_form, keys, text, length, environment_r, payload);
    sodium_memzero (payload, sizeof payload);
    return good;
}

// ---- opaque access tokens --------------------------------------------------------------------------------------------

void
token_access_encode (const struct token_keys *keys, enum token_environment environment,
                     const uint8_t random[TOKEN_RANDOM_SIZE], uint32_t day,
                     char value_r[TOKEN_ACCESS_LENGTH + 1])
{
    assert (day <= TOKEN_ACCESS_DAY_MAX);
    uint8_t payload[PAYLOAD_MAX];
    memcpy (payload, random, TOKEN_RANDOM_SIZE);
    for (int i = 0; i < DAY_SIZE; i++)
        payload[TOKEN_RANDOM_SIZE + i] = (uint8_t) (day >> 8 * (DAY_SIZE - 1 - i));
    encode (&access_form, keys, environment, payload, value_r);
    sodium_memzero (payload, sizeof payload);
}

void
token_access_make (const struct token_keys *keys, enum token_environment environment, uint32_t day,
                   char value_r[TOKEN_ACCESS_LENGTH + 1])
{
    uint8_t random[TOKEN_RANDOM_SIZE];
    randombytes_buf (random, sizeof random);
    token_access_encode (keys, environment, random, day, value_r);
    sodium_memzero (random, sizeof random);
}

bool
token_access_check (const struct token_keys *keys, const char *text, size_t length,
                    enum token_environment *environment_r, uint32_t *day_r)
{
    uint8_t payload[PAYLOAD_MAX];
    bool good = decode (&access_form, keys, text, length, environment_r, payload);
    if (good)
        *day_r = (uint32_t) payload[TOKEN_RANDOM_SIZE] << 16 |
                 (uint32_t) payload[TOKEN_RANDOM_SIZE + 1] << 8 | payload[TOKEN_RANDOM_SIZE + 2];
    sodium_memzero (payload, sizeof payload);
    return good;
}

void
token_access_jti (const uint8_t digest[TOKEN_DIGEST_SIZE], char jti_r[TOKEN_ACCESS_JTI_SIZE])
{
    sodium_bin2base64 (jti_r, TOKEN_ACCESS_JTI_SIZE, digest, TOKEN_DIGEST_SIZE / 2,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void
token_value_digest (const char *text, size_t length, uint8_t digest_r[TOKEN_DIGEST_SIZE])
{
    crypto_hash_sha256 (digest_r, (const uint8_t *) text, length);
}
