// Login (R23): user name and password for a signed token of 60 minutes.
#include "common/audit/record.h"
#include "common/caller/revoked.h"
#include "common/log/log.h"
#include "common/token/id.h"
#include "common/token/jwt.h"
#include "envelope.pb-c.h"
#include "issuer.pb-c.h"
#include "services/issuer/access.h"
#include "services/issuer/attempts.h"
#include "services/issuer/grant.h"
#include "services/issuer/signing.h"
#include "services/issuer/store.h"

#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    USERNAME_MAX = 512,
    PASSWORD_MAX = 1024,
};

// A sign-in in progress, in the request's arena.
struct login {
    struct request *request;
    const char *password;
    Jeton__V1__Environment environment; // live or test
    char *hash; // what the password is verified against: the user's, or one that nobody has
    struct attempt attempt; // its name: the user name as it is counted
    char place[CIDR_PLACE_SIZE];
    bool known, active; // there is such a user; it may sign in
    int64_t user, account;
    char *username, *name;
    int64_t generation;
    int64_t revision;
    bool right; // set by the worker
};

static void issuer_login_found (void *context, enum store_outcome outcome,
                                const struct store_user *user);
static void issuer_login_verify (void *job);
static void issuer_login_verified (void *job);
static void issuer_login_refused (void *context, enum store_outcome outcome);

// login_counted (login, reason, jti): False: the request has been answered.
static bool
login_counted (const struct login *login, Jeton__V1__GrantReason reason, const char *jti)
{
    struct grant grant = {
        .type = JETON__V1__GRANT_TYPE__GRANT_TYPE_LOGIN,
        .reason = reason,
        .environment = login->environment,
        .account = login->account,
        .user = login->user,
        .jti = jti,
    };
    if (grant_count (login->request, &grant))
        return true;
    request_fail (login->request, JETON__V1__CODE__CODE_UNAVAILABLE, GRANT_NOT_COUNTED);
    return false;
}

static bool
login_throttled (struct issuer *issuer, struct login *login)
{
    int64_t wait = attempts_begin (issuer->attempts, &login->attempt, zclock_mono ());
    if (wait == 0)
        return false;
    issuer->stats.logins_throttled++;
    if (!login_counted (login, JETON__V1__GRANT_REASON__GRANT_REASON_THROTTLED, NULL))
        return true;
    wait = (wait + 999) / 1000;
    request_retry_after (login->request, (uint32_t) wait);
    request_fail (login->request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                  "too many failed sign-ins: wait %lld s before the next", (long long) wait);
    return true;
}

// Before anything is asked of the database, letters of ASCII are all that can be compared; what it makes of the others is counted as soon as
// it is known, as the name of one user, or of nobody, must not be many. False: the request was answered.
static bool
login_counted_as (struct issuer *issuer, struct login *login, const char *asked)
{
    if (strcmp (login->attempt.name, asked) == 0)
        return true;
    char *name = arena_strdup (request_arena (login->request), asked);
    attempts_undo (issuer->attempts, &login->attempt);
    if (!name) {
        request_fail (login->request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "the request needs more memory than the setting arena_limit allows");
        return false;
    }
    login->attempt.name = name;
    return !login_throttled (issuer, login);
}

void
issuer_login (struct request *request)
{
    struct issuer *issuer = request_owner (request);
    const Jeton__V1__LoginRequest *message = request_message (request);
    size_t username = strlen (message->username), password = strlen (message->password);
    if (username == 0 || username > USERNAME_MAX) {
        request_fail_field (request, "username", "username is required, %d bytes at most",
                            USERNAME_MAX);
        return;
    }
    if (password == 0 || password > PASSWORD_MAX) {
        request_fail_field (request, "password", "password is required, %d bytes at most",
                            PASSWORD_MAX);
        return;
    }
    if ((unsigned) message->environment > JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST) {
        request_fail_field (request, "environment", "environment is none of the known values");
        return;
    }
    if (!signing_active (issuer->signing)) {
        request_fail (request, JETON__V1__CODE__CODE_UNAVAILABLE, "there is no signing key yet");
        return;
    }

    struct login *login = arena_alloc (request_arena (request), sizeof *login);
    char *name = arena_strdup (request_arena (request), message->username);
    if (!login || !name) {
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "the request needs more memory than the setting arena_limit allows");
        return;
    }
    login->request = request;
    login->password = message->password;
    login->environment = message->environment == JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                             ? JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                             : JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    for (char *p = name; *p; p++)
        *p = (char) tolower ((unsigned char) *p);
    const char *address = request_metadata (request, "client-address");
    cidr_place (address ? address : request_peer (request)->name, login->place);
    login->attempt.name = name;
    login->attempt.place = login->place;
    if (!login_throttled (issuer, login))
        store_user_by_name (issuer->process.db, message->username, issuer_login_found, login);
}

static void
issuer_login_found (void *context, enum store_outcome outcome, const struct store_user *user)
{
    struct login *login = context;
    struct issuer *issuer = request_owner (login->request);
    struct arena *arena = request_arena (login->request);
    if (outcome != STORE_OK && outcome != STORE_NOT_FOUND) {
        attempts_undo (issuer->attempts, &login->attempt);
        request_fail (login->request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "the user could not be looked up: the database is not available");
        return;
    }
    if (!login_counted_as (issuer, login, user->asked))
        return;
    login->known = outcome == STORE_OK;
    if (login->known) {
        login->active = user->active && user->password_hash;
        login->user = user->number;
        login->account = user->account;
        login->revision = user->revision;
        login->generation = user->generation;
        login->username = arena_strdup (arena, user->username);
        login->name = arena_strdup (arena, user->name);
    }
    // The same work for a user that does not exist: time must not tell.
    login->hash = arena_strdup (arena, login->known && user->password_hash ? user->password_hash
                                                                           : password_dummy ());
    if (!login->hash || (login->known && (!login->username || !login->name)) ||
        !worker_submit (issuer->workers, issuer_login_verify, issuer_login_verified, login)) {
        attempts_undo (issuer->attempts, &login->attempt);
        request_fail (login->request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "too many sign-ins at once: try again in a moment");
    }
}

