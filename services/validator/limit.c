#include "services/validator/limit.h"

#include "common/memory/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

struct limits {
    struct validator *validator;
    struct meters *meters;
};

struct limits *
limits_new (struct validator *validator)
{
    struct limits *limits = xcalloc (1, sizeof *limits);
    limits->validator = validator;
    limits->meters = meters_new ((size_t) validator->settings.limit_entries);
    return limits;
}

void
limits_destroy (struct limits **limits)
{
    if (!*limits)
        return;
    meters_destroy (&(*limits)->meters);
    free (*limits);
    *limits = NULL;
}

const struct meter_stats *
limits_stats (const struct limits *limits)
{
    return meters_stats (limits->meters);
}

// Goes on while the machine sleeps.
static int64_t
now_ns (void)
{
    struct timespec now;
    clock_gettime (CLOCK_BOOTTIME, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

// One of the two.
struct part {
    uint64_t key;
    struct meter_limit limit;
};

static void
result_of (struct limits *limits, const struct part *parts, int which, int64_t now,
           struct limit_result *result_r)
{
    const struct part *part = &parts[which];
    result_r->account = which == 1;
    result_r->limit = part->limit;
    meter_view (&part->limit, meters_ahead (limits->meters, part->key, &part->limit, now),
                &result_r->view);
}

void
limits_take (struct limits *limits, const struct facts *facts, unsigned environment,
             struct limit_result *result_r)
{
    const struct policy *policy = facts->policy;
    const struct part parts[] = {{meter_key (false, facts->token, environment),
                                  {policy->rate_per_minute, policy->rate_burst}},
                                 {meter_key (true, facts->account, environment),
                                  {policy->account_per_minute, policy->account_burst}}};
    struct limit_result other;
    int64_t now = now_ns ();
    bool found = false;

    for (int i = 0; i < 2; i++) {
        if (parts[i].limit.per_minute == 0)
            continue;
        result_of (limits, parts, i, now, &other);
        if (!found || other.view.remaining < result_r->view.remaining)
            *result_r = other;
        found = true;
    }
    assert (found);
    result_r->allowed = result_r->view.remaining > 0;
    for (int i = 0; i < 2 && result_r->allowed; i++)
        if (parts[i].limit.per_minute != 0) {
            uint32_t n = meters_take (limits->meters, parts[i].key, &parts[i].limit, now, now, 1);
            assert (n == 1);
        }
    if (result_r->allowed)
        result_of (limits, parts, result_r->account, now, result_r);
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
        allowance->retry_after_s = seconds (result->view.retry_ns);
    reply->allowance = allowance;
}
