// Keys of signed tokens: P-256, from and to DER, as JWK.
#include "common/token/key.h"
#include "common/memory/memory.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COORDINATE_SIZE = 32 };

struct jwt_key *
jwt_openssl_failed (const char *what, struct error *error_r)
{
    const char *reason = ERR_reason_error_string (ERR_peek_last_error ());
    error_set (error_r, "%s: %s", what, reason ? reason : "refused by OpenSSL");
    ERR_clear_error ();
    return NULL;
}

static bool
coordinate (EVP_PKEY *pkey, const char *name, char text_r[JWT_KID_SIZE])
{
    BIGNUM *number = NULL;
    uint8_t bytes[COORDINATE_SIZE];
    bool good = EVP_PKEY_get_bn_param (pkey, name, &number) == 1 &&
                BN_bn2binpad (number, bytes, sizeof bytes) == (int) sizeof bytes;
    BN_free (number);
    if (good)
        sodium_bin2base64 (text_r, JWT_KID_SIZE, bytes, sizeof bytes,
                           sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return good;
}

// RFC 7638 section 3: the required members, in the order of their names, without blanks.
static void
thumbprint (struct jwt_key *key)
{
    char json[256];
    snprintf (json, sizeof json, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
              key->x, key->y);
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256 (hash, (const uint8_t *) json, strlen (json));
    sodium_bin2base64 (key->id, sizeof key->id, hash, sizeof hash,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

// Takes pkey over, whatever comes of it.
static struct jwt_key *
make (EVP_PKEY *pkey, struct error *error_r)
{
    if (!pkey)
        return jwt_openssl_failed ("not a key", error_r);
    struct jwt_key *key = xcalloc (1, sizeof *key);
    key->pkey = pkey;
    key->algorithm = "ES256";
    char group[32];
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey (NULL, pkey, NULL);
    if (!EVP_PKEY_is_a (pkey, "EC") ||
        EVP_PKEY_get_group_name (pkey, group, sizeof group, NULL) != 1 ||
        strcmp (group, "prime256v1") != 0) {
        error_set (error_r, "not a key of the curve P-256");
        ERR_clear_error ();
        jwt_key_destroy (&key);
    } else if (!context || EVP_PKEY_public_check (context) != 1 ||
               !coordinate (pkey, OSSL_PKEY_PARAM_EC_PUB_X, key->x) ||
               !coordinate (pkey, OSSL_PKEY_PARAM_EC_PUB_Y, key->y)) {
        jwt_openssl_failed ("not a key", error_r);
        jwt_key_destroy (&key);
    } else {
        thumbprint (key);
    }
    EVP_PKEY_CTX_free (context);
    return key;
}

struct jwt_key *
jwt_key_generate (struct error *error_r)
{
    return make (EVP_EC_gen ("P-256"), error_r);
}

struct jwt_key *
jwt_key_from_private (const uint8_t *der, size_t size, struct error *error_r)
{
    const uint8_t *p = der;
    PKCS8_PRIV_KEY_INFO *info =
        size <= JWT_SIZE_MAX ? d2i_PKCS8_PRIV_KEY_INFO (NULL, &p, (long) size) : NULL;
    EVP_PKEY *pkey = info && p == der + size ? EVP_PKCS82PKEY (info) : NULL;
    PKCS8_PRIV_KEY_INFO_free (info);
    return make (pkey, error_r);
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
    return make (pkey, error_r);
}

void
jwt_key_destroy (struct jwt_key **key)
{
    if (!*key)
        return;
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

const char *
jwt_key_id (const struct jwt_key *key)
{
    return key->id;
}

json_t *
jwt_key_jwk (const struct jwt_key *key)
{
    return json_pack ("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256", "x",
                      key->x, "y", key->y, "kid", key->id, "use", "sig", "alg", key->algorithm);
}
