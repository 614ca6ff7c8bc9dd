#include "services/issuer/access.h"

#include "common/token/jwt.h"
#include "services/issuer/claims.h"
#include "services/issuer/signing.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

void
access_jti_next (struct access_random *random, size_t wanted, char jti_r[ACCESS_JTI_SIZE])
{
    assert (wanted > 0);
    if (random->n == 0) {
        random->n = wanted < ACCESS_RANDOM_N ? wanted : ACCESS_RANDOM_N;
        randombytes_buf (random->bytes, random->n * sizeof random->bytes[0]);
    }
    random->n--;
    sodium_bin2base64 (jti_r, ACCESS_JTI_SIZE, random->bytes[random->n], sizeof random->bytes[0],
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void
access_jti (char jti_r[ACCESS_JTI_SIZE])
{
    struct access_random random;
    random.n = 0; // the bytes are written before they are read
    access_jti_next (&random, 1, jti_r);
}

bool
access_start (struct issuer *issuer, struct error *error_r)
{
    char *begin = claims_begin (issuer->settings.issuer, issuer->settings.audience, error_r);
    if (!begin)
        return false;
    free (issuer->claims_begin);
    issuer->claims_begin = begin;
    return true;
}

bool
access_write (const struct issuer *issuer, const struct access *access, const char *jti,
              struct jwt_text *text_r, struct error *error_r)
{
    const struct jwt_key *key = signing_active (issuer->signing);
    char claims[CLAIMS_SIZE];
    if (!key) {
        error_set (error_r, "there is no signing key");
        return false;
    }
    size_t size = claims_write (issuer->claims_begin, access, jti, claims);
    if (size > 0)
        return jwt_write (key, "at+jwt", claims, size, text_r, error_r);
    error_set (error_r, "the claims are too long for a token");
    return false;
}

bool
access_sign (const struct issuer *issuer, const struct access *access, char jti_r[ACCESS_JTI_SIZE],
             struct jwt_text *text_r, struct error *error_r)
{
    const struct jwt_key *key = signing_active (issuer->signing);
    access_jti (jti_r);
    if (!access_write (issuer, access, jti_r, text_r, error_r) ||
        !jwt_finish (key, text_r->text, text_r->length, error_r))
        return false;
    text_r->length += jwt_tail (key);
    return true;
}
