// What the issuer says of its keys (GetJwks), kept for a moment.
//
// An issuer shows a key for as long as others may keep a JWKS (max_age_s) before it signs with it. So what is kept here counts: who gets it is told to keep it for the rest of
// that time only. The issuer is asked again after 10 s already, so that a key that was revoked is gone soon; when it does not answer, what is there is given until it is too old, and then 503.
#ifndef JETON_GATEWAY_OAUTH_KEYS_H
#define JETON_GATEWAY_OAUTH_KEYS_H

struct oauth_keys;

struct oauth_keys *oauth_keys_new (void) __attribute__ ((returns_nonnull));
void oauth_keys_destroy (struct oauth_keys **self); // NULL-safe

#endif
