// The validator's memory: how much of it there is, and what stays in it (R42).
// objects: services/validator/cache.o services/validator/cache_put.o services/validator/unknown.o services/validator/told.o services/validator/stamps.o services/validator/hash_index.o services/validator/policy.o services/validator/modules.o
#include "tests/unit/test_cache.h"
#include <unistd.h>

// What is asked for stays, whatever else passes by.
START_TEST (test_clock)
{
    enum { ROOM = 1000, HOT = 300 };
    struct cache *cache = cache_of (ROOM, 0);
    struct facts facts = facts_of (1, 1);
    for (uint64_t i = 0; i < HOT; i++)
        ck_assert (put (cache, i, &facts, 0));
    for (uint64_t i = 0; i < 20 * ROOM; i++) {
        ck_assert (put (cache, HOT + i, &facts, 0));
        ck_assert_int_eq (find (cache, i % HOT), CACHE_HIT);
        ck_assert_uint_le (cache_stats (cache)->entries, ROOM);
    }
    ck_assert_uint_eq (cache_stats (cache)->entries, ROOM);
    ck_assert_uint_eq (cache_stats (cache)->evicted, 19 * ROOM + HOT);
    cache_destroy (&cache);
}
END_TEST

// Policies of their own, and texts of JWTs, until the bytes are full; then all goes, and so do their bytes.
START_TEST (test_bytes)
{
    enum { TRIED = 120000 };
    char jti[200];
    struct cache *cache = cache_of (100000, 2);
    size_t policies_before = policies_bytes (policies);
    ck_assert (put (cache, 0, &(struct facts){.token = 1, .policy = policy}, 0));
    uint64_t empty = cache_stats (cache)->bytes;
    ck_assert_uint_lt (empty, CACHE_BYTES_MIN);
    memset (jti, 'j', sizeof jti);
    for (uint64_t i = 0; i < TRIED; i++) {
        jti[i % sizeof jti] = '\0';
        struct facts facts = facts_of (i % 2, 1);
        facts.jti = facts.token ? NULL : jti;
        facts.policy = policy_make ("stock", 10, (uint32_t) i);
        ck_assert (put (cache, i, &facts, 0));
        ck_assert_uint_le (cache_stats (cache)->bytes, CACHE_BYTES_MIN);
        policy_release (policies, facts.policy);
        jti[i % sizeof jti] = 'j';
    }
    ck_assert_uint_gt (cache_stats (cache)->evicted, TRIED / 4);
    ck_assert_uint_gt (cache_stats (cache)->bytes, CACHE_BYTES_MIN - 1024);
    ck_assert_uint_gt (cache_stats (cache)->entries, 10000);
    cache_change_all (cache);
    for (uint64_t i = 0; i < TRIED; i++)
        ck_assert_int_eq (find (cache, i), CACHE_MISS);
    ck_assert_uint_eq (cache_stats (cache)->entries, 0);
    ck_assert_uint_eq (cache_stats (cache)->bytes, empty);
    ck_assert_uint_eq (policies_bytes (policies), policies_before);

    // One that would take more than its share.
    struct facts facts = facts_of (1, 1);
    struct policy_draft draft;
    policy_draft_start (&draft);
    for (int i = 0; i < MODULES_MAX / 4; i++) {
        char name[16];
        snprintf (name, sizeof name, "m%d", i);
        ck_assert (policy_draft_grant (policies, &draft, name, strlen (name), 1, true));
    }
    for (int i = 0; i < POLICY_ALLOWED_MAX; i++)
        ck_assert (policy_draft_allow (&draft, &(struct cidr){4, 32, {0}}));
    facts.policy = policies_intern (policies, &draft);
    ck_assert_uint_le (policy_bytes (facts.policy), CACHE_BYTES_MIN / CACHE_POLICY_SHARE);
    ck_assert (put (cache, 1, &facts, cache_now (cache)));
    policy_release (policies, facts.policy);
    cache_destroy (&cache);
}
END_TEST

// However the bounds are set, the arrays leave room in the bytes.
START_TEST (test_room)
{
    static const size_t entries[] = {1, 2, 63, 64, 65, 1000, 65536, 65537, 1000000, 100000000};
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        for (size_t bytes = CACHE_BYTES_MIN; bytes < (size_t) 1 << 28; bytes += bytes / 5) {
            struct cache_bounds bounds = {.entries = entries[i], .bytes = bytes};
            struct cache *cache = cache_new (policies, &bounds);
            struct facts facts = facts_of (1, 1);
            ck_assert_uint_gt (cache_room (cache), 0);
            ck_assert_uint_le (cache_room (cache), entries[i]);
            ck_assert (put (cache, 1, &facts, 0));
            ck_assert_int_eq (find (cache, 1), CACHE_HIT);
            ck_assert_uint_le (cache_stats (cache)->bytes, bytes);
            cache_destroy (&cache);
        }
    }
}
END_TEST

static size_t
resident (void)
{
    size_t pages = 0;
    FILE *file = fopen ("/proc/self/statm", "r");
    ck_assert (file && fscanf (file, "%*u %zu", &pages) == 1);
    fclose (file);
    return pages * (size_t) sysconf (_SC_PAGESIZE);
}

// The target: at most 160 bytes a token, of a million tokens in a thousand accounts, each of which has a few policies.
START_TEST (test_memory)
{
    enum { TOKENS = 1000000, POLICIES = 5000, TARGET = 160 };
    size_t before = resident (), accounted = policies_bytes (policies);
    struct cache_bounds bounds = {.entries = TOKENS, .bytes = 256 << 20};
    static struct policy *made[POLICIES];
    struct cache *cache = cache_new (policies, &bounds);
    for (uint32_t i = 0; i < POLICIES; i++)
        made[i] = policy_make (i % 2 ? "orders" : "stock", i % 3, i);
    for (uint64_t i = 0; i < TOKENS; i++) {
        struct facts facts = facts_of (1 + (int64_t) i, 1 + (int64_t) i % 1000);
        facts.policy = made[i % POLICIES];
        ck_assert (put (cache, i, &facts, 0));
    }
    ck_assert_uint_eq (cache_stats (cache)->entries, TOKENS);
    ck_assert_uint_eq (cache_stats (cache)->evicted, 0);
    accounted = cache_stats (cache)->bytes - accounted;
    size_t measured = resident () - before;
    printf ("%d tokens: %zu bytes each accounted for, %zu resident\n", TOKENS, accounted / TOKENS,
            measured / TOKENS);
    ck_assert_uint_le (accounted, (size_t) TOKENS * TARGET);
#ifndef __SANITIZE_ADDRESS__
    ck_assert_uint_le (measured, (size_t) TOKENS * TARGET);
    ck_assert_uint_le (measured, accounted + accounted / 20); // nothing was forgotten in the sum
#endif
    for (uint32_t i = 0; i < POLICIES; i++)
        policy_release (policies, made[i]);
    cache_destroy (&cache);
}
END_TEST

static void
add (TCase *tests)
{
    tcase_add_test (tests, test_clock);
    tcase_add_test (tests, test_bytes);
    tcase_add_test (tests, test_room);
    tcase_add_test (tests, test_memory);
}

int
main (void)
{
    return run ("cache_bounds", add);
}
