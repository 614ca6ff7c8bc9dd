// Signed tokens: JWS compact serialisation (RFC 7515) of a JWT (RFC 7519), RFC 9068's profile; signed by ES256 or RS256 (RFC 7518 sections 3.4
// and 3.3) or EdDSA with Ed25519 (RFC 8037).
#ifndef JETON_TOKEN_JWT_H
#define JETON_TOKEN_JWT_H

#include "common/error/error.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JWT_SIZE_MAX = 8192,
    JWT_KID_SIZE = 44, // bytes; a kid is 43 characters and NUL
    // What the DER of any key fits into.
    JWT_PUBLIC_MAX = 640,
    JWT_PRIVATE_MAX = 2560,
    // By how many seconds a token may be from the future: clocks differ.
    JWT_LEEWAY_S = 60,
};

// Each kind of key has one algorithm, so that of a key is fixed, whatever a header says (RFC 8725 section 3.1): P-256, Ed25519, RSA.
enum jwt_algorithm { JWT_ES256, JWT_EDDSA, JWT_RS256 };
enum { JWT_ALGORITHMS = 3 };
// RSA keys of fewer or more bits are refused; new ones have RSA_BITS_NEW.
enum { JWT_RSA_BITS_MIN = 2048, JWT_RSA_BITS_MAX = 4096, JWT_RSA_BITS_NEW = 2048 };

// jwt_algorithm_name (algorithm): As `alg` has it: "ES256", "EdDSA", "RS256". jwt_algorithm_find (name, algorithm_r): By that name, as it is.
const char *jwt_algorithm_name (enum jwt_algorithm algorithm);
bool jwt_algorithm_find (const char *name, enum jwt_algorithm *algorithm_r)
    __attribute__ ((warn_unused_result));

// A key pair or a public key. One thread at a time may use it.
struct jwt_key;

// jwt_key_generate (algorithm, error_r): A new pair. Of RSA it takes up to a second: not in a loop.
struct jwt_key *jwt_key_generate (enum jwt_algorithm algorithm, struct error *error_r)
    __attribute__ ((warn_unused_result));
// jwt_key_from_private (der, size, error_r), jwt_key_from_public (der, size, error_r): PKCS #8 and SubjectPublicKeyInfo, DER. Refused is what
// nothing can be safely checked with: a point that is not on its curve, or of small order, an RSA key of another size or with an exponent that is even, below
// 65,537 or of more than 64 bits.
struct jwt_key *jwt_key_from_private (const uint8_t *der, size_t size, struct error *error_r)
    __attribute__ ((warn_unused_result));
struct jwt_key *jwt_key_from_public (const uint8_t *der, size_t size, struct error *error_r)
    __attribute__ ((warn_unused_result));
// jwt_key_from_jwk (jwk, error_r): A public key as another program wrote it (RFC 7517). Refused in the same way, and when it has a private part, which is
// nobody else's to have, or an `alg` or `use` that is not for such signatures. Its `kid` is not looked at.
struct jwt_key *jwt_key_from_jwk (const json_t *jwk, struct error *error_r)
    __attribute__ ((warn_unused_result));
// jwt_key_share (key): The same pair for another thread, which signs with it and does nothing else; each is destroyed for itself, in any order. NULL: OpenSSL failed.
struct jwt_key *jwt_key_share (const struct jwt_key *key) __attribute__ ((warn_unused_result));
void jwt_key_destroy (struct jwt_key **key);

// jwt_key_private (key, der_r, size_r), jwt_key_public (…): DER, allocated; the caller frees (a private one wiped: sodium_memzero).
bool jwt_key_private (const struct jwt_key *key, uint8_t **der_r, size_t *size_r)
    __attribute__ ((warn_unused_result));
bool jwt_key_public (const struct jwt_key *key, uint8_t **der_r, size_t *size_r)
    __attribute__ ((warn_unused_result));

enum jwt_algorithm jwt_key_algorithm (const struct jwt_key *key);
// jwt_key_id (key): The JWK thumbprint (RFC 7638, SHA-256, base64url), as `kid`.
const char *jwt_key_id (const struct jwt_key *key);
// jwt_key_jwk (key): The public key as a JWK (RFC 7517) with kid, use and alg. The caller releases it (json_decref).
json_t *jwt_key_jwk (const struct jwt_key *key);

// jwt_sign (key, type, claims, error_r): The compact form with header {alg, typ, kid}; allocated, the caller frees. NULL: error_r.
char *jwt_sign (const struct jwt_key *key, const char *type, const json_t *claims,
                struct error *error_r) __attribute__ ((warn_unused_result));

// The same in two steps, for claims that are JSON text already (which is not looked at), and with no memory to be freed. jwt_write (key, type, claims, size, text_r, error_r):
// What is to be signed. False: it would be too long. jwt_finish (key, text, length, error_r): Signs it, with the same key or one that shares it, in any thread, and puts the
// signature behind it: jwt_tail (key) characters and NUL. False: OpenSSL failed.
struct jwt_text {
    size_t length;
    char text[JWT_SIZE_MAX + 1];
};
bool jwt_write (const struct jwt_key *key, const char *type, const char *claims, size_t size,
                struct jwt_text *text_r, struct error *error_r)
    __attribute__ ((warn_unused_result));
size_t jwt_tail (const struct jwt_key *key);
bool jwt_finish (const struct jwt_key *key, char *text, size_t length, struct error *error_r)
    __attribute__ ((warn_unused_result));

enum jwt_result {
    JWT_OK,
    JWT_MALFORMED, // not three base64url parts, JSON that is none, duplicate members, a wrong alg, typ, cty or crit
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

// jwt_number (jti): By which the feed of changes and validators' memory name a signed token, where API tokens have their numbers (common/token/id.h), which are all lower.
// Two tokens may have the same one: a change of one is then taken for one of either.
#define JWT_NUMBER_MIN (INT64_C (1) << 32)
int64_t jwt_number (const char *jti);

// jwt_text (claims, name): A string claim of 1-256 bytes, or NULL. jwt_time (claims, name, seconds_r): An integer claim, of 53 bits at most, as other programs
// can count no further.
const char *jwt_text (const json_t *claims, const char *name);
bool jwt_time (const json_t *claims, const char *name, int64_t *seconds_r)
    __attribute__ ((warn_unused_result));

enum jwt_times {
    JWT_TIMES_GOOD,
    JWT_TIMES_EXPIRED, // exp has come
    JWT_TIMES_FUTURE,  // iat or nbf is more than JWT_LEEWAY_S away
    JWT_TIMES_BAD,     // no exp or no iat, or one of the three that is no time
};
// jwt_times (claims, now, expires_at_r): Is it good at `now`, in seconds of the epoch? expires_at_r is set unless it is JWT_TIMES_BAD.
enum jwt_times jwt_times (const json_t *claims, int64_t now, int64_t *expires_at_r)
    __attribute__ ((warn_unused_result));

#endif
