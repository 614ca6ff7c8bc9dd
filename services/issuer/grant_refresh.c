// refresh_token (RFC 6749 section 6, RFC 9700 section 4.14): a refresh token is used once, and gives the next one of its family (R19).
#include "common/log/log.h"
#include "services/issuer/asking_scope.h"
#include "services/issuer/refresh.h"
#include "services/issuer/tell.h"

#include <stdio.h>
#include <string.h>

// A refresh token on its way, in the request's arena: the request's context.
struct refreshing {
    struct asking *asking;
    uint8_t digest[TOKEN_DIGEST_SIZE];
    bool again; // somebody else was first: it has been looked up again
    int64_t family;
    char context[32 + 2 * TOKEN_DIGEST_SIZE]; // that the reply is sealed for: this token's use
    struct refresh_pair *pair;
    struct feed_change change; // that validators are told of, where it ends the family
};

static void refresh_find (struct refreshing *refreshing);
static void refresh_found (void *context, enum store_outcome outcome,
                           const struct store_refresh *refresh);
static void refresh_resolved (struct asking *asking);
static void refresh_rotated (void *context, enum store_outcome outcome);
static void refresh_revoked (void *context, enum store_outcome outcome);

// The same words whatever is wrong: it is good for nothing.
static void
refresh_deny (struct asking *asking, Jeton__V1__GrantReason reason)
{
    token_deny (asking, reason, TOKEN_INVALID_GRANT, 0,
                "the refresh token is none of this client's, has expired, was used before or was "
                "revoked, or its customer or user may not sign in: sign in again");
}
#define REASON_TOKEN JETON__V1__GRANT_REASON__GRANT_REASON_REFRESH_TOKEN

void
grant_refresh (struct asking *asking)
{
    const char *value = asking->message->refresh_token;
    if (!*value) {
        token_refuse (asking, TOKEN_INVALID_REQUEST, "refresh_token is required");
        return;
    }
    if (!random_text_good (REFRESH_PREFIX, value)) {
        refresh_deny (asking, REASON_TOKEN);
        return;
    }
    struct refreshing *refreshing =
        arena_alloc (request_arena (asking->request), sizeof *refreshing);
    if (!refreshing) {
        token_no_memory (asking);
        return;
    }
    *refreshing = (struct refreshing){.asking = asking};
    request_context_set (asking->request, refreshing);
    token_value_digest (value, strlen (value), refreshing->digest);
    size_t prefix =
        (size_t) snprintf (refreshing->context, sizeof refreshing->context, "refresh-reply ");
    sodium_bin2hex (refreshing->context + prefix, sizeof refreshing->context - prefix,
                    refreshing->digest, sizeof refreshing->digest);
    refresh_find (refreshing);
}

static void
refresh_find (struct refreshing *refreshing)
{
    struct issuer *issuer = request_owner (refreshing->asking->request);
    store_refresh_find (issuer->process.db, refreshing->digest, issuer->settings.refresh_replay_s,
                        refresh_found, refreshing);
}

// It was used a moment ago: the answer was lost, or is still on its way. The same again.
static void
refresh_replay (struct refreshing *refreshing, const struct store_refresh *refresh)
{
    struct asking *asking = refreshing->asking;
    struct issuer *issuer = request_owner (asking->request);
    uint8_t opened[STORE_REFRESH_REPLY_MAX];
    size_t size = refresh->reply_size - CRYPTO_SEAL_OVERHEAD;
    Jeton__V1__TokenReply *reply = NULL;
    if (refresh->reply_size > CRYPTO_SEAL_OVERHEAD + ACCESS_JTI_SIZE &&
        seal_open (issuer->seal_keys, refreshing->context, refresh->reply, refresh->reply_size,
                   opened) &&
        opened[ACCESS_JTI_SIZE - 1] == 0)
        reply =
            jeton__v1__token_reply__unpack (NULL, size - ACCESS_JTI_SIZE, opened + ACCESS_JTI_SIZE);
    if (!reply) {
        log_error ("a kept reply cannot be opened with the keys in the file that the setting "
                   "seal_keys names",
                   "request", request_correlation (asking->request), NULL);
        token_refuse (asking, TOKEN_UNAVAILABLE, "the answer of before cannot be read");
    } else {
        issuer->stats.refresh_replays++;
        token_answer (asking, (const char *) opened, reply);
        jeton__v1__token_reply__free_unpacked (reply, NULL);
    }
    sodium_memzero (opened, sizeof opened);
}

// An old one is used again: whoever has it, somebody has what is not his (RFC 9700 section 4.14.2).
static void
refresh_reused (struct refreshing *refreshing, const struct store_refresh *refresh)
{
    struct asking *asking = refreshing->asking;
    refreshing->change = refresh_end_change (asking, refresh);
    refresh_end_family (asking, refresh, REFRESH_END_REUSED, refresh_revoked, refreshing);
}

