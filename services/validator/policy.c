#include "services/validator/policy.h"

#include "common/memory/memory.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static_assert (sizeof (struct policy_grant) == 4, "no padding: grants are compared as bytes");
static_assert (sizeof (struct cidr) == 18, "no padding: networks are compared as bytes");

struct policies {
    struct modules *modules;
    uint8_t key[crypto_shorthash_KEYBYTES];
    size_t count, bytes; // of policies
    size_t mask;         // of the buckets, whose number is a power of two
    struct policy **buckets;
};

struct policies *
policies_new (struct modules *modules, size_t expected)
{
    struct policies *policies = xcalloc (1, sizeof *policies);
    size_t n = 64;
    while (n < expected)
        n *= 2;
    policies->modules = modules;
    crypto_shorthash_keygen (policies->key);
    policies->mask = n - 1;
    policies->buckets = xcalloc (n, sizeof (struct policy *));
    return policies;
}

void
policies_destroy (struct policies **policies)
{
    if (!*policies)
        return;
    assert ((*policies)->count == 0);
    free ((*policies)->buckets);
    free (*policies);
    *policies = NULL;
}

const struct policy_grant *
policy_grant (const struct policy *policy, uint16_t module)
{
    size_t low = 0, high = policy->ngrants;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (policy->grants[middle].module == module)
            return &policy->grants[middle];
        if (policy->grants[middle].module < module)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

// ---- drafts --------------------------------------------------------------------------------------------------------

void
policy_draft_start (struct policy_draft *draft)
{
    draft->rate_per_minute = draft->rate_burst = 0;
    draft->account_per_minute = draft->account_burst = 0;
    draft->ngrants = draft->nallowed = 0;
    draft->client = 0;
    draft->scope = NULL;
    draft->scope_length = 0;
}

bool
policy_draft_grant (struct policies *policies, struct policy_draft *draft, const char *name,
                    size_t length, uint8_t access, bool enabled)
{
    if (draft->ngrants == POLICY_GRANTS_MAX)
        return false;
    uint16_t module = modules_hold (policies->modules, name, length);
    if (!module)
        return false;
    draft->grants[draft->ngrants++] = (struct policy_grant){module, access, enabled};
    return true;
}

bool
policy_draft_allow (struct policy_draft *draft, const struct cidr *network)
{
    if (draft->nallowed == POLICY_ALLOWED_MAX)
        return false;
    draft->allowed[draft->nallowed++] = *network;
    return true;
}

bool
policy_draft_scope (struct policy_draft *draft, const char *scope, size_t length)
{
    draft->scope = scope;
    draft->scope_length = length;
    return length <= POLICY_SCOPE_MAX;
}

static void
grants_release (struct policies *policies, const struct policy_grant *grants, size_t n)
{
    for (size_t i = 0; i < n; i++)
        modules_release (policies->modules, grants[i].module);
}

void
policy_draft_drop (struct policies *policies, struct policy_draft *draft)
{
    grants_release (policies, draft->grants, draft->ngrants);
    policy_draft_start (draft);
}

// ---- one of each ---------------------------------------------------------------------------------------------------

static int
grant_compare (const void *left, const void *right)
{
    const struct policy_grant *a = left, *b = right;
    return (a->module > b->module) - (a->module < b->module);
}

// Of the draft's parts, each under a key of its own by its place in the sum.
static uint32_t
draft_hash (const struct policies *policies, const struct policy_draft *draft)
{
    uint8_t hashes[4][crypto_shorthash_BYTES], all[crypto_shorthash_BYTES];
    const uint32_t rates[] = {draft->rate_per_minute, draft->rate_burst, draft->account_per_minute,
                              draft->account_burst, draft->client};
    crypto_shorthash (hashes[0], (const uint8_t *) rates, sizeof rates, policies->key);
    crypto_shorthash (hashes[1], (const uint8_t *) draft->grants,
                      draft->ngrants * sizeof draft->grants[0], policies->key);
    crypto_shorthash (hashes[2], (const uint8_t *) draft->allowed,
                      draft->nallowed * sizeof draft->allowed[0], policies->key);
    crypto_shorthash (hashes[3], (const uint8_t *) draft->scope, draft->scope_length,
                      policies->key);
    crypto_shorthash (all, hashes[0], sizeof hashes, policies->key);
    uint32_t hash;
    memcpy (&hash, all, sizeof hash);
    return hash;
}

// What policy->nscope is.
static uint16_t
scope_size (const struct policy_draft *draft)
{
    return draft->scope ? (uint16_t) (draft->scope_length + 1) : 0;
}

static bool
draft_equals (const struct policy_draft *draft, const struct policy *policy)
{
    return policy->ngrants == draft->ngrants && policy->nallowed == draft->nallowed &&
           policy->rate_per_minute == draft->rate_per_minute &&
           policy->rate_burst == draft->rate_burst &&
           policy->account_per_minute == draft->account_per_minute &&
           policy->account_burst == draft->account_burst && policy->client == draft->client &&
           policy->nscope == scope_size (draft) &&
           (!draft->scope ||
            memcmp (policy_scope (policy), draft->scope, draft->scope_length) == 0) &&
           memcmp (policy->grants, draft->grants, draft->ngrants * sizeof draft->grants[0]) == 0 &&
           memcmp (policy_allowed (policy), draft->allowed,
                   draft->nallowed * sizeof draft->allowed[0]) == 0;
}

static size_t
policy_size (size_t ngrants, size_t nallowed, size_t nscope)
{
    size_t size = offsetof (struct policy, grants) + ngrants * sizeof (struct policy_grant) +
                  nallowed * sizeof (struct cidr) + nscope;
    return size < sizeof (struct policy) ? sizeof (struct policy) : size;
}

static struct policy *
policy_new (struct policies *policies, const struct policy_draft *draft, uint32_t hash)
{
    struct policy *policy =
        xcalloc (1, policy_size (draft->ngrants, draft->nallowed, scope_size (draft)));
    policy->hash = hash;
    policy->rate_per_minute = draft->rate_per_minute;
    policy->rate_burst = draft->rate_burst;
    policy->account_per_minute = draft->account_per_minute;
    policy->account_burst = draft->account_burst;
    policy->ngrants = (uint16_t) draft->ngrants;
    policy->nallowed = (uint16_t) draft->nallowed;
    memcpy (policy->grants, draft->grants, draft->ngrants * sizeof draft->grants[0]);
    memcpy (policy->grants + draft->ngrants, draft->allowed,
            draft->nallowed * sizeof draft->allowed[0]);
    policy->client = draft->client;
    policy->nscope = scope_size (draft);
    if (draft->scope) // its end is zero already
        memcpy ((char *) policy_scope (policy), draft->scope, draft->scope_length);
    struct policy **bucket = &policies->buckets[hash & policies->mask];
    policy->next = *bucket;
    *bucket = policy;
    policies->count++;
    policies->bytes += policy_bytes (policy);
    return policy;
}

struct policy *
policies_intern (struct policies *policies, struct policy_draft *draft)
{
    qsort (draft->grants, draft->ngrants, sizeof draft->grants[0], grant_compare);
    for (size_t i = 1; i < draft->ngrants; i++) {
        if (draft->grants[i - 1].module == draft->grants[i].module) {
            policy_draft_drop (policies, draft);
            return NULL;
        }
    }
    uint32_t hash = draft_hash (policies, draft);
    struct policy *policy = policies->buckets[hash & policies->mask];
    while (policy && !(policy->hash == hash && draft_equals (draft, policy)))
        policy = policy->next;
    if (policy)
        policy_draft_drop (policies, draft);
    else
        policy = policy_new (policies, draft, hash); // which takes over what the draft holds
    return policy_hold (policy);
}

struct policy *
policy_hold (struct policy *policy)
{
    assert (policy->references < UINT32_MAX);
    policy->references++;
    return policy;
}

void
policy_release (struct policies *policies, struct policy *policy)
{
    if (!policy)
        return;
    assert (policy->references > 0);
    if (--policy->references > 0)
        return;
    struct policy **link = &policies->buckets[policy->hash & policies->mask];
    while (*link != policy)
        link = &(*link)->next;
    *link = policy->next;
    grants_release (policies, policy->grants, policy->ngrants);
    policies->count--;
    policies->bytes -= policy_bytes (policy);
    free (policy);
}

size_t
policy_bytes (const struct policy *policy)
{
    return heap_bytes (policy_size (policy->ngrants, policy->nallowed, policy->nscope));
}

size_t
policies_bytes (const struct policies *policies)
{
    return heap_bytes (sizeof *policies) +
           heap_bytes ((policies->mask + 1) * sizeof (struct policy *)) + policies->bytes +
           modules_bytes (policies->modules);
}

size_t
policies_count (const struct policies *policies)
{
    return policies->count;
}
