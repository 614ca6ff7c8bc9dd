// The value of an API token (R3): jtn_live_… or jtn_test_…
//
//     "jtn_" environment "_" base64url (25 random bytes || 8 bytes of check part)     53 characters in all
//
// The check part is SipHash-2-4 (Aumasson, Bernstein 2012) under a key that the token-making and the checking processes share, over
// the environment's name and the random bytes: a typing error or a made-up value is refused without a query. 33 bytes are exactly 44
// characters, so there is one spelling of each value. Scanners find it by jtn_(live|test)_[A-Za-z0-9_-]{44}.
#ifndef JETON_TOKEN_VALUE_H
#define JETON_TOKEN_VALUE_H

#include "common/error/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum token_environment { TOKEN_LIVE = 1, TOKEN_TEST = 2 }; // numbers of jeton.v1.Environment

enum {
    TOKEN_VALUE_LENGTH = 53,
    TOKEN_RANDOM_SIZE = 25,
    TOKEN_CHECK_KEY_SIZE = 16,
    TOKEN_CHECK_KEYS_MAX = 4,
    TOKEN_DIGEST_SIZE = 32,
};

// The keys of the check part: the first makes values, any of them is accepted, so that a key can be changed.
struct token_keys {
    size_t n;
    uint8_t keys[TOKEN_CHECK_KEYS_MAX][TOKEN_CHECK_KEY_SIZE];
};

// token_keys_load (path, keys_r, error_r): One key a line, 32 hexadecimal digits. False: error_r names file and line, never the key.
bool token_keys_load (const char *path, struct token_keys *keys_r, struct error *error_r)
    __attribute__ ((warn_unused_result));

// token_value_make (keys, environment, value_r): A new value from the operating system's random generator, ended by NUL.
void token_value_make (const struct token_keys *keys, enum token_environment environment,
                       char value_r[TOKEN_VALUE_LENGTH + 1]);

// token_value_encode (keys, environment, random, value_r): The value of given random bytes: for known values in tests.
void token_value_encode (const struct token_keys *keys, enum token_environment environment,
                         const uint8_t random[TOKEN_RANDOM_SIZE],
                         char value_r[TOKEN_VALUE_LENGTH + 1]);

// token_value_check (keys, text, length, environment_r): Is this a value that was made with one of the keys? Costs one SipHash per key;
// compares in constant time; looks at no more than TOKEN_VALUE_LENGTH bytes.
bool token_value_check (const struct token_keys *keys, const char *text, size_t length,
                        enum token_environment *environment_r) __attribute__ ((warn_unused_result));

// token_value_digest (text, length, digest_r): SHA-256: what is stored, and looked up. 200 random bits need no salt.
void token_value_digest (const char *text, size_t length, uint8_t digest_r[TOKEN_DIGEST_SIZE]);

#endif
