// The validator's memory: what it keeps, what it forgets, and how much of it there is (R42).
// objects: services/validator/cache.o services/validator/unknown.o services/validator/told.o services/validator/stamps.o services/validator/hash_index.o services/validator/policy.o services/validator/modules.o
#include "tests/unit/test_cache.h"
#include <unistd.h>

// ---- one thing at a time -------------------------------------------------------------------------------------------

START_TEST (test_facts)
{
    struct cache *cache = cache_of (100, 0);
    struct facts in = {.token = 99999999,
                       .account = 99999998,
                       .user = 99999997,
                       .revision = 77,
                       .expires_at = (INT64_C (1) << 39) - 1,
                       .grace_until = INT64_MIN,
                       .kind = 4,
                       .environment = 2,
                       .token_status = 3,
                       .account_status = 15,
                       .user_status = 14,
                       .policy = policy},
                 out;
    struct cache_key key = key_of (cache, 1);
    ck_assert_int_eq (cache_find (cache, &key, 0, &out), CACHE_MISS);
    ck_assert (cache_put (cache, &key, &in, 0));
    ck_assert_int_eq (cache_find (cache, &key, 0, &out), CACHE_HIT);
    ck_assert (out.token == in.token && out.account == in.account && out.user == in.user &&
               out.expires_at == in.expires_at && out.revision == 77 &&
               out.grace_until == in.grace_until && out.kind == 4 && out.environment == 2 &&
               out.token_status == 3 && out.account_status == 15 && out.user_status == 14 &&
               out.policy == policy && !out.jti);

    // A JWT.
    in = (struct facts){.account = 1, .user = 2, .expires_at = 3, .policy = policy, .jti = "a-b-c"};
    ck_assert (cache_put (cache, &key, &in, 0));
    ck_assert_int_eq (cache_find (cache, &key, 0, &out), CACHE_HIT);
    ck_assert (out.token == 0 && out.user == 2 && out.expires_at == 3 && out.grace_until == 0);
    ck_assert_str_eq (out.jti, "a-b-c");
    ck_assert_uint_eq (cache_stats (cache)->entries, 1);

    // One that stands for a customer.
    in.user = 0;
    in.customer = 5;
    ck_assert (cache_put (cache, &key, &in, 0));
    ck_assert_int_eq (cache_find (cache, &key, 0, &out), CACHE_HIT);
    ck_assert (out.user == 0 && out.customer == 5);
    cache_destroy (&cache);
}
END_TEST

// What an entry has no room for is decided on, but not kept.
START_TEST (test_misfits)
{
    struct cache *cache = cache_of (100, 0);
    struct facts good = facts_of (1, 1);
    ck_assert (put (cache, 1, &good, 0));
#define MISFIT(change)                                                                             \
    do {                                                                                           \
        struct facts facts = good;                                                                 \
        facts.change;                                                                              \
        ck_assert (!put (cache, 2, &facts, 0));                                                    \
    } while (0)
    MISFIT (token = -1);
    MISFIT (token = (int64_t) UINT32_MAX + 1);
    MISFIT (token = 0); // no JWT, and no number
    MISFIT (account = -1);
    MISFIT (user = INT64_MAX);
    MISFIT (customer = INT64_MAX);
    MISFIT (expires_at = -1);
    MISFIT (expires_at = INT64_C (1) << 39);
    MISFIT (kind = 16);
    MISFIT (environment = 255);
    MISFIT (token_status = 16);
    MISFIT (account_status = 16);
    MISFIT (user_status = 16);
    MISFIT (jti = "of an API token");
    ck_assert_uint_eq (cache_stats (cache)->entries, 1);
    ck_assert_uint_eq (cache_stats (cache)->refused, 14);
    cache_destroy (&cache);
}
END_TEST

