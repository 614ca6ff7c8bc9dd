#include "services/validator/warm.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/net/alarm.h"
#include "services/validator/cache.h"
#include "services/validator/store.h"
#include "services/validator/truth.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TRIES_MAX = 6,
    AGAIN_FIRST_MS = 1000,
    PARTS = 2 // PostgreSQL needs more of a processor to put the rows together than we to keep them
};
_Static_assert((int) PARTS <= (int) DB_COPIES_MAX, "a part is a copy");

struct warm {
    struct validator *validator;
    struct alarm *alarm;
    struct row_names *names;
    bool begun, running;
    int tries; // that failed
    bool full;
    size_t reading;   // parts
    struct error why; // the first that was torn off; "": none was
    uint64_t stamp;   // of when what is being read was asked for
    uint64_t passed;  // of it, rows that made no sense
    int64_t began_at;
};

// ---- the end -------------------------------------------------------------------------------------------------------

static void
over (struct warm *warm, const char *how)
{
    const struct validator_stats *stats = &warm->validator->stats;
    char kept[24], passed[24], ms[24];
    snprintf (kept, sizeof kept, "%" PRIu64, stats->warm_kept);
    snprintf (passed, sizeof passed, "%" PRIu64, stats->warm_passed);
    snprintf (ms, sizeof ms, "%" PRId64, truth_now () - warm->began_at);
    log_info (how, "tokens", kept, "passed_over", passed, "ms", ms, NULL);
    warm->running = false;
    warm->validator->stats.warm_over = 1;
    row_names_destroy (&warm->names);
    truth_health (warm->validator->truth);
}

static void
torn (struct warm *warm, const char *why)
{
    if (!warm->alarm)
        return; // the process ends
    if (warm->tries == TRIES_MAX) {
        log_warn ("filling the memory failed", "reason", why, NULL);
        over (warm, "the memory stays as it is, and fills with what is asked for");
        return;
    }
    log_warn ("filling the memory was torn off: it begins again soon", "reason", why, NULL);
    alarm_by (warm->alarm, zclock_mono () + ((int64_t) AGAIN_FIRST_MS << warm->tries++));
}

// ---- rows ---------------------------------------------------------------------------------------------------------

static bool
on_row (void *context, const struct db_field *fields)
{
    struct warm *warm = context;
    struct validator *validator = warm->validator;
    const struct db_field *digest = &fields[STORE_WARM_DIGEST];
    struct facts facts;
    warm->full = cache_full (validator->cache) || cache_stats (validator->cache)->entries >=
                                                      (uint64_t) validator->settings.warm_entries;
    if (warm->full || validator->process.draining)
        return false;
    validator->stats.warm_rows++;
    if (!digest->data || digest->size != TOKEN_DIGEST_SIZE ||
        !row_facts (&fields[STORE_WARM_FACTS], warm->names, validator->policies, &facts)) {
        warm->passed++;
        return true;
    }
    struct cache_key key = cache_key_digest (validator->cache, digest->data);
    validator->stats.warm_kept += cache_put (validator->cache, &key, &facts, warm->stamp);
    policy_release (validator->policies, facts.policy);
    return true;
}

static void
passed_say (struct warm *warm)
{
    char rows[24];
    if (warm->passed == 0)
        return;
    snprintf (rows, sizeof rows, "%" PRIu64, warm->passed);
    log_error ("tokens' rows make no sense, and were passed over", "rows", rows, NULL);
    warm->validator->stats.warm_passed += warm->passed;
}

static void
on_end (void *context, enum db_outcome outcome, const char *why)
{
    struct warm *warm = context;
    if (outcome != DB_OK && !*warm->why.text)
        error_set (&warm->why, "%s", why);
    if (--warm->reading > 0)
        return;
    passed_say (warm);
    if (*warm->why.text)
        torn (warm, warm->why.text);
    else if (warm->full || warm->validator->process.draining)
        over (warm, "the memory is as full as it may be");
    else
        over (warm, "the memory is filled with the tokens that were used last");
}

// What is read is kept with the stamp of when it was asked for, as any other answer.
static void
on_modules (void *context, enum db_outcome outcome, PGresult *const *results,
            const struct db_error *error)
{
    struct warm *warm = context;
    struct validator *validator = warm->validator;
    if (!warm->alarm)
        return; // the process ends
    if (outcome != DB_OK || !row_names_read (warm->names, results[0])) {
        torn (warm, outcome == DB_OK ? "the names of modules make no sense" : error->text);
        return;
    }
    int64_t room = (int64_t) cache_room (validator->cache);
    if (room > validator->settings.warm_entries)
        room = validator->settings.warm_entries;
    struct db_copy_options options = {
        .sql = store_warm,
        .values = {(room + PARTS - 1) / PARTS, (int64_t) truth_horizon (validator->truth)},
        .columns = STORE_WARM_COLUMNS,
        .row = on_row,
        .end = on_end,
        .context = warm,
    };
    warm->passed = 0;
    warm->stamp = cache_now (validator->cache);
    error_set (&warm->why, "%s", "");
    for (warm->reading = 0; warm->reading < PARTS; warm->reading++) {
        options.values[2] = (int64_t) warm->reading;
        db_copy (validator->process.db, &options);
    }
}

static void
warm_read (struct warm *warm)
{
    db_call (warm->validator->process.db, STORE_MODULES, NULL, on_modules, warm);
}

static void
on_alarm (void *context)
{
    warm_read (context);
}

// ---- beginning and end ---------------------------------------------------------------------------------------------

void
warm_begin (struct warm *warm)
{
    if (warm->begun)
        return;
    warm->begun = warm->running = true;
    warm->began_at = truth_now ();
    if (warm->validator->settings.warm_entries == 0)
        over (warm, "the memory fills with what is asked for");
    else
        warm_read (warm);
}

void
warm_says (const struct warm *warm, char *text_r, size_t size)
{
    text_r[0] = '\0';
    if (warm->running)
        snprintf (text_r, size, "serving while the memory is filled: %" PRIu64 " tokens so far",
                  warm->validator->stats.warm_kept);
}

struct warm *
warm_new (struct validator *validator)
{
    struct warm *warm = xcalloc (1, sizeof *warm);
    warm->validator = validator;
    warm->names = row_names_new ();
    warm->alarm = alarm_new (validator->process.loop, on_alarm, warm);
    return warm;
}

void
warm_stop (struct warm *warm)
{
    alarm_destroy (&warm->alarm);
}

void
warm_destroy (struct warm **warm)
{
    if (!*warm)
        return;
    row_names_destroy (&(*warm)->names);
    free (*warm);
    *warm = NULL;
}
