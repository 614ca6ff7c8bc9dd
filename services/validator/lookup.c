#include "services/validator/lookup.h"

#include "common/memory/memory.h"
#include "services/validator/cache.h"
#include "services/validator/truth.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

// What is looked up: an API token's or an opaque one's digest, or a hash of what a user's or client's JWT says.
struct lookup_key {
    uint8_t bytes[TOKEN_DIGEST_SIZE];
    enum lookup_kind { LOOKUP_TOKEN, LOOKUP_USER, LOOKUP_CLIENT, LOOKUP_OPAQUE } kind;
};

struct waiter {
    struct waiter *next;
    lookup_callback *callback;
    void *context;
};

struct waiters {
    struct waiter *first, **last;
};

// A query that is under way, those who wait for its answer, and those who came after it was made: its answer may be older than
// their call (the token may have been disabled, and that acknowledged, in between), so they wait for one more query.
struct flight {
    struct lookup *lookup;
    struct lookup_key key;
    int64_t user; // of LOOKUP_USER
    struct store_client_token
        client; // of LOOKUP_CLIENT, and of LOOKUP_USER jti and generation; its texts are owned
    struct store_opaque_key opaque; // of LOOKUP_OPAQUE
    uint64_t stamp;                 // of the cache, when the query was sent
    int64_t sent_at;                // truth_now
    struct waiters waiters, later;
};

struct lookup {
    struct validator *validator;
    zhashx_t *flights; // by key
};

static size_t
key_hash (const void *item)
{
    // A digest is as good as a hash, and nobody can choose it.
    const struct lookup_key *key = item;
    size_t hash;
    memcpy (&hash, key->bytes, sizeof hash);
    return hash ^ key->kind;
}

static int
key_compare (const void *left, const void *right)
{
    const struct lookup_key *a = left, *b = right;
    return a->kind == b->kind ? memcmp (a->bytes, b->bytes, sizeof a->bytes)
                              : (int) a->kind - (int) b->kind;
}

struct lookup *
lookup_new (struct validator *validator)
{
    struct lookup *lookup = xcalloc (1, sizeof *lookup);
    lookup->validator = validator;
    lookup->flights = zhashx_new ();
    zhashx_set_key_hasher (lookup->flights, key_hash);
    zhashx_set_key_comparator (lookup->flights, key_compare);
    // Keys live in the flights.
    zhashx_set_key_duplicator (lookup->flights, NULL);
    zhashx_set_key_destructor (lookup->flights, NULL);
    return lookup;
}

void
lookup_destroy (struct lookup **lookup)
{
    if (!*lookup)
        return;
    assert (zhashx_size ((*lookup)->flights) == 0);
    zhashx_destroy (&(*lookup)->flights);
    free (*lookup);
    *lookup = NULL;
}

static void
waiters_add (struct waiters *waiters, lookup_callback *callback, void *context)
{
    struct waiter *waiter = xcalloc (1, sizeof *waiter);
    waiter->callback = callback;
    waiter->context = context;
    if (!waiters->first)
        waiters->last = &waiters->first;
    *waiters->last = waiter;
    waiters->last = &waiter->next;
}

static void flight_done (void *context, enum store_outcome outcome, const struct facts *facts);

static void
flight_start (struct flight *flight)
{
    struct validator *validator = flight->lookup->validator;
    validator->stats.lookups++;
    flight->stamp = cache_now (validator->cache);
    flight->sent_at = truth_now ();
    switch (flight->key.kind) {
    case LOOKUP_TOKEN:
        store_token_facts (validator->process.db, validator->policies, flight->key.bytes,
                           flight_done, flight);
        return;
    case LOOKUP_USER:
        store_user_facts (validator->process.db, validator->policies, flight->user,
                          flight->client.jti, flight->client.generation, flight_done, flight);
        return;
    case LOOKUP_CLIENT:
        store_client_facts (validator->process.db, validator->policies, &flight->client,
                            flight_done, flight);
        return;
    case LOOKUP_OPAQUE:
        store_opaque_facts (validator->process.db, validator->policies, &flight->opaque,
                            flight_done, flight);
        return;
    }
}

static void
flight_destroy (struct flight *flight)
{
    free ((char *) flight->client.modules);
    free ((char *) flight->client.markets);
    free ((char *) flight->client.locations);
    free ((char *) flight->client.jti);
    free (flight);
}

