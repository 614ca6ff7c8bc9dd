#include "common/token/pkce.h"
#include <sodium.h>
#include <stdint.h>
#include <string.h>

bool
pkce_verifier_good (const char *verifier)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t length = strspn (verifier, unreserved);
    return !verifier[length] && length >= PKCE_VERIFIER_MIN && length <= PKCE_VERIFIER_MAX;
}

bool
pkce_challenge_good (const char *challenge)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char again[PKCE_CHALLENGE_SIZE];
    size_t size, length = strlen (challenge);
    return length == PKCE_CHALLENGE_SIZE - 1 &&
           sodium_base642bin (hash, sizeof hash, challenge, length, NULL, &size, NULL,
                              sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           sodium_bin2base64 (again, sizeof again, hash, sizeof hash,
                              sodium_base64_VARIANT_URLSAFE_NO_PADDING) &&
           strcmp (again, challenge) == 0; // libsodium 1.0.18 takes any byte above 127 for a "_"
}

void
pkce_challenge (const char *verifier, char challenge_r[PKCE_CHALLENGE_SIZE])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256 (hash, (const uint8_t *) verifier, strlen (verifier));
    sodium_bin2base64 (challenge_r, PKCE_CHALLENGE_SIZE, hash, sizeof hash,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool
pkce_match (const char *verifier, const char *challenge)
{
    char own[PKCE_CHALLENGE_SIZE];
    if (!pkce_verifier_good (verifier) || !pkce_challenge_good (challenge))
        return false;
    pkce_challenge (verifier, own);
    return sodium_memcmp (own, challenge, sizeof own) == 0;
}
