// Public keys as JSON Web Keys (RFC 7517; RFC 7518 section 6, RFC 8037 section 2), and their thumbprints (RFC 7638).
#include "common/memory/memory.h"
#include "common/token/key.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
    NUMBER_MAX = JWT_RSA_BITS_MAX / 8,
    POINT_SIZE = 1 + 2 * JWT_COORDINATE_SIZE, // SEC 1: 4, X, Y
    TEXT_MAX = sodium_base64_ENCODED_LEN (NUMBER_MAX, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
};

// ---- writing -------------------------------------------------------------------------------------------------------

static bool
add (json_t *jwk, const char *name, const uint8_t *bytes, size_t size)
{
    char text[TEXT_MAX];
    sodium_bin2base64 (text, sizeof text, bytes, size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return json_object_set_new (jwk, name, json_string (text)) == 0;
}

// `size` 0: as few bytes as it takes (RFC 7518 section 2, Base64urlUInt).
static bool
add_number (json_t *jwk, const char *name, const EVP_PKEY *pkey, const char *param, int size)
{
    uint8_t bytes[NUMBER_MAX];
    BIGNUM *number = NULL;
    bool good = EVP_PKEY_get_bn_param (pkey, param, &number) == 1;
    if (good && size == 0)
        size = BN_num_bytes (number);
    good = good && size <= NUMBER_MAX && BN_bn2binpad (number, bytes, size) == size &&
           add (jwk, name, bytes, (size_t) size);
    BN_free (number);
    return good;
}

// The members that a thumbprint is made of. NULL when OpenSSL does not tell them.
static json_t *
members (const struct jwt_key *key)
{
    uint8_t point[JWT_COORDINATE_SIZE];
    size_t size = sizeof point;
    json_t *jwk = NULL;
    bool good = false;
    switch (key->algorithm) {
    case JWT_ES256:
        jwk = json_pack ("{s:s, s:s}", "kty", "EC", "crv", "P-256");
        good = add_number (jwk, "x", key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, JWT_COORDINATE_SIZE) &&
               add_number (jwk, "y", key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, JWT_COORDINATE_SIZE);
        break;
    case JWT_EDDSA:
        jwk = json_pack ("{s:s, s:s}", "kty", "OKP", "crv", "Ed25519");
        good = EVP_PKEY_get_raw_public_key (key->pkey, point, &size) == 1 && size == sizeof point &&
               add (jwk, "x", point, sizeof point);
        break;
    case JWT_RS256:
        jwk = json_pack ("{s:s}", "kty", "RSA");
        good = add_number (jwk, "n", key->pkey, OSSL_PKEY_PARAM_RSA_N, 0) &&
               add_number (jwk, "e", key->pkey, OSSL_PKEY_PARAM_RSA_E, 0);
        break;
    }
    if (good)
        return jwk;
    json_decref (jwk);
    return NULL;
}

// RFC 7638 section 3: the required members, in the order of their names, without blanks.
bool
jwt_key_name (struct jwt_key *key)
{
    json_t *jwk = members (key);
    cleanup_free char *text = jwk ? json_dumps (jwk, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref (jwk);
    if (!text)
        return false;
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256 (hash, (const uint8_t *) text, strlen (text));
    sodium_bin2base64 (key->id, sizeof key->id, hash, sizeof hash,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return true;
}

json_t *
jwt_key_jwk (const struct jwt_key *key)
{
    json_t *jwk = members (key); // as when the key was named
    json_object_set_new (jwk, "kid", json_string (key->id));
    json_object_set_new (jwk, "use", json_string ("sig"));
    json_object_set_new (jwk, "alg", json_string (jwt_algorithm_name (key->algorithm)));
    return jwk;
}

// ---- reading -------------------------------------------------------------------------------------------------------

// The bytes of a member; 0: there is none, or it is no base64url of at most `room` bytes.
static size_t
read_bytes (const json_t *jwk, const char *name, uint8_t *bytes_r, size_t room)
{
    const json_t *member = json_object_get (jwk, name);
    size_t size;
    if (!json_is_string (member) ||
        sodium_base642bin (bytes_r, room, json_string_value (member), json_string_length (member),
                           NULL, &size, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return 0;
    return size;
}

static EVP_PKEY *
from_params (const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name (NULL, type, NULL);
    if (!context || EVP_PKEY_fromdata_init (context) != 1 ||
        EVP_PKEY_fromdata (context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free (context);
    return pkey;
}

static EVP_PKEY *
read_p256 (const json_t *jwk)
{
    uint8_t point[POINT_SIZE] = {4};
    char group[] = "P-256";
    if (read_bytes (jwk, "x", point + 1, JWT_COORDINATE_SIZE) != JWT_COORDINATE_SIZE ||
        read_bytes (jwk, "y", point + 1 + JWT_COORDINATE_SIZE, JWT_COORDINATE_SIZE) !=
            JWT_COORDINATE_SIZE)
        return NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string (OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string (OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end ()};
    return from_params ("EC", params);
}

static EVP_PKEY *
read_ed25519 (const json_t *jwk)
{
    uint8_t point[JWT_COORDINATE_SIZE];
    if (read_bytes (jwk, "x", point, sizeof point) != sizeof point)
        return NULL;
    return EVP_PKEY_new_raw_public_key (EVP_PKEY_ED25519, NULL, point, sizeof point);
}

static EVP_PKEY *
read_rsa (const json_t *jwk)
{
    uint8_t modulus[NUMBER_MAX], exponent[8];
    size_t modulus_size = read_bytes (jwk, "n", modulus, sizeof modulus);
    size_t exponent_size = read_bytes (jwk, "e", exponent, sizeof exponent);
    if (modulus_size == 0 || exponent_size == 0)
        return NULL;
    BIGNUM *n = BN_bin2bn (modulus, (int) modulus_size, NULL);
    BIGNUM *e = BN_bin2bn (exponent, (int) exponent_size, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new ();
    OSSL_PARAM *params = NULL;
    if (n && e && builder && OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN (builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        params = OSSL_PARAM_BLD_to_param (builder);
    EVP_PKEY *pkey = params ? from_params ("RSA", params) : NULL;
    OSSL_PARAM_free (params);
    OSSL_PARAM_BLD_free (builder);
    BN_free (n);
    BN_free (e);
    return pkey;
}

static bool
is (const json_t *jwk, const char *name, const char *wanted)
{
    const char *value = json_string_value (json_object_get (jwk, name));
    return value && strcmp (value, wanted) == 0;
}

struct jwt_key *
jwt_key_from_jwk (const json_t *jwk, struct error *error_r)
{
    if (json_object_get (jwk, "d") || json_object_get (jwk, "k")) {
        error_set (error_r, "the JWK has a private part: it is to be kept, and only the public "
                            "part to be sent");
        return NULL;
    }
    if (json_object_get (jwk, "use") && !is (jwk, "use", "sig")) {
        error_set (error_r, "the JWK is not for signatures: use is not sig");
        return NULL;
    }
    EVP_PKEY *pkey = is (jwk, "kty", "EC") && is (jwk, "crv", "P-256")      ? read_p256 (jwk)
                     : is (jwk, "kty", "OKP") && is (jwk, "crv", "Ed25519") ? read_ed25519 (jwk)
                     : is (jwk, "kty", "RSA")                               ? read_rsa (jwk)
                                                                            : NULL;
    if (!pkey) {
        jwt_openssl_failed ("not a JWK of the curve P-256, of Ed25519 or of RSA", error_r);
        return NULL;
    }
    struct jwt_key *key = jwt_key_take (pkey, error_r);
    if (key && json_object_get (jwk, "alg") &&
        !is (jwk, "alg", jwt_algorithm_name (key->algorithm))) {
        error_set (error_r, "alg is not that of the key: %s", jwt_algorithm_name (key->algorithm));
        jwt_key_destroy (&key);
    }
    return key;
}
