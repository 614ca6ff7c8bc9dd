// CustomerToken (R22): a customer's email and password, beside the store's own token, give a token that is good beside the store's.
#include "common/caller/keys.h"
#include "common/caller/revoked.h"
#include "common/token/id.h"
#include "services/issuer/asking_scope.h"
#include "services/issuer/customer.h"
#include "services/issuer/narrow.h"
#include "services/issuer/signing.h"
#include "services/issuer/store_standing.h"
#include "services/issuer/throttle.h"

#include <string.h>
#include <time.h>

enum { LIFE_S = 86400, TOKEN_MAX = JWT_SIZE_MAX };

// The request's context: what the store's token says.
struct beside {
    const Jeton__V1__CustomerTokenRequest *message;
    Jeton__V1__TokenRequest credentials; // client_id is the store token's client's
    struct asking *asking;
    bool refreshed; // its key was not known, and the keys have been read again
    int64_t account, generation;
    const char *jti;
};

static void customer_token_given (struct asking *asking, const Jeton__V1__TokenReply *given);
static void store_token_read (struct beside *beside);
static void store_client_found (void *context, enum store_outcome outcome,
                                const struct store_client *client);
static void store_token_stands (void *context, enum store_outcome outcome);
static void customer_signed_in (struct asking *asking);

static const struct endpoint endpoint = {
    .aims = "asked for a customer's token",
    .grants = true,
    .reply = &jeton__v1__customer_token_reply__descriptor,
    .given = customer_token_given,
};
static const struct grant_type type = {"customer", JETON__V1__GRANT_TYPE__GRANT_TYPE_CUSTOMER, 0,
                                       NULL};

static void
customer_token_given (struct asking *asking, const Jeton__V1__TokenReply *given)
{
    Jeton__V1__CustomerTokenReply reply = JETON__V1__CUSTOMER_TOKEN_REPLY__INIT;
    Jeton__V1__CustomerToken token = JETON__V1__CUSTOMER_TOKEN__INIT;
    char customer[ID_SIZE];
    id_format ("CUS", asking->customer, customer);
    token.access_token = given->access_token;
    token.token_type = given->token_type;
    token.expires_in = given->expires_in;
    token.expires = asking->issued_at + given->expires_in;
    token.customer = customer;
    token.scope = given->scope;
    reply.status = given->status;
    reply.token = &token;
    request_reply (asking->request, &reply.base);
}

void
issuer_customer_token (struct request *request)
{
    struct issuer *issuer = request_owner (request);
    const Jeton__V1__CustomerTokenRequest *message = request_message (request);
    Jeton__V1__TokenRequest as_token = JETON__V1__TOKEN_REQUEST__INIT;
    as_token.username = message->email;
    as_token.password = message->password;
    struct asking *asking = asking_new (request, &endpoint, &as_token);
    if (!asking)
        return;
    struct beside *beside = arena_alloc (request_arena (request), sizeof *beside);
    if (!beside) {
        token_no_memory (asking);
        return;
    }
    *beside = (struct beside){.message = message, .credentials = as_token, .asking = asking};
    asking->message = &beside->credentials;
    request_context_set (request, beside);
    asking->type = &type;
    asking->beside = true;
    if (!*message->store_token)
        token_refuse (asking, TOKEN_INVALID_TOKEN, "store_token is required: the store's own");
    else if (strlen (message->store_token) > TOKEN_MAX)
        token_refuse (asking, TOKEN_INVALID_REQUEST, "store_token has more than %d bytes",
                      TOKEN_MAX);
    else if (!signing_active (issuer->signing))
        token_refuse (asking, TOKEN_UNAVAILABLE, "there is no signing key yet");
    else
        store_token_read (beside);
}

// ---- the store's token ---------------------------------------------------------------------------------------------

// The same words, whatever is wrong with it. What fails counts for its address, as of clients that do not prove themselves.
static void
store_token_deny (struct asking *asking)
{
    struct issuer *issuer = request_owner (asking->request);
    (void) throttle_take (issuer->by_address, asking->place, zclock_mono ());
    token_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_STORE_TOKEN, TOKEN_INVALID_TOKEN, 0,
                "the store's token is none of a client's own, has expired or was revoked, or its "
                "client may have no tokens");
}

