#include "services/validator/permit.h"

#include "common/log/log.h"
#include "common/memory/memory.h"
#include "services/validator/members.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SET = 8,
    HOLD_US = 100000,   // how long spare permits may be used
    EXPECT_US = 50000,  // and of how much of that time the calls are expected
    SPARE_MAX = 100000, // permits
};
static const int64_t us = 1000, second = 1000000000;
static const int64_t refused_max_ns = 1000000000; // then the home is asked again
static const int64_t here_ns =
    1000000000; // metered here, when nobody answered; then others are asked again

// What is known of a key whose meter is elsewhere. Losing it loses spare permits, and what a new home would have been told.
struct lease {
    uint64_t key;             // 0: free
    uint64_t told_by;         // which process told full_ns; 0: none
    int64_t full_ns;          // the theoretical arrival time of its meter
    int64_t asked_ns;         // when was a lease asked for last
    int64_t spare_until_ns;   // spare permits are void from then on
    int64_t refused_until_ns; // nothing conforms before
    int64_t here_until_ns;    // its meter is here until then
    uint32_t spare, used;     // permits that are left; that were used since asked_ns
};

// A lease that was asked for, and who waits for it.
struct flight {
    struct permits *permits;
    uint64_t key;
    struct meter_limit limit;
    int64_t sent_ns;
    uint32_t nasked, nwaiting; // that were asked for; that wait by now
    struct permit_waiter *first, **last;
};

struct permits {
    struct validator *validator;
    struct meters *meters;
    struct members *members;
    struct permit_stats stats;
    size_t sets;
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    struct lease *leases; // NULL: alone
    zhashx_t *flights;    // by key
    bool failing;         // that has been logged
};

int64_t
permits_now (void)
{
    struct timespec now;
    clock_gettime (CLOCK_BOOTTIME, &now);
    return (int64_t) now.tv_sec * second + now.tv_nsec;
}

// ---- life ----------------------------------------------------------------------------------------------------------

static size_t
key_hash (const void *item)
{
    return (size_t) * (const uint64_t *) item;
}

static int
key_compare (const void *left, const void *right)
{
    return *(const uint64_t *) left != *(const uint64_t *) right;
}

struct permits *
permits_new (struct validator *validator, struct error *error_r)
{
    struct permits *permits = xcalloc (1, sizeof *permits);
    size_t entries = (size_t) validator->settings.limit_entries;
    permits->validator = validator;
    permits->meters = meters_new (entries);
    permits->sets = entries / SET + 1;
    randombytes_buf (permits->hash_key, sizeof permits->hash_key);
    permits->flights = zhashx_new ();
    zhashx_set_key_hasher (permits->flights, key_hash);
    zhashx_set_key_comparator (permits->flights, key_compare);
    zhashx_set_key_duplicator (permits->flights, NULL); // keys live in the flights
    zhashx_set_key_destructor (permits->flights, NULL);
    permits->members = members_new (validator, error_r);
    if (!permits->members)
        permits_destroy (&permits);
    else if (!members_settled (permits->members))
        permits->leases = xcalloc (permits->sets * SET, sizeof *permits->leases);
    return permits;
}

void
permits_stop (struct permits *permits)
{
    members_stop (permits->members);
}

void
permits_destroy (struct permits **permits)
{
    if (!*permits)
        return;
    members_destroy (&(*permits)->members);
    struct flight *flight;
    while ((flight = zhashx_first ((*permits)->flights)) != NULL) {
        while (flight->first) {
            struct permit_waiter *next = flight->first->next;
            free (flight->first);
            flight->first = next;
        }
        zhashx_delete ((*permits)->flights, &flight->key);
        free (flight);
    }
    zhashx_destroy (&(*permits)->flights);
    meters_destroy (&(*permits)->meters);
    free ((*permits)->leases);
    free (*permits);
    *permits = NULL;
}

const struct permit_stats *
permits_stats (const struct permits *permits)
{
    return &permits->stats;
}

const struct meter_stats *
permits_meters (const struct permits *permits)
{
    return meters_stats (permits->meters);
}

