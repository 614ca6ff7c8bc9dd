// Tokens that somebody made to be let in: each is refused, and for its own reason (R24).
#include "common/memory/memory.h"
#include "common/token/key.h"
#include <check.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 2 << 20 };

static struct jwt_key *keys[JWT_ALGORITHMS];

static void
set_up (void)
{
    for (int i = 0; i < JWT_ALGORITHMS; i++) {
        keys[i] = jwt_key_generate ((enum jwt_algorithm) i, NULL);
        ck_assert_ptr_nonnull (keys[i]);
    }
}

static void
tear_down (void)
{
    for (int i = 0; i < JWT_ALGORITHMS; i++)
        jwt_key_destroy (&keys[i]);
}

// ---- what the tests share -------------------------------------------------------------------------------------------

// Knows all three, by their names only.
static const struct jwt_key *
find (void *context, const char *kid)
{
    (void) context;
    for (int i = 0; i < JWT_ALGORITHMS; i++)
        if (kid && strcmp (kid, jwt_key_id (keys[i])) == 0)
            return keys[i];
    return NULL;
}

static void
refused_text (const char *text, size_t length, enum jwt_result wanted, const char *why)
{
    // In memory of its exact size, for the sanitizer to see a byte too far.
    char *copy = xmemdup (text, length);
    json_t *claims = NULL;
    struct error error = {0};
    enum jwt_result result = jwt_verify (copy, length, "at+jwt", find, NULL, &claims, &error);
    ck_assert_msg (result == wanted && strstr (error.text, why) && !claims,
                   "%d \"%s\" instead of %d \"%s\": %.200s", (int) result, error.text, (int) wanted,
                   why, text);
    free (copy);
}

static void
refused (const char *text, enum jwt_result wanted, const char *why)
{
    refused_text (text, strlen (text), wanted, why);
}

static bool
good (const char *text)
{
    json_t *claims = NULL;
    bool is = jwt_verify (text, strlen (text), "at+jwt", find, NULL, &claims, NULL) == JWT_OK;
    json_decref (claims);
    return is;
}

