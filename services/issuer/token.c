// Token: who may use which grant (R17), and how a token, or none, is answered.
#include "services/issuer/token.h"

#include "common/log/log.h"
#include "common/token/id.h"
#include "services/issuer/access.h"
#include "services/issuer/asking_scope.h"
#include "services/issuer/mint.h"
#include "services/issuer/opaque.h"
#include "services/issuer/signing.h"
#include "services/issuer/throttle.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KIND(name) (1u << JETON__V1__CLIENT_KIND__CLIENT_KIND_##name)

static const struct grant_type grant_types[] = {
    {"client_credentials", JETON__V1__GRANT_TYPE__GRANT_TYPE_CLIENT_CREDENTIALS,
     KIND (SALES_CHANNEL) | KIND (INTEGRATION), grant_client_credentials},
    {"password", JETON__V1__GRANT_TYPE__GRANT_TYPE_PASSWORD, KIND (SALES_CHANNEL), grant_password},
    {"authorization_code", JETON__V1__GRANT_TYPE__GRANT_TYPE_AUTHORIZATION_CODE, KIND (WEBAPP),
     grant_code},
    {"refresh_token", JETON__V1__GRANT_TYPE__GRANT_TYPE_REFRESH_TOKEN,
     KIND (SALES_CHANNEL) | KIND (WEBAPP), grant_refresh},
};

// ---- answers -------------------------------------------------------------------------------------------------------

static const struct {
    int status;
    const char *error;
} errors[] = {
    [TOKEN_INVALID_REQUEST] = {400, "invalid_request"},
    [TOKEN_INVALID_CLIENT] = {401, "invalid_client"},
    [TOKEN_INVALID_GRANT] = {400, "invalid_grant"},
    [TOKEN_UNAUTHORIZED_CLIENT] = {400, "unauthorized_client"},
    [TOKEN_UNSUPPORTED_GRANT_TYPE] = {400, "unsupported_grant_type"},
    [TOKEN_INVALID_SCOPE] = {400, "invalid_scope"},
    [TOKEN_UNSUPPORTED_TOKEN_TYPE] = {400, "unsupported_token_type"},
    [TOKEN_INVALID_TOKEN] = {401, "invalid_token"},
    [TOKEN_UNSUPPORTED_RESPONSE_TYPE] = {400, "unsupported_response_type"},
    [TOKEN_ACCESS_DENIED] = {403, "access_denied"},
    [TOKEN_TOO_MANY] = {429, "temporarily_unavailable"},
    [TOKEN_UNAVAILABLE] = {503, "temporarily_unavailable"},
};

static void
reply_error (struct asking *asking, enum token_error error, int64_t retry_ms, char *description)
{
    Jeton__V1__TokenReply reply = JETON__V1__TOKEN_REPLY__INIT;
    // RFC 6749 section 5.2 has neither quotes nor backslashes in it, nor anything but ASCII.
    for (char *c = description; *c; c++)
        *c = (char) (*c == '"' ? '\'' : *c == '\\' || *c < ' ' || *c > '~' ? '?' : *c);
    reply.status = errors[error].status;
    reply.error = (char *) errors[error].error;
    reply.error_description = description;
    if (error == TOKEN_INVALID_CLIENT)
        reply.www_authenticate = (char *) "Basic realm=\"jeton\"";
    if (error == TOKEN_INVALID_TOKEN)
        reply.www_authenticate = (char *) "Bearer realm=\"jeton\", error=\"invalid_token\"";
    reply.retry_after = (uint32_t) ((retry_ms + 999) / 1000);
    if (asking->endpoint->refused)
        asking->endpoint->refused (asking, &reply);
    else if (asking->endpoint->reply)
        asking_refuse (asking, &reply);
    else
        request_reply (asking->request, &reply.base);
}

void
token_refuse (struct asking *asking, enum token_error error, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    reply_error (asking, error, 0, text);
}

void
token_no_memory (struct asking *asking)
{
    token_refuse (asking, TOKEN_UNAVAILABLE,
                  "the request needs more memory than the setting arena_limit allows");
}

// token_counted (asking, reason, jti): False: the request has been answered.
static bool
token_counted (struct asking *asking, Jeton__V1__GrantReason reason, const char *jti)
{
    if (!asking->endpoint->grants)
        return true;
    struct grant grant = {
        .type = asking->type->type,
        .reason = reason,
        .environment = asking->environment,
        .account = asking->client.account,
        .client = asking->known ? asking->number : 0, // what nobody has is not written down
        .user = asking->user,
        .customer = asking->customer,
        .jti = jti,
    };
    if (grant_count (asking->request, &grant))
        return true;
    token_refuse (asking, TOKEN_UNAVAILABLE, GRANT_NOT_COUNTED);
    return false;
}

