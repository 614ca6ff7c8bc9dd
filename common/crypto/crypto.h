// What is sealed, signed and hashed: thin over libsodium and OpenSSL, with the keys' files.
#ifndef JETON_CRYPTO_H
#define JETON_CRYPTO_H

#include "common/error/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// crypto_start (error_r): sodium_init; call once, before anything else here.
bool crypto_start (struct error *error_r) __attribute__ ((warn_unused_result));

// crypto_file_read (path, secret, data_r, size, length_r, error_r): Read a small file whole. With `secret`, a file that others than its
// owner may read is refused (mode & 077, unless owned by root and group-readable, as orchestrators mount secrets).
bool crypto_file_read (const char *path, bool secret, uint8_t *data_r, size_t size,
                       size_t *length_r, struct error *error_r)
    __attribute__ ((warn_unused_result));

// crypto_file_line (&cursor, &number): The next line of a text in memory that is neither blank nor a comment (#), trimmed and ended by NUL in
// place, or NULL. `number` counts lines; begin with 0.
char *crypto_file_line (char **cursor, int *number);
// crypto_hex (text, data_r, size): Exactly 2 * size hexadecimal digits.
bool crypto_hex (const char *text, uint8_t *data_r, size_t size)
    __attribute__ ((warn_unused_result));

// Sealing: AES-256-GCM under a key kept outside the database.
//     sealed = key version (4 bytes, big endian) || nonce (12) || ciphertext || tag (16)
// `context` is authenticated with it (additional data), so that a sealed value cannot be moved to another row.
enum { CRYPTO_SEAL_OVERHEAD = 32, CRYPTO_SEAL_KEYS_MAX = 16 };
struct seal_keys;

// seal_keys_load (path, error_r): One key a line: version, blank, 64 hexadecimal digits. The highest version seals; all open.
struct seal_keys *seal_keys_load (const char *path, struct error *error_r)
    __attribute__ ((warn_unused_result));
void seal_keys_destroy (struct seal_keys **keys); // wiped
// seal_keys_newest (keys): The version that seals. What is sealed begins with its version: 4 bytes, big endian.
uint32_t seal_keys_newest (const struct seal_keys *keys);
// seal (keys, context, data, size, sealed_r): sealed_r has room for size + CRYPTO_SEAL_OVERHEAD. False only when OpenSSL fails.
bool seal (const struct seal_keys *keys, const char *context, const void *data, size_t size,
           uint8_t *sealed_r) __attribute__ ((warn_unused_result));
// seal_open (keys, context, sealed, size, data_r): data_r has room for size - CRYPTO_SEAL_OVERHEAD. False: not sealed with these keys
// and this context, or changed since.
bool seal_open (const struct seal_keys *keys, const char *context, const uint8_t *sealed,
                size_t size, uint8_t *data_r) __attribute__ ((warn_unused_result));

// Checkpoints: Ed25519 (RFC 8032). The secret key's file holds 64 hexadecimal digits (the seed), the public one's 64 as well.
enum { CRYPTO_PUBLIC_SIZE = 32, CRYPTO_SEED_SIZE = 32, CRYPTO_SIGNATURE_SIZE = 64 };
struct sign_key {
    uint8_t public_key[CRYPTO_PUBLIC_SIZE];
    uint8_t secret_key[64]; // libsodium's form; zero when only the public key is known
};
bool sign_key_load (const char *path, struct sign_key *key_r, struct error *error_r)
    __attribute__ ((warn_unused_result));
bool sign_public_load (const char *path, struct sign_key *key_r, struct error *error_r)
    __attribute__ ((warn_unused_result));
// sign_publics_load (path, keys_r, n_r, error_r): The public key in the first line, and in further ones those that it has replaced.
enum { CRYPTO_PUBLICS_MAX = 16 };
bool sign_publics_load (const char *path, struct sign_key keys_r[CRYPTO_PUBLICS_MAX], size_t *n_r,
                        struct error *error_r) __attribute__ ((warn_unused_result));
void sign_make (const struct sign_key *key, const void *data, size_t size,
                uint8_t signature_r[CRYPTO_SIGNATURE_SIZE]);
bool sign_check (const struct sign_key *key, const void *data, size_t size,
                 const uint8_t signature[CRYPTO_SIGNATURE_SIZE])
    __attribute__ ((warn_unused_result));

// Passwords: Argon2id (RFC 9106) in PHC form, libsodium's interactive limits (64 MiB, 2 passes). Slow by design: never in a loop thread.
enum { CRYPTO_PASSWORD_HASH_SIZE = 128 };
bool password_hash (const char *password, char hash_r[CRYPTO_PASSWORD_HASH_SIZE])
    __attribute__ ((warn_unused_result)); // false: no memory
bool password_verify (const char *hash, const char *password) __attribute__ ((warn_unused_result));
// password_dummy (): The hash of a password that nobody has: verify against it when there is no such user, so that time does not tell.
const char *password_dummy (void);

#endif
