// Revoke, RFC 7009: a client gives back a token that it was given; a user who signs out, the login token.
#include "common/audit/record.h"
#include "common/caller/keys.h"
#include "common/log/log.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/issuer/opaque.h"
#include "services/issuer/refresh.h"
#include "services/issuer/signing.h"
#include "services/issuer/tell.h"
#include "services/issuer/token.h"

#include <string.h>
#include <time.h>

// How long after its expiry, by this process's clock, a token is revoked all the same: a validator's clock may be behind.
enum { EXPIRED_S = 3600 };
// A login token lives for a day at most (setting login_lifetime_s).
enum { LOGIN_DAY_S = 86400 };

// The request's context.
struct revoking {
    const Jeton__V1__RevokeRequest *message;
    struct asking *asking;
    bool refreshed; // the token's key was not known, and the keys have been read again
    struct store_jwt jwt;
    struct feed_change change; // that validators are told of
};

static void revoke_proven (struct asking *asking);
static void revoke_done (void *context, enum store_outcome outcome);
static void sign_out (struct request *request);
static void sign_out_done (void *context, enum store_outcome outcome);

static const struct endpoint revocation = {
    .aims = "wanted to revoke a token",
    .proven = revoke_proven,
    .reply = &jeton__v1__revoke_reply__descriptor,
};

static void
revoke_reply (struct request *request)
{
    Jeton__V1__RevokeReply reply = JETON__V1__REVOKE_REPLY__INIT;
    reply.status = 200;
    request_reply (request, &reply.base);
}

void
issuer_revoke (struct request *request)
{
    const struct issuer *issuer = request_owner (request);
    const Jeton__V1__RevokeRequest *message = request_message (request);
    if (!*message->token && !*message->client_id && request_metadata (request, "authorization")) {
        caller_gate (request, &issuer->callers, sign_out);
        return;
    }
    Jeton__V1__TokenRequest as_token = JETON__V1__TOKEN_REQUEST__INIT;
    struct asking *asking = asking_new (request, &revocation, &as_token);
    if (!asking)
        return;
    struct revoking *revoking = arena_alloc (request_arena (request), sizeof *revoking);
    if (!revoking) {
        token_no_memory (asking);
        return;
    }
    *revoking = (struct revoking){.message = message, .asking = asking};
    request_context_set (request, revoking);
    if (!*message->token)
        token_refuse (asking, TOKEN_INVALID_REQUEST, "token is required");
    else if (token_client_check (asking))
        client_authenticate (asking);
}

// Is it a token that this issuer gave to this client, and that may still be good? What is not, is none of the client's business.
static bool
claims_read (struct revoking *revoking, const json_t *claims)
{
    const struct asking *asking = revoking->asking;
    const struct issuer *issuer = request_owner (asking->request);
    const char *by = jwt_text (claims, "iss"), *client = jwt_text (claims, "client_id"),
               *account = jwt_text (claims, "account"), *jti = jwt_text (claims, "jti");
    int64_t number;
    if (!by || strcmp (by, issuer->settings.issuer) != 0 || !client ||
        !id_parse ("CLI", client, &number) || number != asking->number || !account ||
        !id_parse ("ACC", account, &revoking->jwt.account) || !jti ||
        !jwt_time (claims, "exp", &revoking->jwt.expires_at) ||
        revoking->jwt.expires_at + EXPIRED_S < time (NULL))
        return false;
    revoking->jwt.jti = jti;
    return true;
}