START_TEST (test_changes)
{
    struct cache *cache = cache_of (100, 0);
    struct facts token = facts_of (1, 10), jwt = facts_of (0, 10);
    uint64_t asked = cache_now (cache);

    // A change of it, or of its account, between question and answer; or after the answer.
    cache_change_token (cache, 1);
    ck_assert (!put (cache, 1, &token, asked));
    ck_assert (put (cache, 1, &token, cache_now (cache)));
    ck_assert (put (cache, 2, &jwt, cache_now (cache)));
    cache_change_token (cache, 2);
    cache_change_account (cache, 11);
    ck_assert_int_eq (find (cache, 1), CACHE_HIT);
    asked = cache_now (cache);
    cache_change_account (cache, 10);
    ck_assert (!put (cache, 3, &token, asked));
    ck_assert (!put (cache, 3, &jwt, asked));
    ck_assert_int_eq (find (cache, 1), CACHE_MISS);
    ck_assert_int_eq (find (cache, 2), CACHE_MISS);
    ck_assert_uint_eq (cache_stats (cache)->outdated, 2);
    ck_assert_uint_eq (cache_stats (cache)->entries, 0);

    // Of the signing keys: JWTs only. Of everything.
    asked = cache_now (cache);
    ck_assert (put (cache, 1, &token, asked) && put (cache, 2, &jwt, asked));
    cache_change_keys (cache);
    ck_assert_int_eq (find (cache, 1), CACHE_HIT);
    ck_assert_int_eq (find (cache, 2), CACHE_MISS);
    ck_assert (!put (cache, 2, &jwt, asked));
    ck_assert (put (cache, 2, &jwt, cache_now (cache)));
    cache_change_all (cache);
    ck_assert_int_eq (find (cache, 1), CACHE_MISS);
    ck_assert_int_eq (find (cache, 2), CACHE_MISS);
    ck_assert (!put (cache, 1, &token, asked));
    ck_assert (put (cache, 1, &token, cache_now (cache)));
    cache_destroy (&cache);
}
END_TEST

// A JWT that is revoked, by the number of its id (R25).
START_TEST (test_jwt_changes)
{
    struct cache *cache = cache_of (100, 0);
    struct facts jwt = facts_of (0, 10), other = facts_of (0, 10), token = facts_of (1, 10);
    int64_t number = jwt_number (jwt.jti);
    other.jti = "another";
    ck_assert_int_ge (number, JWT_NUMBER_MIN);
    ck_assert_int_lt (number, JWT_NUMBER_MIN * 2);
    ck_assert_int_eq (jwt_number ("abc"), JWT_NUMBER_MIN + 0xba7816bf); // FIPS 180-2, appendix B.1
    uint64_t asked = cache_now (cache);
    ck_assert (put (cache, 1, &jwt, asked) && put (cache, 2, &other, asked) &&
               put (cache, 3, &token, asked));
    cache_change_token (cache, number);
    ck_assert_int_eq (find (cache, 1), CACHE_MISS);
    ck_assert (find (cache, 2) == CACHE_HIT && find (cache, 3) == CACHE_HIT);
    // A question that crossed it.
    ck_assert (!put (cache, 1, &jwt, asked));
    ck_assert (put (cache, 1, &jwt, cache_now (cache)));
    ck_assert (cache_block_token (cache, number));
    ck_assert_int_eq (find (cache, 1), CACHE_MISS);
    ck_assert (!put (cache, 1, &jwt, cache_now (cache)));
    cache_change_token (cache, number);
    ck_assert (put (cache, 1, &jwt, cache_now (cache)));
    ck_assert (find (cache, 1) == CACHE_HIT && find (cache, 2) == CACHE_HIT);
    cache_destroy (&cache);
}
END_TEST

START_TEST (test_blocks)
{
    struct cache *cache = cache_of (100, 0);
    struct facts token = facts_of (1, 10), jwt = facts_of (0, 10);
    ck_assert (put (cache, 1, &token, cache_now (cache)));
    ck_assert (cache_block_token (cache, 1));
    ck_assert (cache_block_token (cache, 1));
    ck_assert_int_eq (find (cache, 1), CACHE_MISS);
    ck_assert (!put (cache, 1, &token, cache_now (cache)));
    cache_change_all (cache);
    cache_change_account (cache, 10);
    ck_assert (!put (cache, 1, &token, cache_now (cache)));
    cache_change_token (cache, 1);
    ck_assert (put (cache, 1, &token, cache_now (cache)));

    ck_assert (cache_block_account (cache, 10));
    ck_assert_int_eq (find (cache, 1), CACHE_MISS);
    ck_assert (!put (cache, 2, &jwt, cache_now (cache)));
    cache_change_account (cache, 10);
    ck_assert (put (cache, 1, &token, cache_now (cache)));

    cache_block_keys (cache);
    ck_assert (!put (cache, 2, &jwt, cache_now (cache)));
    ck_assert_int_eq (find (cache, 1), CACHE_HIT);
    cache_forget_jwts (cache);
    ck_assert (!put (cache, 2, &jwt, cache_now (cache)));
    cache_change_keys (cache);
    ck_assert (put (cache, 2, &jwt, cache_now (cache)));
    cache_forget_jwts (cache);
    ck_assert_int_eq (find (cache, 2), CACHE_MISS);
    ck_assert (put (cache, 2, &jwt, cache_now (cache)));

    cache_block_all (cache);
    ck_assert_int_eq (find (cache, 1), CACHE_MISS);
    cache_change_token (cache, 1);
    ck_assert (!put (cache, 1, &token, cache_now (cache)));
    cache_change_all (cache);
    ck_assert (put (cache, 1, &token, cache_now (cache)));
    cache_destroy (&cache);
}
END_TEST

