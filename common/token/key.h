// What a key of signed tokens is made of. For common/token only; others see jwt.h.
#ifndef JETON_TOKEN_KEY_H
#define JETON_TOKEN_KEY_H

#include "common/token/jwt.h"
#include <openssl/evp.h>

struct jwt_key {
    EVP_PKEY *pkey;
    const char *algorithm; // "ES256"
    char x[JWT_KID_SIZE];  // the point, base64url
    char y[JWT_KID_SIZE];
    char id[JWT_KID_SIZE];
};

// jwt_openssl_failed (what, error_r): error_r says `what` and OpenSSL's reason, whose queue is emptied. Returns NULL.
struct jwt_key *jwt_openssl_failed (const char *what, struct error *error_r);

#endif
