// What a JWT says, and what is known of whom it stands for.
#include "common/caller/keys.h"
#include "common/caller/revoked.h"
#include "common/scope/module.h"
#include "common/token/id.h"
#include "common/token/jwt.h"
#include "services/validator/check.h"
#include "services/validator/lookup.h"
#include "services/validator/truth.h"

#include <string.h>
#include <time.h>

static void
check_jwt_done (void *context, enum store_outcome outcome, const struct facts *facts,
                uint64_t stamp)
{
    struct check *check = context;
    switch (outcome) {
    case STORE_OK: {
        // What the token says is joined with what is known of its user or client now.
        struct facts joined = *facts;
        joined.expires_at = check->claims->expires_at;
        joined.environment = (uint8_t) check->environment;
        joined.jti = check->jti;
        joined.customer = check->claims->client.customer;
        if (check->claims->of_customer)
            joined.kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_CUSTOMER;
        if (joined.account != check->claims->account) {
            check_end (check, JETON__V1__REASON__REASON_REVOKED);
            return;
        }
        // The older of the two: of what is known of the user or client, and of the keys that the signature was checked with.
        cache_put (check->batch->validator->cache, &check->key, &joined,
                   stamp < check->claims->verified ? stamp : check->claims->verified);
        check_decide (check, &joined);
        return;
    }
    case STORE_NOT_FOUND:
        check_end (check, JETON__V1__REASON__REASON_REVOKED);
        return;
    case STORE_UNAVAILABLE:
        check_end (check, JETON__V1__REASON__REASON_UNDECIDED);
        return;
    }
}

// A text for the database, in the arena. NULL: there is no room for it.
static const char *
keep (struct check *check, const char *text)
{
    return arena_strdup (request_arena (check->batch->request), text);
}

// What a client's token is for, by its scope: it is the issuer's, in canonical form, and yet not taken on trust.
static bool
jwt_scope_read (struct check *check, const json_t *claims)
{
    const json_t *claim = json_object_get (claims, "scope");
    struct scope_modules modules;
    struct scope resources;
    struct scope_lists lists;
    struct db_params unused = {0};
    struct error error;
    char rest[SCOPE_TEXT_MAX + 1], text[SCOPE_MODULES_FORMAT_SIZE];
    if (!json_is_string (claim) ||
        !scope_modules_parse (json_string_value (claim), json_string_length (claim), &modules, rest,
                              &error) ||
        !scope_parse (rest, strlen (rest), &resources, &error))
        return false;
    scope_params (&resources, 0, &lists, &unused);
    const char *markets = lists.numbers[0], *locations = lists.numbers[1];
    if (*lists.codes[0] || *lists.codes[1] || (*locations && !*markets))
        return false;
    scope_modules_format (&modules, text);
    struct store_client_token *client = &check->claims->client;
    client->modules = keep (check, text);
    client->markets = keep (check, markets);
    client->locations = keep (check, locations);
    return true;
}

// Whom it stands for: a user who signed in here; a client that asked for itself; or a customer or user, for whom a client asked. Only a login token may do what its user may: a client's
// reaches what its scope says, whomever it stands for.
static bool
jwt_subject_read (struct check *check, const json_t *claims)
{
    const char *subject = jwt_text (claims, "sub"), *client = jwt_text (claims, "client_id");
    struct store_client_token *token = &check->claims->client;
    if (!subject || !client)
        return false;
    if (strcmp (client, "login") == 0)
        return id_parse ("USR", subject, &check->claims->user);
    return id_parse ("CLI", client, &token->client) &&
           (strcmp (subject, client) == 0 || id_parse ("CUS", subject, &token->customer) ||
            id_parse ("USR", subject, &token->user)) &&
           jwt_scope_read (check, claims);
}

// Is it for here? A customer's token names another audience, which no other resource server takes for its own (R22).
static bool
jwt_audience_read (struct check *check, const char *audience)
{
    const char *ours = check->batch->validator->settings.audience;
    size_t length = strlen (ours);
    if (strncmp (audience, ours, length) != 0)
        return false;
    check->claims->of_customer = strcmp (audience + length, JWT_OF_CUSTOMER_AUDIENCE) == 0;
    return audience[length] == '\0' || check->claims->of_customer;
}

