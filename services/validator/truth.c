#include "services/validator/truth.h"
#include "common/caller/keys.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/net/alarm.h"
#include "services/validator/cache.h"
#include "services/validator/follow.h"
#include "services/validator/foreign.h"
#include "services/validator/limit.h"
#include "services/validator/store.h"
#include "services/validator/warm.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    WRITERS_MAX = 64,
    CHANGES_MAX = 10000, // in one reading; more, and all is forgotten in their place
    // The auditor keeps changes for twice as long at least (changes_keep_s): who has read none for longer has missed some.
    GAP_MS = 300000,
    SETTLE_MS = 1000, // how long a start waits for writers that do not answer
};

struct truth {
    struct validator *validator;
    struct alarm *alarm;
    int64_t began_at;
    int64_t sure_at; // every change that was committed before it is known; 0: nothing is
    // The table.
    bool reading, soon;   // another one, as soon as it has come back
    int64_t read_sent_at; // of the reading under way, or the last
    int64_t read_at;      // when the last good one was sent; 0: there was none
    char *snapshot;       // of the last good one: pg_snapshot's text
    uint64_t horizon;     // its xmax
    char *timeline;       // of the database then
    // The writers, as it had them.
    size_t nfollows;
    struct follow *follows[WRITERS_MAX];
    int64_t generation;
    bool known; // all of them are followed
    bool
        settled; // of those that answer, nothing is missed any more; or enough time was given to them
    int64_t settle_by;
    size_t keys_due; // wishes to read the signing keys again that are not fulfilled
};

static void keys_read_again (struct truth *truth);