// Runs in a worker: touches the login only.
static void
issuer_login_verify (void *job)
{
    struct login *login = job;
    login->right = password_verify (login->hash, login->password);
}

// The claims of a login token, by RFC 9068 section 2.2.
static json_t *
login_claims (const struct issuer *issuer, const struct login *login, int64_t now,
              int64_t expires_at, char jti_r[ACCESS_JTI_SIZE])
{
    char subject[ID_SIZE], account[ID_SIZE];
    id_format ("USR", login->user, subject);
    id_format ("ACC", login->account, account);
    access_jti (jti_r);
    json_t *claims = json_pack (
        "{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:s}", "iss", issuer->settings.issuer, "aud",
        issuer->settings.audience, "sub", subject, "iat", (json_int_t) now, "exp",
        (json_int_t) expires_at, "jti", jti_r, "client_id", "login", "account", account,
        "environment",
        login->environment == JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST ? "test" : "live");
    if (claims && login->generation > 0)
        json_object_set_new (claims, JWT_GENERATION_CLAIM, json_integer (login->generation));
    return claims;
}

static void
login_reply (struct issuer *issuer, struct login *login)
{
    int64_t now = time (NULL), expires_at = now + issuer->settings.login_lifetime_s;
    const struct jwt_key *key = signing_active (issuer->signing);
    struct error error = {"there is no signing key"};
    char jti[ACCESS_JTI_SIZE];
    json_t *claims = login_claims (issuer, login, now, expires_at, jti);
    char *jwt = key && claims ? jwt_sign (key, "at+jwt", claims, &error) : NULL;
    json_decref (claims);
    if (!jwt) {
        log_error ("a token could not be signed", "request", request_correlation (login->request),
                   "error", error.text, NULL);
        request_fail (login->request, JETON__V1__CODE__CODE_INTERNAL,
                      "the token could not be signed; the log has request %s",
                      request_correlation (login->request));
        return;
    }
    if (!login_counted (login, JETON__V1__GRANT_REASON__GRANT_REASON_OK, jti)) {
        sodium_memzero (jwt, strlen (jwt));
        free (jwt);
        return;
    }
    issuer->stats.logins++;
    Jeton__V1__LoginReply reply = JETON__V1__LOGIN_REPLY__INIT;
    reply.access_token = jwt;
    reply.token_type = (char *) "Bearer";
    reply.username = login->username;
    reply.expires_in = issuer->settings.login_lifetime_s;
    reply.issued_at = now;
    reply.expires_at = expires_at;
    request_reply (login->request, &reply.base);
    sodium_memzero (jwt, strlen (jwt));
    free (jwt);
}

// A refusal is told only once it is in the trail (R36), for a user that exists as for one that does not. What was typed as a user name
// is not written down when nobody has it: people type passwords there.
static void
login_refuse (struct issuer *issuer, struct login *login)
{
    char user[ID_SIZE] = "", account[ID_SIZE] = "";
    if (login->known) {
        id_format ("USR", login->user, user);
        id_format ("ACC", login->account, account);
    }
    issuer->stats.logins_refused++;
    size_t size;
    uint8_t *record = audit_pack (
        login->request,
        &(struct audit_change){
            .event = "platform.users.user.sign_in_failed",
            .summary = !login->known   ? "A sign-in failed: there is no such user"
                       : !login->right ? "A sign-in failed: wrong password"
                                       : "A sign-in failed: the user or its account is disabled",
            .object_type = "user",
            .object_id = user,
            .object_name = login->known ? login->username : "",
            .account_id = account,
            .revision = login->revision,
        },
        &size);
    if (!record)
        request_fail (login->request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "the request needs more memory than the setting arena_limit allows");
    else
        store_record_add (issuer->process.db, record, size, issuer_login_refused, login);
}

static void
issuer_login_verified (void *job)
{
    struct login *login = job;
    struct issuer *issuer = request_owner (login->request);
    if (login->known && login->right && login->active) {
        attempts_succeeded (issuer->attempts, &login->attempt, zclock_mono ());
        login_reply (issuer, login);
    } else {
        login_refuse (issuer, login);
    }
}

static void
issuer_login_refused (void *context, enum store_outcome outcome)
{
    struct login *login = context;
    switch (outcome) {
    case STORE_OK:
        if (!login_counted (login,
                            !login->known   ? JETON__V1__GRANT_REASON__GRANT_REASON_UNKNOWN_USER
                            : !login->right ? JETON__V1__GRANT_REASON__GRANT_REASON_WRONG_PASSWORD
                                            : JETON__V1__GRANT_REASON__GRANT_REASON_USER_DISABLED,
                            NULL))
            return;
        request_fail (login->request, JETON__V1__CODE__CODE_UNAUTHENTICATED,
                      "the user name or the password is wrong, or the user may not sign in");
        return;
    case STORE_NOT_FOUND:
    case STORE_CONFLICT:
    case STORE_UNAVAILABLE:
    case STORE_UNCERTAIN:
    case STORE_FAILED:
        // Not "no": whether it was right is not told when the trail cannot be written.
        request_fail (login->request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "sign-in is not possible now: the database is not available");
        return;
    }
}
