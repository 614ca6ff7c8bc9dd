// The validator's memory under test, and what is put into it. Included once by a test's only source file.
#ifndef JETON_TEST_CACHE_H
#define JETON_TEST_CACHE_H

#include "common/crypto/crypto.h"
#include "services/validator/cache.h"
#include "services/validator/stamps.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct modules *modules;
static struct policies *policies;
static struct policy *policy; // that nobody cares about

static struct policy *
policy_make (const char *module, int nallowed, uint32_t rate)
{
    struct policy_draft draft;
    policy_draft_start (&draft);
    ck_assert (policy_draft_grant (policies, &draft, module, strlen (module), 1, true));
    for (int i = 0; i < nallowed; i++)
        ck_assert (policy_draft_allow (&draft, &(struct cidr){4, 32, {10, (uint8_t) i}}));
    draft.rate_per_minute = rate;
    return policies_intern (policies, &draft);
}

static void
setup (void)
{
    struct error error;
    ck_assert (crypto_start (&error));
    modules = modules_new ();
    policies = policies_new (modules, 0);
    policy = policy_make ("orders", 0, 0);
}

static void
teardown (void)
{
    policy_release (policies, policy);
    ck_assert_uint_eq (policies_count (policies), 0);
    ck_assert_uint_eq (modules_count (modules), 0);
    policies_destroy (&policies);
    modules_destroy (&modules);
}

static inline struct cache *
cache_of (size_t entries, size_t slots)
{
    struct cache_bounds bounds = {entries, CACHE_BYTES_MIN, slots, slots};
    return cache_new (policies, &bounds);
}

static struct cache_key
key_of (const struct cache *cache, uint64_t value)
{
    char text[24];
    int length = snprintf (text, sizeof text, "value %llu", (unsigned long long) value);
    return cache_key (cache, text, (size_t) length);
}

static struct facts
facts_of (int64_t token, int64_t account)
{
    return (struct facts){.token = token,
                          .account = account,
                          .token_status = 1,
                          .account_status = 1,
                          .user_status = 1,
                          .policy = policy,
                          .jti = token ? NULL : "jti"};
}

static inline enum cache_outcome
find (struct cache *cache, uint64_t value)
{
    struct facts facts;
    struct cache_key key = key_of (cache, value);
    return cache_find (cache, &key, 1000, &facts);
}

static inline bool
put (struct cache *cache, uint64_t value, const struct facts *facts, uint64_t stamp)
{
    struct cache_key key = key_of (cache, value);
    return cache_put (cache, &key, facts, stamp);
}

// main's work: run the tests of one case.
static int
run (const char *name, void (*add) (TCase *tests))
{
    Suite *suite = suite_create (name);
    TCase *tests = tcase_create (name);
    tcase_add_checked_fixture (tests, setup, teardown);
    tcase_set_timeout (tests, 300);
    add (tests);
    suite_add_tcase (suite, tests);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