// All tokens have one of two slots: a change of one does not end the block of another.
START_TEST (test_blocks_collide)
{
    struct cache *cache = cache_of (100, 2);
    for (int64_t token = 1; token <= 8; token++)
        ck_assert (cache_block_token (cache, token));
    for (int64_t token = 1; token <= 8; token++) {
        struct facts facts = facts_of (token, 1);
        cache_change_token (cache, 100 + token);
        ck_assert (!put (cache, 1, &facts, cache_now (cache)));
        cache_change_token (cache, token);
        for (int64_t other = token + 1; other <= 8; other++) {
            facts = facts_of (other, 1);
            ck_assert (!put (cache, 1, &facts, cache_now (cache)));
        }
    }
    for (int64_t token = 1; token <= 8; token++) {
        struct facts facts = facts_of (token, 1);
        ck_assert (put (cache, 1, &facts, cache_now (cache)));
    }
    cache_destroy (&cache);
}
END_TEST

// More blocks than are remembered block everything.
START_TEST (test_blocks_bound)
{
    struct cache *cache = cache_of (100, 0);
    struct facts facts = facts_of (STAMPS_BLOCKS_MAX + 2, 1);
    for (int64_t token = 1; token <= STAMPS_BLOCKS_MAX; token++)
        ck_assert (cache_block_token (cache, token));
    ck_assert (put (cache, 1, &facts, cache_now (cache)));
    ck_assert (!cache_block_account (cache, 7));
    ck_assert_int_eq (find (cache, 1), CACHE_MISS);
    ck_assert (!put (cache, 1, &facts, cache_now (cache)));
    ck_assert (cache_block_token (cache, 1)); // is among them
    cache_change_token (cache, 1);
    cache_change_all (cache);
    ck_assert (put (cache, 1, &facts, cache_now (cache)));
    ck_assert (cache_block_account (cache, 7));
    cache_destroy (&cache);
}
END_TEST

START_TEST (test_unknown)
{
    struct cache *cache = cache_of (100, 0);
    struct facts facts;
    struct cache_key key = key_of (cache, 1);
    ck_assert (cache_put_unknown (cache, &key, 1000, 0));
    ck_assert_int_eq (cache_find (cache, &key, 999, &facts), CACHE_UNKNOWN);
    ck_assert_int_eq (cache_find (cache, &key, 1000, &facts), CACHE_MISS);
    cache_change_keys (cache);
    ck_assert_int_eq (cache_find (cache, &key, 999, &facts), CACHE_UNKNOWN);

    // A change of any token may be that it was created; one of an account, that tokens of it were imported.
    cache_change_account (cache, 1);
    ck_assert_int_eq (cache_find (cache, &key, 999, &facts), CACHE_MISS);
    ck_assert (cache_put_unknown (cache, &key, 1000, cache_now (cache)));
    uint64_t asked = cache_now (cache);
    cache_change_token (cache, 5);
    ck_assert_int_eq (cache_find (cache, &key, 999, &facts), CACHE_MISS);
    ck_assert (!cache_put_unknown (cache, &key, 1000, asked));
    ck_assert (cache_put_unknown (cache, &key, 1000, cache_now (cache)));
    ck_assert (cache_block_token (cache, 5));
    ck_assert_int_eq (cache_find (cache, &key, 999, &facts), CACHE_MISS);
    ck_assert (!cache_put_unknown (cache, &key, 1000, cache_now (cache)));
    cache_change_token (cache, 5);
    ck_assert (cache_put_unknown (cache, &key, 1000, cache_now (cache)));
    cache_change_all (cache);
    ck_assert_int_eq (cache_find (cache, &key, 999, &facts), CACHE_MISS);

    // What is known counts more; and a flood of others drives out nothing that is.
    ck_assert (cache_put_unknown (cache, &key, 1000, cache_now (cache)));
    facts = facts_of (1, 1);
    ck_assert (cache_put (cache, &key, &facts, cache_now (cache)));
    ck_assert_int_eq (cache_find (cache, &key, 999, &facts), CACHE_HIT);
    uint64_t bytes = cache_stats (cache)->bytes;
    for (uint64_t i = 0; i < 3 * CACHE_UNKNOWN_MAX; i++) {
        struct cache_key other = key_of (cache, 1000 + i);
        ck_assert (cache_put_unknown (cache, &other, 1000, cache_now (cache)));
        ck_assert_int_eq (cache_find (cache, &other, 999, &facts), CACHE_UNKNOWN);
    }
    ck_assert_int_eq (cache_find (cache, &key, 999, &facts), CACHE_HIT);
    ck_assert_uint_eq (cache_stats (cache)->bytes, bytes);
    ck_assert_uint_eq (cache_stats (cache)->evicted, 0);
    cache_destroy (&cache);
}
END_TEST

