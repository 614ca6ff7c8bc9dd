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
    TOKEN_ACCESS_LENGTH = 64,
    TOKEN_ACCESS_DAY_MAX = (1 << 24) - 1,
    TOKEN_ACCESS_JTI_SIZE = 23, // 128 bits in base64url, ended by NUL
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

// The value of an opaque access token (R24): jtn_access_live_… or jtn_access_test_…
//
//     "jtn_access_" environment "_" base64url (25 random bytes || day, 3 bytes, the highest first || 8 bytes of check part)     64 characters in all
//
// The check part is as above, over "access_" and the environment, the random bytes and the day. `day` says in which partition of its table the token is: all that are
// there have expired when that day begins (in UTC, counted from 1970). So one look finds it, and of one whose day is over nobody needs to know more.
//
#define ACCESS_PREFIX "jtn_access_"
// token_access_make (keys, environment, day, value_r), token_access_encode (keys, environment, random, day, value_r), token_access_check (keys, text, length, environment_r,
// day_r): as token_value_…. day: TOKEN_ACCESS_DAY_MAX at most.
void token_access_make (const struct token_keys *keys, enum token_environment environment,
                        uint32_t day, char value_r[TOKEN_ACCESS_LENGTH + 1]);
void token_access_encode (const struct token_keys *keys, enum token_environment environment,
                          const uint8_t random[TOKEN_RANDOM_SIZE], uint32_t day,
                          char value_r[TOKEN_ACCESS_LENGTH + 1]);
bool token_access_check (const struct token_keys *keys, const char *text, size_t length,
                         enum token_environment *environment_r, uint32_t *day_r)
    __attribute__ ((warn_unused_result));
// token_access_jti (digest, jti_r): Its id, by its digest: 128 bits of it, which say nothing of the value.
void token_access_jti (const uint8_t digest[TOKEN_DIGEST_SIZE], char jti_r[TOKEN_ACCESS_JTI_SIZE]);

// token_value_digest (text, length, digest_r): SHA-256: what is stored, and looked up. 200 random bits need no salt.
void token_value_digest (const char *text, size_t length, uint8_t digest_r[TOKEN_DIGEST_SIZE]);

#endif
