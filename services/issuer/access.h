// Access tokens as JWTs (RFC 9068, R24). Making one writes no row.
#ifndef JETON_ISSUER_ACCESS_H
#define JETON_ISSUER_ACCESS_H

#include "common/error/error.h"
#include "common/token/jwt.h"
#include "services/issuer/asking_scope.h"

// What a token says.
struct access {
    const struct store_client *client; // whom it was given to
    int64_t customer, user;            // whom it stands for, one of these; both 0: the client
    const struct asking_scope *scope;
    Jeton__V1__Environment environment;
    int64_t issued_at, life_s;
    bool beside; // it is a customer's, and good only beside its client's own (R22)
};

// access_jti (jti_r): 128 random bits.
void access_jti (char jti_r[ACCESS_JTI_SIZE]);

// What the ids of tokens that are made together are of. Of the caller's turn only: it is not kept for later, and no process has a copy of another's.
enum { ACCESS_RANDOM_N = 32 };
struct access_random {
    uint8_t bytes[ACCESS_RANDOM_N][16];
    size_t n; // that are left; 0 at first
};
// access_jti_next (random, wanted, jti_r): As access_jti. When none is left, as many are had at once as are wanted, this one among them (at least 1), ACCESS_RANDOM_N at most: one
// system call for these.
void access_jti_next (struct access_random *random, size_t wanted, char jti_r[ACCESS_JTI_SIZE]);

// access_start (issuer, error_r): At the start, and when the settings were read again. False: the settings are wrong, and what was there before stays.
bool access_start (struct issuer *issuer, struct error *error_r)
    __attribute__ ((warn_unused_result));

// access_write (issuer, access, jti, text_r, error_r): What is to be signed with the active key, for life_s from issued_at, under that id.
bool access_write (const struct issuer *issuer, const struct access *access, const char *jti,
                   struct jwt_text *text_r, struct error *error_r)
    __attribute__ ((warn_unused_result));
// access_sign (issuer, access, jti_r, text_r, error_r): The same, under a new id and signed. The caller wipes it.
bool access_sign (const struct issuer *issuer, const struct access *access,
                  char jti_r[ACCESS_JTI_SIZE], struct jwt_text *text_r, struct error *error_r)
    __attribute__ ((warn_unused_result));

#endif
