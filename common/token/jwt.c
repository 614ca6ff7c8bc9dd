#include "common/token/jwt.h"
#include "common/memory/memory.h"
#include "common/token/key.h"
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NUMBER_SIZE = 32, SIGNATURE_SIZE = 2 * NUMBER_SIZE, DER_MAX = 80, TEXT_MAX = 256 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// ---- signatures: RFC 7518 section 3.4 has R || S, OpenSSL has DER ----------------------------------------------------

static bool
raw_from_der (const uint8_t *der, size_t size, uint8_t raw_r[SIGNATURE_SIZE])
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG (NULL, &der, (long) size);
    bool good =
        pair && BN_bn2binpad (ECDSA_SIG_get0_r (pair), raw_r, NUMBER_SIZE) == NUMBER_SIZE &&
        BN_bn2binpad (ECDSA_SIG_get0_s (pair), raw_r + NUMBER_SIZE, NUMBER_SIZE) == NUMBER_SIZE;
    ECDSA_SIG_free (pair);
    return good;
}

// The size of the DER form, 0 when OpenSSL fails.
static size_t
der_from_raw (const uint8_t raw[SIGNATURE_SIZE], uint8_t der_r[DER_MAX])
{
    ECDSA_SIG *pair = ECDSA_SIG_new ();
    BIGNUM *r = BN_bin2bn (raw, NUMBER_SIZE, NULL);
    BIGNUM *s = BN_bin2bn (raw + NUMBER_SIZE, NUMBER_SIZE, NULL);
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

static bool
make_signature (const struct jwt_key *key, const char *text, size_t length,
                uint8_t raw_r[SIGNATURE_SIZE])
{
    uint8_t der[DER_MAX];
    size_t size = sizeof der;
    EVP_MD_CTX *context = EVP_MD_CTX_new ();
    bool good = context &&
                EVP_DigestSignInit_ex (context, NULL, "SHA256", NULL, NULL, key->pkey, NULL) == 1 &&
                EVP_DigestSign (context, der, &size, (const uint8_t *) text, length) == 1 &&
                raw_from_der (der, size, raw_r);
    EVP_MD_CTX_free (context);
    return good;
}

static bool
check_signature (const struct jwt_key *key, const char *text, size_t length,
                 const uint8_t raw[SIGNATURE_SIZE])
{
    uint8_t der[DER_MAX];
    size_t size = der_from_raw (raw, der);
    EVP_MD_CTX *context = EVP_MD_CTX_new ();
    bool good =
        size > 0 && context &&
        EVP_DigestVerifyInit_ex (context, NULL, "SHA256", NULL, NULL, key->pkey, NULL) == 1 &&
        EVP_DigestVerify (context, der, size, (const uint8_t *) text, length) == 1;
    EVP_MD_CTX_free (context);
    ERR_clear_error ();
    return good;
}

// ---- making ---------------------------------------------------------------------------------------------------------

// Appends base64url to text, which has room for JWT_SIZE_MAX characters and NUL. False when that is not enough.
static bool
append (char *text, size_t *length, const void *data, size_t size)
{
    size_t needed = sodium_base64_ENCODED_LEN (size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    if (size > JWT_SIZE_MAX || needed > JWT_SIZE_MAX + 1 - *length)
        return false;
    sodium_bin2base64 (text + *length, needed, data, size,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    *length += needed - 1;
    return true;
}

static bool
append_json (char *text, size_t *length, const json_t *json)
{
    char *dump = json ? json_dumps (json, JSON_COMPACT) : NULL;
    bool good = dump && append (text, length, dump, strlen (dump));
    free (dump);
    return good;
}

char *
jwt_sign (const struct jwt_key *key, const char *type, const json_t *claims, struct error *error_r)
{
    char *text = xcalloc (1, JWT_SIZE_MAX + 1);
    size_t length = 0;
    json_t *header =
        json_pack ("{s:s, s:s, s:s}", "alg", key->algorithm, "typ", type, "kid", key->id);
    bool fits = append_json (text, &length, header) && length < JWT_SIZE_MAX;
    json_decref (header);
    if (fits) {
        text[length++] = '.';
        fits = append_json (text, &length, claims);
    }
    uint8_t signature[SIGNATURE_SIZE];
    bool made = fits && make_signature (key, text, length, signature);
    if (made && (fits = length < JWT_SIZE_MAX)) {
        text[length++] = '.';
        fits = append (text, &length, signature, sizeof signature);
    }
    if (made && fits)
        return text;
    free (text);
    if (!fits)
        error_set (error_r, "the claims are too long for a token of %d bytes", JWT_SIZE_MAX);
    else
        jwt_openssl_failed ("not signed", error_r);
    return NULL;
}

// ---- checking -------------------------------------------------------------------------------------------------------

struct parts {
    const char *header, *claims, *signature;
    size_t header_length, claims_length, signature_length;
};

// A part: the base64url characters at the beginning of text.
static size_t
part (const char *text, size_t length)
{
    size_t n = 0;
    while (n < length && text[n] && strchr (alphabet, text[n]))
        n++;
    return n;
}

static bool
split (const char *text, size_t length, struct parts *parts_r)
{
    const char *end = text + length;
    parts_r->header = text;
    parts_r->header_length = part (text, length);
    const char *p = text + parts_r->header_length;
    if (parts_r->header_length == 0 || p == end || *p != '.')
        return false;
    parts_r->claims = ++p;
    parts_r->claims_length = part (p, (size_t) (end - p));
    p += parts_r->claims_length;
    if (parts_r->claims_length == 0 || p == end || *p != '.')
        return false;
    parts_r->signature = ++p;
    parts_r->signature_length = part (p, (size_t) (end - p));
    return parts_r->signature_length > 0 && p + parts_r->signature_length == end;
}

bool
jwt_looks_like (const char *text, size_t length)
{
    struct parts parts;
    return split (text, length, &parts);
}

// The object in a part; NULL: not base64url of a JSON object without duplicate members.
static json_t *
decode_object (const char *text, size_t length)
{
    uint8_t bytes[JWT_SIZE_MAX];
    size_t size;
    if (sodium_base642bin (bytes, sizeof bytes, text, length, NULL, &size, NULL,
                           sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return NULL;
    json_t *object = json_loadb ((const char *) bytes, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object (object))
        return object;
    json_decref (object);
    return NULL;
}

// RFC 7515 section 4.1.9: media types, compared without case, "application/" may be left out.
static bool
same_type (const char *a, const char *b)
{
    static const char prefix[] = "application/";
    a += strncasecmp (a, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
    b += strncasecmp (b, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
    return strcasecmp (a, b) == 0;
}

// Only alg, typ, crit and kid count. Keys that a header brings along or points at (jwk, jku, x5c, x5u) are never looked at.
static enum jwt_result
check_header (const json_t *header, const char *type, jwt_find_key *find_key, void *context,
              const struct jwt_key **key_r, struct error *error_r)
{
    const char *algorithm = json_string_value (json_object_get (header, "alg"));
    const char *its_type = json_string_value (json_object_get (header, "typ"));
    const json_t *kid = json_object_get (header, "kid");
    const char *problem = !algorithm || strcmp (algorithm, "ES256") != 0 ? "alg is not ES256"
                          : json_object_get (header, "crit") ? "crit names what is not known here"
                          : type && (!its_type || !same_type (type, its_type))
                              ? "typ is not the one wanted"
                          : kid && !json_is_string (kid) ? "kid is not a string"
                                                         : NULL;
    if (problem) {
        error_set (error_r, "%s", problem);
        return JWT_MALFORMED;
    }
    // A kid that is not of our form is another issuer's.
    const char *name = json_string_value (kid);
    size_t length = name ? strlen (name) : 0;
    bool ours = !name || (length > 0 && length < JWT_KID_SIZE && part (name, length) == length);
    *key_r = ours ? find_key (context, name) : NULL;
    if (!*key_r) {
        error_set (error_r, "signed with a key that is not known");
        return JWT_UNKNOWN_KEY;
    }
    if (strcmp (algorithm, (*key_r)->algorithm) != 0) {
        error_set (error_r, "alg is not that of the key");
        return JWT_MALFORMED;
    }
    return JWT_OK;
}

static enum jwt_result
check_parts (const struct parts *parts, const struct jwt_key *key, json_t **claims_r,
             struct error *error_r)
{
    uint8_t signature[SIGNATURE_SIZE];
    size_t size;
    size_t signed_length = (size_t) (parts->signature - 1 - parts->header);
    if (sodium_base642bin (signature, sizeof signature, parts->signature, parts->signature_length,
                           NULL, &size, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        size != sizeof signature ||
        !check_signature (key, parts->header, signed_length, signature)) {
        error_set (error_r, "the signature is wrong");
        return JWT_BAD_SIGNATURE;
    }
    *claims_r = decode_object (parts->claims, parts->claims_length);
    if (*claims_r)
        return JWT_OK;
    error_set (error_r, "the claims are not a JSON object");
    return JWT_MALFORMED;
}

enum jwt_result
jwt_verify (const char *text, size_t length, const char *type, jwt_find_key *find_key,
            void *context, json_t **claims_r, struct error *error_r)
{
    *claims_r = NULL;
    struct parts parts;
    if (length > JWT_SIZE_MAX || !split (text, length, &parts)) {
        error_set (error_r, "not three parts of base64url, of %d bytes at most", JWT_SIZE_MAX);
        return JWT_MALFORMED;
    }
    json_t *header = decode_object (parts.header, parts.header_length);
    if (!header) {
        error_set (error_r, "the header is not a JSON object");
        return JWT_MALFORMED;
    }
    const struct jwt_key *key;
    enum jwt_result result = check_header (header, type, find_key, context, &key, error_r);
    json_decref (header);
    return result == JWT_OK ? check_parts (&parts, key, claims_r, error_r) : result;
}

const char *
jwt_text (const json_t *claims, const char *name)
{
    const json_t *claim = json_object_get (claims, name);
    size_t length = json_string_length (claim);
    return json_is_string (claim) && length >= 1 && length <= TEXT_MAX ? json_string_value (claim)
                                                                       : NULL;
}

bool
jwt_time (const json_t *claims, const char *name, int64_t *seconds_r)
{
    const json_t *claim = json_object_get (claims, name);
    if (!json_is_integer (claim))
        return false;
    *seconds_r = json_integer_value (claim);
    return true;
}
