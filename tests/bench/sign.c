// sign ALGORITHM SECONDS: how many tokens one thread makes in a second of its own time, claims and all, and how many it checks:
// {"sign": …, "verify": …}. openssl speed measures in the same way.
#include "common/memory/memory.h"
#include "common/token/id.h"
#include "common/token/jwt.h"
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

// As the issuer's for a client (R24).
static char *
token_make (const struct jwt_key *key)
{
    char client[ID_SIZE], account[ID_SIZE], jti[32];
    uint8_t random[16];
    int64_t issued_at = time (NULL);
    id_format ("CLI", 7, client);
    id_format ("ACC", 3, account);
    randombytes_buf (random, sizeof random);
    sodium_bin2base64 (jti, sizeof jti, random, sizeof random,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    json_t *claims =
        json_pack ("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s}", "iss",
                   "https://jeton.localhost", "aud", "jeton", "sub", client, "iat",
                   (json_int_t) issued_at, "exp", (json_int_t) issued_at + 7200, "jti", jti,
                   "client_id", client, "account", account, "environment", "live", "client_kind",
                   "integration", "scope", "module:orders:read market:1");
    struct error error;
    char *token = jwt_sign (key, "at+jwt", claims, &error);
    json_decref (claims);
    if (!token) {
        fprintf (stderr, "sign: %s\n", error.text);
        exit (1);
    }
    return token;
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
    struct jwt_key *key = jwt_key_generate (algorithm, NULL);
    if (!key)
        return 1;
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
