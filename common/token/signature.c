// Signatures of tokens: OpenSSL's, in the form that RFC 7518 and RFC 8037 give them.
#include "common/token/key.h"
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <string.h>

enum { DER_MAX = 80 };

// RFC 7518 section 3.4 has R || S, OpenSSL has DER.
static bool
raw_from_der (const uint8_t *der, size_t size, uint8_t *raw_r)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG (NULL, &der, (long) size);
    bool good =
        pair &&
        BN_bn2binpad (ECDSA_SIG_get0_r (pair), raw_r, JWT_COORDINATE_SIZE) == JWT_COORDINATE_SIZE &&
        BN_bn2binpad (ECDSA_SIG_get0_s (pair), raw_r + JWT_COORDINATE_SIZE, JWT_COORDINATE_SIZE) ==
            JWT_COORDINATE_SIZE;
    ECDSA_SIG_free (pair);
    return good;
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

// Ed25519 hashes by itself (RFC 8032). RSA's padding is OpenSSL's default, that of PKCS #1 v1.5 (RFC 7518 section 3.3).
static const char *
digest_name (const struct jwt_key *key)
{
    return key->algorithm == JWT_EDDSA ? NULL : "SHA256";
}

bool
jwt_signature_make (const struct jwt_key *key, const char *text, size_t length,
                    uint8_t signature_r[JWT_SIGNATURE_MAX])
{
    uint8_t der[DER_MAX];
    bool pair = key->algorithm == JWT_ES256;
    size_t size = pair ? sizeof der : JWT_SIGNATURE_MAX;
    EVP_MD_CTX *context = EVP_MD_CTX_new ();
    bool good = context &&
                EVP_DigestSignInit_ex (context, NULL, digest_name (key), NULL, NULL, key->pkey,
                                       NULL) == 1 &&
                EVP_DigestSign (context, pair ? der : signature_r, &size, (const uint8_t *) text,
                                length) == 1 &&
                (pair ? raw_from_der (der, size, signature_r) : size == key->signature_size);
    EVP_MD_CTX_free (context);
    return good;
}

bool
jwt_signature_good (const struct jwt_key *key, const char *text, size_t length,
                    const uint8_t *signature)
{
    uint8_t der[DER_MAX];
    bool pair = key->algorithm == JWT_ES256;
    size_t size = pair ? der_from_raw (signature, der) : key->signature_size;
    EVP_MD_CTX *context = EVP_MD_CTX_new ();
    bool good = size > 0 && context &&
                EVP_DigestVerifyInit_ex (context, NULL, digest_name (key), NULL, NULL, key->pkey,
                                         NULL) == 1 &&
                EVP_DigestVerify (context, pair ? der : signature, size, (const uint8_t *) text,
                                  length) == 1;
    EVP_MD_CTX_free (context);
    ERR_clear_error ();
    return good;
}
