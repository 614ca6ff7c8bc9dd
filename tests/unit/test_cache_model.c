// The validator's memory against a simple model of the same, by steps chosen at random (R42).
// objects: services/validator/cache.o services/validator/cache_put.o services/validator/unknown.o services/validator/told.o services/validator/stamps.o services/validator/hash_index.o services/validator/policy.o services/validator/modules.o
#include "tests/unit/test_cache.h"

enum { VALUES = 300, TOKENS = 60, ACCOUNTS = 8, POLICIES = 20, STEPS = 200000, PAST = 30 };

struct modelled {
    bool kept;
    int64_t token, account, expires_at;
    uint64_t stamp;
    uint32_t rate;
};

struct model {
    struct cache *cache;
    struct cache_key keys[VALUES];
    struct modelled values[VALUES];
    struct policy *policies[POLICIES];
    uint64_t token[TOKENS], account[ACCOUNTS], signing, all; // the last change
    bool token_blocked[TOKENS], account_blocked[ACCOUNTS], signing_blocked, all_blocked;
    uint32_t random;
};

// (xorshift, Marsaglia 2003)
static uint32_t
below (struct model *model, uint32_t n)
{
    model->random ^= model->random << 13;
    model->random ^= model->random >> 17;
    model->random ^= model->random << 5;
    return model->random % n;
}

static bool
model_good (const struct model *model, int64_t token, int64_t account, uint64_t stamp)
{
    bool kind = token ? !model->token_blocked[token] && model->token[token] <= stamp
                      : !model->signing_blocked && model->signing <= stamp;
    return kind && !model->account_blocked[account] && model->account[account] <= stamp &&
           !model->all_blocked && model->all <= stamp;
}

static void
model_put (struct model *model, bool exact)
{
    uint32_t at = below (model, VALUES), rate = below (model, POLICIES);
    uint64_t now = cache_now (model->cache), past = below (model, PAST);
    struct modelled value = {.kept = true,
                             .token = below (model, TOKENS),
                             .account = below (model, ACCOUNTS),
                             .expires_at = below (model, 1000000),
                             .stamp = now > past ? now - past : 0,
                             .rate = rate};
    struct facts facts = facts_of (value.token, value.account);
    facts.expires_at = value.expires_at;
    facts.policy = model->policies[rate];
    bool good = model_good (model, value.token, value.account, value.stamp);
    bool kept = cache_put (model->cache, &model->keys[at], &facts, value.stamp);
    ck_assert (good || !kept);
    ck_assert (!exact || kept == good);
    if (kept)
        model->values[at] = value;
}

static void
model_find (struct model *model, bool exact)
{
    uint32_t at = below (model, VALUES);
    struct modelled *value = &model->values[at];
    struct facts facts;
    bool good = value->kept && model_good (model, value->token, value->account, value->stamp);
    enum cache_outcome outcome = cache_find (model->cache, &model->keys[at], 0, &facts);
    ck_assert (!exact || (outcome == CACHE_HIT) == good);
    if (outcome == CACHE_HIT) {
        ck_assert (good);
        ck_assert (facts.token == value->token && facts.account == value->account &&
                   facts.expires_at == value->expires_at &&
                   facts.policy->rate_per_minute == value->rate + 1);
    } else {
        value->kept = false;
    }
}

static void
model_change (struct model *model)
{
    uint32_t token = below (model, TOKENS), account = below (model, ACCOUNTS),
             what = below (model, 100);
    bool block = below (model, 32) == 0;
    if (what < 74 && block) {
        ck_assert (cache_block_token (model->cache, token));
        model->token_blocked[token] = true;
    } else if (what < 74) {
        cache_change_token (model->cache, token);
        model->token[token] = cache_now (model->cache);
        model->token_blocked[token] = false;
    } else if (what < 98 && block) {
        ck_assert (cache_block_account (model->cache, account));
        model->account_blocked[account] = true;
    } else if (what < 98) {
        cache_change_account (model->cache, account);
        model->account[account] = cache_now (model->cache);
        model->account_blocked[account] = false;
    } else if (what < 99) {
        block ? cache_block_keys (model->cache) : cache_change_keys (model->cache);
        model->signing = cache_now (model->cache);
        model->signing_blocked = block;
    } else {
        block ? cache_block_all (model->cache) : cache_change_all (model->cache);
        model->all = cache_now (model->cache);
        model->all_blocked = block;
    }
}

static void
model_move (struct model *model)
{
    uint32_t from = below (model, VALUES), to = below (model, VALUES);
    cache_move (model->cache, &model->keys[from], &model->keys[to]);
    // Where the entry had been driven out, nothing was moved: then nothing is known of either.
    if (from == to || !model->values[from].kept)
        return;
    struct facts facts;
    if (cache_find (model->cache, &model->keys[to], 0, &facts) == CACHE_HIT &&
        facts.expires_at == model->values[from].expires_at)
        model->values[to] = model->values[from];
    model->values[from].kept = false;
}

static void
model_run (size_t room, size_t slots, bool exact, uint32_t seed)
{
    static struct model model;
    model = (struct model){.cache = cache_of (room, slots), .random = seed};
    for (uint64_t i = 0; i < VALUES; i++)
        model.keys[i] = key_of (model.cache, i);
    for (uint32_t i = 0; i < POLICIES; i++)
        model.policies[i] = policy_make ("orders", i % 3, i + 1);
    for (int step = 0; step < STEPS; step++) {
        uint32_t what = below (&model, 100);
        if (what < 40)
            model_put (&model, exact);
        else if (what < 95)
            model_find (&model, exact);
        else if (what < 99)
            model_change (&model);
        else if (!exact)
            model_move (&model);
        ck_assert_uint_le (cache_stats (model.cache)->entries, room);
    }
    printf ("room %zu, slots %zu: %llu hits, %llu misses, %llu evicted\n", room, slots,
            (unsigned long long) cache_stats (model.cache)->hits,
            (unsigned long long) cache_stats (model.cache)->misses,
            (unsigned long long) cache_stats (model.cache)->evicted);
    ck_assert_uint_gt (cache_stats (model.cache)->hits, STEPS / 2000);
    // What the entries hold is let go of with them.
    for (uint32_t i = 0; i < POLICIES; i++)
        policy_release (policies, model.policies[i]);
    cache_destroy (&model.cache);
    ck_assert_uint_eq (policies_count (policies), 1);
}

// Room and slots for all: what is kept is exactly what the model keeps.
START_TEST (test_model_exact)
{
    for (uint32_t seed = 1; seed <= 3; seed++)
        model_run (VALUES, 0, true, seed * 7919);
}
END_TEST

// Too few of both: less is kept, and nothing that the model would not.
START_TEST (test_model_tight)
{
    static const size_t rooms[] = {1, 2, 10, 100}, slots[] = {8, 64, 0};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 3; j++)
            model_run (rooms[i], slots[j], false, (uint32_t) (1 + i * 3 + j) * 104729);
}
END_TEST

static void
add (TCase *tests)
{
    tcase_add_test (tests, test_model_exact);
    tcase_add_test (tests, test_model_tight);
}

int
main (void)
{
    return run ("cache_model", add);
}
