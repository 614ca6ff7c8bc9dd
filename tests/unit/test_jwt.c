// Signed tokens: form, header, claims and signature (R24).
#include "common/memory/memory.h"
#include "common/token/jwt.h"
#include <check.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- vectors --------------------------------------------------------------------------------------------------------

// RFC 7515 appendix A.3: the key as PKCS #8 and as SubjectPublicKeyInfo, and the token that was signed with it.
#define POINT                                                                                      \
    "047fcdce2770f6c45d4183cbee6fdb4b7b580733357be9ef13bacf6e3c7bd15445"                           \
    "c7f144cd1bbd9b7e872cdfedb9eeb9f4b3695d6ea90b24ad8a4623288588e5ad"
static const char rfc_private[] =
    "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"
    "8e9b109e719098bf980487df1f5d77e9cb29606ebed2263b5f57c213df84f4b2a144034200" POINT;
static const char rfc_public[] = "3059301306072a8648ce3d020106082a8648ce3d030107034200" POINT;
static const char rfc_token[] =
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
static const char rfc_kid[] = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U";

// RFC 9449 section 4.1 and 6.1: a key and its thumbprint.
static const char dpop_public[] =
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
    "97cb45ae1c7edf8b55de14480910d8f730a40e5a41845e3651051f595016045b"
    "f551388dffce93fa3ae336d34e572e3496a31e6b7abfd4c356b53409dbc64430";

// A key of the curve P-384.
static const char other_curve[] =
    "3076301006072a8648ce3d020106052b810400220362000460d6b24ff5a8c78bf6d7a9bf7da4a2e5e83997d1ed4234"
    "dde080769241d91109a74f031770c798a129bff744e18eab9752faf136af062645e2212f4b3a409da4c6299d69959a"
    "16c6315f31c5c523ad4991c55c6d34a3e3ca351d31846b1d1766";

// Made by PyJWT 2.6.0 with the key of RFC 7515, with typ "application/AT+JWT", a jku and a member that nobody knows.
static const char python_token[] =
    "eyJhbGciOiJFUzI1NiIsImprdSI6Imh0dHBzOi8vZXZpbC5leGFtcGxlIiwia2lkIjoib0tJeXd2R1VwVFZUeXhNUTNid0"
    "lJZVFVdWRmcl9Da0xNakNFMTlFQ0QtVSIsInR5cCI6ImFwcGxpY2F0aW9uL0FUK0pXVCIsIngtdW5rbm93biI6MX0"
    ".eyJpc3MiOiJodHRwczovL2pldG9uLmV4YW1wbGUiLCJzdWIiOiJVU1ItMDAwMC0wMDAxIiwiZXhwIjoxODkzNDU2MDAwf"
    "Q"
    ".-nSKnw_ebTnO8vZpiZM_rtVYgNazQsE1TiS7uE5BC8l8MuIqa9oVNQqnb2uQxvVfH1w6SuBJq6AbosZcEar5pA";

// ---- what the tests share -------------------------------------------------------------------------------------------

static struct jwt_key *
from_hex (const char *hex, bool is_private, struct error *error_r)
{
    uint8_t der[256];
    size_t size;
    ck_assert_int_eq (sodium_hex2bin (der, sizeof der, hex, strlen (hex), NULL, &size, NULL), 0);
    return is_private ? jwt_key_from_private (der, size, error_r)
                      : jwt_key_from_public (der, size, error_r);
}

// Knows one key, by its name or by none.
struct keyring {
    const struct jwt_key *key;
    bool nameless;
    int asked;
};

static const struct jwt_key *
find (void *context, const char *kid)
{
    struct keyring *ring = context;
    ring->asked++;
    if (!kid)
        return ring->nameless ? ring->key : NULL;
    return strcmp (kid, jwt_key_id (ring->key)) == 0 ? ring->key : NULL;
}

static enum jwt_result
verify (const struct jwt_key *key, const char *text, const char *type)
{
    struct keyring ring = {.key = key, .nameless = true};
    // In memory of its exact size, for the sanitizer to see a byte too far.
    size_t length = strlen (text);
    char *copy = xmemdup (text, length);
    json_t *claims = NULL;
    struct error error = {0};
    enum jwt_result result = jwt_verify (copy, length, type, find, &ring, &claims, &error);
    ck_assert_int_eq (result == JWT_OK, claims != NULL);
    ck_assert_int_eq (result == JWT_OK, error.text[0] == 0);
    json_decref (claims);
    free (copy);
    return result;
}