// A token that was put by its digest, and is presented. No text, the digest's own bytes included, stands for a digest.
START_TEST (test_digest)
{
    struct cache *cache = cache_of (100, 0), *other = cache_of (100, 0);
    struct facts facts = facts_of (1, 1);
    static const uint8_t digest[TOKEN_DIGEST_SIZE] = "thirty-two bytes of a digest ...";
    struct cache_key stored = cache_key_digest (cache, digest),
                     text = cache_key (cache, (const char *) digest, sizeof digest),
                     same = cache_key (cache, (const char *) digest, sizeof digest),
                     others = cache_key (other, (const char *) digest, sizeof digest),
                     value = key_of (cache, 1);
    ck_assert_mem_eq (&text, &same, sizeof text);
    ck_assert_mem_ne (&text, &stored, sizeof text);
    ck_assert_mem_ne (&text, &others, sizeof text);
    ck_assert (cache_put (cache, &stored, &facts, 0));
    cache_move (cache, &stored, &value);
    ck_assert_int_eq (cache_find (cache, &stored, 0, &facts), CACHE_MISS);
    ck_assert_int_eq (cache_find (cache, &value, 0, &facts), CACHE_HIT);
    cache_move (cache, &stored, &value);
    cache_move (cache, &value, &value);
    ck_assert_int_eq (cache_find (cache, &value, 0, &facts), CACHE_HIT);
    facts = facts_of (2, 1);
    ck_assert (cache_put (cache, &stored, &facts, 0));
    cache_move (cache, &stored, &value);
    ck_assert_int_eq (cache_find (cache, &value, 0, &facts), CACHE_HIT);
    ck_assert_int_eq (facts.token, 2);
    ck_assert_uint_eq (cache_stats (cache)->entries, 1);
    cache_destroy (&cache);
    cache_destroy (&other);
}
END_TEST

// What was put by a digest is found by it once, and from then on by the value; a change in between ends it.
START_TEST (test_adopted)
{
    struct cache *cache = cache_of (2, 0);
    uint8_t digest[TOKEN_DIGEST_SIZE] = {1};
    struct cache_key stored = cache_key_digest (cache, digest), value = key_of (cache, 1);
    struct facts facts = facts_of (1, 1);
    ck_assert (!cache_adopt (cache, digest, &value, &facts));
    ck_assert (cache_put (cache, &stored, &facts, cache_now (cache)));
    ck_assert_int_eq (find (cache, 1), CACHE_MISS);
    ck_assert (cache_adopt (cache, digest, &value, &facts));
    ck_assert_int_eq (facts.token, 1);
    ck_assert_int_eq (find (cache, 1), CACHE_HIT);
    ck_assert (!cache_adopt (cache, digest, &value, &facts));
    ck_assert_uint_eq (cache_stats (cache)->moved, 1);
    ck_assert (!cache_full (cache));

    facts = facts_of (2, 1);
    digest[0] = 2;
    stored = cache_key_digest (cache, digest);
    ck_assert (cache_put (cache, &stored, &facts, cache_now (cache)));
    ck_assert (cache_full (cache));
    cache_change_token (cache, 2);
    value = key_of (cache, 2);
    ck_assert (!cache_adopt (cache, digest, &value, &facts));
    ck_assert (!cache_full (cache));
    ck_assert_uint_eq (cache_stats (cache)->entries, 1);
    cache_destroy (&cache);
}
END_TEST

// ---- bounds --------------------------------------------------------------------------------------------------------

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
    tcase_add_test (tests, test_facts);
    tcase_add_test (tests, test_adopted);
    tcase_add_test (tests, test_misfits);
    tcase_add_test (tests, test_changes);
    tcase_add_test (tests, test_jwt_changes);
    tcase_add_test (tests, test_blocks);
    tcase_add_test (tests, test_blocks_collide);
    tcase_add_test (tests, test_blocks_bound);
    tcase_add_test (tests, test_unknown);
    tcase_add_test (tests, test_digest);
    tcase_add_test (tests, test_clock);
    tcase_add_test (tests, test_bytes);
    tcase_add_test (tests, test_room);
    tcase_add_test (tests, test_memory);
}

int
main (void)
{
    return run ("cache", add);
}
