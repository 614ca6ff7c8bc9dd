#include "services/issuer/authorize.h"

#include "common/audit/record.h"
#include "common/token/id.h"
#include "common/token/pkce.h"
#include "envelope.pb-c.h"
#include "services/issuer/asking_scope.h"
#include "services/issuer/statements.h"
#include "services/issuer/store_code.h"
#include "services/issuer/throttle.h"
#include "services/issuer/token.h"

#include <stdio.h>
#include <string.h>

// An authorization request on its way, in the request's arena: the request's context.
struct authorizing {
    const Jeton__V1__AuthorizeRequest *message;
    struct asking *asking;
    bool redirect; // the client and its redirect URI are right: what is wrong may be told there
    const char *account_name;
    char code[RANDOM_TEXT_SIZE (CODE_PREFIX)];
};

static void authorize_begin (struct request *request);
static void authorize_client (void *context, enum store_outcome outcome,
                              const struct store_client *client);
static void authorize_redirect (void *context, enum store_outcome outcome, const char *account);
static void authorize_resolved (struct asking *asking);
static void authorize_added (void *context, enum store_outcome outcome);
static void authorize_refused (struct asking *asking, const Jeton__V1__TokenReply *refusal);

static const struct endpoint authorization = {
    .aims = "asked for a code",
    .refused = authorize_refused,
};

// Any user may consent, of the client's account, for itself; without one, the request is looked at. Any user may sign out; without one, it is a client that revokes.
static const struct caller_right rights[] = {
    {"Authorize", CALLER_OPERATOR | CALLER_ADMINISTRATOR | CALLER_MEMBER | CALLER_ANYONE,
     CALLER_NONE, NULL},
    {"Revoke", CALLER_OPERATOR | CALLER_ADMINISTRATOR | CALLER_MEMBER | CALLER_ANYONE, CALLER_NONE,
     NULL},
    {NULL, 0, CALLER_NONE, NULL},
};

struct caller_options
authorize_callers (struct issuer *issuer)
{
    return (struct caller_options){
        .descriptor = &jeton__v1__issuer__descriptor,
        .rights = rights,
        .db = issuer->process.db,
        .user_statement = CALLER_USER,
        .keys = issuer->keys,
        .issuer = &issuer->settings.issuer,
        .audience = &issuer->settings.audience,
    };
}

// What both answers have in common.
static Jeton__V1__AuthorizeReply
reply_start (const struct authorizing *authorizing)
{
    const struct issuer *issuer = request_owner (authorizing->asking->request);
    Jeton__V1__AuthorizeReply reply = JETON__V1__AUTHORIZE_REPLY__INIT;
    reply.status = 200;
    reply.redirect = authorizing->redirect;
    if (authorizing->redirect)
        reply.iss = issuer->settings.issuer;
    return reply;
}

static void
authorize_refused (struct asking *asking, const Jeton__V1__TokenReply *refusal)
{
    Jeton__V1__AuthorizeReply reply = reply_start (request_context (asking->request));
    reply.status = refusal->status;
    reply.error = refusal->error;
    reply.error_description = refusal->error_description;
    reply.retry_after = refusal->retry_after;
    request_reply (asking->request, &reply.base);
}

// Whoever asks has proved nothing, and each look costs the database: an address may ask so often, before anything is looked at. False: the request was answered.
static bool
looks_few (struct request *request)
{
    const struct issuer *issuer = request_owner (request);
    struct asking asking = {.request = request};
    char description[96];
    token_address (&asking);
    int64_t wait = throttle_take (issuer->authorizing, asking.place, zclock_mono ());
    if (wait == 0)
        return true;
    Jeton__V1__AuthorizeReply reply = JETON__V1__AUTHORIZE_REPLY__INIT;
    snprintf (description, sizeof description, "more than %lld requests a minute of this address",
              (long long) issuer->settings.authorize_address_per_minute);
    reply.status = 429;
    reply.error = (char *) "temporarily_unavailable";
    reply.error_description = description;
    reply.retry_after = (uint32_t) ((wait + 999) / 1000);
    request_reply (request, &reply.base);
    return false;
}

// Who consents is never the gateway's to say: the user's login token is looked at here (common/caller).
void
issuer_authorize (struct request *request)
{
    const struct issuer *issuer = request_owner (request);
    const Jeton__V1__AuthorizeRequest *message = request_message (request);
    if ((unsigned) message->environment > JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST)
        request_fail_field (request, "environment", "environment is none of the known values");
    else if (looks_few (request))
        caller_gate (request, &issuer->callers, authorize_begin);
}