// A token with this header and these claims, and a signature that is none.
static char *
forge (const char *header, const char *claims)
{
    static char text[40000];
    size_t length = 0;
    const char *parts[] = {header, claims};
    for (int i = 0; i < 2; i++) {
        sodium_bin2base64 (text + length, sizeof text - length, (const uint8_t *) parts[i],
                           strlen (parts[i]), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        length = strlen (text);
        text[length++] = '.';
    }
    sodium_bin2base64 (text + length, sizeof text - length,
                       (const uint8_t *) "sixty-four bytes that are no"
                                         " signature of this, but of its size.",
                       64, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return text;
}

// ---- tests ----------------------------------------------------------------------------------------------------------

START_TEST (test_rfc7515)
{
    struct jwt_key *key = from_hex (rfc_public, false, NULL);
    ck_assert_ptr_nonnull (key);
    ck_assert_int_eq (verify (key, rfc_token, NULL), JWT_OK);
    ck_assert_int_eq (verify (key, rfc_token, "at+jwt"), JWT_MALFORMED); // it has no typ
    struct keyring ring = {.key = key};
    json_t *claims;
    struct error error;
    ck_assert_int_eq (
        jwt_verify (rfc_token, strlen (rfc_token), NULL, find, &ring, &claims, &error),
        JWT_UNKNOWN_KEY); // no kid
    ring.nameless = true;
    ck_assert_int_eq (
        jwt_verify (rfc_token, strlen (rfc_token), NULL, find, &ring, &claims, &error), JWT_OK);
    ck_assert_str_eq (jwt_text (claims, "iss"), "joe");
    int64_t expires;
    ck_assert (jwt_time (claims, "exp", &expires));
    ck_assert_int_eq (expires, 1300819380);
    ck_assert_ptr_null (jwt_text (claims, "exp"));
    ck_assert_ptr_null (jwt_text (claims, "sub"));
    ck_assert (!jwt_time (claims, "iss", &expires));
    json_decref (claims);
    jwt_key_destroy (&key);
}
END_TEST

// Every other byte in every place is refused.
START_TEST (test_flip)
{
    struct jwt_key *key = from_hex (rfc_public, false, NULL);
    char text[sizeof rfc_token];
    for (size_t at = 0; rfc_token[at]; at++)
        for (int c = 1; c < 256; c += c < 'A' || c > 'z' ? 7 : 1) {
            memcpy (text, rfc_token, sizeof text);
            if (text[at] == (char) c)
                continue;
            text[at] = (char) c;
            ck_assert_int_ne (verify (key, text, NULL), JWT_OK);
        }
    for (size_t length = 0; length + 1 < sizeof rfc_token; length++) {
        memcpy (text, rfc_token, sizeof text);
        text[length] = 0;
        ck_assert_int_ne (verify (key, text, NULL), JWT_OK);
    }
    jwt_key_destroy (&key);
}
END_TEST

START_TEST (test_pyjwt)
{
    struct jwt_key *key = from_hex (rfc_public, false, NULL);
    ck_assert_int_eq (verify (key, python_token, "at+jwt"), JWT_OK);
    ck_assert_int_eq (verify (key, python_token, "application/at+jwt"), JWT_OK);
    ck_assert_int_eq (verify (key, python_token, "jwt"), JWT_MALFORMED);
    ck_assert_int_eq (verify (key, python_token, NULL), JWT_OK);
    struct jwt_key *another = jwt_key_generate (JWT_ES256, NULL);
    ck_assert_int_eq (verify (another, python_token, "at+jwt"), JWT_UNKNOWN_KEY);
    jwt_key_destroy (&another);
    jwt_key_destroy (&key);
}
END_TEST

START_TEST (test_keys)
{
    struct error error = {0};
    struct jwt_key *private_key = from_hex (rfc_private, true, &error);
    struct jwt_key *public_key = from_hex (rfc_public, false, &error);
    ck_assert_str_eq (jwt_key_id (private_key), rfc_kid);
    ck_assert_str_eq (jwt_key_id (public_key), rfc_kid);

    json_t *jwk = jwt_key_jwk (private_key);
    ck_assert_str_eq (jwt_text (jwk, "x"), "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    ck_assert_str_eq (jwt_text (jwk, "y"), "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    ck_assert_str_eq (jwt_text (jwk, "kid"), rfc_kid);
    ck_assert_str_eq (jwt_text (jwk, "kty"), "EC");
    ck_assert_str_eq (jwt_text (jwk, "crv"), "P-256");
    ck_assert_str_eq (jwt_text (jwk, "use"), "sig");
    ck_assert_str_eq (jwt_text (jwk, "alg"), "ES256");
    ck_assert_uint_eq (json_object_size (jwk), 7); // and no d
    json_decref (jwk);

    uint8_t *der;
    size_t size;
    char hex[512];
    ck_assert (jwt_key_public (private_key, &der, &size));
    ck_assert_str_eq (sodium_bin2hex (hex, sizeof hex, der, size), rfc_public);
    free (der);
    ck_assert (jwt_key_private (private_key, &der, &size));
    ck_assert_str_eq (sodium_bin2hex (hex, sizeof hex, der, size), rfc_private);
    free (der);
    ck_assert (!jwt_key_private (public_key, &der, &size));
    ck_assert_ptr_null (der);
    jwt_key_destroy (&private_key);
    jwt_key_destroy (&public_key);
    jwt_key_destroy (&public_key);
}
END_TEST

START_TEST (test_thumbprint)
{
    struct error error = {0};
    struct jwt_key *key = from_hex (dpop_public, false, &error);
    ck_assert_msg (key != NULL, "%s", error.text);
    ck_assert_str_eq (jwt_key_id (key), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    jwt_key_destroy (&key);
}
END_TEST

START_TEST (test_bad_keys)
{
    struct error error = {0};
    ck_assert_ptr_null (from_hex (other_curve, false, &error));
    ck_assert_str_eq (error.text, "not a key of the curve P-256");
    ck_assert_ptr_null (from_hex ("", false, &error));
    ck_assert_ptr_null (from_hex ("", true, &error));
    ck_assert_ptr_null (from_hex (rfc_public, true, &error));
    ck_assert_ptr_null (from_hex (rfc_private, false, &error));
    char text[sizeof rfc_public + 2];
    snprintf (text, sizeof text, "%s00", rfc_public);
    ck_assert_ptr_null (from_hex (text, false, &error)); // a byte too many
    snprintf (text, sizeof text, "%s", rfc_public);
    text[strlen (text) - 1] ^= 1;
    ck_assert_ptr_null (from_hex (text, false, &error)); // not on the curve
}
END_TEST

START_TEST (test_sign)
{
    struct error error;
    struct jwt_key *key = jwt_key_generate (JWT_ES256, &error),
                   *other = jwt_key_generate (JWT_ES256, &error);
    json_t *claims = json_pack ("{s:s, s:I}", "sub", "USR-0000-0001", "exp", (json_int_t) 7);
    for (int i = 0; i < 200; i++) { // R and S are of every length
        char *text = jwt_sign (key, "at+jwt", claims, &error);
        ck_assert_ptr_nonnull (text);
        ck_assert (jwt_looks_like (text, strlen (text)));
        ck_assert_int_eq (verify (key, text, "at+jwt"), JWT_OK);
        ck_assert_int_eq (verify (other, text, "at+jwt"), JWT_UNKNOWN_KEY);
        free (text);
    }
    json_t *array = json_pack ("[s]", "rightly signed, but no object");
    char *odd = jwt_sign (key, "at+jwt", array, &error);
    ck_assert_int_eq (verify (key, odd, "at+jwt"), JWT_MALFORMED);
    free (odd);
    json_decref (array);
    json_object_set_new (claims, "sub", json_string ("USR-0000-0002"));
    char *text = jwt_sign (key, "at+jwt", claims, &error);
    text[strlen (text) - 30] ^= 1;
    ck_assert_int_ne (verify (key, text, "at+jwt"), JWT_OK);
    free (text);
    json_decref (claims);
    jwt_key_destroy (&key);
    jwt_key_destroy (&other);
}
END_TEST

// Several threads sign with one key, each with its share of it, and none of them needs the first.
enum { SHARERS = 3 };

struct sharer {
    struct jwt_key *key;
    struct jwt_text text;
    size_t length; // of what is to be signed
    pthread_t thread;
};

static void *
sign_often (void *argument)
{
    struct sharer *sharer = argument;
    struct error error;
    bool good = true;
    for (int i = 0; i < 20 && good; i++)
        good = jwt_finish (sharer->key, sharer->text.text, sharer->length, &error);
    return good ? argument : NULL;
}

START_TEST (test_shared)
{
    static const char claims[] = "{\"sub\":\"USR-0000-0001\",\"exp\":7}";
    struct error error;
    struct jwt_key *key = jwt_key_generate ((enum jwt_algorithm) _i, &error);
    struct jwt_key *check = jwt_key_share (key);
    cleanup_free uint8_t *der = NULL;
    size_t size;
    ck_assert_ptr_nonnull (check);
    ck_assert (jwt_key_public (key, &der, &size));
    struct jwt_key *public = jwt_key_from_public (der, size, &error);
    struct sharer sharers[SHARERS];
    for (size_t i = 0; i < SHARERS; i++) {
        struct sharer *sharer = &sharers[i];
        ck_assert (jwt_write (key, "at+jwt", claims, sizeof claims - 1, &sharer->text, &error));
        sharer->length = sharer->text.length;
        sharer->key = jwt_key_share (key);
        ck_assert_ptr_nonnull (sharer->key);
    }
    jwt_key_destroy (&key);
    for (size_t i = 0; i < SHARERS; i++)
        ck_assert_int_eq (pthread_create (&sharers[i].thread, NULL, sign_often, &sharers[i]), 0);
    for (size_t i = 0; i < SHARERS; i++) {
        void *good;
        pthread_join (sharers[i].thread, &good);
        ck_assert_ptr_nonnull (good);
        ck_assert_uint_eq (strlen (sharers[i].text.text), sharers[i].length + jwt_tail (check));
        ck_assert_int_eq (verify (public, sharers[i].text.text, "at+jwt"), JWT_OK);
        jwt_key_destroy (&sharers[i].key);
    }
    jwt_key_destroy (&check);
    jwt_key_destroy (&public);
}
END_TEST

// As long as allowed, and one byte longer.
START_TEST (test_size)
{
    struct error error;
    struct jwt_key *key = jwt_key_generate (JWT_ES256, &error);
    char filler[JWT_SIZE_MAX] = "";
    size_t longest = 0;
    for (size_t length = 5800; length < 6200; length++) {
        memset (filler, 'x', length);
        filler[length] = 0;
        json_t *claims = json_pack ("{s:s}", "x", filler);
        char *text = jwt_sign (key, "at+jwt", claims, &error);
        json_decref (claims);
        if (!text)
            break;
        longest = strlen (text);
        ck_assert_int_eq (verify (key, text, "at+jwt"), JWT_OK);
        free (text);
    }
    ck_assert_uint_gt (longest, JWT_SIZE_MAX - 4);
    ck_assert_uint_le (longest, JWT_SIZE_MAX);
    ck_assert_ptr_nonnull (strstr (error.text, "too long"));
    jwt_key_destroy (&key);
}
END_TEST

START_TEST (test_headers)
{
    struct jwt_key *key = from_hex (rfc_public, false, NULL);
    static const struct {
        const char *header;
        enum jwt_result result;
    } headers[] = {
        // These get as far as the signature, which is wrong.
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", JWT_BAD_SIGNATURE},
        {"{\"alg\":\"ES256\",\"typ\":\"AT+JWT\",\"jwk\":{\"kty\":\"EC\"},\"x5u\":1}",
         JWT_BAD_SIGNATURE},
        {"{\"alg\":\"ES256\",\"typ\":\"Application/at+jwt\"}", JWT_BAD_SIGNATURE},
        // These do not.
        {"{\"alg\":\"none\",\"typ\":\"at+jwt\"}", JWT_MALFORMED},
        {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", JWT_MALFORMED},
        {"{\"alg\":\"es256\",\"typ\":\"at+jwt\"}", JWT_MALFORMED},
        {"{\"alg\":[\"ES256\"],\"typ\":\"at+jwt\"}", JWT_MALFORMED},
        {"{\"typ\":\"at+jwt\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"typ\":1}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"typ\":\"jwt\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"typ\":\"text/at+jwt\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"crit\":[\"exp\"]}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"crit\":null}", JWT_MALFORMED},
        {"{\"alg\":\"none\",\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":1}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"\"}", JWT_UNKNOWN_KEY},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"../../key\"}", JWT_UNKNOWN_KEY},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"another\"}", JWT_UNKNOWN_KEY},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"oKIywvGUpTVTyxMQ3bwIIeQUudfr_"
         "CkLMjCE19ECD-Ux\"}",
         JWT_UNKNOWN_KEY},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\"} x", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\\u0000\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"n\":99999999999999999999}", JWT_MALFORMED},
        {"[\"ES256\"]", JWT_MALFORMED},
        {"null", JWT_MALFORMED},
        {"\xff", JWT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        ck_assert_msg (verify (key, forge (headers[i].header, "{}"), "at+jwt") == headers[i].result,
                       "%s", headers[i].header);
    jwt_key_destroy (&key);
}
END_TEST

START_TEST (test_form)
{
    struct jwt_key *key = from_hex (rfc_public, false, NULL);
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "...",
                                      "a.b",
                                      "a.b.",
                                      ".b.c",
                                      "a..c",
                                      "abc",
                                      "a.b.c.d",
                                      "a.b.c ",
                                      " a.b.c",
                                      "a+.b.c",
                                      "eyJ=.b.c",
                                      "e30.e30.e30=",
                                      "e30\n.e30.e30",
                                      "jtn_live_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKWybbmVp63C"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert (!jwt_looks_like (bad[i], strlen (bad[i])));
        ck_assert_int_eq (verify (key, bad[i], NULL), JWT_MALFORMED);
    }
    ck_assert (jwt_looks_like ("a.b.c", 5));
    ck_assert (!jwt_looks_like ("a.b.c\0", 6));
    ck_assert_int_eq (verify (key, "a.b.c", NULL), JWT_MALFORMED);
    // Depth is bounded by jansson, length by us; neither may take the process.
    char deep[8000];
    memset (deep, '[', sizeof deep);
    deep[sizeof deep - 1] = 0;
    deep[4000] = 0;
    ck_assert_int_eq (verify (key, forge (deep, "{}"), NULL), JWT_MALFORMED);
    memset (deep, '[', sizeof deep);
    deep[sizeof deep - 1] = 0;
    ck_assert_int_eq (verify (key, forge ("{}", deep), NULL), JWT_MALFORMED);
    jwt_key_destroy (&key);
}
END_TEST

START_TEST (test_claims)
{
    char long_text[300];
    memset (long_text, 'x', sizeof long_text);
    long_text[256] = 0;
    json_t *claims = json_pack ("{s:s, s:s, s:f, s:b, s:I}", "empty", "", "longest", long_text,
                                "real", 1.5, "true", 1, "negative", (json_int_t) -5);
    int64_t seconds;
    ck_assert_ptr_null (jwt_text (claims, "empty"));
    ck_assert_uint_eq (strlen (jwt_text (claims, "longest")), 256);
    long_text[256] = 'x';
    long_text[257] = 0;
    json_object_set_new (claims, "longest", json_string (long_text));
    ck_assert_ptr_null (jwt_text (claims, "longest"));
    ck_assert_ptr_null (jwt_text (claims, "true"));
    ck_assert (!jwt_time (claims, "real", &seconds));
    ck_assert (!jwt_time (claims, "missing", &seconds));
    ck_assert (jwt_time (claims, "negative", &seconds));
    ck_assert_int_eq (seconds, -5);
    json_decref (claims);
}
END_TEST

int
main (void)
{
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("jwt");
    TCase *tcase = tcase_create ("jwt");
    tcase_set_timeout (tcase, 60);
    tcase_add_test (tcase, test_rfc7515);
    tcase_add_test (tcase, test_flip);
    tcase_add_test (tcase, test_pyjwt);
    tcase_add_test (tcase, test_keys);
    tcase_add_test (tcase, test_thumbprint);
    tcase_add_test (tcase, test_bad_keys);
    tcase_add_test (tcase, test_sign);
    tcase_add_loop_test (tcase, test_shared, 0, JWT_ALGORITHMS);
    tcase_add_test (tcase, test_size);
    tcase_add_test (tcase, test_headers);
    tcase_add_test (tcase, test_form);
    tcase_add_test (tcase, test_claims);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