// The claims of a token whose signature is right. False: it is not one that this issuer makes for this audience.
static bool
jwt_claims_read (struct check *check, const json_t *claims)
{
    const struct validator_settings *settings = &check->batch->validator->settings;
    const char *issuer = jwt_text (claims, "iss"), *audience = jwt_text (claims, "aud"),
               *account = jwt_text (claims, "account"),
               *environment = jwt_text (claims, "environment"), *jti = jwt_text (claims, "jti");
    if (!issuer || strcmp (issuer, settings->issuer) != 0 || !audience ||
        !jwt_audience_read (check, audience) || !account || !environment || !jti ||
        !jwt_subject_read (check, claims) || !id_parse ("ACC", account, &check->claims->account) ||
        (check->claims->of_customer && check->claims->client.customer == 0))
        return false;
    if (strcmp (environment, "live") == 0)
        check->environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    else if (strcmp (environment, "test") == 0)
        check->environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST;
    else
        return false;
    if (json_object_get (claims, JWT_GENERATION_CLAIM) &&
        !jwt_time (claims, JWT_GENERATION_CLAIM, &check->claims->client.generation))
        return false;
    check->jti = arena_strdup (request_arena (check->batch->request), jti);
    check->claims->client.jti = check->jti;
    check->reply->token = check_text (check->jti);
    return true;
}

static void
check_keys_refreshed (void *context, bool loaded)
{
    struct check *check = context;
    check->claims->refreshed = true;
    if (loaded)
        check_jwt (check, strlen (check->request->token));
    else
        check_end (check, JETON__V1__REASON__REASON_UNDECIDED);
}

// What is known of whom it stands for?
static void
check_subject (struct check *check)
{
    struct lookup *lookup = check->batch->validator->lookup;
    const struct store_client_token *client = &check->claims->client;
    bool of_user = client->client == 0;
    if (!check->jti ||
        (!of_user && (!client->modules || !client->markets || !client->locations))) // no room
        check_end (check, JETON__V1__REASON__REASON_UNDECIDED);
    else if (of_user)
        lookup_user (lookup, check->claims->user, check->jti, client->generation, check_jwt_done,
                     check);
    else
        lookup_client (lookup, client, check_jwt_done, check);
}

void
check_jwt (struct check *check, size_t length)
{
    struct validator *validator = check->batch->validator;
    json_t *claims = NULL;
    // Of keys that may be too old nothing is kept; they are read first, and then they are younger than the question.
    bool keys = truth_keys (validator->truth);
    if (!check->claims)
        check->claims = arena_alloc (request_arena (check->batch->request), sizeof *check->claims);
    if (!check->claims) { // no room
        check_end (check, JETON__V1__REASON__REASON_UNDECIDED);
        return;
    }
    check->claims->verified = keys ? cache_now (validator->cache) : 0;
    if (!keys && !check->claims->refreshed) {
        keys_read_now (validator->keys, check_keys_refreshed, check);
        return;
    }
    switch (keys_verify (validator->keys, check->request->token, length, &claims)) {
    case JWT_OK:
        break;
    case JWT_UNKNOWN_KEY:
        // Of a key that was made since, truth has heard.
        if (check->claims->refreshed ||
            !keys_refresh (validator->keys, keys, check_keys_refreshed, check))
            check_end (check, JETON__V1__REASON__REASON_UNKNOWN);
        else
            validator->stats.keys_sought++;
        return;
    case JWT_MALFORMED:
    case JWT_BAD_SIGNATURE:
        check_refuse (check);
        return;
    }
    bool good = jwt_claims_read (check, claims);
    enum jwt_times times = jwt_times (claims, time (NULL), &check->claims->expires_at);
    json_decref (claims);
    if (!good || times == JWT_TIMES_BAD)
        check_end (check, JETON__V1__REASON__REASON_MALFORMED);
    else if (times == JWT_TIMES_FUTURE)
        // A clock is wrong, the issuer's or ours, and nobody can tell which: that is no fault of the token's.
        check_end (check, JETON__V1__REASON__REASON_UNDECIDED);
    else if (times == JWT_TIMES_EXPIRED)
        check_end (check, JETON__V1__REASON__REASON_EXPIRED);
    else
        check_subject (check);
}
