// The authorization endpoint of OAuth 2.0, but for HTTP (RFC 6749 section 4.1, RFC 7636, RFC 9207): a user consents, and a client may fetch tokens with the code that is made.
//
//     "jtn_code_" base64url (32 random bytes)     52 characters
#ifndef JETON_ISSUER_AUTHORIZE_H
#define JETON_ISSUER_AUTHORIZE_H

#include "services/issuer/issuer.h"
#include "services/issuer/random_text.h"

#define CODE_PREFIX "jtn_code_"

// authorize_callers (issuer): How it is found out who consents, or signs out. Once the database and the keys are there.
struct caller_options authorize_callers (struct issuer *issuer);

#endif
