#include "common/token/value.h"
#include "common/crypto/crypto.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    PREFIX_LENGTH = 9, // jtn_live_
    CHECK_SIZE = crypto_shorthash_BYTES,
    BINARY_SIZE = TOKEN_RANDOM_SIZE + CHECK_SIZE,
};
static_assert (PREFIX_LENGTH + BINARY_SIZE / 3 * 4 == TOKEN_VALUE_LENGTH && BINARY_SIZE % 3 == 0,
               "one spelling: no padding, no unused bits");
static_assert (crypto_shorthash_KEYBYTES == TOKEN_CHECK_KEY_SIZE, "SipHash's key");

static const char *
prefix (enum token_environment environment)
{
    switch (environment) {
    case TOKEN_LIVE:
        return "jtn_live_";
    case TOKEN_TEST:
        return "jtn_test_";
    }
    assert (!"an environment");
    return NULL;
}

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

static void
check_part (const uint8_t key[TOKEN_CHECK_KEY_SIZE], enum token_environment environment,
            const uint8_t random[TOKEN_RANDOM_SIZE], uint8_t check_r[CHECK_SIZE])
{
    uint8_t input[4 + TOKEN_RANDOM_SIZE];
    memcpy (input, prefix (environment) + 4, 4); // "live" or "test"
    memcpy (input + 4, random, TOKEN_RANDOM_SIZE);
    crypto_shorthash (check_r, input, sizeof input, key);
    sodium_memzero (input, sizeof input);
}

void
token_value_encode (const struct token_keys *keys, enum token_environment environment,
                    const uint8_t random[TOKEN_RANDOM_SIZE], char value_r[TOKEN_VALUE_LENGTH + 1])
{
    assert (keys->n > 0);
    uint8_t binary[BINARY_SIZE];
    memcpy (binary, random, TOKEN_RANDOM_SIZE);
    check_part (keys->keys[0], environment, random, binary + TOKEN_RANDOM_SIZE);
    memcpy (value_r, prefix (environment), PREFIX_LENGTH);
    sodium_bin2base64 (value_r + PREFIX_LENGTH, TOKEN_VALUE_LENGTH + 1 - PREFIX_LENGTH, binary,
                       sizeof binary, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero (binary, sizeof binary);
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
    if (length != TOKEN_VALUE_LENGTH)
        return false;
    // libsodium 1.0.18 takes any byte above 127 for an underscore.
    for (size_t i = 0; i < length; i++)
        if ((unsigned char) text[i] > 127)
            return false;
    enum token_environment environment;
    if (memcmp (text, prefix (TOKEN_LIVE), PREFIX_LENGTH) == 0)
        environment = TOKEN_LIVE;
    else if (memcmp (text, prefix (TOKEN_TEST), PREFIX_LENGTH) == 0)
        environment = TOKEN_TEST;
    else
        return false;

    uint8_t binary[BINARY_SIZE];
    size_t size;
    if (sodium_base642bin (binary, sizeof binary, text + PREFIX_LENGTH, length - PREFIX_LENGTH,
                           NULL, &size, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        size != sizeof binary)
        return false;
    // All keys are tried, so that time does not tell which one it was.
    bool good = false;
    for (size_t i = 0; i < keys->n; i++) {
        uint8_t check[CHECK_SIZE];
        check_part (keys->keys[i], environment, binary, check);
        good |= sodium_memcmp (check, binary + TOKEN_RANDOM_SIZE, CHECK_SIZE) == 0;
    }
    sodium_memzero (binary, sizeof binary);
    if (good)
        *environment_r = environment;
    return good;
}

void
token_value_digest (const char *text, size_t length, uint8_t digest_r[TOKEN_DIGEST_SIZE])
{
    crypto_hash_sha256 (digest_r, (const uint8_t *) text, length);
}
