// What many tokens have in common: grants, allow-list, limit, and, of a client's tokens, the client and their resource scope. Each content exists once, however many tokens have it, and as long as somebody
// holds it.
#ifndef JETON_VALIDATOR_POLICY_H
#define JETON_VALIDATOR_POLICY_H

#include "common/net/cidr.h"
#include "services/validator/modules.h"

enum {
    POLICY_GRANTS_MAX = 1024,
    POLICY_ALLOWED_MAX = 64,
    POLICY_SCOPE_MAX = 4096,    // bytes
    POLICIES_EXPECTED = 262144, // of policies_new: quick for a million different ones
};

struct policy_grant {
    uint16_t module; // of modules.h
    uint8_t access;  // Jeton__V1__Access: what the token was granted
    uint8_t enabled; // 1: the module is enabled for the account
};

// Never changes. Only `references` does, which are this module's.
struct policy {
    struct policy *next;                        // in its bucket
    uint32_t hash, references;                  // of what follows; holders
    uint32_t rate_per_minute, rate_burst;       // of each token; both 0: no limit
    uint32_t account_per_minute, account_burst; // of all tokens of the account; both 0: no limit
    uint32_t client;                            // whose tokens they are; 0: no client's
    uint16_t ngrants, nallowed;                 // nallowed 0: from anywhere
    uint16_t
        nscope; // bytes of the resource scope with its end; 0: not restricted to resources, 1: to none
    struct policy_grant grants[]; // by module; behind them policy_allowed and policy_scope
};

// policy_allowed (policy): The networks that it may be used from.
static inline const struct cidr *
policy_allowed (const struct policy *policy)
{
    return (const struct cidr *) (policy->grants + policy->ngrants);
}

// policy_scope (policy): The resources that it is restricted to, "market:1 stock_location:2"; "": to none. NULL: it is not.
static inline const char *
policy_scope (const struct policy *policy)
{
    return policy->nscope ? (const char *) (policy_allowed (policy) + policy->nallowed) : NULL;
}

// policy_limited (policy): Is there any limit to how often it may be used?
static inline bool
policy_limited (const struct policy *policy)
{
    return (policy->rate_per_minute | policy->account_per_minute) != 0;
}

// policy_grant (policy, module): The grant of the module, or NULL. A module 0 is granted by none.
const struct policy_grant *policy_grant (const struct policy *policy, uint16_t module);

// A policy that is being put together.
struct policy_draft {
    uint32_t rate_per_minute, rate_burst, account_per_minute, account_burst;
    uint32_t client;
    const char *scope; // borrowed, not ended by NUL; NULL: not restricted
    size_t scope_length;
    size_t ngrants, nallowed;
    struct policy_grant grants[POLICY_GRANTS_MAX]; // each holds its module's name
    struct cidr allowed[POLICY_ALLOWED_MAX];
};

struct policies;

// policies_new (modules, expected): About as many different ones as are expected at a time; more make it slower, not wrong. `modules`
// must outlive it.
struct policies *policies_new (struct modules *modules, size_t expected)
    __attribute__ ((returns_nonnull));
// policies_destroy (&policies): When nobody holds one any more. NULL-safe.
void policies_destroy (struct policies **policies);

// policy_draft_start (draft): Nothing is granted, and it may be used from anywhere. Ends with policies_intern or policy_draft_drop.
void policy_draft_start (struct policy_draft *draft);
// policy_draft_grant (policies, draft, name, length, access, enabled), policy_draft_allow (draft, network): False: there are too many, or
// the name is none that modules_hold takes.
bool policy_draft_grant (struct policies *policies, struct policy_draft *draft, const char *name,
                         size_t length, uint8_t access, bool enabled)
    __attribute__ ((warn_unused_result));
bool policy_draft_allow (struct policy_draft *draft, const struct cidr *network)
    __attribute__ ((warn_unused_result));
// policy_draft_scope (draft, scope, length): Restrict it to these resources. The text must live until the draft ends. False: it is longer than POLICY_SCOPE_MAX.
bool policy_draft_scope (struct policy_draft *draft, const char *scope, size_t length)
    __attribute__ ((warn_unused_result));
void policy_draft_drop (struct policies *policies, struct policy_draft *draft);

// policies_intern (policies, draft): The one policy of this content, held once more: end with policy_release. NULL: a module is granted
// twice. Either way the draft is used up. Allocates nothing when there is one already.
struct policy *policies_intern (struct policies *policies, struct policy_draft *draft)
    __attribute__ ((warn_unused_result));
struct policy *policy_hold (struct policy *policy);
void policy_release (struct policies *policies, struct policy *policy); // NULL-safe

// policy_bytes (policy), policies_bytes (policies): What it takes of memory; all together, with the names of modules.
size_t policy_bytes (const struct policy *policy);
size_t policies_bytes (const struct policies *policies);
size_t policies_count (const struct policies *policies);

#endif
