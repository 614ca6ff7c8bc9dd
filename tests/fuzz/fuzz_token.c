// What callers present as tokens and ids; keys of other programs (R24).
#include "common/memory/memory.h"
#include "common/token/id.h"
#include "common/token/jwt.h"
#include "common/token/value.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

// The public keys of RFC 7515 appendix A.3 and A.2, and of RFC 8037 appendix A.2, with which the corpus is signed.
static const char *const jwks[] = {
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4"
    "QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdb"
    "BYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-D"
    "WNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}",
};
static struct jwt_key *keys[JWT_ALGORITHMS];

static const struct jwt_key *
find (void *context, const char *kid)
{
    (void) context;
    if (kid == NULL)
        return NULL;
    assert (strlen (kid) < JWT_KID_SIZE);
    for (int i = 0; i < JWT_ALGORITHMS; i++)
        if (strcmp (kid, jwt_key_id (keys[i])) == 0)
            return keys[i];
    return NULL;
}

// What is no key of ours, or another program's, is one or is refused; one has a name, and is read again as itself.
static void
jwk_check (const char *text, size_t size)
{
    json_t *jwk = json_loadb (text, size, JSON_REJECT_DUPLICATES, NULL);
    struct jwt_key *key = jwk ? jwt_key_from_jwk (jwk, NULL) : NULL;
    json_decref (jwk);
    if (key == NULL)
        return;
    jwk = jwt_key_jwk (key);
    struct jwt_key *again = jwt_key_from_jwk (jwk, NULL);
    assert (again && strcmp (jwt_key_id (key), jwt_key_id (again)) == 0);
    json_decref (jwk);
    jwt_key_destroy (&again);
    jwt_key_destroy (&key);
}

static void
jwt_check (const char *text, size_t size)
{
    struct error error = {.text = ""};
    json_t *claims = NULL;
    int64_t expires_at;
    bool form = jwt_looks_like (text, size);
    enum jwt_result result = jwt_verify (text, size, "at+jwt", find, NULL, &claims, &error);
    assert (form || result == JWT_MALFORMED);
    assert ((result == JWT_OK) == (claims != NULL));
    assert ((result == JWT_OK) == (error.text[0] == '\0'));
    if (claims != NULL && jwt_times (claims, 1800000000, &expires_at) == JWT_TIMES_GOOD)
        assert (expires_at > 1800000000);
    json_decref (claims);
}

static void
ids_check (const char *text)
{
    int64_t number;
    char id[ID_SIZE], audit_id[ID_AUDIT_SIZE];
    if (id_parse ("TKN", text, &number)) {
        id_format ("TKN", number, id);
        assert (strcmp (id, text) == 0); // there is one spelling of each
    }
    if (id_audit_parse (text, &number)) {
        id_audit_format (number, audit_id);
        assert (strcmp (audit_id, text) == 0);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    // The keys of the corpus: 00…00 and 11…11.
    static const struct token_keys value_keys = {
        .n = 2,
        .keys = {{0}, {17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17}},
    };
    char *text = xcalloc (1, size + 1);
    if (size > 0)
        memcpy (text, data, size);
    ids_check (text);
    enum token_environment environment;
    if (token_value_check (&value_keys, text, size, &environment))
        assert (size == TOKEN_VALUE_LENGTH &&
                (environment == TOKEN_LIVE || environment == TOKEN_TEST));
    uint32_t day;
    if (token_access_check (&value_keys, text, size, &environment, &day))
        assert (size == TOKEN_ACCESS_LENGTH && day <= TOKEN_ACCESS_DAY_MAX &&
                (environment == TOKEN_LIVE || environment == TOKEN_TEST));
    for (int i = 0; i < JWT_ALGORITHMS && keys[i] == NULL; i++) {
        json_t *jwk = json_loads (jwks[i], 0, NULL);
        keys[i] = jwt_key_from_jwk (jwk, NULL);
        assert (keys[i] != NULL);
        json_decref (jwk);
    }
    jwt_check (text, size);
    jwk_check (text, size);
    free (text);
    return 0;
}
