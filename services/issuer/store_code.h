// Authorization codes in the database.
#ifndef JETON_ISSUER_STORE_CODE_H
#define JETON_ISSUER_STORE_CODE_H

#include "common/token/pkce.h"
#include "services/issuer/store_refresh.h"

enum { CODE_LIFE_S = 60, REDIRECT_URI_MAX = 2048 };

typedef void store_code_redirect_callback (void *context, enum store_outcome outcome,
                                           const char *account);
// store_code_redirect (db, client, uri, callback, context): Is this, exactly, one of the client's redirect URIs? STORE_OK: it is, and the name of the client's account is valid during the
// callback. STORE_NOT_FOUND: it is not.
void store_code_redirect (struct db *db, int64_t client, const char *uri,
                          store_code_redirect_callback *callback, void *context);

// A code that is given. Texts are borrowed.
struct store_code_new {
    uint8_t digest[TOKEN_DIGEST_SIZE];
    int64_t client, user, environment;
    const char *scope, *redirect_uri, *challenge;
    const char *login; // jti and generation of the login token that the user came with
    int64_t login_generation;
};
// store_code_add (db, code, record, size, callback, context): STORE_CONFLICT: the user, the login token, the account, the client or its redirect URI is good no longer; nothing was done.
void store_code_add (struct db *db, const struct store_code_new *code, const uint8_t *record,
                     size_t size, store_done_callback *callback, void *context);

// A code that was given. Texts are valid during the callback.
struct store_code {
    int64_t client;
    int64_t family; // that its use began; 0: it was not used
    int64_t user;
    const char *username;
    int64_t revision;    // of the user
    bool active;         // the user is
    int64_t environment; // Jeton__V1__Environment
    const char *scope;
    int64_t
        generation; // of account, client and user when it was made (common/caller/revoked.h): the tokens'
    bool
        ended; // it was used, or has expired, or all of the account's, client's or user's tokens were revoked
    const char *redirect_uri, *challenge; // "" of one that was used
};
typedef void store_code_callback (void *context, enum store_outcome outcome,
                                  const struct store_code *code);
// store_code_find (db, digest, callback, context): STORE_NOT_FOUND: there is no such code: made up, ended, or expired and trimmed.
void store_code_find (struct db *db, const uint8_t digest[TOKEN_DIGEST_SIZE],
                      store_code_callback *callback, void *context);

// store_code_use (db, digest, scope, pair, callback, context): It is used up, and begins a family with `pair`, for `scope`: all or nothing. STORE_CONFLICT: it is not
// there any more: somebody else was first, or it has expired; nothing was done.
void store_code_use (struct db *db, const uint8_t digest[TOKEN_DIGEST_SIZE], const char *scope,
                     const struct store_refresh_pair *pair, store_done_callback *callback,
                     void *context);

// store_code_end (db, digest, record, size, callback, context): It is used up, for nothing. STORE_CONFLICT: it was already; without the record.
void store_code_end (struct db *db, const uint8_t digest[TOKEN_DIGEST_SIZE], const uint8_t *record,
                     size_t size, store_done_callback *callback, void *context);

#endif
