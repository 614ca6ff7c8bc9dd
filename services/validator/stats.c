// What Stats shows of a validator.
#include "common/memory/memory.h"
#include "services/validator/cache.h"
#include "services/validator/limit.h"
#include "services/validator/truth.h"
#include "services/validator/validator.h"

#define ROW(kind, member, help)                                                                    \
    STAT_##kind (struct validator_stats, member, "validator." #member, help)
static const struct stat_row validator_rows[] = {
    ROW (COUNTER, allowed, "Tokens that were allowed"),
    ROW (COUNTER, denied, "Tokens that were denied"),
    ROW (COUNTER, undecided, "Tokens of which nothing could be said for sure"),
    ROW (COUNTER, limited, "Tokens that were denied by a rate limit"),
    ROW (COUNTER, refused_unread, "Tokens that were denied without a query, for their form"),
    ROW (COUNTER, warm_rows, "Tokens read at the start, to fill the memory"),
    ROW (COUNTER, warm_kept, "Tokens read at the start that are kept in memory"),
    ROW (COUNTER, warm_passed, "Tokens read at the start that make no sense"),
    ROW (GAUGE, warm_over, "1 when the memory is not being filled any more"),
    ROW (COUNTER, readings, "Readings of the table of changes"),
    ROW (COUNTER, changes, "Changes found in the table of changes"),
    ROW (COUNTER, heard, "Changes that writers told of"),
    ROW (COUNTER, vouched, "Times that the writers' word stood for the database"),
    ROW (GAUGE, known_age_ms,
         "How old what is known may be: every change that was committed before that is known"),
    ROW (GAUGE, known_limit_ms,
         "How old what is known may be at most (freshness_limit_ms): beyond it nothing is answered "
         "from memory"),
    ROW (GAUGE, read_age_ms, "Since the last reading of the table of changes that succeeded"),
    ROW (GAUGE, writers, "Processes that write, as the database had them"),
    ROW (GAUGE, writers_followed, "Processes that write, whose feed is being heard"),
    ROW (COUNTER, keys_sought, "Times that the keys were read for a JWT with an unknown one"),
    ROW (COUNTER, lookups, "Tokens that were asked for in the database"),
    ROW (COUNTER, lookups_shared, "Tokens for which the same was being asked already"),
    STAT_END,
};
#undef ROW

#define ROW(kind, member, help)                                                                    \
    STAT_##kind (struct cache_stats, member, "validator.cache_" #member, help)
static const struct stat_row cache_rows[] = {
    ROW (GAUGE, entries, "Tokens in memory"),
    ROW (GAUGE, bytes, "What the tokens in memory take, of cache_bytes"),
    ROW (COUNTER, hits, "Tokens that were found in memory"),
    ROW (COUNTER, misses, "Tokens that were not found in memory"),
    ROW (COUNTER, outdated, "Tokens that were found in memory, but something had changed since"),
    ROW (COUNTER, unknown, "Tokens that were known not to exist"),
    ROW (COUNTER, refused, "Answers of the database that were not kept: out of date, or too large"),
    ROW (COUNTER, evicted, "Tokens that made room for others"),
    ROW (COUNTER, moved, "Tokens read at the start that were presented for the first time"),
    ROW (COUNTER, told, "Tokens refused by what a writer told of their change"),
    STAT_END,
};
#undef ROW

#define ROW(member, help) STAT_COUNTER (struct permit_stats, member, "validator." #member, help)
static const struct stat_row lease_rows[] = {
    ROW (leases, "Leases of rate limits that were asked of other validators"),
    ROW (leases_failed, "Leases of rate limits that were asked of others and not answered"),
    ROW (leases_given, "Leases given to other validators"),
    STAT_END,
};

static const struct stat_row meter_rows[] = {
    STAT_GAUGE (struct meter_stats, entries, "validator.meters",
                "Tokens and accounts whose rate is or was metered"),
    STAT_COUNTER (struct meter_stats, forgotten, "validator.meters_forgotten",
                  "Meters in use that made room for others"),
    STAT_END,
};

static void
refresh (void *context)
{
    struct validator *validator = context;
    if (validator->truth)
        truth_show (validator->truth, &validator->stats);
}

void
validator_stats_show (struct validator *validator)
{
    const struct permits *permits = limits_permits (validator->limits);
    const struct stat_source sources[] = {
        {.rows = validator_rows,
         .base = &validator->stats,
         .refresh = refresh,
         .context = validator},
        {.rows = cache_rows, .base = cache_stats (validator->cache)},
        {.rows = lease_rows, .base = permits_stats (permits)},
        {.rows = meter_rows, .base = permits_meters (permits)},
    };
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        rpc_server_stats (validator->process.server, &sources[i]);
}
