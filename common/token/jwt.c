#include "common/token/jwt.h"
#include "common/memory/memory.h"
#include "common/token/key.h"
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 256, HEADER_MAX = 192 };
// What a JSON number of another program says exactly (RFC 8259 section 6).
#define TIME_MAX ((int64_t) 1 << 53)

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// ---- making ---------------------------------------------------------------------------------------------------------

// Appends base64url to text, which has room for JWT_SIZE_MAX characters and NUL. False when that is not enough. By a table: nothing in a token is
// secret from who makes it, and libsodium's way, which takes the same time whatever the bytes are, costs a tenth of a signature.
static bool
append (char *text, size_t *length, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    if (size > JWT_SIZE_MAX || (size * 8 + 5) / 6 > JWT_SIZE_MAX - *length)
        return false;
    char *p = text + *length;
    size_t i = 0;
    for (; size - i >= 3; i += 3) {
        uint32_t bits = (uint32_t) bytes[i] << 16 | (uint32_t) bytes[i + 1] << 8 | bytes[i + 2];
        *p++ = alphabet[bits >> 18];
        *p++ = alphabet[bits >> 12 & 63];
        *p++ = alphabet[bits >> 6 & 63];
        *p++ = alphabet[bits & 63];
    }
    if (i < size) {
        uint32_t bits =
            (uint32_t) bytes[i] << 16 | (i + 1 < size ? (uint32_t) bytes[i + 1] << 8 : 0);
        *p++ = alphabet[bits >> 18];
        *p++ = alphabet[bits >> 12 & 63];
        if (i + 1 < size)
            *p++ = alphabet[bits >> 6 & 63];
    }
    *p = '\0';
    *length = (size_t) (p - text);
    return true;
}

// The header is made of words that need no escaping: `type` is the caller's own.
static bool
append_header (char *text, size_t *length, const struct jwt_key *key, const char *type)
{
    const char *words[] = {"{\"alg\":\"",
                           jwt_algorithm_name (key->algorithm),
                           "\",\"typ\":\"",
                           type,
                           "\",\"kid\":\"",
                           key->id,
                           "\"}"};
    char header[HEADER_MAX];
    size_t size = 0;
    assert (!strpbrk (type, "\"\\"));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t more = strlen (words[i]);
        assert (more <= sizeof header - size);
        memcpy (header + size, words[i], more);
        size += more;
    }
    return append (text, length, header, size);
}

size_t
jwt_tail (const struct jwt_key *key)
{
    return 1 + (key->signature_size * 8 + 5) / 6;
}

bool
jwt_write (const struct jwt_key *key, const char *type, const char *claims, size_t size,
           struct jwt_text *text_r, struct error *error_r)
{
    size_t length = 0;
    bool fits = append_header (text_r->text, &length, key, type);
    text_r->text[length++] = '.';
    fits = fits && append (text_r->text, &length, claims, size) &&
           length + jwt_tail (key) <= JWT_SIZE_MAX;
    if (!fits)
        error_set (error_r, "the claims are too long for a token of %d bytes", JWT_SIZE_MAX);
    text_r->length = length;
    return fits;
}

bool
jwt_finish (const struct jwt_key *key, char *text, size_t length, struct error *error_r)
{
    uint8_t signature[JWT_SIGNATURE_MAX];
    if (!jwt_signature_make (key, text, length, signature)) {
        jwt_openssl_failed ("not signed", error_r);
        return false;
    }
    text[length++] = '.';
    bool fits = append (text, &length, signature, key->signature_size);
    assert (fits); // jwt_write has seen to it
    return true;
}

char *
jwt_sign (const struct jwt_key *key, const char *type, const json_t *claims, struct error *error_r)
{
    char dump[JWT_SIZE_MAX];
    struct jwt_text text;
    size_t size = claims ? json_dumpb (claims, dump, sizeof dump, JSON_COMPACT) : 0;
    if (size == 0 || size > sizeof dump) {
        error_set (error_r, "the claims are none, or too long for a token of %d bytes",
                   JWT_SIZE_MAX);
        return NULL;
    }
    return jwt_write (key, type, dump, size, &text, error_r) &&
                   jwt_finish (key, text.text, text.length, error_r)
               ? xmemdup (text.text, text.length + jwt_tail (key) + 1)
               : NULL;
}

// ---- checking -------------------------------------------------------------------------------------------------------

struct parts {
    const char *header, *claims, *signature;
    size_t header_length, claims_length, signature_length;
};