bool
permits_settled (const struct permits *permits)
{
    return members_settled (permits->members);
}

// ---- what is known of a key ----------------------------------------------------------------------------------------

static struct lease *
set_of (const struct permits *permits, uint64_t key)
{
    uint64_t hash;
    crypto_shorthash ((uint8_t *) &hash, (const uint8_t *) &key, sizeof key, permits->hash_key);
    return &permits->leases[hash % permits->sets * SET];
}

static struct lease *
find (const struct permits *permits, uint64_t key)
{
    struct lease *set = permits->leases ? set_of (permits, key) : NULL;
    for (int i = 0; set && i < SET; i++)
        if (set[i].key == key)
            return &set[i];
    return NULL;
}

// The key's place, or that of the key that was not asked for the longest.
static struct lease *
place (struct permits *permits, uint64_t key)
{
    struct lease *lease = find (permits, key), *set = set_of (permits, key);
    if (lease)
        return lease;
    lease = set;
    for (int i = 0; i < SET; i++)
        if (set[i].asked_ns < lease->asked_ns)
            lease = &set[i];
    *lease = (struct lease){.key = key};
    return lease;
}

// Is its meter here? Then it begins with what the home before told.
static bool
here (struct permits *permits, uint64_t key, const struct meter_limit *limit, struct lease *lease,
      int64_t now_ns)
{
    if (!permits->leases)
        return true;
    if (!(lease && now_ns < lease->here_until_ns) && !members_home_here (permits->members, key))
        return false;
    if (lease && lease->told_by != 0) {
        meters_learn (permits->meters, key, limit, now_ns, lease->full_ns - now_ns);
        lease->told_by = 0;
        lease->spare = 0;
        lease->refused_until_ns = 0;
    }
    return true;
}

static uint32_t
spare_of (const struct lease *lease, int64_t now_ns)
{
    return lease && now_ns < lease->spare_until_ns ? lease->spare : 0;
}

static bool
refused (const struct lease *lease, int64_t now_ns)
{
    return lease && now_ns < lease->refused_until_ns && spare_of (lease, now_ns) == 0;
}

bool
permits_refused (struct permits *permits, uint64_t key, const struct meter_limit *limit,
                 int64_t now_ns)
{
    struct lease *lease = find (permits, key);
    if (!here (permits, key, limit, lease, now_ns))
        return refused (lease, now_ns);
    struct meter_view view;
    meter_view (limit, meters_ahead (permits->meters, key, limit, now_ns), &view);
    return view.remaining == 0;
}

// Between what its home told and now, others may have used some.
static void
lease_view (const struct lease *lease, const struct meter_limit *limit, int64_t now_ns,
            struct meter_view *view_r)
{
    int64_t ahead = lease ? lease->full_ns - now_ns : 0,
            depth = meter_interval (limit) * limit->burst;
    if (ahead < 0)
        ahead = 0;
    meter_view (limit, ahead < depth ? ahead : depth, view_r);
    view_r->remaining += spare_of (lease, now_ns);
    if (view_r->remaining > limit->burst)
        view_r->remaining = limit->burst;
}

void
permits_view (struct permits *permits, uint64_t key, const struct meter_limit *limit,
              int64_t now_ns, struct meter_view *view_r)
{
    struct lease *lease = find (permits, key);
    if (here (permits, key, limit, lease, now_ns))
        meter_view (limit, meters_ahead (permits->meters, key, limit, now_ns), view_r);
    else
        lease_view (lease, limit, now_ns, view_r);
}

enum permit_outcome
permits_take (struct permits *permits, uint64_t key, const struct meter_limit *limit,
              int64_t now_ns, struct meter_view *view_r)
{
    struct lease *lease = find (permits, key);
    enum permit_outcome outcome;
    if (here (permits, key, limit, lease, now_ns)) {
        bool given = meters_take (permits->meters, key, limit, now_ns, now_ns, 1) == 1;
        meter_view (limit, meters_ahead (permits->meters, key, limit, now_ns), view_r);
        return given ? PERMIT_GIVEN : PERMIT_REFUSED;
    }
    if (spare_of (lease, now_ns) > 0) {
        lease->spare--;
        lease->used++;
        outcome = PERMIT_GIVEN;
    } else {
        outcome = refused (lease, now_ns) ? PERMIT_REFUSED : PERMIT_LATER;
    }
    if (outcome != PERMIT_LATER)
        lease_view (lease, limit, now_ns, view_r);
    return outcome;
}

