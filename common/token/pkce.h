// Proof Key for Code Exchange (RFC 7636) by S256, the only method that there is here: "plain" protects against nothing.
#ifndef JETON_TOKEN_PKCE_H
#define JETON_TOKEN_PKCE_H

#include <stdbool.h>

enum {
    PKCE_VERIFIER_MIN = 43,
    PKCE_VERIFIER_MAX = 128,
    PKCE_CHALLENGE_SIZE = 44
}; // bytes; a challenge with its NUL

// pkce_verifier_good (verifier): 43 to 128 of the characters that section 4.1 allows.
bool pkce_verifier_good (const char *verifier);
// pkce_challenge_good (challenge): What S256 gives: base64url of 32 bytes, without padding, in its one spelling.
bool pkce_challenge_good (const char *challenge);
// pkce_challenge (verifier, challenge_r): By S256 (section 4.2).
void pkce_challenge (const char *verifier, char challenge_r[PKCE_CHALLENGE_SIZE]);
// pkce_match (verifier, challenge): Is the verifier one, and the challenge its own (section 4.6)? In a time that does not tell how much is right.
bool pkce_match (const char *verifier, const char *challenge) __attribute__ ((warn_unused_result));

#endif
