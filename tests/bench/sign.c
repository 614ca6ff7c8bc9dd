// sign ALGORITHM SECONDS: how many tokens one thread makes in a second of its own time, claims and all, and how many it checks:
// {"sign": …, "verify": …}. openssl speed measures in the same way.
#include "common/memory/memory.h"
#include "common/token/jwt.h"
#include "services/issuer/claims.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { AT_A_TIME = 64 }; // between two looks at the clock

static double
now (void)
{
    struct timespec time;
    clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
    return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

// As the issuer's for a client (R24), with its code.
static const char *begin;

static char *
token_make (const struct jwt_key *key)
{
    static const struct scope_resource market = {.kind = SCOPE_MARKET, .number = 1};
    static const struct asking_scope scope = {
        .restricted = true,
        .n = 1,
        .resources = &market,
        .text = "market:1 module:orders:read",
    };
    static const struct store_client client = {
        .number = 7, .account = 3, .kind = JETON__V1__CLIENT_KIND__CLIENT_KIND_INTEGRATION};
    const struct access access = {.client = &client,
                                  .scope = &scope,
                                  .environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE,
                                  .issued_at = time (NULL),
                                  .life_s = 7200};
    char claims[CLAIMS_SIZE], jti[ACCESS_JTI_SIZE];
    uint8_t random[16];
    struct jwt_text text;
    struct error error;
    randombytes_buf (random, sizeof random);
    sodium_bin2base64 (jti, sizeof jti, random, sizeof random,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    size_t size = claims_write (begin, &access, jti, claims);
    if (!jwt_write (key, "at+jwt", claims, size, &text, &error) ||
        !jwt_finish (key, text.text, text.length, &error)) {
        fprintf (stderr, "sign: %s\n", error.text);
        exit (1);
    }
    return xmemdup (text.text, text.length + jwt_tail (key) + 1);
}

static const struct jwt_key *
find (void *context, const char *kid)
{
    (void) kid;
    return context;
}

static void
token_check (struct jwt_key *key, const char *token)
{
    json_t *claims;
    struct error error;
    if (jwt_verify (token, strlen (token), "at+jwt", find, key, &claims, &error) != JWT_OK) {
        fprintf (stderr, "sign: %s\n", error.text);
        exit (1);
    }
    json_decref (claims);
}

int
main (int argc, char **argv)
{
    enum jwt_algorithm algorithm;
    double seconds = argc == 3 ? atof (argv[2]) : 0;
    if (seconds <= 0 || !jwt_algorithm_find (argv[1], &algorithm) || sodium_init () < 0) {
        fprintf (stderr, "usage: sign ES256|EdDSA|RS256 SECONDS\n");
        return 64;
    }
    struct error error;
    struct jwt_key *key = jwt_key_generate (algorithm, &error);
    cleanup_free char *common = claims_begin ("https://jeton.localhost", "jeton", &error);
    if (!key || !common)
        return 1;
    begin = common;
    double rates[2];
    cleanup_free char *one = token_make (key);
    for (int verify = 0; verify < 2; verify++) {
        double began = now (), ended = began;
        long n = 0;
        while (ended - began < seconds) {
            for (int i = 0; i < AT_A_TIME; i++, n++) {
                if (verify)
                    token_check (key, one);
                else
                    free (token_make (key));
            }
            ended = now ();
        }
        rates[verify] = (double) n / (ended - began);
    }
    printf ("{\"sign\": %.0f, \"verify\": %.0f}\n", rates[0], rates[1]);
    jwt_key_destroy (&key);
    return 0;
}
