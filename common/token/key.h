// What a key of signed tokens is made of. For common/token only; others see jwt.h.
#ifndef JETON_TOKEN_KEY_H
#define JETON_TOKEN_KEY_H

#include "common/token/jwt.h"
#include <openssl/evp.h>

enum { JWT_SIGNATURE_MAX = JWT_RSA_BITS_MAX / 8, JWT_COORDINATE_SIZE = 32 };

struct jwt_key {
    EVP_PKEY *pkey;
    enum jwt_algorithm algorithm;
    size_t signature_size; // bytes that each of its signatures has
    // Made ready once, as that costs a fifth of a signature. Not for two threads at once. NULL for Ed25519, which hashes by itself.
    EVP_PKEY_CTX *signing, *checking;
    EVP_MD *digest;
    EVP_MD_CTX *hashing;
    char id[JWT_KID_SIZE];
};

// jwt_key_take (pkey, error_r): A key of pkey, which is taken over, whatever comes of it. NULL is what OpenSSL could not make.
struct jwt_key *jwt_key_take (EVP_PKEY *pkey, struct error *error_r)
    __attribute__ ((warn_unused_result));
// jwt_key_name (key): Sets its id. False when OpenSSL does not tell its numbers.
bool jwt_key_name (struct jwt_key *key) __attribute__ ((warn_unused_result));

// jwt_signature_ready (key): Sets what signing and checking need. False when OpenSSL fails.
bool jwt_signature_ready (struct jwt_key *key) __attribute__ ((warn_unused_result));
// jwt_signature_shared (from, key): Sets what signing alone needs, with what two threads may use at once from `from`. False when OpenSSL fails.
bool jwt_signature_shared (const struct jwt_key *from, struct jwt_key *key)
    __attribute__ ((warn_unused_result));
// jwt_signature_make (key, text, length, signature_r): key->signature_size bytes, as RFC 7518 and 8037 have them.
bool jwt_signature_make (const struct jwt_key *key, const char *text, size_t length,
                         uint8_t signature_r[JWT_SIGNATURE_MAX])
    __attribute__ ((warn_unused_result));
// jwt_signature_good (key, text, length, signature): Of key->signature_size bytes.
bool jwt_signature_good (const struct jwt_key *key, const char *text, size_t length,
                         const uint8_t *signature) __attribute__ ((warn_unused_result));

// jwt_openssl_failed (what, error_r): error_r says `what` and OpenSSL's reason, whose queue is emptied. Returns NULL.
struct jwt_key *jwt_openssl_failed (const char *what, struct error *error_r);

#endif