static void
flight_done (void *context, enum store_outcome outcome, const struct facts *facts)
{
    struct flight *flight = context;
    struct waiter *waiter = flight->waiters.first;
    // This process, or the network, was held up: the answer is true, but of too long ago.
    if (truth_now () - flight->sent_at > flight->lookup->validator->settings.freshness_limit_ms)
        outcome = STORE_UNAVAILABLE;
    flight->waiters.first = NULL;
    while (waiter) {
        struct waiter *next = waiter->next;
        waiter->callback (waiter->context, outcome, facts, flight->stamp);
        free (waiter);
        waiter = next;
    }
    if (flight->later.first) {
        flight->waiters.first = flight->later.first;
        flight->later.first = NULL;
        flight_start (flight);
        return;
    }
    zhashx_delete (flight->lookup->flights, &flight->key);
    flight_destroy (flight);
}

// NULL: an equal lookup is under way, and the callback waits for its successor. Otherwise the caller sets what the flight is about, and starts it.
static struct flight *
flight_new (struct lookup *lookup, const struct lookup_key *key, lookup_callback *callback,
            void *context)
{
    struct flight *flight = zhashx_lookup (lookup->flights, key);
    if (flight) {
        waiters_add (&flight->later, callback, context);
        lookup->validator->stats.lookups_shared++;
        return NULL;
    }
    flight = xcalloc (1, sizeof *flight);
    flight->lookup = lookup;
    flight->key = *key;
    waiters_add (&flight->waiters, callback, context);
    zhashx_insert (lookup->flights, &flight->key, flight);
    return flight;
}

void
lookup_token (struct lookup *lookup, const uint8_t digest[TOKEN_DIGEST_SIZE],
              lookup_callback *callback, void *context)
{
    struct lookup_key key = {.kind = LOOKUP_TOKEN};
    memcpy (key.bytes, digest, sizeof key.bytes);
    struct flight *flight = flight_new (lookup, &key, callback, context);
    if (flight)
        flight_start (flight);
}

// Of numbers and texts, with their ends, so that no two run together.
static struct lookup_key
key_of (enum lookup_kind kind, const int64_t *numbers, size_t nnumbers, const char *const *texts,
        size_t ntexts)
{
    struct lookup_key key = {.kind = kind};
    crypto_generichash_state state;
    crypto_generichash_init (&state, NULL, 0, sizeof key.bytes);
    crypto_generichash_update (&state, (const uint8_t *) numbers, nnumbers * sizeof *numbers);
    for (size_t i = 0; i < ntexts; i++)
        crypto_generichash_update (&state, (const uint8_t *) texts[i], strlen (texts[i]) + 1);
    crypto_generichash_final (&state, key.bytes, sizeof key.bytes);
    return key;
}

void
lookup_user (struct lookup *lookup, int64_t user, const char *jti, int64_t generation,
             lookup_callback *callback, void *context)
{
    const int64_t numbers[] = {user, generation};
    struct lookup_key key = key_of (LOOKUP_USER, numbers, 2, &jti, 1);
    struct flight *flight = flight_new (lookup, &key, callback, context);
    if (!flight)
        return;
    flight->user = user;
    flight->client.jti = xstrdup (jti);
    flight->client.generation = generation;
    flight_start (flight);
}

void
lookup_client (struct lookup *lookup, const struct store_client_token *token,
               lookup_callback *callback, void *context)
{
    const int64_t numbers[] = {token->client, token->customer, token->user, token->generation};
    const char *const texts[] = {token->modules, token->markets, token->locations, token->jti};
    struct lookup_key key = key_of (LOOKUP_CLIENT, numbers, 4, texts, 4);
    struct flight *flight = flight_new (lookup, &key, callback, context);
    if (!flight)
        return;
    flight->client = (struct store_client_token){
        .client = token->client,
        .customer = token->customer,
        .user = token->user,
        .modules = xstrdup (token->modules),
        .markets = xstrdup (token->markets),
        .locations = xstrdup (token->locations),
        .jti = xstrdup (token->jti),
        .generation = token->generation,
    };
    flight_start (flight);
}

void
lookup_opaque (struct lookup *lookup, const struct store_opaque_key *token,
               lookup_callback *callback, void *context)
{
    struct lookup_key key = {.kind = LOOKUP_OPAQUE};
    memcpy (key.bytes, token->digest, sizeof key.bytes);
    struct flight *flight = flight_new (lookup, &key, callback, context);
    if (!flight)
        return;
    flight->opaque = *token;
    flight_start (flight);
}
