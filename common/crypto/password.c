#include "common/crypto/crypto.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert (crypto_pwhash_STRBYTES <= CRYPTO_PASSWORD_HASH_SIZE, "room for the PHC form");

bool
password_hash (const char *password, char hash_r[CRYPTO_PASSWORD_HASH_SIZE])
{
    return crypto_pwhash_str_alg (
               hash_r, password, strlen (password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
               crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

bool
password_verify (const char *hash, const char *password)
{
    return crypto_pwhash_str_verify (hash, password, strlen (password)) == 0;
}

// Salt and hash are SHA-256 of two texts rather than Argon2id of a password, so nobody knows one for it. The limits are those of
// password_hash: what verifying costs depends on nothing else.
const char *
password_dummy (void)
{
    return "$argon2id$v=19$m=65536,t=2,p=1$mGNz1GFlvbPepyH2Co7epQ$"
           "eXKdZ6gmfbkWw2PyxeYvwAAtehZMa5q4fctNCvy99cs";
}
