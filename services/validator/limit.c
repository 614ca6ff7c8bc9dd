#include "services/validator/limit.h"

#include "common/memory/memory.h"

#include <stdlib.h>

struct limits {
    struct permits *permits;
};

// One of the two limits of a validation.
struct part {
    uint64_t key;
    struct meter_limit limit; // per_minute 0: there is none
};
enum { TOKEN, ACCOUNT, PARTS };

// A validation under way: the permits of its parts are taken one after the other.
struct use {
    struct permit_waiter waiter; // first
    struct limits *limits;
    struct part parts[PARTS];
    int part;   // which is next
    bool noted; // there is something in result
    struct limit_result result;
    limit_callback *callback;
    void *context;
};

struct limits *
limits_new (struct validator *validator, struct error *error_r)
{
    struct limits *limits = xcalloc (1, sizeof *limits);
    limits->permits = permits_new (validator, error_r);
    if (!limits->permits)
        limits_destroy (&limits);
    return limits;
}

void
limits_stop (struct limits *limits)
{
    permits_stop (limits->permits);
}

void
limits_destroy (struct limits **limits)
{
    if (!*limits)
        return;
    permits_destroy (&(*limits)->permits);
    free (*limits);
    *limits = NULL;
}

struct permits *
limits_permits (struct limits *limits)
{
    return limits->permits;
}

bool
limits_settled (const struct limits *limits)
{
    return permits_settled (limits->permits);
}

static void
use_note (struct use *use, const struct meter_view *view, bool given)
{
    // What refuses is told in any case.
    if (use->noted && given && view->remaining >= use->result.view.remaining)
        return;
    use->noted = true;
    use->result.account = use->part == ACCOUNT;
    use->result.limit = use->parts[use->part].limit;
    use->result.view = *view;
}

// False: it has to wait for a permit of its next part.
static bool
use_go (struct use *use, int64_t now_ns)
{
    for (; use->part < PARTS; use->part++) {
        const struct part *part = &use->parts[use->part];
        struct meter_view view;
        if (part->limit.per_minute == 0)
            continue;
        switch (permits_take (use->limits->permits, part->key, &part->limit, now_ns, &view)) {
        case PERMIT_GIVEN:
            use_note (use, &view, true);
            continue;
        case PERMIT_REFUSED:
            use_note (use, &view, false);
            return true;
        case PERMIT_LATER:
            return false;
        }
    }
    use->result.allowed = true;
    return true;
}

static void
use_wait (struct use *use, int64_t now_ns)
{
    const struct part *part = &use->parts[use->part];
    permits_wait (use->limits->permits, part->key, &part->limit, now_ns, &use->waiter);
}

static void
on_permit (struct permit_waiter *waiter, bool given)
{
    struct use *use = (struct use *) waiter;
    const struct part *part = &use->parts[use->part];
    int64_t now_ns = permits_now ();
    struct meter_view view;
    permits_view (use->limits->permits, part->key, &part->limit, now_ns, &view);
    use_note (use, &view, given);
    if (given) {
        use->part++;
        if (!use_go (use, now_ns)) {
            use_wait (use, now_ns);
            return;
        }
    }
    use->callback (use->context, &use->result);
    free (use);
}

bool
limits_take (struct limits *limits, const struct facts *facts, unsigned environment,
             struct limit_result *result_r, limit_callback *callback, void *context)
{
    const struct policy *policy = facts->policy;
    int64_t now_ns = permits_now ();
    struct use use = {
        .limits = limits,
        .parts = {[TOKEN] = {meter_key (false, facts->token, environment),
                             {policy->rate_per_minute, policy->rate_burst}},
                  [ACCOUNT] = {meter_key (true, facts->account, environment),
                               {policy->account_per_minute, policy->account_burst}}},
    };
    const struct part *account = &use.parts[ACCOUNT];
    // What the account's limit refuses shall not count for the token.
    if (policy->rate_per_minute && policy->account_per_minute &&
        permits_refused (limits->permits, account->key, &account->limit, now_ns))
        use.part = ACCOUNT;
    if (use_go (&use, now_ns)) {
        *result_r = use.result;
        return true;
    }
    struct use *kept = xcalloc (1, sizeof *kept);
    *kept = use;
    kept->waiter.callback = on_permit;
    kept->callback = callback;
    kept->context = context;
    use_wait (kept, now_ns);
    return false;
}

static uint32_t
seconds (int64_t ns)
{
    int64_t s = (ns + 999999999) / 1000000000;
    return s < UINT32_MAX ? (uint32_t) s : UINT32_MAX;
}

void
limit_show (const struct limit_result *result, struct arena *arena, Jeton__V1__ValidateReply *reply)
{
    Jeton__V1__Allowance *allowance = arena_alloc (arena, sizeof *allowance);
    Jeton__V1__RateLimit *limit = arena_alloc (arena, sizeof *limit);
    if (!allowance || !limit)
        return;
    jeton__v1__rate_limit__init (limit);
    limit->per_minute = result->limit.per_minute;
    limit->burst = result->limit.burst;
    jeton__v1__allowance__init (allowance);
    allowance->limit = limit;
    allowance->account = result->account;
    allowance->remaining = result->view.remaining;
    allowance->reset_s = seconds (result->view.reset_ns);
    if (!result->allowed)
        allowance->retry_after_s = result->view.retry_ns > 0 ? seconds (result->view.retry_ns) : 1;
    reply->allowance = allowance;
}