int64_t
truth_now (void)
{
    struct timespec now;
    clock_gettime (CLOCK_BOOTTIME, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
truth_hear (struct truth *truth)
{
    if (loop_looked (truth->validator->process.loop))
        return;
    for (size_t i = 0; i < truth->nfollows; i++)
        follow_hear (truth->follows[i]);
}

bool
truth_sure (const struct truth *truth, int64_t now)
{
    return truth->sure_at != 0 &&
           now - truth->sure_at <= truth->validator->settings.freshness_limit_ms;
}

uint64_t
truth_horizon (const struct truth *truth)
{
    return truth->horizon;
}

// What writers are not sure about stays blocked.
static void
forget_all (struct truth *truth)
{
    cache_forget_all (truth->validator->cache);
    keys_read_again (truth);
}

static void
change_apply (struct truth *truth, Jeton__V1__ChangeKind kind, int64_t object, int64_t account,
              struct truth_status status)
{
    struct cache *cache = truth->validator->cache;
    switch (kind) {
    case JETON__V1__CHANGE_KIND__CHANGE_KIND_TOKEN:
        // What allows more is always asked for.
        if (status.revision > 0 &&
            (status.status == JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DISABLED ||
             status.status == JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DELETED))
            cache_refuse_token (cache, object, status.revision, (uint8_t) status.status);
        else
            cache_change_token (cache, object);
        return;
    case JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT:
        cache_change_account (cache, account);
        return;
    case JETON__V1__CHANGE_KIND__CHANGE_KIND_KEYS:
        cache_change_keys (cache);
        keys_read_again (truth);
        return;
    case JETON__V1__CHANGE_KIND__CHANGE_KIND_NONE:
        return;
    case JETON__V1__CHANGE_KIND__CHANGE_KIND_UNSPECIFIED:
    case _JETON__V1__CHANGE_KIND_IS_INT_SIZE:
        break;
    }
    // A kind that this version does not know; or a writer has become sure.
    cache_change_all (cache);
    keys_read_again (truth);
}

void
truth_change (struct truth *truth, Jeton__V1__ChangeKind kind, int64_t object, int64_t account,
              struct truth_status status)
{
    change_apply (truth, kind, object, account, status);
    // It ends a block of the same object; that somebody is still not sure about it outlasts this.
    for (size_t i = 0; i < truth->nfollows; i++)
        follow_block (truth->follows[i]);
}

// So that whoever disables a token once this process is ready, and is told so, does not find it allowed here until the next reading.
static void
settle (struct truth *truth)
{
    if (truth->settled || truth->read_at == 0)
        return;
    if (truth->settle_by == 0) {
        truth->settle_by = truth_now () + SETTLE_MS;
        alarm_by (truth->alarm, zclock_mono () + SETTLE_MS);
    }
    for (size_t i = 0; i < truth->nfollows && truth_now () < truth->settle_by; i++)
        if (!follow_settled (truth->follows[i]))
            return;
    truth->settled = true;
    log_info ("the writers have been looked for", NULL);
}

void
truth_health (const struct truth *truth)
{
    struct rpc_server *server = truth->validator->process.server;
    char why[160];
    if (truth->validator->process.draining || !truth->settled ||
        !foreign_loaded (truth->validator->foreign) || !limits_settled (truth->validator->limits))
        return;
    if (truth_sure (truth, truth_now ())) {
        struct error full = {""};
        bool counted = counting_good (&truth->validator->counting, &full);
        warm_says (truth->validator->warm, why, sizeof why);
        rpc_server_health (server, counted ? RPC_SERVING : RPC_STALE, counted ? why : full.text);
    } else if (truth->read_at != 0) {
        snprintf (why, sizeof why,
                  "nothing was heard from the database, nor from all writers that it is down, for "
                  "%" PRId64 " s: what is in memory may not be true any more",
                  (truth_now () - truth->sure_at) / 1000);
        rpc_server_health (server, RPC_STALE, why);
    }
}

// ---- signing keys --------------------------------------------------------------------------------------------------

static void
on_keys_read (void *context, bool loaded)
{
    struct truth *truth = context;
    truth->keys_due--;
    if (!loaded && truth->alarm)
        keys_read_again (truth);
}

// Until they have been, no JWT is believed on those in memory.
static void
keys_read_again (struct truth *truth)
{
    truth->keys_due++;
    keys_read_now (truth->validator->keys, on_keys_read, truth);
}

bool
truth_keys (const struct truth *truth)
{
    for (size_t i = 0; i < truth->nfollows; i++)
        if (follow_unsure_of_keys (truth->follows[i]))
            return false;
    return truth->keys_due == 0 && truth_sure (truth, truth_now ());
}

// ---- the writers' word ---------------------------------------------------------------------------------------------

void
truth_word (struct truth *truth)
{
    int64_t oldest = INT64_MAX;
    if (!truth->known || truth->nfollows == 0)
        return;
    for (size_t i = 0; i < truth->nfollows; i++) {
        int64_t at = follow_word (truth->follows[i], truth->generation);
        if (at < oldest)
            oldest = at;
    }
    if (oldest > truth->sure_at) {
        truth->sure_at = oldest;
        truth->validator->stats.vouched++;
        truth_health (truth);
    }
}

// ---- who writes ----------------------------------------------------------------------------------------------------

static bool
row_read (const PGresult *result, int row, struct writer_row *row_r, int64_t *generation_r,
          bool *ended_r)
{
    int64_t instance;
    if (!db_get_text (result, row, 0, &row_r->endpoint) ||
        !db_get_text (result, row, 1, &row_r->server_key) ||
        !db_get_int (result, row, 2, &instance) || !db_get_int (result, row, 3, generation_r) ||
        !db_get_bool (result, row, 4, ended_r))
        return false;
    row_r->instance = (uint64_t) instance;
    return true;
}

static struct follow *
follow_take (struct follow **follows, size_t n, const struct writer_row *row)
{
    for (size_t i = 0; i < n; i++)
        if (follows[i] && follow_is (follows[i], row)) {
            struct follow *follow = follows[i];
            follows[i] = NULL;
            return follow;
        }
    return NULL;
}

static void
writers_take (struct truth *truth, const PGresult *result)
{
    struct follow *old[WRITERS_MAX];
    size_t nold = truth->nfollows;
    int n = PQntuples (result);
    memcpy (old, truth->follows, sizeof old);
    truth->known = n <= WRITERS_MAX;
    truth->nfollows = 0;
    for (int i = 0; i < n && i < WRITERS_MAX; i++) {
        struct writer_row row;
        int64_t generation;
        bool ended;
        if (!row_read (result, i, &row, &generation, &ended)) {
            log_error ("a row of the table of writers makes no sense", NULL);
            truth->known = false;
            continue;
        }
        truth->generation = generation; // in their order
        if (ended)
            continue;
        struct follow *follow = follow_take (old, nold, &row);
        if (!follow)
            follow = follow_new (truth->validator, &row);
        if (follow)
            truth->follows[truth->nfollows++] = follow;
        else
            truth->known = false;
    }
    for (size_t i = 0; i < nold; i++)
        follow_destroy (&old[i]);
    if (!truth->known)
        log_warn ("not all writers can be followed: their word does not count", NULL);
}

// ---- the table of changes ------------------------------------------------------------------------------------------

static void truth_read (struct truth *truth);

// "xmin:xmax:…": a database that went back, to a standby that had not everything, has forgotten what may be in memory. And it gives the numbers
// of the transactions that it lost to others, which would look as if they had been seen, even when it is further than it was by the time it is read again.
static bool
snapshot_take (struct truth *truth, const PGresult *result)
{
    const char *text, *timeline;
    unsigned long long xmin, xmax;
    if (!db_get_text (result, 0, 0, &text) || sscanf (text, "%llu:%llu:", &xmin, &xmax) != 2 ||
        !db_get_text (result, 0, 6, &timeline))
        return false;
    if (truth->snapshot && (xmax < truth->horizon || strcmp (timeline, truth->timeline) != 0)) {
        log_warn ("the database is older than it was, or another server took its place: all that "
                  "is in memory is forgotten",
                  NULL);
        forget_all (truth);
    }
    truth->horizon = xmax;
    free (truth->snapshot);
    free (truth->timeline);
    truth->snapshot = xstrdup (text);
    truth->timeline = xstrdup (timeline);
    return true;
}

static Jeton__V1__ChangeKind
kind_of (const char *name)
{
    static const struct {
        const char *name;
        Jeton__V1__ChangeKind kind;
    } kinds[] = {
        {"token", JETON__V1__CHANGE_KIND__CHANGE_KIND_TOKEN},
        {"account", JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT},
        {"user", JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT},
        {"signing_key", JETON__V1__CHANGE_KIND__CHANGE_KIND_KEYS},
        {"module", JETON__V1__CHANGE_KIND__CHANGE_KIND_NONE},
        {"market", JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT},
        {"stock_location", JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT},
        {"customer_group", JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT},
        {"customer", JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT},
        {"client", JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp (kinds[i].name, name) == 0)
            return kinds[i].kind;
    return JETON__V1__CHANGE_KIND__CHANGE_KIND_UNSPECIFIED;
}

static void
changes_take (struct truth *truth, const PGresult *result)
{
    int n = PQntuples (result);
    if (n > CHANGES_MAX) {
        log_warn ("too many changes at once: all that is in memory is forgotten", NULL);
        forget_all (truth);
        return;
    }
    for (int i = 0; i < n; i++) {
        const char *kind;
        int64_t object, account = 0, status = 0;
        struct truth_status now = {0};
        if (PQgetisnull (result, i, 1))
            continue; // the row that stands for none
        if (!db_get_text (result, i, 1, &kind) || !db_get_int (result, i, 2, &object) ||
            (!PQgetisnull (result, i, 3) && !db_get_int (result, i, 3, &account)) ||
            !db_get_int (result, i, 4, &now.revision) ||
            (!PQgetisnull (result, i, 5) && !db_get_int (result, i, 5, &status))) {
            log_error ("a row of the table of changes makes no sense", NULL);
            forget_all (truth);
            return;
        }
        truth->validator->stats.changes++;
        now.status = (Jeton__V1__TokenStatus) status;
        truth_change (truth, kind_of (kind), object, account, now);
    }
}

static void
reading_done (void *context, enum db_outcome outcome, PGresult *const *results,
              const struct db_error *error)
{
    struct truth *truth = context;
    (void) error; // logged by db
    truth->reading = false;
    if (!truth->alarm)
        return; // the process ends
    if (truth->soon)
        truth_soon (truth);
    truth->soon = false;
    if (outcome != DB_OK || PQntuples (results[0]) < 1 || !snapshot_take (truth, results[0])) {
        truth_health (truth);
        return;
    }
    if (truth->read_at != 0 && truth->read_sent_at - truth->read_at > GAP_MS) {
        log_warn ("no changes were read for long: all that is in memory is forgotten", NULL);
        forget_all (truth);
    }
    if (truth->read_at == 0)
        forget_all (truth); // what is in memory may be from before
    changes_take (truth, results[0]);
    for (size_t i = 0; i < truth->nfollows; i++)
        follow_reading_done (truth->follows[i]);
    writers_take (truth, results[1]);
    if (truth->read_at == 0)
        log_info ("all changes are known: serving from memory", NULL);
    truth->read_at = truth->read_sent_at;
    truth->validator->stats.readings++;
    if (truth->sure_at < truth->read_sent_at)
        truth->sure_at = truth->read_sent_at;
    warm_begin (truth->validator->warm);
    settle (truth);
    truth_health (truth);
}

static void
truth_read (struct truth *truth)
{
    struct db_params params = {0};
    db_param_text (&params, truth->snapshot);
    db_param_int (&params, CHANGES_MAX + 1);
    const struct db_step steps[] = {{STORE_CHANGES, &params}, {STORE_WRITERS, NULL}};
    truth->reading = true;
    truth->read_sent_at = truth_now ();
    for (size_t i = 0; i < truth->nfollows; i++)
        follow_reading_sent (truth->follows[i]);
    db_transaction (truth->validator->process.db, steps, 2, reading_done, truth);
}

static void
on_alarm (void *context)
{
    struct truth *truth = context;
    int64_t interval_ms = truth->validator->settings.truth_interval_ms;
    if (!truth->reading)
        truth_read (truth);
    // The database does not answer: have the writers lost it too?
    if (truth_now () - truth->read_at > 2 * interval_ms)
        for (size_t i = 0; i < truth->nfollows; i++)
            follow_ask (truth->follows[i]);
    settle (truth);
    truth_health (truth);
    alarm_by (truth->alarm, zclock_mono () + interval_ms);
}

struct truth *
truth_new (struct validator *validator)
{
    struct truth *truth = xcalloc (1, sizeof *truth);
    truth->validator = validator;
    truth->began_at = truth_now ();
    truth->alarm = alarm_new (validator->process.loop, on_alarm, truth);
    alarm_by (truth->alarm, zclock_mono ());
    return truth;
}

void
truth_soon (struct truth *truth)
{
    truth->soon = truth->reading;
    if (!truth->reading)
        alarm_by (truth->alarm, zclock_mono ());
}

void
truth_show (const struct truth *truth, struct validator_stats *stats)
{
    int64_t now = truth_now ();
    stats->known_age_ms = (uint64_t) (now - (truth->sure_at ? truth->sure_at : truth->began_at));
    stats->known_limit_ms = (uint64_t) truth->validator->settings.freshness_limit_ms;
    stats->read_age_ms = (uint64_t) (now - (truth->read_at ? truth->read_at : truth->began_at));
    stats->writers = truth->nfollows;
    stats->writers_followed = 0;
    for (size_t i = 0; i < truth->nfollows; i++)
        stats->writers_followed += follow_is_heard (truth->follows[i]);
}

void
truth_stop (struct truth *truth)
{
    alarm_destroy (&truth->alarm);
    for (size_t i = 0; i < truth->nfollows; i++)
        follow_destroy (&truth->follows[i]);
    truth->nfollows = 0;
}

void
truth_destroy (struct truth **truth)
{
    if (!*truth)
        return;
    free ((*truth)->snapshot);
    free ((*truth)->timeline);
    free (*truth);
    *truth = NULL;
}
