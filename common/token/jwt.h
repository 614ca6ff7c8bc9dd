// Signed tokens: JWS compact serialisation (RFC 7515) of a JWT (RFC 7519), ES256 (RFC 7518 section 3.4), RFC 9068's profile.
#ifndef JETON_TOKEN_JWT_H
#define JETON_TOKEN_JWT_H

#include "common/error/error.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JWT_SIZE_MAX = 8192, JWT_KID_SIZE = 44 }; // bytes; a kid is 43 characters and NUL

// A key pair or a public key. The algorithm is fixed per key, whatever a header says (RFC 8725 section 3.1).
struct jwt_key;

// jwt_key_generate (error_r): A new P-256 pair.
struct jwt_key *jwt_key_generate (struct error *error_r) __attribute__ ((warn_unused_result));
// jwt_key_from_private (der, size, error_r), jwt_key_from_public (der, size, error_r): PKCS #8 and SubjectPublicKeyInfo, DER.
struct jwt_key *jwt_key_from_private (const uint8_t *der, size_t size, struct error *error_r)
    __attribute__ ((warn_unused_result));
struct jwt_key *jwt_key_from_public (const uint8_t *der, size_t size, struct error *error_r)
    __attribute__ ((warn_unused_result));
void jwt_key_destroy (struct jwt_key **key);

// jwt_key_private (key, der_r, size_r), jwt_key_public (…): DER, allocated; the caller frees (a private one wiped: sodium_memzero).
bool jwt_key_private (const struct jwt_key *key, uint8_t **der_r, size_t *size_r)
    __attribute__ ((warn_unused_result));
bool jwt_key_public (const struct jwt_key *key, uint8_t **der_r, size_t *size_r)
    __attribute__ ((warn_unused_result));

// jwt_key_id (key): The JWK thumbprint (RFC 7638, SHA-256, base64url), as `kid`.
const char *jwt_key_id (const struct jwt_key *key);
// jwt_key_jwk (key): The public key as a JWK (RFC 7517) with kid, use and alg. The caller releases it (json_decref).
json_t *jwt_key_jwk (const struct jwt_key *key);

// jwt_sign (key, type, claims, error_r): The compact form with header {alg, typ, kid}; allocated, the caller frees. NULL: error_r.
char *jwt_sign (const struct jwt_key *key, const char *type, const json_t *claims,
                struct error *error_r) __attribute__ ((warn_unused_result));

enum jwt_result {
    JWT_OK,
    JWT_MALFORMED, // not three base64url parts, JSON that is none, duplicate members, a wrong alg, typ or crit
    JWT_UNKNOWN_KEY, // no kid, or find_key knows none by that name
    JWT_BAD_SIGNATURE,
};

// Called with the kid of a header (1 to JWT_KID_SIZE - 1 characters, checked to be base64url), or with NULL when the header has none, as
// anybody can make one. Returns NULL when there is no such key.
typedef const struct jwt_key *jwt_find_key (void *context, const char *kid);

// jwt_looks_like (text, length): Does it have the form of three non-empty base64url parts? For telling it from an API token.
bool jwt_looks_like (const char *text, size_t length);

// jwt_verify (text, length, type, find_key, context, claims_r, error_r): Check form, header and signature; times, issuer and
// audience are the caller's. `type` is the typ that is wanted ("at+jwt"); NULL: any, or none. JWT_OK: claims_r is an object, the caller releases it. At most JWT_SIZE_MAX bytes.
enum jwt_result jwt_verify (const char *text, size_t length, const char *type,
                            jwt_find_key *find_key, void *context, json_t **claims_r,
                            struct error *error_r) __attribute__ ((warn_unused_result));

// jwt_text (claims, name): A string claim of 1-256 bytes, or NULL. jwt_time (claims, name, seconds_r): An integer claim.
const char *jwt_text (const json_t *claims, const char *name);
bool jwt_time (const json_t *claims, const char *name, int64_t *seconds_r)
    __attribute__ ((warn_unused_result));

#endif