static void
append (char *text, const void *bytes, size_t size)
{
    size_t length = strlen (text);
    ck_assert_uint_lt (length + size * 4 / 3 + 8, TEXT_MAX);
    sodium_bin2base64 (text + length, TEXT_MAX - length, bytes, size,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void
dot (char *text)
{
    size_t length = strlen (text);
    ck_assert_uint_lt (length + 1, TEXT_MAX);
    text[length] = '.';
    text[length + 1] = '\0';
}

// The header and the claims, as they are. A % in the header stands for the kid of `key`.
static char *
unsigned_token (const struct jwt_key *key, const char *header, const char *claims)
{
    static char text[TEXT_MAX];
    char filled[JWT_SIZE_MAX];
    const char *place = strchr (header, '%');
    if (place)
        snprintf (filled, sizeof filled, "%.*s%s%s", (int) (place - header), header,
                  jwt_key_id (key), place + 1);
    text[0] = '\0';
    append (text, place ? filled : header, strlen (place ? filled : header));
    dot (text);
    append (text, claims, strlen (claims));
    return text;
}

// The same, signed: by what has the key.
static char *
signed_token (const struct jwt_key *key, const char *header, const char *claims)
{
    uint8_t signature[JWT_SIGNATURE_MAX];
    char *text = unsigned_token (key, header, claims);
    ck_assert (jwt_signature_make (key, text, strlen (text), signature));
    dot (text);
    append (text, signature, key->signature_size);
    return text;
}

// A good token of a key, with another signature.
static char *
with_signature (enum jwt_algorithm algorithm, const uint8_t *signature, size_t size)
{
    char header[100];
    snprintf (header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%%\"}",
              jwt_algorithm_name (algorithm));
    char *text = unsigned_token (keys[algorithm], header, "{}");
    dot (text);
    append (text, signature, size);
    return text;
}

// ---- signed by the right key, and nevertheless ------------------------------------------------------------------------

#define ES256 "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%\""

START_TEST (bad_headers)
{
    static const struct {
        const char *header;
        enum jwt_result result;
        const char *why;
    } cases[] = {
        {"{\"alg\":\"none\",\"typ\":\"at+jwt\",\"kid\":\"%\"}", JWT_MALFORMED, "alg is none of"},
        {"{\"alg\":\"None\",\"typ\":\"at+jwt\",\"kid\":\"%\"}", JWT_MALFORMED, "alg is none of"},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%\"}", JWT_MALFORMED, "alg is none of"},
        {"{\"alg\":\"es256\",\"typ\":\"at+jwt\",\"kid\":\"%\"}", JWT_MALFORMED, "alg is none of"},
        {"{\"alg\":\"ES384\",\"typ\":\"at+jwt\",\"kid\":\"%\"}", JWT_MALFORMED, "alg is none of"},
        {"{\"alg\":\"PS256\",\"typ\":\"at+jwt\",\"kid\":\"%\"}", JWT_MALFORMED, "alg is none of"},
        {"{\"alg\":[\"ES256\"],\"typ\":\"at+jwt\",\"kid\":\"%\"}", JWT_MALFORMED, "alg is none"},
        {"{\"typ\":\"at+jwt\",\"kid\":\"%\"}", JWT_MALFORMED, "alg is none of"},
        {"{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"%\"}", JWT_MALFORMED, "not that of the"},
        {"{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%\"}", JWT_MALFORMED, "not that of the"},
        {"{\"alg\":\"ES256\",\"kid\":\"%\"}", JWT_MALFORMED, "typ is not"},
        {"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%\"}", JWT_MALFORMED, "typ is not"},
        {"{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"kid\":\"%\"}", JWT_MALFORMED, "typ is not"},
        {"{\"alg\":\"ES256\",\"typ\":[\"at+jwt\"],\"kid\":\"%\"}", JWT_MALFORMED, "typ is not"},
        {ES256 ",\"crit\":[\"exp\"]}", JWT_MALFORMED, "crit"},
        {ES256 ",\"crit\":[]}", JWT_MALFORMED, "crit"},
        {ES256 ",\"b64\":false,\"crit\":[\"b64\"]}", JWT_MALFORMED, "crit"},
        {ES256 ",\"cty\":\"JWT\"}", JWT_MALFORMED, "cty"},
        {ES256 ",\"alg\":\"none\"}", JWT_MALFORMED, "header: a member twice"},
        {ES256 ",\"kid\":\"x\"}", JWT_MALFORMED, "header: a member twice"},
        {ES256 ",\"x\":{\"y\":1,\"y\":2}}", JWT_MALFORMED, "header: a member twice"},
        {ES256 ",\"x\":\"\\u0000\"}", JWT_MALFORMED, "header: NUL"},
        {ES256 ",\"\\u0000\":1}", JWT_MALFORMED, "header: NUL"},
        {ES256 ",\"x\":\"\xff\"}", JWT_MALFORMED, "header: not UTF-8"},
        {ES256 ",\"x\":99999999999999999999}", JWT_MALFORMED, "header: a number"},
        {ES256 ",\"x\":1e999}", JWT_MALFORMED, "header: a number"},
        {ES256 "} {}", JWT_MALFORMED, "header: not a JSON object"},
        {ES256, JWT_MALFORMED, "header: not a JSON object"},
        {"[\"ES256\"]", JWT_MALFORMED, "header: not a JSON object"},
        {"null", JWT_MALFORMED, "header: not a JSON object"},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", JWT_UNKNOWN_KEY, "not known"},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"\"}", JWT_UNKNOWN_KEY, "not known"},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"../../etc/passwd\"}", JWT_UNKNOWN_KEY,
         "not known"},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"/dev/null\"}", JWT_UNKNOWN_KEY,
         "not known"},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"' OR kid <> '\"}", JWT_UNKNOWN_KEY,
         "not known"},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%x\"}", JWT_UNKNOWN_KEY, "not known"},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":[\"%\"]}", JWT_MALFORMED, "kid is not"},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":null}", JWT_MALFORMED, "kid is not"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused (signed_token (keys[JWT_ES256], cases[i].header, "{}"), cases[i].result,
                 cases[i].why);
    ck_assert (good (signed_token (keys[JWT_ES256], ES256 "}", "{}"))); // but for all that
}
END_TEST