void
token_deny (struct asking *asking, Jeton__V1__GrantReason reason, enum token_error error,
            int64_t retry_ms, const char *format, ...)
{
    struct issuer *issuer = request_owner (asking->request);
    char text[512];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    if (!token_counted (asking, reason, NULL))
        return;
    issuer->stats.grants_refused += asking->endpoint->grants;
    reply_error (asking, error, retry_ms, text);
}

static void
unsigned_refuse (struct asking *asking, const char *why)
{
    log_error ("a token could not be signed", "request", request_correlation (asking->request),
               "error", why, NULL);
    token_refuse (asking, TOKEN_UNAVAILABLE, "the token could not be signed");
}

struct access
token_access (struct asking *asking)
{
    asking->issued_at = time (NULL);
    return (struct access){
        .client = &asking->client,
        .customer = asking->customer,
        .user = asking->user,
        .scope = asking->scope,
        .environment = asking->environment,
        .issued_at = asking->issued_at,
        .life_s = asking->client.life_s,
        .beside = asking->beside,
    };
}

static void
reply_make (const struct asking *asking, char *jwt, Jeton__V1__TokenReply *reply_r)
{
    *reply_r = (Jeton__V1__TokenReply) JETON__V1__TOKEN_REPLY__INIT;
    reply_r->status = 200;
    reply_r->access_token = jwt;
    reply_r->token_type = (char *) "Bearer";
    reply_r->expires_in = asking->client.life_s;
    reply_r->scope = (char *) asking->scope->text;
}

// A JWT, in the arena. NULL: the request has been answered.
static char *
jwt_make (struct asking *asking, char jti_r[ACCESS_JTI_SIZE])
{
    const struct issuer *issuer = request_owner (asking->request);
    struct access access = token_access (asking);
    struct jwt_text jwt;
    struct error error;
    if (!access_sign (issuer, &access, jti_r, &jwt, &error)) {
        unsigned_refuse (asking, error.text);
        return NULL;
    }
    char *text = arena_memdup (request_arena (asking->request), jwt.text, jwt.length + 1);
    sodium_memzero (jwt.text, jwt.length);
    if (!text)
        token_no_memory (asking);
    return text;
}

static bool
is_opaque (const struct asking *asking)
{
    return asking->client.format == JETON__V1__TOKEN_FORMAT__TOKEN_FORMAT_OPAQUE;
}

bool
token_sign (struct asking *asking, char jti_r[ACCESS_JTI_SIZE], Jeton__V1__TokenReply *reply_r)
{
    asking->issued_at = time (NULL);
    char *token = is_opaque (asking) ? opaque_make (asking, jti_r) : jwt_make (asking, jti_r);
    if (token)
        reply_make (asking, token, reply_r);
    else if (is_opaque (asking))
        token_no_memory (asking);
    return token != NULL;
}

void
token_answer (struct asking *asking, const char *jti, const Jeton__V1__TokenReply *reply)
{
    struct issuer *issuer = request_owner (asking->request);
    if (!token_counted (asking, JETON__V1__GRANT_REASON__GRANT_REASON_OK, jti))
        return;
    issuer->stats.grants++;
    if (asking->endpoint->given)
        asking->endpoint->given (asking, reply);
    else
        request_reply (asking->request, &reply->base);
}

void
token_give (struct asking *asking)
{
    struct issuer *issuer = request_owner (asking->request);
    char jti[ACCESS_JTI_SIZE];
    Jeton__V1__TokenReply reply;
    if (!is_opaque (asking))
        mint_add (issuer->mint, asking);
    else if (token_sign (asking, jti, &reply))
        opaque_give (asking, jti, &reply);
}

void
token_minted (struct asking *asking, const char *jti, char *jwt, const char *why)
{
    Jeton__V1__TokenReply reply;
    if (!jwt) {
        unsigned_refuse (asking, why);
        return;
    }
    reply_make (asking, jwt, &reply);
    token_answer (asking, jti, &reply);
}

// ---- what comes before the grant -----------------------------------------------------------------------------------

enum { TEXT_MAX = 512, LONG_MAX_ = 8192 };

// The first parameter that is longer than any that is good; NULL: none.
static const char *
too_long (const Jeton__V1__TokenRequest *message, size_t *limit_r)
{
    const struct {
        const char *name, *text;
        size_t limit;
    } texts[] = {
        {"client_id", message->client_id, TEXT_MAX},
        {"client_secret", message->client_secret, TEXT_MAX},
        {"client_assertion_type", message->client_assertion_type, TEXT_MAX},
        {"client_assertion", message->client_assertion, LONG_MAX_},
        {"scope", message->scope, SCOPE_TEXT_MAX},
        {"username", message->username, TEXT_MAX},
        {"password", message->password, 1024},
        {"code", message->code, TEXT_MAX},
        {"redirect_uri", message->redirect_uri, 2048},
        {"code_verifier", message->code_verifier, TEXT_MAX},
        {"refresh_token", message->refresh_token, TEXT_MAX},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strlen (texts[i].text) > texts[i].limit) {
            *limit_r = texts[i].limit;
            return texts[i].name;
        }
    return NULL;
}

