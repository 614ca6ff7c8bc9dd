// What a client may ask for, and the secret that it proves itself with: for client.c.
#ifndef JETON_ADMIN_CLIENT_H
#define JETON_ADMIN_CLIENT_H

#include "common/crypto/crypto.h"
#include "common/rpc/request.h"
#include "common/token/value.h"
#include "services/admin/change.h"
#include "types.pb-c.h"
#include <stdbool.h>
#include <stddef.h>

// client_scopes_check (request, account_id, client_id, n, scopes, next): Calls `next` when the scopes of a new client of the account, or of the client that is edited (account_id ""), are
// of the right form, none twice, of modules that are enabled for the account or that the client has already. Otherwise the request is answered.
void client_scopes_check (struct request *request, const char *account_id, const char *client_id,
                          size_t n, char *const *scopes, request_callback *next);

// client_jwks_check (request, kind, jwks): Are these keys that a client of this kind can have? "": none. False: the request was answered.
bool client_jwks_check (struct request *request, Jeton__V1__ClientKind kind, const char *jwks)
    __attribute__ ((warn_unused_result));

// client_secret_first (request, client): A client that is made gets a secret, unless it is public: into the reply of its change. False: the request was answered.
bool client_secret_first (struct request *request, Jeton__V1__Client *client)
    __attribute__ ((warn_unused_result));
// client_secret_digest (change, digest_r): SHA-256 of the secret that the change's reply has. False: it has none.
bool client_secret_digest (const struct change *change, uint8_t digest_r[TOKEN_DIGEST_SIZE]);

#endif
