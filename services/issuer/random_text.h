// Secrets that an issuer gives out: a prefix that says what it is, and base64url of 32 random bytes. They are kept as SHA-256 digests, which need no salt for so many bits.
//
// The last character has two bits that are not of the value: there is one spelling of each, that with zeros.
#ifndef JETON_ISSUER_RANDOM_TEXT_H
#define JETON_ISSUER_RANDOM_TEXT_H

#include <sodium.h>
#include <stdbool.h>

enum {
    RANDOM_TEXT_BYTES = 32,
    // What follows the prefix, with its NUL.
    RANDOM_TEXT_REST =
        sodium_base64_ENCODED_LEN (RANDOM_TEXT_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
};

// The size of one with a prefix that is a literal.
#define RANDOM_TEXT_SIZE(prefix) (sizeof (prefix) - 1 + RANDOM_TEXT_REST)

// random_text_make (prefix, text_r): text_r has room for RANDOM_TEXT_SIZE.
void random_text_make (const char *prefix, char *text_r);
// random_text_good (prefix, text): May it be one? Anybody can make one up that looks so.
bool random_text_good (const char *prefix, const char *text);

#endif