// A token that is good: what shall the next one be for?
static void
refresh_use (struct refreshing *refreshing, const struct store_refresh *refresh)
{
    struct asking *asking = refreshing->asking;
    if (asking->message->environment != JETON__V1__ENVIRONMENT__ENVIRONMENT_UNSPECIFIED &&
        asking->message->environment != asking->environment) {
        token_deny (asking, REASON_TOKEN, TOKEN_INVALID_GRANT, 0,
                    "the refresh token is of another environment");
        return;
    }
    refreshing->family = refresh->family;
    asking->customer_group = refresh->customer_group;
    asking->client.generation = refresh->generation; // what is revoked meanwhile is not good
    asking->granted = arena_strdup (request_arena (asking->request), refresh->scope);
    if (asking->granted)
        asking_scope_resolve (asking, refresh_resolved);
    else
        token_no_memory (asking);
}

static void
refresh_found (void *context, enum store_outcome outcome, const struct store_refresh *refresh)
{
    struct refreshing *refreshing = context;
    struct asking *asking = refreshing->asking;
    if (outcome != STORE_OK && outcome != STORE_NOT_FOUND) {
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the refresh token could not be looked up: the database is not available");
        return;
    }
    // Whoever has another client's token does nothing to it.
    if (!refresh || refresh->client != asking->number) {
        refresh_deny (asking, REASON_TOKEN);
        return;
    }
    asking->customer = refresh->customer;
    asking->user = refresh->user;
    asking->environment = (Jeton__V1__Environment) refresh->environment;
    if (refresh->ended)
        refresh_deny (asking, REASON_TOKEN);
    else if (!refresh->active)
        refresh_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_USER_DISABLED);
    else if (refresh->used && refresh->reply_size > 0)
        refresh_replay (refreshing, refresh);
    else if (refresh->used)
        refresh_reused (refreshing, refresh);
    else if (refreshing->again)
        token_refuse (asking, TOKEN_UNAVAILABLE, "the refresh token could not be used: try again");
    else
        refresh_use (refreshing, refresh);
}

// What is told, as it is kept for who asks again: the access token's jti, for the access log, and the reply, sealed. NULL: the request has been answered.
static uint8_t *
reply_seal (struct refreshing *refreshing, size_t *size_r)
{
    struct asking *asking = refreshing->asking;
    const struct issuer *issuer = request_owner (asking->request);
    struct arena *arena = request_arena (asking->request);
    const struct refresh_pair *pair = refreshing->pair;
    size_t size = ACCESS_JTI_SIZE + jeton__v1__token_reply__get_packed_size (&pair->reply);
    *size_r = size + CRYPTO_SEAL_OVERHEAD;
    uint8_t *plain = arena_alloc (arena, size), *sealed = arena_alloc (arena, *size_r);
    if (!plain || !sealed || *size_r > STORE_REFRESH_REPLY_MAX) {
        token_no_memory (asking);
        return NULL;
    }
    memcpy (plain, pair->jti, ACCESS_JTI_SIZE);
    jeton__v1__token_reply__pack (&pair->reply, plain + ACCESS_JTI_SIZE);
    if (seal (issuer->seal_keys, refreshing->context, plain, size, sealed))
        return sealed;
    token_refuse (asking, TOKEN_UNAVAILABLE, "the answer could not be sealed");
    return NULL;
}

static void
refresh_resolved (struct asking *asking)
{
    struct issuer *issuer = request_owner (asking->request);
    struct refreshing *refreshing = request_context (asking->request);
    refreshing->pair = refresh_pair_make (asking);
    if (!refreshing->pair)
        return;
    size_t size;
    uint8_t *sealed = reply_seal (refreshing, &size);
    if (sealed)
        store_refresh_rotate (issuer->process.db, refreshing->family, refreshing->digest,
                              &refreshing->pair->stored, sealed, size, refresh_rotated, refreshing);
}

static void
refresh_rotated (void *context, enum store_outcome outcome)
{
    struct refreshing *refreshing = context;
    struct asking *asking = refreshing->asking;
    struct issuer *issuer = request_owner (asking->request);
    switch (outcome) {
    case STORE_OK:
        issuer->stats.refreshes++;
        token_answer (asking, refreshing->pair->jti, &refreshing->pair->reply);
        return;
    case STORE_CONFLICT: // what was made is thrown away, and the other's answer is told
        refreshing->again = true;
        refresh_find (refreshing);
        return;
    case STORE_UNCERTAIN:
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the connection to the database was lost: the refresh token may be used; "
                      "repeat it at once for the same answer");
        return;
    case STORE_NOT_FOUND:
    case STORE_UNAVAILABLE:
    case STORE_FAILED:
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the refresh token was not used: the database is not available");
        return;
    }
}

static void
refresh_revoked (void *context, enum store_outcome outcome)
{
    struct refreshing *refreshing = context;
    struct asking *asking = refreshing->asking;
    struct issuer *issuer = request_owner (asking->request);
    tell_change (issuer, outcome, &refreshing->change);
    if (outcome == STORE_OK) {
        issuer->stats.refresh_reuses++;
        refresh_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_REFRESH_REUSED);
        return;
    }
    // Not "no" before the family is revoked and in the trail.
    token_refuse (asking, TOKEN_UNAVAILABLE,
                  "the refresh token was used before; its family could not be revoked: the "
                  "database is not available");
}
