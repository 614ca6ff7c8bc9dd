// Clients that prove themselves with a JWT which they have signed (private_key_jwt: RFC 7521 section 4.2, RFC 7523 section 3).
#ifndef JETON_ISSUER_ASSERTION_H
#define JETON_ISSUER_ASSERTION_H

#include "services/issuer/token.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
enum { ASSERTION_LIFE_MAX_S = 300 };

// assertion_start (issuer, error_r): Makes the keys that nobody has. assertion_end (issuer): NULL-safe.
bool assertion_start (struct issuer *issuer, struct error *error_r)
    __attribute__ ((warn_unused_result));
void assertion_end (struct issuer *issuer);

// What an assertion that is right has to be remembered by, until it has expired.
struct assertion {
    uint8_t digest[TOKEN_DIGEST_SIZE]; // of its jti
    int64_t expires_at;
};

// assertion_right (asking, assertion_r): Is the request's assertion the client's, for this issuer, and of now? Whether it was used before is not looked at. A signature is verified
// also when there is no such client, or no such key.
bool assertion_right (const struct asking *asking, struct assertion *assertion_r)
    __attribute__ ((warn_unused_result));

#endif
