// Tokens that are refused without a query, by what was told of them (R6, R42): whatever the order in which two writers' changes come.
// objects: services/validator/cache.o services/validator/cache_put.o services/validator/unknown.o services/validator/told.o services/validator/stamps.o services/validator/hash_index.o services/validator/policy.o services/validator/modules.o
#include "services/validator/told.h"
#include "tests/unit/test_cache.h"
#include "types.pb-c.h"

enum {
    VALUE = 1,
    TOKEN = 7,
    ACCOUNT = 10,
    ACTIVE = JETON__V1__TOKEN_STATUS__TOKEN_STATUS_ACTIVE,
    DISABLED = JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DISABLED,
    DELETED = JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DELETED,
};

static struct cache *cache;

// The token as it was at that revision, asked for at `stamp`.
static bool
kept (int64_t revision, uint8_t status, uint64_t stamp)
{
    struct facts facts = facts_of (TOKEN, ACCOUNT);
    facts.revision = revision;
    facts.token_status = status;
    facts.expires_at = 1700000000;
    return put (cache, VALUE, &facts, stamp);
}

// The status that it is found with; 0: a query is needed.
static int
status_of (void)
{
    struct facts facts;
    struct cache_key key = key_of (cache, VALUE);
    if (cache_find (cache, &key, 0, &facts) != CACHE_HIT)
        return 0;
    ck_assert_int_eq (facts.token, TOKEN);
    ck_assert_int_eq (facts.account, ACCOUNT);
    ck_assert_int_eq (facts.expires_at, 1700000000);
    return facts.token_status;
}

static void
begin (int64_t revision, uint8_t status)
{
    cache_destroy (&cache);
    cache = cache_of (100, 1024);
    ck_assert (kept (revision, status, cache_now (cache)));
}

START_TEST (test_refused)
{
    begin (4, ACTIVE);
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    ck_assert_int_eq (status_of (), DISABLED);
    ck_assert_uint_eq (cache_stats (cache)->told, 1);
    // Told again, by the table or the feed, it stays; and it was kept for good.
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    ck_assert_int_eq (status_of (), DISABLED);
    ck_assert_uint_eq (cache_stats (cache)->told, 1);
    // Whatever comes then is asked for.
    cache_change_token (cache, TOKEN);
    ck_assert_int_eq (status_of (), 0);

    begin (1, ACTIVE);
    cache_refuse_token (cache, TOKEN, 2, DELETED);
    cache_refuse_token (cache, TOKEN, 2, DELETED);
    ck_assert_int_eq (status_of (), DELETED);
    // By its digest, too.
    begin (1, ACTIVE);
    const uint8_t digest[TOKEN_DIGEST_SIZE] = {1};
    struct cache_key key = cache_key_digest (cache, digest), other = key_of (cache, 2);
    struct facts facts = facts_of (TOKEN, ACCOUNT);
    facts.revision = 1;
    ck_assert (cache_put (cache, &key, &facts, cache_now (cache)));
    cache_refuse_token (cache, TOKEN, 2, DELETED);
    ck_assert (cache_adopt (cache, digest, &other, &facts));
    ck_assert_int_eq (facts.token_status, DELETED);
    cache_destroy (&cache);
}
END_TEST

// Only the revision before, if that was active; and what is of another revision with the same low bits is never so many changes away.
START_TEST (test_revisions)
{
    static const struct {
        int64_t from;
        int status;
        int64_t to;
        int found;
    } cases[] = {
        {4, ACTIVE, 5, DISABLED},
        {3, ACTIVE, 5, 0},
        {6, ACTIVE, 5, 0},
        {5, ACTIVE, 5, 0},
        {5, DISABLED, 5, DISABLED},
        {4, DISABLED, 5, 0},
        {0, ACTIVE, 5, 0},
        {4, 9, 5, 0},
        {(1 << TOLD_REVISION_BITS) - 1, ACTIVE, 1 << TOLD_REVISION_BITS, DISABLED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin (cases[i].from, (uint8_t) cases[i].status);
        cache_refuse_token (cache, TOKEN, cases[i].to, DISABLED);
        ck_assert_msg (status_of () == cases[i].found, "case %zu", i);
    }
    cache_destroy (&cache);
}
END_TEST

// One writer disables (5), the other enables (6): the second is heard first.
START_TEST (test_order)
{
    begin (4, ACTIVE);
    cache_change_token (cache, TOKEN); // 6
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    ck_assert_int_eq (status_of (), 0); // nothing in memory can be refused by it

    begin (4, ACTIVE);
    cache_change_token (cache, TOKEN);
    uint64_t asked = cache_now (cache);
    ck_assert (kept (6, ACTIVE, asked));
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    ck_assert_int_eq (status_of (), 0); // asked again: it is enabled

    // Heard in between of one that is told twice.
    begin (4, ACTIVE);
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    cache_change_token (cache, TOKEN);
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    ck_assert_int_eq (status_of (), 0);

    // An answer that crosses the change is not kept, and is asked for again.
    begin (4, ACTIVE);
    asked = cache_now (cache);
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    ck_assert (!kept (4, ACTIVE, asked));
    cache_destroy (&cache);
}
END_TEST

// Nothing else that has changed is passed over.
START_TEST (test_others)
{
    begin (4, ACTIVE);
    cache_change_account (cache, ACCOUNT);
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    ck_assert_int_eq (status_of (), 0);

    begin (4, ACTIVE);
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    cache_change_account (cache, ACCOUNT);
    ck_assert_int_eq (status_of (), 0);

    begin (4, ACTIVE);
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    cache_change_all (cache);
    ck_assert_int_eq (status_of (), 0);

    // A token that has the same place: the later one has it.
    begin (4, ACTIVE);
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    cache_refuse_token (cache, TOKEN + TOLD_PLACES, 5, DISABLED);
    ck_assert_int_eq (status_of (), 0);

    // A JWT has no revision.
    struct facts jwt = facts_of (0, ACCOUNT);
    begin (4, ACTIVE);
    ck_assert (put (cache, 2, &jwt, cache_now (cache)));
    cache_refuse_token (cache, jwt_number (jwt.jti), 1, DELETED);
    ck_assert_int_eq (find (cache, 2), CACHE_MISS);
    cache_destroy (&cache);
}
END_TEST

START_TEST (test_blocked)
{
    // Nothing is found that may change at any time, whatever is told; nor is what was heard during a block known when it has ended.
    begin (4, ACTIVE);
    ck_assert (cache_block_token (cache, TOKEN));
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    ck_assert_int_eq (status_of (), 0);

    // The other token has the same slot.
    cache_destroy (&cache);
    cache = cache_of (100, 1);
    ck_assert (kept (4, ACTIVE, cache_now (cache)));
    ck_assert (cache_block_token (cache, TOKEN + 1));
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    cache_change_token (cache, TOKEN);
    cache_change_token (cache, TOKEN + 1);
    cache_refuse_token (cache, TOKEN, 5, DISABLED);
    ck_assert_int_eq (status_of (), 0);
    cache_destroy (&cache);
}
END_TEST

static void
add (TCase *tests)
{
    tcase_add_test (tests, test_refused);
    tcase_add_test (tests, test_revisions);
    tcase_add_test (tests, test_order);
    tcase_add_test (tests, test_others);
    tcase_add_test (tests, test_blocked);
}

int
main (void)
{
    return run ("told", add);
}
