// What the files about tokens share: reading one, and the record of its change.
#ifndef JETON_ADMIN_TOKEN_H
#define JETON_ADMIN_TOKEN_H

#include "common/db/db.h"
#include "common/rpc/request.h"
#include "services/admin/view.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOKEN_ALLOW_LIST_MAX = 64, TOKEN_GRACE_MAX_S = 7 * 86400 };

// token_read (request, id, outcome, results, row_r, error): What a read of one token gave; row_r goes on after its columns. NULL: the request was
// answered.
Jeton__V1__Token *token_read (struct request *request, const char *id, enum db_outcome outcome,
                              PGresult *const *results, struct row *row_r,
                              const struct db_error *error) __attribute__ ((warn_unused_result));

// token_after (request, before): The token as it will be after the request's change: a copy, of the next revision, updated now. The change gets
// the account and the revision to expect. NULL: the request was answered.
Jeton__V1__Token *token_after (struct request *request, const Jeton__V1__Token *before)
    __attribute__ ((warn_unused_result));

// token_check_revision (request, token, revision): Has the token the revision that the caller has seen? False: the request was answered (ABORTED).
bool token_check_revision (struct request *request, const Jeton__V1__Token *token, int64_t revision)
    __attribute__ ((warn_unused_result));

// token_record (request, before, after, verb, what): Make the change's audit record. `verb` is the last part of the event; `what` ends the summary:
// "disabled", "edited: name, modules". False: the request was answered.
bool token_record (struct request *request, const Jeton__V1__Token *before, Jeton__V1__Token *after,
                   const char *verb, const char *what) __attribute__ ((warn_unused_result));

// Values of revealable tokens (token_reveal.c). token_seal (admin, id, value, sealed_r): under the newest key. False: OpenSSL fails; answer with
// token_seal_failed. token_open (admin, id, sealed, value_r): False: none of the keys opens it, or it is of another token.
struct admin;
bool token_seal (const struct admin *admin, const char *id, const char *value, uint8_t *sealed_r)
    __attribute__ ((warn_unused_result));
void token_seal_failed (struct request *request);
bool token_open (const struct admin *admin, const char *id, const uint8_t *sealed, char *value_r)
    __attribute__ ((warn_unused_result));

// What requests may say of a token (token_check.c). As in check.h, false: the request was answered.
// token_check_kind (request, kind, owner_field, owned, n_modules): What goes with each kind (R1). `owned`: it has an owner, in `owner_field`.
bool token_check_kind (struct request *request, int kind, const char *owner_field, bool owned,
                       size_t n_modules) __attribute__ ((warn_unused_result));
// token_expiry (kind, expires_at, now): The time that is asked for, or the kind's default.
int64_t token_expiry (int kind, int64_t expires_at, int64_t now);
// token_check_expiry (request, expires_at): 0, or in the future.
bool token_check_expiry (struct request *request, int64_t expires_at)
    __attribute__ ((warn_unused_result));
// token_check_grants (request, n, grants, &names_r, &accesses_r): Of modules by their names, none twice. A grant without an access gets read. names_r
// has the names, accesses_r the accesses as the database takes them ("1,2"), both in the request's arena.
bool token_check_grants (struct request *request, size_t n, Jeton__V1__ModuleGrant *const *grants,
                         const char ***names_r, char **accesses_r)
    __attribute__ ((warn_unused_result));
// token_check_allow_list (request, n, texts, &joined_r): Networks in canonical form, none part of another (R10). joined_r is comma-separated.
bool token_check_allow_list (struct request *request, size_t n, char *const *texts, char **joined_r)
    __attribute__ ((warn_unused_result));

#endif
