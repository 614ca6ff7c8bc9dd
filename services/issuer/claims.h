// The claims of a client's access token as JSON text (RFC 9068 section 2.2, R24), written straight away: there is one for each grant, and a tree of JSON values
// costs a sixth of its signature.
#ifndef JETON_ISSUER_CLAIMS_H
#define JETON_ISSUER_CLAIMS_H

#include "services/issuer/access.h"

enum { CLAIMS_SIZE = 6144 }; // what base64url leaves of a token's longest

// claims_begin (issuer, audience, error_r): What all have in common, `{"iss":"…","aud":"…`, up to where a customer's token says another: made once for the settings. The caller frees it. NULL: one of them is not UTF-8.
char *claims_begin (const char *issuer, const char *audience, struct error *error_r)
    __attribute__ ((warn_unused_result));

// claims_write (begin, access, jti, text_r): Their bytes; 0: there are more than a token has room for.
size_t claims_write (const char *begin, const struct access *access, const char *jti,
                     char text_r[CLAIMS_SIZE]);

#endif