static bool
base64url_letter (char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

// A part: the base64url characters at the beginning of text.
static size_t
part (const char *text, size_t length)
{
    size_t n = 0;
    while (n < length && base64url_letter (text[n]))
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
    // Whatever is no token of another kind is asked for this: most of it is made up as one, without a dot.
    return memchr (text, '.', length) != NULL && split (text, length, &parts);
}

// What is wrong with a text that is no JSON object, without a word of it: it is a stranger's.
static const char *
json_problem (const json_error_t *error)
{
    switch (json_error_code (error)) {
    case json_error_duplicate_key:
        return "a member twice";
    case json_error_stack_overflow:
        return "nested too deeply";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "NUL in a string";
    case json_error_numeric_overflow:
        return "a number that is too large";
    case json_error_invalid_utf8:
        return "not UTF-8";
    // The others are all one to who sent it.
    case json_error_unknown:
    case json_error_out_of_memory:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_premature_end_of_input:
    case json_error_end_of_input_expected:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_value:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
        break;
    }
    return "not a JSON object";
}

// The object in the part that is called `what`.
static json_t *
decode_object (const char *what, const char *text, size_t length, struct error *error_r)
{
    uint8_t bytes[JWT_SIZE_MAX];
    size_t size;
    if (sodium_base642bin (bytes, sizeof bytes, text, length, NULL, &size, NULL,
                           sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
        error_set (error_r, "%s: not base64url", what);
        return NULL;
    }
    json_error_t error;
    json_t *object = json_loadb ((const char *) bytes, size, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object (object))
        return object;
    error_set (error_r, "%s: %s", what, object ? "not a JSON object" : json_problem (&error));
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

// What is wrong with a header whatever its key, or NULL.
static const char *
header_problem (const json_t *header, const char *type, enum jwt_algorithm *algorithm_r)
{
    const char *algorithm = json_string_value (json_object_get (header, "alg"));
    const char *its_type = json_string_value (json_object_get (header, "typ"));
    const json_t *kid = json_object_get (header, "kid");
    if (!algorithm || !jwt_algorithm_find (algorithm, algorithm_r))
        return "alg is none of ES256, EdDSA and RS256";
    if (json_object_get (header, "crit"))
        return "crit names what is not known here";
    if (json_object_get (header, "cty"))
        return "cty says that there is something else in it than claims";
    if (type && (!its_type || !same_type (type, its_type)))
        return "typ is not the one wanted";
    return kid && !json_is_string (kid) ? "kid is not a string" : NULL;
}

// Only alg, typ, cty, crit and kid count. Keys that a header brings along or points at (jwk, jku, x5c, x5u) are never looked at.
static enum jwt_result
check_header (const json_t *header, const char *type, jwt_find_key *find_key, void *context,
              const struct jwt_key **key_r, struct error *error_r)
{
    enum jwt_algorithm algorithm;
    const char *problem = header_problem (header, type, &algorithm);
    if (problem) {
        error_set (error_r, "%s", problem);
        return JWT_MALFORMED;
    }
    // A kid that is not of our form is another issuer's.
    const char *name = json_string_value (json_object_get (header, "kid"));
    size_t length = name ? strlen (name) : 0;
    bool ours = !name || (length > 0 && length < JWT_KID_SIZE && part (name, length) == length);
    *key_r = ours ? find_key (context, name) : NULL;
    if (!*key_r) {
        error_set (error_r, "signed with a key that is not known");
        return JWT_UNKNOWN_KEY;
    }
    if (algorithm != (*key_r)->algorithm) {
        error_set (error_r, "alg is not that of the key");
        return JWT_MALFORMED;
    }
    return JWT_OK;
}

static enum jwt_result
check_parts (const struct parts *parts, const struct jwt_key *key, json_t **claims_r,
             struct error *error_r)
{
    uint8_t signature[JWT_SIGNATURE_MAX];
    size_t size;
    size_t signed_length = (size_t) (parts->signature - 1 - parts->header);
    const char *problem =
        sodium_base642bin (signature, sizeof signature, parts->signature, parts->signature_length,
                           NULL, &size, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0
            ? "the signature is not base64url, or too long"
        : size != key->signature_size ? "the signature is not as long as those of its key"
        : !jwt_signature_good (key, parts->header, signed_length, signature)
            ? "the signature is wrong"
            : NULL;
    if (problem) {
        error_set (error_r, "%s", problem);
        return JWT_BAD_SIGNATURE;
    }
    *claims_r = decode_object ("claims", parts->claims, parts->claims_length, error_r);
    return *claims_r ? JWT_OK : JWT_MALFORMED;
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
    json_t *header = decode_object ("header", parts.header, parts.header_length, error_r);
    if (!header)
        return JWT_MALFORMED;
    const struct jwt_key *key;
    enum jwt_result result = check_header (header, type, find_key, context, &key, error_r);
    json_decref (header);
    return result == JWT_OK ? check_parts (&parts, key, claims_r, error_r) : result;
}

int64_t
jwt_number (const char *jti)
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256 (digest, (const uint8_t *) jti, strlen (jti));
    return JWT_NUMBER_MIN +
           ((int64_t) digest[0] << 24 | digest[1] << 16 | digest[2] << 8 | digest[3]);
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
    return *seconds_r >= -TIME_MAX && *seconds_r <= TIME_MAX;
}

enum jwt_times
jwt_times (const json_t *claims, int64_t now, int64_t *expires_at_r)
{
    int64_t issued_at, not_before = 0;
    if (!jwt_time (claims, "exp", expires_at_r) || *expires_at_r <= 0 ||
        !jwt_time (claims, "iat", &issued_at) ||
        (json_object_get (claims, "nbf") && !jwt_time (claims, "nbf", &not_before)))
        return JWT_TIMES_BAD;
    if (issued_at > now + JWT_LEEWAY_S || not_before > now + JWT_LEEWAY_S)
        return JWT_TIMES_FUTURE;
    return *expires_at_r <= now ? JWT_TIMES_EXPIRED : JWT_TIMES_GOOD;
}
