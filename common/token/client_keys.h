// The public keys of an OAuth client, by which it signs what it proves itself with (private_key_jwt, RFC 7523).
#ifndef JETON_TOKEN_CLIENT_KEYS_H
#define JETON_TOKEN_CLIENT_KEYS_H

#include "common/error/error.h"
#include "common/token/jwt.h"

enum { CLIENT_KEYS_MAX = 4, CLIENT_KEYS_TEXT_MAX = 8192 };

struct client_keys;

// client_keys_read (jwks, error_r): A JWK set (RFC 7517) of 1 to CLIENT_KEYS_MAX keys of P-256 or Ed25519, CLIENT_KEYS_TEXT_MAX bytes at most, each with a kid of its own: its member, of 1 to 43
// characters of base64url, or its thumbprint. NULL: error_r names what is wrong.
struct client_keys *client_keys_read (const char *jwks, struct error *error_r)
    __attribute__ ((warn_unused_result));
void client_keys_destroy (struct client_keys **keys); // NULL-safe

// client_keys_find (keys, kid): NULL: there is none. kid NULL: the only one, if there is one only.
const struct jwt_key *client_keys_find (const struct client_keys *keys, const char *kid);

#endif
