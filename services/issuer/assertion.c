#include "services/issuer/assertion.h"

#include "common/token/client_keys.h"
#include "common/token/jwt.h"

#include <string.h>
#include <time.h>

static const enum jwt_algorithm algorithms[] = {JWT_ES256, JWT_EDDSA};
enum { ALGORITHMS = sizeof algorithms / sizeof *algorithms };

bool
assertion_start (struct issuer *issuer, struct error *error_r)
{
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (!(issuer->nobody[i] = jwt_key_generate (algorithms[i], error_r)))
            return false;
    return true;
}

void
assertion_end (struct issuer *issuer)
{
    for (size_t i = 0; i < ALGORITHMS; i++)
        jwt_key_destroy (&issuer->nobody[i]);
}

// Which key is looked for, and was there one?
struct search {
    const struct client_keys *keys; // NULL: none
    const struct jwt_key *nobody;
    bool found;
};

static const struct jwt_key *
key_find (void *context, const char *kid)
{
    struct search *search = context;
    const struct jwt_key *key = search->keys ? client_keys_find (search->keys, kid) : NULL;
    search->found = key != NULL;
    return key ? key : search->nobody;
}

static bool
audience_own (const struct issuer *issuer, const json_t *claim)
{
    const char *own = issuer->settings.issuer, *audience = json_string_value (claim);
    size_t length = strlen (own);
    return audience && strlen (audience) == json_string_length (claim) &&
           strncmp (audience, own, length) == 0 &&
           (!audience[length] || strcmp (audience + length, "/oauth/token") == 0);
}

// `aud`: one text, or an array in which each is ours: some clients name both, always. What is for somebody else as well could be used by them.
static bool
audience_right (const struct issuer *issuer, const json_t *claims)
{
    const json_t *claim = json_object_get (claims, "aud"), *one;
    size_t i;
    if (!json_is_array (claim))
        return audience_own (issuer, claim);
    json_array_foreach (claim, i, one) if (!audience_own (issuer, one)) return false;
    return i > 0;
}

static bool
claims_right (const struct asking *asking, const json_t *claims, struct assertion *assertion_r)
{
    const struct issuer *issuer = request_owner (asking->request);
    const char *client = asking->message->client_id, *jti = jwt_text (claims, "jti"),
               *from = jwt_text (claims, "iss"), *subject = jwt_text (claims, "sub");
    int64_t now = time (NULL);
    if (!from || strcmp (from, client) != 0 || !subject || strcmp (subject, client) != 0 || !jti ||
        !audience_right (issuer, claims) ||
        jwt_times (claims, now, &assertion_r->expires_at) != JWT_TIMES_GOOD ||
        assertion_r->expires_at > now + ASSERTION_LIFE_MAX_S)
        return false;
    token_value_digest (jti, strlen (jti), assertion_r->digest);
    return true;
}

bool
assertion_right (const struct asking *asking, struct assertion *assertion_r)
{
    const struct issuer *issuer = request_owner (asking->request);
    const char *text = asking->message->client_assertion;
    struct error error;
    struct client_keys *keys = asking->known && *asking->client.jwks
                                   ? client_keys_read (asking->client.jwks, &error)
                                   : NULL;
    bool right = false;
    // With the client's key; where it has none of that name, with those that nobody has, of which one has the algorithm that is named.
    for (size_t i = 0; i < ALGORITHMS; i++) {
        struct search search = {keys, issuer->nobody[i], false};
        json_t *claims = NULL;
        enum jwt_result result =
            jwt_verify (text, strlen (text), NULL, key_find, &search, &claims, &error);
        right = result == JWT_OK && search.found && claims_right (asking, claims, assertion_r);
        json_decref (claims);
        if (search.found)
            break;
    }
    client_keys_destroy (&keys);
    return right && strcmp (asking->message->client_assertion_type, ASSERTION_TYPE) == 0;
}
