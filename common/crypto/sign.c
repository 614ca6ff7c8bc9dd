#include "common/crypto/crypto.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert (crypto_sign_BYTES == CRYPTO_SIGNATURE_SIZE &&
                   crypto_sign_PUBLICKEYBYTES == CRYPTO_PUBLIC_SIZE &&
                   crypto_sign_SEEDBYTES == CRYPTO_SEED_SIZE &&
                   crypto_sign_SECRETKEYBYTES == sizeof ((struct sign_key *) 0)->secret_key,
               "sizes of Ed25519");

static bool
load (const char *path, bool secret, uint8_t bytes_r[32], struct error *error_r)
{
    char text[1024];
    size_t length;
    if (!crypto_file_read (path, secret, (uint8_t *) text, sizeof text - 1, &length, error_r))
        return false;
    text[length] = 0;
    char *cursor = text;
    int number = 0;
    const char *line = crypto_file_line (&cursor, &number);
    bool good = line && crypto_hex (line, bytes_r, 32) && !crypto_file_line (&cursor, &number);
    if (!good)
        error_set (error_r, "%s: not a key of 64 hexadecimal digits", path);
    sodium_memzero (text, sizeof text);
    return good;
}

bool
sign_key_load (const char *path, struct sign_key *key_r, struct error *error_r)
{
    *key_r = (struct sign_key){0};
    uint8_t seed[CRYPTO_SEED_SIZE];
    bool good = load (path, true, seed, error_r);
    if (good)
        crypto_sign_seed_keypair (key_r->public_key, key_r->secret_key, seed);
    sodium_memzero (seed, sizeof seed);
    return good;
}

bool
sign_public_load (const char *path, struct sign_key *key_r, struct error *error_r)
{
    *key_r = (struct sign_key){0};
    return load (path, false, key_r->public_key, error_r);
}

bool
sign_publics_load (const char *path, struct sign_key keys_r[CRYPTO_PUBLICS_MAX], size_t *n_r,
                   struct error *error_r)
{
    char text[4096];
    size_t length;
    if (!crypto_file_read (path, false, (uint8_t *) text, sizeof text - 1, &length, error_r))
        return false;
    text[length] = 0;
    char *cursor = text;
    int number = 0;
    bool good = true;
    const char *line;
    *n_r = 0;
    while (good && (line = crypto_file_line (&cursor, &number))) {
        good = *n_r < CRYPTO_PUBLICS_MAX &&
               crypto_hex (line, keys_r[*n_r].public_key, CRYPTO_PUBLIC_SIZE);
        ++*n_r;
    }
    if (!good || *n_r == 0)
        error_set (error_r, "%s: not a key of 64 hexadecimal digits in each of %d lines at most",
                   path, CRYPTO_PUBLICS_MAX);
    return good && *n_r > 0;
}

void
sign_make (const struct sign_key *key, const void *data, size_t size,
           uint8_t signature_r[CRYPTO_SIGNATURE_SIZE])
{
    crypto_sign_detached (signature_r, NULL, data, size, key->secret_key);
}

bool
sign_check (const struct sign_key *key, const void *data, size_t size,
            const uint8_t signature[CRYPTO_SIGNATURE_SIZE])
{
    return crypto_sign_verify_detached (signature, data, size, key->public_key) == 0;
}