// ---- asking the home -----------------------------------------------------------------------------------------------

static void on_lease (void *context, const struct rpc_result *result);

// As many as were used of late: once as many in half the time in which they may be.
static uint32_t
expected (const struct lease *lease, int64_t now_ns)
{
    int64_t elapsed_us = (now_ns - lease->asked_ns) / us, floor_us = 1000;
    int64_t n = lease->used * (int64_t) EXPECT_US / (elapsed_us > floor_us ? elapsed_us : floor_us);
    return (uint32_t) (n < SPARE_MAX ? n : SPARE_MAX);
}

static void
flight_send (struct flight *flight, int64_t now_ns)
{
    struct permits *permits = flight->permits;
    struct lease *lease = place (permits, flight->key);
    Jeton__V1__LeaseRequest request = JETON__V1__LEASE_REQUEST__INIT;
    Jeton__V1__RateLimit limit = JETON__V1__RATE_LIMIT__INIT;
    flight->nasked = flight->nwaiting;
    flight->sent_ns = now_ns;
    limit.per_minute = flight->limit.per_minute;
    limit.burst = flight->limit.burst;
    request.instance = permits->validator->process.instance;
    request.account = (flight->key & 4) != 0;
    request.number = (int64_t) (flight->key >> 3);
    request.environment = (Jeton__V1__Environment) (flight->key & 3);
    request.limit = &limit;
    request.waiting = flight->nasked;
    request.spare = expected (lease, now_ns);
    request.hold_us = HOLD_US;
    request.ahead_ns =
        (uint64_t) meters_ahead (permits->meters, flight->key, &flight->limit, now_ns);
    if (lease->told_by != 0 && lease->full_ns > now_ns) {
        request.told_by = lease->told_by;
        request.told_ahead_ns = (uint64_t) (lease->full_ns - now_ns);
    }
    lease->asked_ns = now_ns;
    lease->used = lease->spare = 0;
    permits->stats.leases++;
    members_lease (permits->members, flight->key, &request, on_lease, flight);
}

void
permits_wait (struct permits *permits, uint64_t key, const struct meter_limit *limit,
              int64_t now_ns, struct permit_waiter *waiter)
{
    struct flight *flight = zhashx_lookup (permits->flights, &key);
    bool first = !flight;
    if (first) {
        flight = xcalloc (1, sizeof *flight);
        flight->permits = permits;
        flight->key = key;
        flight->limit = *limit;
        flight->last = &flight->first;
        zhashx_insert (permits->flights, &flight->key, flight);
    }
    waiter->next = NULL;
    *flight->last = waiter;
    flight->last = &waiter->next;
    flight->nwaiting++;
    if (first)
        flight_send (flight, now_ns);
}

// The first n of those who wait get this answer. The flight is not touched meanwhile: they may ask for other permits.
static void
answer (struct permit_waiter **list, uint32_t n, bool given)
{
    for (; n > 0; n--) {
        struct permit_waiter *waiter = *list;
        *list = waiter->next;
        waiter->callback (waiter, given);
    }
}

// Its answer has come: `given` of those who wait get a permit, then `refuse` none. With those who are left it asks again; otherwise it ends.
static void
flight_land (struct flight *flight, uint32_t given, uint32_t refuse, int64_t now_ns)
{
    struct permits *permits = flight->permits;
    struct permit_waiter *served = flight->first;
    uint32_t n = given + refuse;
    assert (n <= flight->nwaiting);
    for (uint32_t i = 0; i < n; i++)
        flight->first = flight->first->next;
    flight->nwaiting -= n;
    if (flight->nwaiting == 0) {
        zhashx_delete (permits->flights, &flight->key);
        free (flight);
    } else {
        flight_send (flight, now_ns);
    }
    answer (&served, given, true);
    answer (&served, refuse, false);
}