// Keeps the id, and makes the record of it. NULL: the request has been answered.
static uint8_t *
revoke_record (struct revoking *revoking, size_t *size_r)
{
    struct asking *asking = revoking->asking;
    char account[ID_SIZE];
    id_format ("ACC", revoking->jwt.account, account);
    revoking->jwt.jti = arena_strdup (request_arena (asking->request), revoking->jwt.jti);
    if (!revoking->jwt.jti) {
        token_no_memory (asking);
        return NULL;
    }
    revoking->change = (struct feed_change){JETON__V1__CHANGE_KIND__CHANGE_KIND_TOKEN,
                                            jwt_number (revoking->jwt.jti), revoking->jwt.account};
    uint8_t *record =
        audit_pack (asking->request,
                    &(struct audit_change){
                        .event = "platform.tokens.jwt.revoked",
                        .summary = "A client revoked an access token that it was given",
                        .object_type = "jwt",
                        .object_id = revoking->jwt.jti,
                        .object_name = asking->client.name,
                        .account_id = account,
                        .revision = 1,
                    },
                    size_r);
    if (!record)
        token_no_memory (asking);
    return record;
}

static void
revoke_store (struct revoking *revoking)
{
    struct issuer *issuer = request_owner (revoking->asking->request);
    size_t size;
    uint8_t *record = revoke_record (revoking, &size);
    if (record)
        store_jwt_revoke (issuer->process.db, &revoking->jwt, record, size, revoke_done, revoking);
}

static void
revoke_keys_read (void *context, bool loaded)
{
    struct asking *asking = context;
    struct revoking *revoking = request_context (asking->request);
    revoking->refreshed = true;
    if (loaded)
        revoke_proven (asking);
    else
        token_refuse (asking, TOKEN_UNAVAILABLE, "the signing keys could not be read");
}

// An opaque access token.
static void
revoke_opaque (struct revoking *revoking, const char *token, uint32_t day)
{
    struct asking *asking = revoking->asking;
    struct issuer *issuer = request_owner (asking->request);
    uint8_t digest[TOKEN_DIGEST_SIZE];
    char jti[TOKEN_ACCESS_JTI_SIZE];
    size_t size;
    token_value_digest (token, strlen (token), digest);
    token_access_jti (digest, jti);
    revoking->jwt = (struct store_jwt){.account = asking->client.account, .jti = jti};
    uint8_t *record = revoke_record (revoking, &size);
    if (record)
        store_opaque_revoke (issuer->process.db, digest, day, asking->number, &revoking->jwt,
                             record, size, revoke_done, revoking);
}

// A refresh token: with it go all that came of the same sign-in (RFC 7009 section 2.1).
static void
refresh_found (void *context, enum store_outcome outcome, const struct store_refresh *refresh)
{
    struct revoking *revoking = context;
    struct asking *asking = revoking->asking;
    if (outcome != STORE_OK && outcome != STORE_NOT_FOUND) {
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the token could not be looked up: the database is not available");
        return;
    }
    if (!refresh || refresh->client != asking->number || refresh->ended) {
        revoke_reply (asking->request);
        return;
    }
    revoking->change = refresh_end_change (asking, refresh);
    refresh_end_family (asking, refresh, REFRESH_END_REVOKED, revoke_done, revoking);
}

static void
revoke_refresh (struct revoking *revoking)
{
    struct issuer *issuer = request_owner (revoking->asking->request);
    const char *value = revoking->message->token;
    uint8_t digest[TOKEN_DIGEST_SIZE];
    token_value_digest (value, strlen (value), digest);
    store_refresh_find (issuer->process.db, digest, issuer->settings.refresh_replay_s,
                        refresh_found, revoking);
}

