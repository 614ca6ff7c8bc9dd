// Keys of signed tokens: P-256, Ed25519 and RSA, from and to DER.
#include "common/token/key.h"
#include "common/memory/memory.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { EXPONENT_MIN = 65537, EXPONENT_BITS_MAX = 64 };

static const char *const names[JWT_ALGORITHMS] = {
    [JWT_ES256] = "ES256",
    [JWT_EDDSA] = "EdDSA",
    [JWT_RS256] = "RS256",
};

const char *
jwt_algorithm_name (enum jwt_algorithm algorithm)
{
    return names[algorithm];
}

bool
jwt_algorithm_find (const char *name, enum jwt_algorithm *algorithm_r)
{
    for (int i = 0; i < JWT_ALGORITHMS; i++)
        if (strcmp (name, names[i]) == 0) {
            *algorithm_r = (enum jwt_algorithm) i;
            return true;
        }
    return false;
}

struct jwt_key *
jwt_openssl_failed (const char *what, struct error *error_r)
{
    const char *reason = ERR_reason_error_string (ERR_peek_last_error ());
    error_set (error_r, "%s: %s", what, reason ? reason : "refused by OpenSSL");
    ERR_clear_error ();
    return NULL;
}

// ---- which keys are good -------------------------------------------------------------------------------------------

static bool
good_p256 (EVP_PKEY *pkey, struct error *error_r)
{
    char group[32];
    if (EVP_PKEY_get_group_name (pkey, group, sizeof group, NULL) != 1 ||
        strcmp (group, "prime256v1") != 0) {
        error_set (error_r, "not a key of the curve P-256");
        return false;
    }
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey (NULL, pkey, NULL);
    bool good = context && EVP_PKEY_public_check (context) == 1;
    EVP_PKEY_CTX_free (context);
    if (!good)
        jwt_openssl_failed ("not a key", error_r);
    return good;
}

// Under a key of small order anybody can sign: OpenSSL does not look.
static bool
good_ed25519 (const EVP_PKEY *pkey, struct error *error_r)
{
    uint8_t point[JWT_COORDINATE_SIZE];
    size_t size = sizeof point;
    if (EVP_PKEY_get_raw_public_key (pkey, point, &size) == 1 && size == sizeof point &&
        crypto_core_ed25519_is_valid_point (point) == 1)
        return true;
    error_set (error_r, "not a key: no point of Ed25519's group");
    return false;
}

