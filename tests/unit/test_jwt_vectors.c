// Keys and signatures that nobody here made: RFC 7515, 7638 and 8037, for each algorithm (R24, R26).
#include "common/memory/memory.h"
#include "common/token/key.h"
#include <check.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

// RFC 7515 appendix A.1: HS256, which is refused whatever its key; A.5: without a signature.
static const char hs256_token[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
                                  ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGF"
                                  "tcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
                                  ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
static const char none_token[] = "eyJhbGciOiJub25lIn0"
                                 ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                                 "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
                                 ".";

// RFC 7515 appendix A.2: the public key, the private one as PKCS #8, and the token.
static const char rsa_jwk[] =
    "{\"kty\":\"RSA\",\"n\":\""
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4"
    "QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdb"
    "BYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-D"
    "WNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
    "\",\"e\":\"AQAB\"}";
static const char rsa_private[] =
    "308204bd020100300d06092a864886f70d0101010500048204a7308204a30201000282010100a1f8160ae2e3c9b4"
    "65ce8d2d656263362b927dbe29e1f02477fc1625cc90a136e38bd93497c5b6ea63dd7711e67c7429f956b0fb8a8f"
    "089adc4b69893cc1333f53edd019b87784252fec914fe4857769594bea4280d32c0f55bf62944f130396bc6e9bdf"
    "6ebdd2bda3678eeca0c668f701b38dbffb38c8342ce2fe6d27fade4a5a4874979dd4b9cf9adec4c75b05852c2c0f"
    "5ef8a5c1750392f944e8ed64c110c6b647609aa4783aeb9c6c9ad755313050638b83665c6f6f7a82a396702a1f64"
    "1b82d3ebf2392219491fb686872c5716f50af8358d9a8b9d17c340728f7f87d89a18d8fcab67ad84590c2ecf7593"
    "39363c07034d6f606f9e21e05456cae5e9a102030100010282010012ae71a469cd0a2bc37e526c4500571f1d6175"
    "1d64e949707b62590f9d0ba57c963c401e3fcf2f2cd3bdec88e503bfc6439b0b28c82f7d3797671f5213eed8c15a"
    "25d8d5cea0025ee3ab2e8b7f79216fc63bea562753b40644c6a15127d9b2954540a0bbe1a30556982d4e9fde5f64"
    "25f14d4b713441b55dc73b9b4aedcc92ace3927e37f57d0cfd5e7581fa512c8f4961a9eb0b80f8a80746728a55ff"
    "46471f3425063b9d53642f5ede1e84d613081afa5c22d051285bd63b943b565d898a05685413e53c3c6c6525ff1f"
    "e34e3ddc70f0d56450fda48ba12e104e9deb9fb81881e1c4bdf25d9247f450c865927968e77334f4414f75a750e1"
    "39546e3a8a739d02818100e01cc410eb48a6655d54464d0aa4bb6da0b872b774a6a9d11ffe480778f0ddb7311a7e"
    "902ef9c4b5f75476262ba8176cb35979f014372a1a2829e4136bd001d07c3f3f2e4f25d4c934f63c7109fba2e676"
    "28a0dc9a73c6058e6def22dcd50950e711ddc16d5586f2a7fa75ea8494c18083e0b65742f8a0d5e73fb2d970f019"
    "4702818100b903c47e0995b632f4532cb1f3c199145d5f3ae9c7dfeedc7a92a6b47e29c61b42a07aa95a64fc6009"
    "99c5a7b01e01c08cb62ca756527bbcc56078fb0baba5ed38de2d07990ff6300faeadeb6c039a97bf1e507e4e7040"
    "fa78db8257c8b112ed5e59c3cd092fe5d4e5b51275d41281072a5e785ebaf3dae3709203133f5159d70281800702"
    "9f577024ab9fcc1590c56429d6fb0ce5f820a8f375a866f9cb430093783bfcbb396e4529e6ef52374022dd86ba84"
    "d9ef58931beec5d05fa53fcf23b633f8538a9eed51e87b097830a39f5d92937be6024b55db36f7e0c09dcbb72975"
    "387f615afbb6cb36bbabe7793c2b03ceab66dbb931baf50b55ec9af9311d001d628d0281810087ff7afa62b547fe"
    "e0961b2e9bcd5d6718d39d8ca73db6691f38998de78771762c5da68cc243a5383b166bb23dc570e84706ca801ef5"
    "f6bae6236a0aafa3770e8f54d1a8da1c5f8d2899f082331ddb0f5c8f3dfffa4c8d97102bdafe082a118da6633988"
    "880e4b55599ce67af26ebfa5b2c14a9de7b2c4dd96abddd2d2224c7502818021877b0c73a1ad6bf19303d0b11336"
    "b4e82b8db72b7efb50262a5df8395cc7256eb8cf6c40b7608d5936a32dba174126a527062ead8ca305fb7e177f40"
    "9437c9dcb9718ed82018bcef0f7720a2c475f9db26da0e3cb516d084eb25178e828d5cabd49bb3161ac0181fa7f8"
    "21e80e7ad37936f9943054ad092921ee2c592e4375";
static const char rsa_token[] =
    "eyJhbGciOiJSUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q"
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
    "O8W2Fp5ju"
    "jGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07"
    "Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipU"
    "TI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

// RFC 7515 appendix A.3.
static const char ec_jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
                             "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                             "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
static const char ec_token[] =
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlf"
    "Q"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

// RFC 8037 appendix A.1 (as PKCS #8, RFC 8410), A.2, A.3 and A.4, which signs a sentence.
static const char okp_private[] =
    "302e020100300506032b657004220420"
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
static const char okp_jwk[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                              "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
static const char okp_id[] = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
static const char okp_signed[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
static const char okp_signature[] =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

// RFC 7638 section 3.1.
static const char thumbprint_jwk[] =
    "{\"kty\":\"RSA\",\"n\":\""
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPeb"
    "WKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368Q"
    "QMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2"
    "NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}";
static const char thumbprint_id[] = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

// ---- what the tests share -------------------------------------------------------------------------------------------

static struct jwt_key *
from_jwk (const char *text, struct error *error_r)
{
    json_t *jwk = json_loads (text, 0, NULL);
    ck_assert_ptr_nonnull (jwk);
    struct jwt_key *key = jwt_key_from_jwk (jwk, error_r);
    json_decref (jwk);
    return key;
}

static struct jwt_key *
from_hex (const char *hex)
{
    uint8_t der[JWT_PRIVATE_MAX];
    size_t size;
    struct error error = {0};
    ck_assert_int_eq (sodium_hex2bin (der, sizeof der, hex, strlen (hex), NULL, &size, NULL), 0);
    struct jwt_key *key = jwt_key_from_private (der, size, &error);
    ck_assert_msg (key != NULL, "%s", error.text);
    return key;
}

static const struct jwt_key *
find (void *context, const char *kid)
{
    (void) kid;
    return context;
}

static enum jwt_result
verify (struct jwt_key *key, const char *text, struct error *error_r)
{
    json_t *claims = NULL;
    enum jwt_result result = jwt_verify (text, strlen (text), NULL, find, key, &claims, error_r);
    if (result == JWT_OK)
        ck_assert_str_eq (jwt_text (claims, "iss"), "joe");
    json_decref (claims);
    return result;
}

static char *
signature_text (const struct jwt_key *key, const char *text)
{
    static char encoded[JWT_SIZE_MAX];
    uint8_t signature[JWT_SIGNATURE_MAX];
    ck_assert (jwt_signature_make (key, text, strlen (text), signature));
    return sodium_bin2base64 (encoded, sizeof encoded, signature, key->signature_size,
                              sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

// ---- tests ----------------------------------------------------------------------------------------------------------

// Each token is good with its own key, and with no other.
START_TEST (rfc7515)
{
    struct error error;
    static const char *const jwks[] = {ec_jwk, rsa_jwk, okp_jwk};
    static const char *const tokens[] = {ec_token, rsa_token};
    for (size_t k = 0; k < sizeof jwks / sizeof *jwks; k++) {
        struct jwt_key *key = from_jwk (jwks[k], &error);
        ck_assert_msg (key != NULL, "%s", error.text);
        for (size_t t = 0; t < sizeof tokens / sizeof *tokens; t++)
            ck_assert_int_eq (verify (key, tokens[t], &error), t == k ? JWT_OK : JWT_MALFORMED);
        ck_assert_str_eq (error.text, k == 1 ? "alg is not that of the key" : error.text);
        ck_assert_int_eq (verify (key, hs256_token, &error), JWT_MALFORMED);
        ck_assert_str_eq (error.text, "alg is none of ES256, EdDSA and RS256");
        ck_assert_int_eq (verify (key, none_token, &error), JWT_MALFORMED);
        jwt_key_destroy (&key);
    }
}
END_TEST

// RSA's padding and Ed25519 leave nothing to chance: what we sign is what they signed.
START_TEST (signatures_are_those_of_the_vectors)
{
    struct jwt_key *rsa = from_hex (rsa_private), *okp = from_hex (okp_private);
    char *dot = strrchr (rsa_token, '.');
    char *text = strndup (rsa_token, (size_t) (dot - rsa_token));
    ck_assert_str_eq (signature_text (rsa, text), dot + 1);
    ck_assert_str_eq (signature_text (okp, okp_signed), okp_signature);
    free (text);

    struct error error;
    char whole[512];
    snprintf (whole, sizeof whole, "%s.%s", okp_signed, okp_signature);
    ck_assert_int_eq (verify (okp, whole, &error), JWT_MALFORMED); // signed, but no claims
    ck_assert_str_eq (error.text, "claims: not a JSON object");
    whole[strlen (okp_signed) + 10] ^= 1;
    ck_assert_int_eq (verify (okp, whole, &error), JWT_BAD_SIGNATURE);
    jwt_key_destroy (&rsa);
    jwt_key_destroy (&okp);
}
END_TEST

START_TEST (thumbprints_and_jwks)
{
    static const struct {
        const char *jwk, *id, *alg;
        size_t members;
    } keys[] = {
        {thumbprint_jwk, thumbprint_id, "RS256", 6},
        {okp_jwk, okp_id, "EdDSA", 6},
        {ec_jwk, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U", "ES256", 7},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct jwt_key *key = from_jwk (keys[i].jwk, NULL);
        ck_assert_ptr_nonnull (key);
        ck_assert_str_eq (jwt_key_id (key), keys[i].id);
        ck_assert_str_eq (jwt_algorithm_name (jwt_key_algorithm (key)), keys[i].alg);
        json_t *given = json_loads (keys[i].jwk, 0, NULL), *jwk = jwt_key_jwk (key);
        ck_assert_uint_eq (json_object_size (jwk), keys[i].members); // nothing private
        static const char *const public_members[] = {"kty", "crv", "x", "y", "n", "e"};
        for (size_t m = 0; m < sizeof public_members / sizeof *public_members; m++)
            ck_assert (json_equal (json_object_get (given, public_members[m]),
                                   json_object_get (jwk, public_members[m])) ||
                       (!json_object_get (given, public_members[m]) &&
                        !json_object_get (jwk, public_members[m])));
        ck_assert_str_eq (json_string_value (json_object_get (jwk, "kid")), keys[i].id);
        ck_assert_str_eq (json_string_value (json_object_get (jwk, "use")), "sig");
        ck_assert_str_eq (json_string_value (json_object_get (jwk, "alg")), keys[i].alg);
        json_decref (given);
        json_decref (jwk);
        jwt_key_destroy (&key);
    }
}
END_TEST

// Into the database and out of it.
START_TEST (der_there_and_back)
{
    struct error error;
    for (int i = 0; i < JWT_ALGORITHMS; i++) {
        struct jwt_key *key = jwt_key_generate ((enum jwt_algorithm) i, &error);
        ck_assert_msg (key != NULL, "%s", error.text);
        uint8_t *der, *again;
        size_t size, again_size;
        ck_assert (jwt_key_public (key, &der, &size));
        ck_assert_uint_le (size, JWT_PUBLIC_MAX);
        struct jwt_key *copy = jwt_key_from_public (der, size, &error);
        ck_assert_str_eq (jwt_key_id (copy), jwt_key_id (key));
        ck_assert (!jwt_key_private (copy, &again, &again_size));
        free (der);
        jwt_key_destroy (&copy);
        ck_assert (jwt_key_private (key, &der, &size));
        ck_assert_uint_le (size, JWT_PRIVATE_MAX);
        copy = jwt_key_from_private (der, size, &error);
        ck_assert_str_eq (jwt_key_id (copy), jwt_key_id (key));
        ck_assert_int_eq (jwt_key_algorithm (copy), i);
        free (der);

        json_t *claims = json_pack ("{s:s}", "iss", "joe");
        cleanup_free char *token = jwt_sign (copy, "at+jwt", claims, &error);
        json_decref (claims);
        ck_assert_int_eq (verify (key, token, &error), JWT_OK);
        for (size_t at = 0; at < strlen (token); at += 7) {
            char was = token[at];
            token[at] = was == 'A' ? 'B' : 'A';
            ck_assert_int_ne (verify (key, token, &error), JWT_OK);
            token[at] = was;
        }
        ck_assert_int_eq (verify (key, token, &error), JWT_OK); // what was refused has left nothing
        jwt_key_destroy (&copy);
        jwt_key_destroy (&key);
    }
}
END_TEST

START_TEST (keys_that_are_not_good)
{
    struct error error;
    static const struct {
        const char *jwk, *why;
    } keys[] = {
        {"{}", "not a JWK"},
        {"[]", "not a JWK"},
        {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", "private part"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":"
         "\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
         "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
         "private part"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"enc\","
         "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
         "use is not sig"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"ES256\","
         "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
         "alg is not that of the key: EdDSA"},
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\","
         "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
         "not a JWK"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
         "7TyWQHOg7hcvPapiMlrwIaaPcHUR\"}",
         "not a JWK"},
        // The points of order 1, 2 and 8 (RFC 7748's list for its twin), under which anybody can sign.
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
         "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
         "no point"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"7P_______________________________________"
         "38\"}",
         "no point"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
         "no point"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\","
         "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
         "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a4\"}",
         "not a JWK"}, // not on the curve
        {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}", "not a JWK"},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "2048 to 4096 bits: it has 17"},
        {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "not a JWK"},
        {"{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}", "not a JWK"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        ck_assert_msg (!from_jwk (keys[i].jwk, &error), "%s", keys[i].jwk);
        ck_assert_msg (strstr (error.text, keys[i].why), "%s: %s", keys[i].jwk, error.text);
    }
    // Exponents that are too small, even, and too large.
    static const char *const exponents[] = {"AQ", "Aw", "AQAC", "AQAAAAAAAAAB"};
    for (size_t i = 0; i < sizeof exponents / sizeof *exponents; i++) {
        json_t *jwk = json_loads (rsa_jwk, 0, NULL);
        json_object_set_new (jwk, "e", json_string (exponents[i]));
        ck_assert_ptr_null (jwt_key_from_jwk (jwk, &error));
        json_decref (jwk);
    }
    ck_assert_ptr_null (jwt_key_take (EVP_RSA_gen (1024), &error));
    ck_assert_str_eq (error.text, "not an RSA key of 2048 to 4096 bits: it has 1024");
    // Kinds that there is no algorithm for.
    static const char *const kinds[] = {"X25519", "ED448"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        ck_assert_ptr_null (jwt_key_take (EVP_PKEY_Q_keygen (NULL, NULL, kinds[i]), &error));
        ck_assert_str_eq (error.text, "not a key of the curve P-256, of Ed25519 or of RSA");
    }
}
END_TEST

int
main (void)
{
    const TTest *const tests[] = {rfc7515, signatures_are_those_of_the_vectors,
                                  thumbprints_and_jwks, der_there_and_back, keys_that_are_not_good};
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("jwt vectors");
    TCase *tcase = tcase_create ("vectors");
    tcase_set_timeout (tcase, 120);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test (tcase, tests[i]);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