static void
failed (struct flight *flight, const struct rpc_result *result, int64_t now_ns)
{
    struct permits *permits = flight->permits;
    struct lease *lease = place (permits, flight->key);
    permits->stats.leases_failed++;
    if (!permits->failing)
        log_warn ("no other validator says how often something may be used: it is metered here",
                  "code", rpc_code_name (result->code), "reason", result->message, NULL);
    permits->failing = true;
    lease->here_until_ns = now_ns + here_ns;
    bool mine = here (permits, flight->key, &flight->limit, lease, now_ns);
    assert (mine);
    uint32_t given = meters_take (permits->meters, flight->key, &flight->limit, now_ns, now_ns,
                                  flight->nwaiting);
    flight_land (flight, given, flight->nwaiting - given, now_ns);
}

static void
on_lease (void *context, const struct rpc_result *result)
{
    struct flight *flight = context;
    const Jeton__V1__LeaseReply *reply = result->reply;
    int64_t now_ns = permits_now ();
    if (!reply || reply->granted > flight->nasked || reply->ahead_ns > INT64_MAX / 2) {
        failed (flight, result, now_ns);
        return;
    }
    struct lease *lease = place (flight->permits, flight->key);
    flight->permits->failing = false;
    lease->told_by = reply->instance;
    lease->full_ns = now_ns + (int64_t) reply->ahead_ns;
    lease->spare = reply->spare;
    lease->spare_until_ns = flight->sent_ns + HOLD_US * us;
    lease->refused_until_ns = 0;
    uint32_t given = reply->granted, refuse = flight->nasked - given;
    if (refuse > 0) {
        struct meter_view view;
        meter_view (&flight->limit, (int64_t) reply->ahead_ns, &view);
        lease->refused_until_ns =
            now_ns + (view.retry_ns < refused_max_ns ? view.retry_ns : refused_max_ns);
        // Who came after it was asked is refused by the same answer.
        if (view.retry_ns > 0)
            refuse = flight->nwaiting - given;
    } else {
        uint32_t more = flight->nwaiting - given, spare = spare_of (lease, now_ns);
        given += more < spare ? more : spare;
        lease->spare -= given - reply->granted;
    }
    lease->used += given;
    flight_land (flight, given, refuse, now_ns);
}

// ---- being asked ---------------------------------------------------------------------------------------------------

void
permits_lend (struct permits *permits, const Jeton__V1__LeaseRequest *request,
              Jeton__V1__LeaseReply *reply_r)
{
    const struct meter_limit limit = {request->limit->per_minute, request->limit->burst};
    uint64_t key = meter_key (request->account, request->number, (unsigned) request->environment),
             instance = permits->validator->process.instance;
    int64_t now_ns = permits_now ();
    struct meter_view view;
    // What this process said itself it knows better: under way it has become less.
    if (request->instance != instance)
        meters_learn (permits->meters, key, &limit, now_ns, (int64_t) request->ahead_ns);
    if (request->told_by != instance)
        meters_learn (permits->meters, key, &limit, now_ns, (int64_t) request->told_ahead_ns);
    reply_r->instance = instance;
    reply_r->granted = meters_take (permits->meters, key, &limit, now_ns, now_ns, request->waiting);
    meter_view (&limit, meters_ahead (permits->meters, key, &limit, now_ns), &view);
    // No one takes more than its part of what there is, so that others find something too; nor more than the rate brings in half of the time in which it
    // may be used, so that what lapses is soon there again. With a slow rate that is none.
    int64_t hold_ns = request->hold_us * us, brought = hold_ns / 2 / meter_interval (&limit);
    uint32_t part = view.remaining / (2 * (uint32_t) members_count (permits->members));
    if (part > brought)
        part = (uint32_t) brought;
    if (reply_r->granted == request->waiting)
        reply_r->spare = meters_take (permits->meters, key, &limit, now_ns, now_ns + hold_ns,
                                      request->spare < part ? request->spare : part);
    reply_r->ahead_ns = (uint64_t) meters_ahead (permits->meters, key, &limit, now_ns);
    permits->stats.leases_given++;
}
