// Private keys as they are kept: PKCS #8, sealed with AES-256-GCM under a key outside the database, each bound to its kid, so that what was moved to
// another row does not open.
#ifndef JETON_ISSUER_SEALED_H
#define JETON_ISSUER_SEALED_H

#include "services/issuer/issuer.h"
#include "services/issuer/store.h"

// Called in the loop's thread, never before the starter has returned. `key` is valid during the call, without state; NULL: none could be made, for
// `why`.
typedef void sealed_key_callback (void *context, const struct store_signing_key *key,
                                  const char *why);

// sealed_key_make (issuer, callback, context): A new key by the setting signing_algorithm, its private part sealed. A worker does it, as RSA takes its
// time. False: too much waits for the workers; nothing is called.
bool sealed_key_make (struct issuer *issuer, sealed_key_callback *callback, void *context)
    __attribute__ ((warn_unused_result));

// sealed_key_open (keys, row, error_r): The private key of a row, if it is the one that the row's kid names.
struct jwt_key *sealed_key_open (const struct seal_keys *keys, const struct store_signing_key *row,
                                 struct error *error_r) __attribute__ ((warn_unused_result));

#endif