static void
authorize_begin (struct request *request)
{
    struct issuer *issuer = request_owner (request);
    const Jeton__V1__AuthorizeRequest *message = request_message (request);
    const struct caller *caller = request_caller (request);
    struct arena *arena = request_arena (request);
    Jeton__V1__TokenRequest *fields = arena_alloc (arena, sizeof *fields);
    struct authorizing *authorizing = arena_alloc (arena, sizeof *authorizing);
    struct asking *asking = arena_alloc (arena, sizeof *asking);
    if (!fields || !authorizing || !asking) {
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "the request needs more memory than the setting arena_limit allows");
        return;
    }
    if (message->consent && !caller) {
        request_fail (request, JETON__V1__CODE__CODE_UNAUTHENTICATED,
                      "a user consents: the user's login token is required "
                      "(metadata authorization: Bearer …)");
        return;
    }
    jeton__v1__token_request__init (fields);
    fields->client_id = message->client_id;
    fields->scope = message->scope;
    *asking = (struct asking){
        .request = request,
        .endpoint = &authorization,
        .message = fields,
        .environment = message->environment == JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                           ? JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                           : JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE,
        .user = caller ? caller->number : 0,
    };
    *authorizing = (struct authorizing){.message = message, .asking = asking};
    request_context_set (request, authorizing);
    if (!id_parse ("CLI", message->client_id, &asking->number))
        token_refuse (asking, TOKEN_INVALID_REQUEST, "client_id is no client's: CLI-dddd-dddd");
    else
        store_client (issuer->process.db, asking->number, authorize_client, authorizing);
}

// Clients that may have no codes have no redirect URI either: nothing of this is told anywhere but here.
static void
authorize_client (void *context, enum store_outcome outcome, const struct store_client *client)
{
    struct authorizing *authorizing = context;
    struct asking *asking = authorizing->asking;
    struct issuer *issuer = request_owner (asking->request);
    struct arena *arena = request_arena (asking->request);
    const char *uri = authorizing->message->redirect_uri;
    if (outcome != STORE_OK && outcome != STORE_NOT_FOUND) {
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the client could not be looked up: the database is not available");
        return;
    }
    if (!client || !client->active) {
        token_refuse (asking, TOKEN_INVALID_REQUEST, "client_id is no client's that may be used");
        return;
    }
    asking->known = true;
    asking->client = *client;
    asking->client.name = arena_strdup (arena, client->name);
    asking->client.scopes = arena_strdup (arena, client->scopes);
    asking->client.jwks = NULL;
    if (!asking->client.name || !asking->client.scopes)
        token_no_memory (asking);
    else if (client->kind != JETON__V1__CLIENT_KIND__CLIENT_KIND_WEBAPP)
        token_refuse (asking, TOKEN_UNAUTHORIZED_CLIENT,
                      "authorization_code is not for a client of this kind");
    else if (!*uri || strlen (uri) > REDIRECT_URI_MAX)
        token_refuse (asking, TOKEN_INVALID_REQUEST, "redirect_uri is required, %d bytes at most",
                      REDIRECT_URI_MAX);
    else
        store_code_redirect (issuer->process.db, asking->number, uri, authorize_redirect,
                             authorizing);
}

// What the client has sent the user with. False: the request was answered.
static bool
parameters_good (const struct authorizing *authorizing)
{
    const Jeton__V1__AuthorizeRequest *message = authorizing->message;
    struct asking *asking = authorizing->asking;
    if (!*message->response_type)
        token_refuse (asking, TOKEN_INVALID_REQUEST, "response_type is required: code");
    else if (strcmp (message->response_type, "code") != 0)
        token_refuse (asking, TOKEN_UNSUPPORTED_RESPONSE_TYPE, "response_type must be code");
    else if (!*message->code_challenge)
        token_refuse (asking, TOKEN_INVALID_REQUEST, "code_challenge is required (RFC 7636)");
    else if (strcmp (message->code_challenge_method, "S256") != 0)
        token_refuse (asking, TOKEN_INVALID_REQUEST,
                      "code_challenge_method must be S256: without it, it means plain, which is "
                      "not supported");
    else if (!pkce_challenge_good (message->code_challenge))
        token_refuse (asking, TOKEN_INVALID_REQUEST,
                      "code_challenge is not the base64url of a SHA-256, of 43 characters");
    else if (strlen (message->scope) > SCOPE_TEXT_MAX)
        token_refuse (asking, TOKEN_INVALID_SCOPE, "scope has more than %d bytes", SCOPE_TEXT_MAX);
    else
        return true;
    return false;
}