static void
revoke_proven (struct asking *asking)
{
    struct issuer *issuer = request_owner (asking->request);
    struct revoking *revoking = request_context (asking->request);
    const char *token = revoking->message->token;
    size_t length = strlen (token);
    enum token_environment environment;
    uint32_t day;
    json_t *claims = NULL;
    if (strncmp (token, REFRESH_PREFIX, strlen (REFRESH_PREFIX)) == 0) {
        if (random_text_good (REFRESH_PREFIX, token))
            revoke_refresh (revoking);
        else
            revoke_reply (asking->request);
        return;
    }
    if (token_access_check (&issuer->token_keys, token, length, &environment, &day)) {
        revoke_opaque (revoking, token, day);
        return;
    }
    if (strncmp (token, ACCESS_PREFIX, strlen (ACCESS_PREFIX)) == 0) { // a made-up one
        revoke_reply (asking->request);
        return;
    }
    if (strncmp (token, "jtn_", 4) == 0) {
        token_refuse (asking, TOKEN_UNSUPPORTED_TOKEN_TYPE,
                      "an API token is deleted or disabled by who manages it");
        return;
    }
    enum jwt_result result = jwt_looks_like (token, length)
                                 ? keys_verify (issuer->keys, token, length, &claims)
                                 : JWT_MALFORMED;
    // Another issuer may sign with a key that this one has not read yet.
    if (result == JWT_UNKNOWN_KEY && !revoking->refreshed &&
        keys_refresh (issuer->keys, false, revoke_keys_read, asking))
        return;
    if (result == JWT_OK && claims_read (revoking, claims))
        revoke_store (revoking);
    else
        revoke_reply (asking->request);
    json_decref (claims);
}

static void
revoke_done (void *context, enum store_outcome outcome)
{
    struct revoking *revoking = context;
    struct asking *asking = revoking->asking;
    struct issuer *issuer = request_owner (asking->request);
    tell_change (issuer, outcome, &revoking->change);
    switch (outcome) {
    case STORE_OK:
        issuer->stats.revocations++;
        log_info ("token revoked", "request", request_correlation (asking->request), "jti",
                  revoking->jwt.jti ? revoking->jwt.jti : "", "client", asking->message->client_id,
                  NULL);
        revoke_reply (asking->request);
        return;
    case STORE_UNCERTAIN:
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the connection to the database was lost: the token may be revoked; repeat "
                      "it to be sure");
        return;
    case STORE_NOT_FOUND:
    case STORE_CONFLICT:
    case STORE_UNAVAILABLE:
    case STORE_FAILED:
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the token could not be revoked: the database is not available");
        return;
    }
}

// ---- a user signs out -----------------------------------------------------------------------------------------------

struct signing_out {
    struct request *request;
    struct store_jwt jwt;
    struct feed_change change;
};

// The login token has passed the gate: it is the user's own, and good.
static void
sign_out (struct request *request)
{
    struct issuer *issuer = request_owner (request);
    const struct caller *caller = request_caller (request);
    struct signing_out *out = arena_alloc (request_arena (request), sizeof *out);
    size_t size;
    uint8_t *record = out ? audit_pack (request,
                                        &(struct audit_change){
                                            .event = "platform.tokens.jwt.revoked",
                                            .summary = "A user signed out, and the login token is "
                                                       "good no longer",
                                            .object_type = "jwt",
                                            .object_id = caller->jti,
                                            .object_name = caller->name,
                                            .account_id = caller->account_id,
                                            .revision = 1,
                                        },
                                        &size)
                          : NULL;
    if (!record) {
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "the request needs more memory than the setting arena_limit allows");
        return;
    }
    *out = (struct signing_out){
        .request = request,
        .jwt = {.account = caller->account,
                .expires_at = time (NULL) + LOGIN_DAY_S + EXPIRED_S,
                .jti = caller->jti},
        .change = {JETON__V1__CHANGE_KIND__CHANGE_KIND_TOKEN, jwt_number (caller->jti),
                   caller->account},
    };
    store_jwt_revoke (issuer->process.db, &out->jwt, record, size, sign_out_done, out);
}

static void
sign_out_done (void *context, enum store_outcome outcome)
{
    struct signing_out *out = context;
    struct issuer *issuer = request_owner (out->request);
    tell_change (issuer, outcome, &out->change);
    if (outcome != STORE_OK) {
        request_fail (out->request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      outcome == STORE_UNCERTAIN
                          ? "the connection to the database was lost: the token may be revoked; "
                            "repeat it to be sure"
                          : "the token could not be revoked: the database is not available");
        return;
    }
    issuer->stats.revocations++;
    log_info ("user signed out", "request", request_correlation (out->request), "jti", out->jwt.jti,
              "user", request_caller (out->request)->id, NULL);
    revoke_reply (out->request);
}
