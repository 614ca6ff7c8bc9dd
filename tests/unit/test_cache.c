// The validator's memory: what it keeps, and what it forgets (R42).
// objects: services/validator/cache.o services/validator/cache_put.o services/validator/unknown.o services/validator/told.o services/validator/stamps.o services/validator/hash_index.o services/validator/policy.o services/validator/modules.o
#include "tests/unit/test_cache.h"

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
    cache_forget_all (cache);
    ck_assert (!put (cache, 1, &token, cache_now (cache)));
    cache_change_all (cache);
    ck_assert (put (cache, 1, &token, cache_now (cache)));
    cache_forget_all (cache);
    ck_assert_int_eq (find (cache, 1), CACHE_MISS);
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
}

int
main (void)
{
    return run ("cache", add);
}