START_TEST (bad_claims)
{
    static const struct {
        const char *claims, *why;
    } cases[] = {
        {"{\"sub\":\"a\",\"sub\":\"b\"}", "claims: a member twice"},
        {"{\"x\":[{\"y\":1,\"y\":1}]}", "claims: a member twice"},
        {"{\"sub\":\"USR-0000-0001\\u0000x\"}", "claims: NUL"},
        {"{\"sub\\u0000\":1}", "claims: NUL"},
        {"{\"sub\":\"\xc3\x28\"}", "claims: not UTF-8"},
        {"{\"exp\":9999999999999999999999}", "claims: a number"},
        {"{\"exp\":1e400}", "claims: a number"},
        {"[]", "claims: not a JSON object"},
        {"\"claims\"", "claims: not a JSON object"},
        {"{} {}", "claims: not a JSON object"},
        {"{'sub':1}", "claims: not a JSON object"},
        {"{\"sub\":NaN}", "claims: not a JSON object"},
        {"{\"sub\":1,}", "claims: not a JSON object"},
        // Nested: the claims are a token.
        {"eyJhbGciOiJub25lIn0.e30.", "claims: not a JSON object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused (signed_token (keys[JWT_ES256], ES256 "}", cases[i].claims), JWT_MALFORMED,
                 cases[i].why);
    // Deeper than jansson goes (2,048), in the header and in the claims.
    char deep[6000];
    snprintf (deep, sizeof deep, "%s", ES256 ",\"x\":");
    memset (deep + strlen (deep), '[', 2100);
    refused (signed_token (keys[JWT_ES256], deep, "{}"), JWT_MALFORMED, "header: nested");
    memset (deep, 0, sizeof deep);
    snprintf (deep, sizeof deep, "{\"x\":");
    memset (deep + strlen (deep), '[', 5000);
    refused (signed_token (keys[JWT_ES256], ES256 "}", deep), JWT_MALFORMED, "claims: nested");
}
END_TEST