static const struct grant_type *
type_of (const char *name)
{
    for (size_t i = 0; i < sizeof grant_types / sizeof *grant_types; i++)
        if (strcmp (grant_types[i].name, name) == 0)
            return &grant_types[i];
    return NULL;
}

bool
token_client_copy (struct asking *asking, const struct store_client *client)
{
    struct arena *arena = request_arena (asking->request);
    asking->client = *client;
    asking->client.name = arena_strdup (arena, client->name);
    asking->client.scopes = arena_strdup (arena, client->scopes);
    asking->client.jwks = arena_strdup (arena, client->jwks);
    if (asking->client.name && asking->client.scopes && asking->client.jwks)
        return true;
    token_no_memory (asking);
    return false;
}

bool
token_client_check (struct asking *asking)
{
    const Jeton__V1__TokenRequest *message = asking->message;
    size_t limit;
    const char *field = too_long (message, &limit);
    if (field)
        token_refuse (asking, TOKEN_INVALID_REQUEST, "%s has more than %zu bytes", field, limit);
    else if (!*message->client_id)
        token_refuse (asking, TOKEN_INVALID_CLIENT, "client_id is required");
    else if (*message->client_secret &&
             (*message->client_assertion || *message->client_assertion_type))
        token_refuse (asking, TOKEN_INVALID_REQUEST,
                      "client_secret and client_assertion are two ways of one: give one");
    else
        return true;
    return false;
}

// Is it a request at all? False: it was answered.
static bool
token_check (struct asking *asking)
{
    const Jeton__V1__TokenRequest *message = asking->message;
    asking->type = type_of (message->grant_type);
    if (!*message->grant_type)
        token_refuse (asking, TOKEN_INVALID_REQUEST, "grant_type is required");
    else if (!asking->type || !asking->type->run)
        token_refuse (asking, TOKEN_UNSUPPORTED_GRANT_TYPE,
                      "this grant_type is not given: it must be client_credentials, "
                      "password, authorization_code or refresh_token");
    else if ((unsigned) message->environment > JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST)
        token_refuse (asking, TOKEN_INVALID_REQUEST, "environment must be live or test");
    else
        return token_client_check (asking);
    return false;
}

void
token_address (struct asking *asking)
{
    const char *address = request_metadata (asking->request, "client-address");
    cidr_place (address ? address : request_peer (asking->request)->name, asking->place);
}

// R20: all requests of a client and address count, whatever becomes of them.
bool
token_limited (struct asking *asking)
{
    struct issuer *issuer = request_owner (asking->request);
    char name[TEXT_MAX + 1 + CIDR_PLACE_SIZE];
    size_t size = strnlen (asking->message->client_id, TEXT_MAX); // as it has been checked
    memcpy (name, asking->message->client_id, size);
    name[size++] = ' ';
    memcpy (name + size, asking->place, strlen (asking->place) + 1);
    int64_t wait = throttle_take (issuer->by_client, name, zclock_mono ());
    if (wait == 0)
        return false;
    issuer->stats.grants_limited++;
    token_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_THROTTLED, TOKEN_TOO_MANY, wait,
                "more than %lld requests a minute of this client and address",
                (long long) issuer->settings.token_client_per_minute);
    return true;
}

static void token_authenticated (struct asking *asking);

static const struct endpoint endpoint = {
    .aims = "asked for a token",
    .grants = true,
    .proven = token_authenticated,
};

void
issuer_token (struct request *request)
{
    struct issuer *issuer = request_owner (request);
    struct asking none = {
        .request = request, .message = request_message (request), .endpoint = &endpoint};
    struct asking *asking = arena_memdup (request_arena (request), &none, sizeof none);
    if (!asking) {
        token_no_memory (&none);
        return;
    }
    if (!token_check (asking))
        return;
    token_address (asking);
    asking->environment = asking->message->environment == JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                              ? JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                              : JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    if (!signing_active (issuer->signing))
        token_refuse (asking, TOKEN_UNAVAILABLE, "there is no signing key yet");
    else if (!token_limited (asking))
        client_authenticate (asking);
}

static void
token_authenticated (struct asking *asking)
{
    if (!(asking->type->kinds & 1u << asking->client.kind))
        token_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_NOT_FOR_CLIENT,
                    TOKEN_UNAUTHORIZED_CLIENT, 0, "%s is not for a client of this kind",
                    asking->type->name);
    else
        asking->type->run (asking);
}
