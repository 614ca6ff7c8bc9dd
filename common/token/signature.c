// Signatures of tokens: OpenSSL's, in the form that RFC 7518 and RFC 8037 give them.
#include "common/token/key.h"
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

enum { DER_MAX = 80, HASH_SIZE = 32 };

// One number of the DER form that OpenSSL has just made, padded or cut to its 32 bytes. NULL: it is none; otherwise where it ends.
static const uint8_t *
number_from_der (const uint8_t *der, const uint8_t *end, uint8_t number_r[JWT_COORDINATE_SIZE])
{
    if (end - der < 2 || der[0] != 0x02 || der[1] == 0 || der[1] > end - der - 2)
        return NULL;
    size_t size = der[1];
    der += 2;
    for (; size > 0 && *der == 0; der++, size--)
        continue;
    if (size > JWT_COORDINATE_SIZE)
        return NULL;
    memset (number_r, 0, JWT_COORDINATE_SIZE - size);
    memcpy (number_r + JWT_COORDINATE_SIZE - size, der, size);
    return der + size;
}

// RFC 7518 section 3.4 has R || S, OpenSSL has DER: a sequence of two numbers, of less than 128 bytes. By hand, as OpenSSL takes memory six times for it.
static bool
raw_from_der (const uint8_t *der, size_t size, uint8_t *raw_r)
{
    const uint8_t *end = der + size;
    if (size < 2 || der[0] != 0x30 || der[1] != size - 2)
        return false;
    der = number_from_der (der + 2, end, raw_r);
    return der && number_from_der (der, end, raw_r + JWT_COORDINATE_SIZE) == end;
}

// The size of the DER form, 0 when OpenSSL fails.
static size_t
der_from_raw (const uint8_t *raw, uint8_t der_r[DER_MAX])
{
    ECDSA_SIG *pair = ECDSA_SIG_new ();
    BIGNUM *r = BN_bin2bn (raw, JWT_COORDINATE_SIZE, NULL);
    BIGNUM *s = BN_bin2bn (raw + JWT_COORDINATE_SIZE, JWT_COORDINATE_SIZE, NULL);
    if (!pair || ECDSA_SIG_set0 (pair, r, s) != 1) {
        BN_free (r);
        BN_free (s);
        ECDSA_SIG_free (pair);
        return 0;
    }
    int size = i2d_ECDSA_SIG (pair, NULL);
    if (size > 0 && size <= DER_MAX)
        size = i2d_ECDSA_SIG (pair, &der_r);
    else
        size = 0;
    ECDSA_SIG_free (pair);
    return (size_t) size;
}

// RSA's padding is that of PKCS #1 v1.5 (RFC 7518 section 3.3).
static bool
context_ready (EVP_PKEY_CTX *context, int (*init) (EVP_PKEY_CTX *), const struct jwt_key *key)
{
    return context && init (context) == 1 &&
           EVP_PKEY_CTX_set_signature_md (context, key->digest) == 1 &&
           (key->algorithm != JWT_RS256 ||
            EVP_PKEY_CTX_set_rsa_padding (context, RSA_PKCS1_PADDING) == 1);
}

bool
jwt_signature_ready (struct jwt_key *key)
{
    if (key->algorithm == JWT_EDDSA)
        return true;
    key->digest = EVP_MD_fetch (NULL, "SHA256", NULL);
    key->hashing = EVP_MD_CTX_new ();
    key->signing = EVP_PKEY_CTX_new_from_pkey (NULL, key->pkey, NULL);
    key->checking = EVP_PKEY_CTX_new_from_pkey (NULL, key->pkey, NULL);
    return key->digest && key->hashing && context_ready (key->signing, EVP_PKEY_sign_init, key) &&
           context_ready (key->checking, EVP_PKEY_verify_init, key);
}

bool
jwt_signature_shared (const struct jwt_key *from, struct jwt_key *key)
{
    if (key->algorithm == JWT_EDDSA)
        return true;
    if (EVP_MD_up_ref (from->digest) == 1)
        key->digest = from->digest;
    key->hashing = EVP_MD_CTX_new ();
    key->signing = EVP_PKEY_CTX_new_from_pkey (NULL, key->pkey, NULL);
    return key->digest && key->hashing && context_ready (key->signing, EVP_PKEY_sign_init, key);
}

static bool
hash_make (const struct jwt_key *key, const char *text, size_t length, uint8_t hash_r[HASH_SIZE])
{
    return EVP_DigestInit_ex2 (key->hashing, key->digest, NULL) == 1 &&
           EVP_DigestUpdate (key->hashing, text, length) == 1 &&
           EVP_DigestFinal_ex (key->hashing, hash_r, NULL) == 1;
}

static bool
make_ed25519 (const struct jwt_key *key, const char *text, size_t length, uint8_t *signature_r)
{
    size_t size = key->signature_size;
    EVP_MD_CTX *context = EVP_MD_CTX_new ();
    bool good = context &&
                EVP_DigestSignInit_ex (context, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1 &&
                EVP_DigestSign (context, signature_r, &size, (const uint8_t *) text, length) == 1 &&
                size == key->signature_size;
    EVP_MD_CTX_free (context);
    return good;
}

bool
jwt_signature_make (const struct jwt_key *key, const char *text, size_t length,
                    uint8_t signature_r[JWT_SIGNATURE_MAX])
{
    uint8_t hash[HASH_SIZE], der[DER_MAX];
    bool pair = key->algorithm == JWT_ES256;
    size_t size = pair ? sizeof der : JWT_SIGNATURE_MAX;
    if (key->algorithm == JWT_EDDSA)
        return make_ed25519 (key, text, length, signature_r);
    return hash_make (key, text, length, hash) &&
           EVP_PKEY_sign (key->signing, pair ? der : signature_r, &size, hash, sizeof hash) == 1 &&
           (pair ? raw_from_der (der, size, signature_r) : size == key->signature_size);
}

static bool
good_ed25519 (const struct jwt_key *key, const char *text, size_t length, const uint8_t *signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new ();
    bool good = context &&
                EVP_DigestVerifyInit_ex (context, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1 &&
                EVP_DigestVerify (context, signature, key->signature_size, (const uint8_t *) text,
                                  length) == 1;
    EVP_MD_CTX_free (context);
    return good;
}

static bool
good_hashed (const struct jwt_key *key, const char *text, size_t length, const uint8_t *signature)
{
    uint8_t hash[HASH_SIZE], der[DER_MAX];
    bool pair = key->algorithm == JWT_ES256;
    size_t size = pair ? der_from_raw (signature, der) : key->signature_size;
    return size > 0 && hash_make (key, text, length, hash) &&
           EVP_PKEY_verify (key->checking, pair ? der : signature, size, hash, sizeof hash) == 1;
}

bool
jwt_signature_good (const struct jwt_key *key, const char *text, size_t length,
                    const uint8_t *signature)
{
    bool good = key->algorithm == JWT_EDDSA ? good_ed25519 (key, text, length, signature)
                                            : good_hashed (key, text, length, signature);
    ERR_clear_error ();
    return good;
}