// Is it a token that a client was given for itself? One that stands for a customer or a user is not the store's own.
static bool
claims_read (struct beside *beside, const json_t *claims)
{
    struct asking *asking = beside->asking;
    const struct issuer_settings *settings =
        &((struct issuer *) request_owner (asking->request))->settings;
    const char *by = jwt_text (claims, "iss"), *audience = jwt_text (claims, "aud"),
               *client = jwt_text (claims, "client_id"), *subject = jwt_text (claims, "sub"),
               *account = jwt_text (claims, "account"), *jti = jwt_text (claims, "jti"),
               *environment = jwt_text (claims, "environment");
    if (!by || strcmp (by, settings->issuer) != 0 || !audience ||
        strcmp (audience, settings->audience) != 0 || !client || !subject ||
        strcmp (subject, client) != 0 || !id_parse ("CLI", client, &asking->number) || !account ||
        !id_parse ("ACC", account, &beside->account) || !jti || !environment)
        return false;
    if (json_object_get (claims, JWT_GENERATION_CLAIM) &&
        !jwt_time (claims, JWT_GENERATION_CLAIM, &beside->generation))
        return false;
    asking->environment = strcmp (environment, "test") == 0
                              ? JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                              : JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    beside->jti = arena_strdup (request_arena (asking->request), jti);
    beside->credentials.client_id = arena_strdup (request_arena (asking->request), client);
    return true;
}

static void
keys_read (void *context, bool loaded)
{
    struct beside *beside = context;
    beside->refreshed = true;
    if (loaded)
        store_token_read (beside);
    else
        token_refuse (beside->asking, TOKEN_UNAVAILABLE, "the signing keys could not be read");
}

// Its signature is right.
static void
store_token_good (struct beside *beside, const json_t *claims)
{
    struct asking *asking = beside->asking;
    struct issuer *issuer = request_owner (asking->request);
    int64_t expires_at;
    bool good = claims_read (beside, claims);
    enum jwt_times times = jwt_times (claims, time (NULL), &expires_at);
    if (good && times == JWT_TIMES_FUTURE) // a clock is wrong, and nobody can tell which
        token_refuse (asking, TOKEN_UNAVAILABLE, "the store's token is from the future");
    else if (!good || times != JWT_TIMES_GOOD)
        store_token_deny (asking);
    else if (!beside->jti || !beside->credentials.client_id)
        token_no_memory (asking);
    else if (!token_limited (asking))
        store_client (issuer->process.db, asking->number, store_client_found, beside);
}

static void
store_token_read (struct beside *beside)
{
    struct asking *asking = beside->asking;
    struct issuer *issuer = request_owner (asking->request);
    const char *token = beside->message->store_token;
    size_t length = strlen (token);
    int64_t wait = throttle_wait (issuer->by_address, asking->place, zclock_mono ());
    if (wait != 0) {
        issuer->stats.grants_limited++;
        token_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_THROTTLED, TOKEN_TOO_MANY, wait,
                    "too many requests from this address that failed");
        return;
    }
    json_t *claims = NULL;
    enum jwt_result result = jwt_looks_like (token, length)
                                 ? keys_verify (issuer->keys, token, length, &claims)
                                 : JWT_MALFORMED;
    // Another issuer may sign with a key that this one has not read yet.
    if (result == JWT_UNKNOWN_KEY && !beside->refreshed &&
        keys_refresh (issuer->keys, false, keys_read, beside))
        return;
    if (result == JWT_OK)
        store_token_good (beside, claims);
    else
        store_token_deny (asking);
    json_decref (claims);
}

static void
store_client_found (void *context, enum store_outcome outcome, const struct store_client *client)
{
    struct beside *beside = context;
    struct asking *asking = beside->asking;
    struct issuer *issuer = request_owner (asking->request);
    if (outcome != STORE_OK && outcome != STORE_NOT_FOUND) {
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the client could not be looked up: the database is not available");
        return;
    }
    asking->known = client != NULL;
    if (client && !token_client_copy (asking, client))
        return;
    if (!client || !client->active || client->account != beside->account ||
        client->generation != beside->generation)
        store_token_deny (asking);
    else
        store_jwt_standing (issuer->process.db, beside->account, beside->jti, store_token_stands,
                            beside);
}

static void
store_token_stands (void *context, enum store_outcome outcome)
{
    struct beside *beside = context;
    switch (outcome) {
    case STORE_OK:
        customer_sign_in (beside->asking, "email", customer_signed_in);
        return;
    case STORE_NOT_FOUND:
        store_token_deny (beside->asking);
        return;
    case STORE_CONFLICT:
    case STORE_UNAVAILABLE:
    case STORE_UNCERTAIN:
    case STORE_FAILED:
        token_refuse (beside->asking, TOKEN_UNAVAILABLE,
                      "the store's token could not be looked up: the database is not available");
        return;
    }
}

// ---- the customer's ------------------------------------------------------------------------------------------------

static void
customer_signed_in (struct asking *asking)
{
    const struct issuer *issuer = request_owner (asking->request);
    asking->client.life_s = LIFE_S;
    asking->client.format = JETON__V1__TOKEN_FORMAT__TOKEN_FORMAT_JWT; // its `aud` says what it is
    if (narrow_scopes (asking, issuer->settings.customer_modules, NARROW_DROP))
        asking_scope_resolve (asking, token_give);
}