static bool
good_rsa (const EVP_PKEY *pkey, struct error *error_r)
{
    BIGNUM *n = NULL, *e = NULL;
    int bits = EVP_PKEY_get_bits (pkey);
    bool sized = bits >= JWT_RSA_BITS_MIN && bits <= JWT_RSA_BITS_MAX;
    bool good = EVP_PKEY_get_bn_param (pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                EVP_PKEY_get_bn_param (pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd (n) &&
                BN_is_odd (e) && BN_num_bits (e) <= EXPONENT_BITS_MAX &&
                (BN_num_bits (e) > BN_BITS2 || BN_get_word (e) >= EXPONENT_MIN);
    BN_free (n);
    BN_free (e);
    if (!sized)
        error_set (error_r, "not an RSA key of %d to %d bits: it has %d", JWT_RSA_BITS_MIN,
                   JWT_RSA_BITS_MAX, bits);
    else if (!good)
        error_set (error_r, "not an RSA key with an odd modulus and a usual exponent");
    return sized && good;
}

static bool
kind_set (struct jwt_key *key, struct error *error_r)
{
    if (EVP_PKEY_is_a (key->pkey, "EC")) {
        key->algorithm = JWT_ES256;
        key->signature_size = 2 * JWT_COORDINATE_SIZE;
        return good_p256 (key->pkey, error_r);
    }
    if (EVP_PKEY_is_a (key->pkey, "ED25519")) {
        key->algorithm = JWT_EDDSA;
        key->signature_size = 64;
        return good_ed25519 (key->pkey, error_r);
    }
    if (EVP_PKEY_is_a (key->pkey, "RSA")) {
        key->algorithm = JWT_RS256;
        key->signature_size = (size_t) EVP_PKEY_get_size (key->pkey);
        return good_rsa (key->pkey, error_r);
    }
    error_set (error_r, "not a key of the curve P-256, of Ed25519 or of RSA");
    return false;
}

struct jwt_key *
jwt_key_take (EVP_PKEY *pkey, struct error *error_r)
{
    if (!pkey)
        return jwt_openssl_failed ("not a key", error_r);
    struct jwt_key *key = xcalloc (1, sizeof *key);
    key->pkey = pkey;
    if (!kind_set (key, error_r)) {
        jwt_key_destroy (&key);
    } else if (!jwt_key_name (key) || !jwt_signature_ready (key)) {
        jwt_openssl_failed ("not a key", error_r);
        jwt_key_destroy (&key);
    }
    ERR_clear_error ();
    return key;
}

// ---- making, reading, writing ----------------------------------------------------------------------------------------

struct jwt_key *
jwt_key_generate (enum jwt_algorithm algorithm, struct error *error_r)
{
    EVP_PKEY *pkey = NULL;
    switch (algorithm) {
    case JWT_ES256:
        pkey = EVP_EC_gen ("P-256");
        break;
    case JWT_EDDSA:
        pkey = EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
        break;
    case JWT_RS256:
        pkey = EVP_RSA_gen (JWT_RSA_BITS_NEW);
        break;
    }
    return jwt_key_take (pkey, error_r);
}

struct jwt_key *
jwt_key_from_private (const uint8_t *der, size_t size, struct error *error_r)
{
    const uint8_t *p = der;
    PKCS8_PRIV_KEY_INFO *info =
        size <= JWT_SIZE_MAX ? d2i_PKCS8_PRIV_KEY_INFO (NULL, &p, (long) size) : NULL;
    EVP_PKEY *pkey = info && p == der + size ? EVP_PKCS82PKEY (info) : NULL;
    PKCS8_PRIV_KEY_INFO_free (info);
    return jwt_key_take (pkey, error_r);
}

struct jwt_key *
jwt_key_from_public (const uint8_t *der, size_t size, struct error *error_r)
{
    const uint8_t *p = der;
    EVP_PKEY *pkey = size <= JWT_SIZE_MAX ? d2i_PUBKEY (NULL, &p, (long) size) : NULL;
    if (pkey && p != der + size) {
        EVP_PKEY_free (pkey);
        pkey = NULL;
    }
    return jwt_key_take (pkey, error_r);
}

struct jwt_key *
jwt_key_share (const struct jwt_key *key)
{
    struct jwt_key *shared = xcalloc (1, sizeof *shared);
    if (EVP_PKEY_up_ref (key->pkey) == 1)
        shared->pkey = key->pkey;
    shared->algorithm = key->algorithm;
    shared->signature_size = key->signature_size;
    memcpy (shared->id, key->id, sizeof shared->id);
    if (!shared->pkey || !jwt_signature_shared (key, shared))
        jwt_key_destroy (&shared);
    ERR_clear_error ();
    return shared;
}

void
jwt_key_destroy (struct jwt_key **key)
{
    if (!*key)
        return;
    EVP_PKEY_CTX_free ((*key)->signing);
    EVP_PKEY_CTX_free ((*key)->checking);
    EVP_MD_CTX_free ((*key)->hashing);
    EVP_MD_free ((*key)->digest);
    EVP_PKEY_free ((*key)->pkey);
    free (*key);
    *key = NULL;
}

bool
jwt_key_private (const struct jwt_key *key, uint8_t **der_r, size_t *size_r)
{
    *der_r = NULL;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8 (key->pkey);
    uint8_t *der = NULL;
    int size = info ? i2d_PKCS8_PRIV_KEY_INFO (info, &der) : -1;
    PKCS8_PRIV_KEY_INFO_free (info);
    if (size > 0) {
        *der_r = xmemdup (der, (size_t) size);
        *size_r = (size_t) size;
        OPENSSL_clear_free (der, (size_t) size);
    }
    ERR_clear_error ();
    return size > 0;
}

bool
jwt_key_public (const struct jwt_key *key, uint8_t **der_r, size_t *size_r)
{
    *der_r = NULL;
    uint8_t *der = NULL;
    int size = i2d_PUBKEY (key->pkey, &der);
    if (size > 0) {
        *der_r = xmemdup (der, (size_t) size);
        *size_r = (size_t) size;
        OPENSSL_free (der);
    }
    ERR_clear_error ();
    return size > 0;
}

enum jwt_algorithm
jwt_key_algorithm (const struct jwt_key *key)
{
    return key->algorithm;
}

const char *
jwt_key_id (const struct jwt_key *key)
{
    return key->id;
}
