// memory TOKENS ROUNDS: how long the validator's memory takes to find a token and decide on it, of so many tokens, at random; and what a token
// takes of memory. Prints JSON: nanoseconds of one after the other, and of batches of 64 as ValidateBatch has them, hashing included.
#include "common/crypto/crypto.h"
#include "services/validator/cache.h"
#include "services/validator/decide.h"
#include "tests/bench/pace.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, POLICIES = 5000, ACCOUNTS = 1000 };

struct world {
    struct cache *cache;
    struct modules *modules;
    struct policies *policies;
    uint64_t tokens;
    uint64_t allowed;
};

// As long as a token's value, and cheap to make.
static void
text_of (uint64_t number, char text_r[TOKEN_VALUE_LENGTH + 1])
{
    snprintf (text_r, TOKEN_VALUE_LENGTH + 1, "jtn_live_%044" PRIu64, number);
}

static struct policy *
policy_of (struct world *world, uint32_t i)
{
    static const char *const names[] = {"orders", "stock", "prices", "products", "customers"};
    struct policy_draft draft;
    policy_draft_start (&draft);
    for (size_t n = 0; n <= i % 5; n++) {
        bool good =
            policy_draft_grant (world->policies, &draft, names[n], strlen (names[n]), 2, true);
        assert (good);
    }
    draft.rate_per_minute = draft.rate_burst = 1 + i;
    return policies_intern (world->policies, &draft);
}

static void
fill (struct world *world)
{
    struct policy *made[POLICIES];
    for (uint32_t i = 0; i < POLICIES; i++)
        made[i] = policy_of (world, i);
    for (uint64_t i = 0; i < world->tokens; i++) {
        char text[TOKEN_VALUE_LENGTH + 1];
        text_of (i, text);
        struct cache_key key = cache_key (world->cache, text, TOKEN_VALUE_LENGTH);
        struct facts facts = {.token = 1 + (int64_t) i,
                              .account = 1 + (int64_t) i % ACCOUNTS,
                              .kind = JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE,
                              .environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE,
                              .token_status = JETON__V1__TOKEN_STATUS__TOKEN_STATUS_ACTIVE,
                              .account_status = JETON__V1__ACCOUNT_STATUS__ACCOUNT_STATUS_ACTIVE,
                              .user_status = JETON__V1__USER_STATUS__USER_STATUS_ACTIVE,
                              .policy = made[i % POLICIES]};
        bool kept = cache_put (world->cache, &key, &facts, cache_now (world->cache));
        assert (kept);
    }
    for (uint32_t i = 0; i < POLICIES; i++)
        policy_release (world->policies, made[i]);
}

static void
find_and_decide (struct world *world, const struct cache_key *key)
{
    struct facts facts;
    enum cache_outcome outcome = cache_find (world->cache, key, 0, &facts);
    assert (outcome == CACHE_HIT);
    struct wanted wanted = {.module = modules_find (world->modules, "orders"),
                            .access = JETON__V1__ACCESS__ACCESS_WRITE,
                            .environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE};
    Jeton__V1__Access granted;
    world->allowed +=
        decide (&facts, &wanted, 1700000000, &granted) == JETON__V1__REASON__REASON_OK;
}

// Nanoseconds of one validation, in batches of n.
static double
measure (struct world *world, uint64_t rounds, size_t n)
{
    static char texts[BATCH * 1024][TOKEN_VALUE_LENGTH + 1];
    struct dice dice = {1};
    int64_t spent = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < BATCH * 1024; i++)
            text_of (dice_below (&dice, world->tokens), texts[i]);
        int64_t begin = clock_ns ();
        for (size_t at = 0; at < BATCH * 1024; at += n) {
            struct cache_key keys[BATCH];
            for (size_t i = 0; i < n; i++) {
                keys[i] = cache_key (world->cache, texts[at + i], TOKEN_VALUE_LENGTH);
                if (n > 1)
                    cache_prefetch (world->cache, &keys[i]);
            }
            for (size_t i = 0; n > 1 && i < n; i++)
                cache_prefetch_entry (world->cache, &keys[i]);
            for (size_t i = 0; i < n; i++)
                find_and_decide (world, &keys[i]);
        }
        spent += clock_ns () - begin;
    }
    return (double) spent / (double) (rounds * BATCH * 1024);
}

int
main (int argc, char **argv)
{
    struct error error;
    struct world world = {.tokens = argc == 3 ? strtoull (argv[1], NULL, 10) : 0};
    uint64_t rounds = argc == 3 ? strtoull (argv[2], NULL, 10) : 0;
    if (world.tokens < 1 || world.tokens > 99999999 || rounds < 1 || !crypto_start (&error))
        return 64;
    struct cache_bounds bounds = {.entries = world.tokens,
                                  .bytes = CACHE_BYTES_MIN + world.tokens * 160};
    world.modules = modules_new ();
    world.policies = policies_new (world.modules, POLICIES_EXPECTED);
    world.cache = cache_new (world.policies, &bounds);
    fill (&world);
    double one = measure (&world, rounds, 1), batch = measure (&world, rounds, BATCH);
    printf ("{\"one_ns\": %.1f, \"batch_ns\": %.1f, \"bytes\": %.1f}\n", one, batch,
            (double) cache_stats (world.cache)->bytes / (double) world.tokens);
    bool good = world.allowed == 2 * rounds * BATCH * 1024;
    cache_destroy (&world.cache);
    policies_destroy (&world.policies);
    modules_destroy (&world.modules);
    return good && fflush (stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
