// The signing keys in memory, kept in step with the table.
//
// Private keys are in the table only sealed (AES-256-GCM under a key outside the database), bound to their kid. A private key is
// opened only while it is active. Where there is no key at all, one is made; several issuers that start at once agree by the table's
// unique index on who made it.
#ifndef JETON_ISSUER_SIGNING_H
#define JETON_ISSUER_SIGNING_H

#include "common/memory/memory.h"
#include "common/token/jwt.h"
#include "services/issuer/issuer.h"
#include "services/issuer/store.h"

// signing_new (issuer): Begins to read the keys, every keys_interval_ms. Health becomes SERVING when there is one that signs.
struct signing *signing_new (struct issuer *issuer) __attribute__ ((returns_nonnull));
// signing_destroy (&signing): After the database is closed. NULL-safe.
void signing_destroy (struct signing **signing);

// signing_active (signing): The key that signs, or NULL.
const struct jwt_key *signing_active (const struct signing *signing);

// signing_keys (signing, n_r): The rows as they were last read, oldest first; valid until the loop goes on.
const struct store_signing_key *signing_keys (const struct signing *signing, size_t *n_r);

// signing_tell (issuer, outcome): Tells validators of a change of the keys that ended so.
void signing_tell (struct issuer *issuer, enum store_outcome outcome);
// signing_reload (signing): Read the keys again soon.
void signing_reload (struct signing *signing);

// signing_jwks (signing): RFC 7517 JSON; valid until the loop goes on.
const char *signing_jwks (const struct signing *signing) __attribute__ ((returns_nonnull));

#endif