START_TEST (times)
{
    static const struct {
        const char *claims;
        enum jwt_times times;
    } cases[] = {
        // The time is 1,000,000.
        {"{\"iat\":999990,\"exp\":1000001}", JWT_TIMES_GOOD},
        {"{\"iat\":1000060,\"nbf\":1000060,\"exp\":1000100}", JWT_TIMES_GOOD},
        {"{\"iat\":999990,\"exp\":1000000}", JWT_TIMES_EXPIRED},
        {"{\"iat\":999990,\"exp\":999999}", JWT_TIMES_EXPIRED},
        {"{\"iat\":1000061,\"exp\":1000100}", JWT_TIMES_FUTURE},
        {"{\"iat\":999990,\"nbf\":1000061,\"exp\":1000100}", JWT_TIMES_FUTURE},
        {"{\"iat\":999990}", JWT_TIMES_BAD},
        {"{\"exp\":1000100}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"exp\":\"1000100\"}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"exp\":1000100.0}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"exp\":1e9}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"exp\":true}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"exp\":null}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"exp\":[1000100]}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"exp\":0}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"exp\":-1}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"exp\":9007199254740992}", JWT_TIMES_GOOD},
        {"{\"iat\":999990,\"exp\":9007199254740993}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"exp\":9223372036854775807}", JWT_TIMES_BAD},
        {"{\"iat\":-9223372036854775808,\"exp\":1000100}", JWT_TIMES_BAD},
        {"{\"iat\":\"999990\",\"exp\":1000100}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"nbf\":\"0\",\"exp\":1000100}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"nbf\":null,\"exp\":1000100}", JWT_TIMES_BAD},
        {"{\"iat\":999990,\"nbf\":1.5,\"exp\":1000100}", JWT_TIMES_BAD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *object = json_loads (cases[i].claims, 0, NULL);
        int64_t expires_at = -7;
        enum jwt_times result = jwt_times (object, 1000000, &expires_at);
        ck_assert_msg (result == cases[i].times, "%s: %d", cases[i].claims, (int) result);
        json_decref (object);
    }
}
END_TEST

// ---- signed by somebody else -------------------------------------------------------------------------------------------

// HS256 with the public key as the secret, in each form that it is known in; and the attacker's own key, which comes with it.
START_TEST (other_keys)
{
    for (int i = 0; i < JWT_ALGORITHMS; i++) {
        uint8_t *der, mac[crypto_auth_hmacsha256_BYTES];
        size_t size;
        crypto_auth_hmacsha256_state state;
        ck_assert (jwt_key_public (keys[i], &der, &size));
        char *text =
            unsigned_token (keys[i], "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%\"}", "{}");
        crypto_auth_hmacsha256_init (&state, der, size);
        crypto_auth_hmacsha256_update (&state, (const uint8_t *) text, strlen (text));
        crypto_auth_hmacsha256_final (&state, mac);
        free (der);
        dot (text);
        append (text, mac, sizeof mac);
        refused (text, JWT_MALFORMED, "alg is none of");

        struct jwt_key *own = jwt_key_generate ((enum jwt_algorithm) i, NULL);
        json_t *jwk = jwt_key_jwk (own);
        char *dump = json_dumps (jwk, JSON_COMPACT), header[2048];
        static const char *const brought[] = {"jwk", "jku", "x5u", "x5c"};
        for (size_t b = 0; b < sizeof brought / sizeof *brought; b++) {
            const char *kids[] = {jwt_key_id (own), jwt_key_id (keys[i])};
            for (int k = 0; k < 2; k++) {
                snprintf (header, sizeof header,
                          "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\",\"%s\":%s}",
                          jwt_algorithm_name ((enum jwt_algorithm) i), kids[k], brought[b],
                          b == 0 ? dump : "\"https://evil.example\"");
                refused (signed_token (own, header, "{}"),
                         k == 0 ? JWT_UNKNOWN_KEY : JWT_BAD_SIGNATURE,
                         k == 0 ? "not known" : "signature is wrong");
            }
        }
        free (dump);
        json_decref (jwk);
        jwt_key_destroy (&own);
    }
}
END_TEST

START_TEST (signatures_p256)
{
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                      0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    static const uint8_t zero[32] = {0}, one[32] = {[31] = 1};
    uint8_t all[32], signature[65] = {0};
    memset (all, 0xff, sizeof all);
    const uint8_t *const numbers[] = {zero, order, all, one};
    for (size_t r = 0; r < 4; r++)
        for (size_t s = 0; s < 4; s++) {
            memcpy (signature, numbers[r], 32);
            memcpy (signature + 32, numbers[s], 32);
            refused (with_signature (JWT_ES256, signature, 64), JWT_BAD_SIGNATURE, "is wrong");
        }
    // Of another length, and as OpenSSL would have it.
    for (size_t size = 1; size <= sizeof signature; size += size < 60 ? 9 : 1)
        if (size != 64)
            refused (with_signature (JWT_ES256, signature, size), JWT_BAD_SIGNATURE, "as long as");
    char *text = unsigned_token (keys[JWT_ES256], ES256 "}", "{}");
    uint8_t der[80];
    size_t size = sizeof der;
    EVP_MD_CTX *context = EVP_MD_CTX_new ();
    ck_assert_int_eq (
        EVP_DigestSignInit_ex (context, NULL, "SHA256", NULL, NULL, keys[JWT_ES256]->pkey, NULL),
        1);
    ck_assert_int_eq (EVP_DigestSign (context, der, &size, (const uint8_t *) text, strlen (text)),
                      1);
    EVP_MD_CTX_free (context);
    refused (with_signature (JWT_ES256, der, size), JWT_BAD_SIGNATURE, "as long as");
}
END_TEST

START_TEST (signatures_ed25519)
{
    // The order of the group, little endian: S + L is the same point, and no other spelling of a signature is taken.
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    uint8_t signature[JWT_SIGNATURE_MAX];
    char *text = unsigned_token (keys[JWT_EDDSA],
                                 "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%\"}", "{}");
    ck_assert (jwt_signature_make (keys[JWT_EDDSA], text, strlen (text), signature));
    ck_assert (good (with_signature (JWT_EDDSA, signature, 64)));
    sodium_add (signature + 32, order, 32);
    refused (with_signature (JWT_EDDSA, signature, 64), JWT_BAD_SIGNATURE, "is wrong");
    memset (signature, 0, sizeof signature);
    refused (with_signature (JWT_EDDSA, signature, 64), JWT_BAD_SIGNATURE, "is wrong");
    refused (with_signature (JWT_EDDSA, signature, 63), JWT_BAD_SIGNATURE, "as long as");
    refused (with_signature (JWT_EDDSA, signature, 65), JWT_BAD_SIGNATURE, "as long as");
}
END_TEST

START_TEST (signatures_rsa)
{
    const struct jwt_key *key = keys[JWT_RS256];
    uint8_t signature[JWT_SIGNATURE_MAX + 1] = {0};
    size_t size = key->signature_size;
    refused (with_signature (JWT_RS256, signature, size), JWT_BAD_SIGNATURE, "is wrong");
    signature[size - 1] = 1; // 1 is its own power
    refused (with_signature (JWT_RS256, signature, size), JWT_BAD_SIGNATURE, "is wrong");
    memset (signature, 0xff, sizeof signature);
    refused (with_signature (JWT_RS256, signature, size), JWT_BAD_SIGNATURE, "is wrong");
    refused (with_signature (JWT_RS256, signature, size - 1), JWT_BAD_SIGNATURE, "as long as");
    refused (with_signature (JWT_RS256, signature, size + 1), JWT_BAD_SIGNATURE, "as long as");
    refused (with_signature (JWT_RS256, signature, 512), JWT_BAD_SIGNATURE, "as long as");
    refused (with_signature (JWT_RS256, signature, 513), JWT_BAD_SIGNATURE, "too long");
    // By the right key, but with the padding of PS256.
    char *text = unsigned_token (key, "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"%\"}", "{}");
    EVP_MD_CTX *context = EVP_MD_CTX_new ();
    EVP_PKEY_CTX *inner;
    ck_assert_int_eq (
        EVP_DigestSignInit_ex (context, &inner, "SHA256", NULL, NULL, key->pkey, NULL), 1);
    ck_assert_int_eq (EVP_PKEY_CTX_set_rsa_padding (inner, RSA_PKCS1_PSS_PADDING), 1);
    ck_assert_int_eq (
        EVP_DigestSign (context, signature, &size, (const uint8_t *) text, strlen (text)), 1);
    EVP_MD_CTX_free (context);
    refused (with_signature (JWT_RS256, signature, size), JWT_BAD_SIGNATURE, "is wrong");
}
END_TEST

// ---- the text ----------------------------------------------------------------------------------------------------------

START_TEST (texts)
{
    char *text = signed_token (keys[JWT_ES256], ES256 "}", "{\"a\":1}");
    ck_assert (good (text));
    char *claims_at = strchr (text, '.') + 1, *signature_at = strrchr (text, '.') + 1;
    cleanup_free char *header = strndup (text, (size_t) (claims_at - text - 1)),
                      *claims = strndup (claims_at, (size_t) (signature_at - claims_at - 1)),
                      *signature = xstrdup (signature_at), *made = xcalloc (1, 4096);
    static const char *const forms[] = {
        // Dots: one, two with nothing between them, three, four. H, C and S stand for the parts.
        "H.C", "H..S", ".C.S", "H.C.", "H.C.S.", "H.C.S.x", "H.C.S.x.y", ".H.C.S", "H.C..S",
        // Padding, white space, the other alphabet, and what a lenient decoder passes over.
        "H=.C.S", "H.C=.S", "H.C.S==", " H.C.S", "H.C.S ", "H.C.S\n", "H.C\n.S", "H. C.S", "H.C.S+",
        "H.C.S/", "H.C.S*", "H.C.S%41", "Bearer H.C.S", "H.C.\xc2\xa0S"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        made[0] = '\0';
        for (const char *f = forms[i]; *f; f++)
            strncat (made,
                     *f == 'H'   ? header
                     : *f == 'C' ? claims
                     : *f == 'S' ? signature
                                 : f,
                     strchr ("HCS", *f) ? 2048 : 1);
        refused (made, JWT_MALFORMED, "not three parts of base64url");
    }
    // A NUL, in the middle and at the end.
    size_t length = strlen (text);
    memcpy (made, text, length + 1);
    refused_text (made, length + 1, JWT_MALFORMED, "not three parts");
    made[claims_at - text + 2] = '\0';
    refused_text (made, length, JWT_MALFORMED, "not three parts");
    // Bits that mean nothing, and a character too many: of the signature's last four bits only zeros are good.
    memcpy (made, text, length + 1);
    for (const char *c = "BCDEFGHIJKLMNOP"; *c; c++) {
        made[length - 1] = *c;
        if (*c != text[length - 1] && strchr ("AQgw", text[length - 1]))
            refused (made, JWT_BAD_SIGNATURE, "not base64url");
    }
    snprintf (made, 4096, "%s.%s.%s%s", header, claims, signature, "A");
    refused (made, JWT_BAD_SIGNATURE, "signature is not");
    // A JWE has five parts (RFC 7516); a mebibyte.
    refused ("eyJhbGciOiJSU0EtT0FFUCJ9.AA.AA.AA.AA", JWT_MALFORMED, "not three parts");
    char *large = xcalloc (1, (1 << 20) + 1);
    memset (large, 'A', 1 << 20);
    refused (large, JWT_MALFORMED, "8192 bytes at most");
    large[10] = large[20] = '.';
    refused (large, JWT_MALFORMED, "8192 bytes at most");
    free (large);
}
END_TEST

int
main (void)
{
    const TTest *const tests[] = {bad_headers,     bad_claims,         times,          other_keys,
                                  signatures_p256, signatures_ed25519, signatures_rsa, texts};
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("hostile jwts");
    TCase *tcase = tcase_create ("hostile");
    tcase_set_timeout (tcase, 120);
    tcase_add_unchecked_fixture (tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test (tcase, tests[i]);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