// Who consents often fills the table of codes: as often as a client may ask for tokens. False: the request was answered.
static bool
consents_few (struct asking *asking)
{
    struct issuer *issuer = request_owner (asking->request);
    char name[48];
    snprintf (name, sizeof name, "user %lld consents", (long long) asking->user);
    int64_t wait = throttle_take (issuer->by_client, name, zclock_mono ());
    if (wait == 0)
        return true;
    issuer->stats.grants_limited++;
    token_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_THROTTLED, TOKEN_TOO_MANY, wait,
                "the user consents more than %lld times a minute",
                (long long) issuer->settings.token_client_per_minute);
    return false;
}

static void
authorize_redirect (void *context, enum store_outcome outcome, const char *account)
{
    struct authorizing *authorizing = context;
    struct asking *asking = authorizing->asking;
    const struct caller *caller = request_caller (asking->request);
    if (outcome == STORE_NOT_FOUND) {
        token_refuse (asking, TOKEN_INVALID_REQUEST,
                      "redirect_uri is not one that the client has registered, exactly");
        return;
    }
    if (outcome != STORE_OK) {
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the redirect URI could not be looked up: the database is not available");
        return;
    }
    authorizing->account_name = arena_strdup (request_arena (asking->request), account);
    if (!authorizing->account_name) {
        token_no_memory (asking);
        return;
    }
    authorizing->redirect = true;
    if (!parameters_good (authorizing))
        return;
    if (caller && caller->account != asking->client.account)
        token_refuse (asking, TOKEN_ACCESS_DENIED, "the client is of another account");
    else if (!authorizing->message->consent || consents_few (asking))
        asking_scope_resolve (asking, authorize_resolved);
}

// The code, and the record of the consent, which are committed together (R37).
static void
authorize_consent (struct authorizing *authorizing)
{
    struct asking *asking = authorizing->asking;
    struct issuer *issuer = request_owner (asking->request);
    const struct caller *caller = request_caller (asking->request);
    struct store_code_new code = {
        .client = asking->number,
        .user = asking->user,
        .environment = asking->environment,
        .scope = asking->scope->text,
        .redirect_uri = authorizing->message->redirect_uri,
        .challenge = authorizing->message->code_challenge,
        .login = caller->jti,
        .login_generation = caller->generation,
    };
    size_t size;
    char *summary =
        arena_printf (request_arena (asking->request),
                      "A user consented that the client acts for it: \"%s\"", asking->scope->text);
    uint8_t *record = summary ? audit_pack (asking->request,
                                            &(struct audit_change){
                                                .event = "platform.users.consent.given",
                                                .summary = summary,
                                                .object_type = "client",
                                                .object_id = asking->message->client_id,
                                                .object_name = asking->client.name,
                                                .account_id = caller->account_id,
                                                .revision = asking->client.revision,
                                            },
                                            &size)
                              : NULL;
    if (!record) {
        token_no_memory (asking);
        return;
    }
    random_text_make (CODE_PREFIX, authorizing->code);
    token_value_digest (authorizing->code, strlen (authorizing->code), code.digest);
    store_code_add (issuer->process.db, &code, record, size, authorize_added, authorizing);
}

static void
authorize_resolved (struct asking *asking)
{
    struct authorizing *authorizing = request_context (asking->request);
    char account[ID_SIZE];
    if (authorizing->message->consent) {
        authorize_consent (authorizing);
        return;
    }
    Jeton__V1__AuthorizeReply reply = reply_start (authorizing);
    id_format ("ACC", asking->client.account, account);
    reply.client_name = (char *) asking->client.name;
    reply.account = account;
    if (request_caller (asking->request))
        reply.account_name = (char *) authorizing->account_name;
    reply.scope = (char *) asking->scope->text;
    request_reply (asking->request, &reply.base);
}

static void
authorize_added (void *context, enum store_outcome outcome)
{
    struct authorizing *authorizing = context;
    struct asking *asking = authorizing->asking;
    struct issuer *issuer = request_owner (asking->request);
    Jeton__V1__AuthorizeReply reply = reply_start (authorizing);
    switch (outcome) {
    case STORE_OK:
        issuer->stats.codes++;
        reply.code = authorizing->code;
        reply.expires_in = CODE_LIFE_S;
        reply.scope = (char *) asking->scope->text;
        request_reply (asking->request, &reply.base);
        return;
    case STORE_CONFLICT:
        request_fail (asking->request, JETON__V1__CODE__CODE_UNAUTHENTICATED,
                      "the user, the login token or the client has changed meanwhile: sign in "
                      "again");
        return;
    case STORE_NOT_FOUND:
    case STORE_UNAVAILABLE:
    case STORE_UNCERTAIN: // nobody knows the code, and it expires
    case STORE_FAILED:
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the code could not be written down: the database is not available");
        return;
    }
}
