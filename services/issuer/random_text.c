#include "services/issuer/random_text.h"

#include <stdint.h>
#include <string.h>

void
random_text_make (const char *prefix, char *text_r)
{
    uint8_t random[RANDOM_TEXT_BYTES];
    randombytes_buf (random, sizeof random);
    sodium_bin2base64 (stpcpy (text_r, prefix), RANDOM_TEXT_REST, random, sizeof random,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero (random, sizeof random);
}

bool
random_text_good (const char *prefix, const char *text)
{
    uint8_t binary[RANDOM_TEXT_BYTES];
    char again[RANDOM_TEXT_REST];
    size_t length = strlen (prefix), size;
    const char *rest = text + length;
    if (strncmp (text, prefix, length) != 0 || strlen (rest) != sizeof again - 1 ||
        sodium_base642bin (binary, sizeof binary, rest, sizeof again - 1, NULL, &size, NULL,
                           sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        size != sizeof binary)
        return false;
    // libsodium 1.0.18 takes any byte above 127 for an underscore.
    sodium_bin2base64 (again, sizeof again, binary, sizeof binary,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    bool right = strcmp (again, rest) == 0;
    sodium_memzero (binary, sizeof binary);
    sodium_memzero (again, sizeof again);
    return right;
}
