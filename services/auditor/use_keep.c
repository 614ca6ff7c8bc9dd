// What keeps the log of use: it is folded into usage and last access, its partitions are made ahead, and what is old is dropped. By the process whose
// writer writes: one at a time is enough, and two would do no harm.
#include "common/log/log.h"
#include "services/auditor/auditor.h"

enum { TICK_MS = 500, LOOK_MS = 60 * 1000, SHOW_TOKENS = 500, DAYS_ROWS = 5000 };
// A round of showing looks at every token that was used lately: the next one begins a while later, and has a tenth of the time at most.
enum { SHOW_MS = 1000, SHOW_PAUSE = 9 };
// In one step: many, because most of its cost is for each token in it, and not for each row. Fewer while the database does not manage so many in time.
enum { FOLD_ROWS_MIN = 1000, FOLD_ROWS_MAX = 50000 };

struct use_keep {
    struct auditor *auditor;
    bool busy;
    int64_t fold_rows;           // in the next step, at most
    int64_t token;               // where the round of showing last access goes on
    int64_t showing_ms, show_ms; // when that began, and when the next one may (monotonic)
    int64_t look_ms;             // when partitions are looked at again (monotonic)
};

static void fold (struct use_keep *keep);
static void show (struct use_keep *keep);

// went (keep, outcome, what): False: not this time; the next tick begins again, or the next process: what is behind by much would keep one that is
// about to end from doing so.
static bool
went (struct use_keep *keep, enum db_outcome outcome, const char *what)
{
    keep->busy = false;
    if (outcome == DB_OK)
        return !keep->auditor->process.draining;
    if (outcome == DB_FAILED || outcome == DB_CONFLICT)
        log_error ("the log of use is not kept", "step", what, "outcome", db_outcome_name (outcome),
                   NULL);
    return false;
}

// ---- partitions -----------------------------------------------------------------------------------------------------

static void
days_dropped (void *context, enum db_outcome outcome, int64_t rows)
{
    struct use_keep *keep = context;
    // The rest a minute later, or at once when there is much.
    if (went (keep, outcome, "usage") && rows == DAYS_ROWS)
        keep->look_ms = 0;
}

static void
dropped (void *context, enum db_outcome outcome, int64_t did)
{
    struct use_keep *keep = context;
    const struct auditor_settings *settings = &keep->auditor->settings;
    if (went (keep, outcome, "drop") && did != 0) {
        keep->auditor->stats.use_dropped++;
        log_info ("old rows were dropped from the log of use", NULL);
    }
    if (settings->usage_retention_days == 0)
        return;
    keep->busy = true;
    store_use_days_drop (keep->auditor->process.db, settings->usage_retention_days, DAYS_ROWS,
                         days_dropped, keep);
}

static void
closed (void *context, enum db_outcome outcome, int64_t did)
{
    struct use_keep *keep = context;
    if (went (keep, outcome, "close") && did != 0)
        log_info ("the log of use goes on in a new partition", NULL);
    keep->busy = true;
    store_use_drop (keep->auditor->process.db, keep->auditor->settings.use_retention_days, dropped,
                    keep);
}

static void
made (void *context, enum db_outcome outcome, int64_t number)
{
    struct use_keep *keep = context;
    const struct auditor_settings *settings = &keep->auditor->settings;
    (void) number;
    if (!went (keep, outcome, "partitions"))
        return;
    keep->busy = true;
    store_use_close (keep->auditor->process.db, settings->use_partition_days,
                     settings->use_partition_rows, closed, keep);
}

static void
look (struct use_keep *keep)
{
    if (zclock_mono () < keep->look_ms)
        return;
    keep->look_ms = zclock_mono () + LOOK_MS;
    keep->busy = true;
    store_use_ahead (keep->auditor->process.db, made, keep);
}

// ---- folding --------------------------------------------------------------------------------------------------------

static void
shown (void *context, enum db_outcome outcome, int64_t token)
{
    struct use_keep *keep = context;
    if (!went (keep, outcome, "last access"))
        return;
    keep->token = token;
    if (token != 0) {
        show (keep);
        return;
    }
    int64_t now = zclock_mono (), pause_ms = SHOW_PAUSE * (now - keep->showing_ms);
    keep->show_ms = now + (pause_ms > SHOW_MS ? pause_ms : SHOW_MS);
    look (keep);
}

static void
show (struct use_keep *keep)
{
    keep->busy = true;
    if (keep->token == 0)
        keep->showing_ms = zclock_mono ();
    store_use_show (keep->auditor->process.db, keep->token, SHOW_TOKENS,
                    keep->auditor->settings.last_access_step_s, shown, keep);
}

static void
folded (void *context, enum db_outcome outcome, int64_t rows)
{
    struct use_keep *keep = context;
    bool full = rows == keep->fold_rows;
    if (outcome != DB_OK && keep->fold_rows / 2 >= FOLD_ROWS_MIN)
        keep->fold_rows /= 2;
    else if (outcome == DB_OK && full && keep->fold_rows < FOLD_ROWS_MAX)
        keep->fold_rows *= 2;
    if (!went (keep, outcome, "fold"))
        return;
    keep->auditor->stats.use_folded += (uint64_t) rows;
    if (full)
        fold (keep);
    else if (keep->token != 0 || zclock_mono () >= keep->show_ms)
        show (keep);
    else
        look (keep);
}

static void
fold (struct use_keep *keep)
{
    keep->busy = true;
    store_use_fold (keep->auditor->process.db, keep->fold_rows, folded, keep);
}

static int
tick (struct loop *loop, int timer, void *context)
{
    struct use_keep *keep = context;
    struct error reason;
    (void) loop;
    (void) timer;
    if (!keep->busy && !keep->auditor->process.draining &&
        writer_state (keep->auditor->writer, &reason))
        fold (keep);
    return 0;
}

struct use_keep *
use_keep_new (struct auditor *auditor)
{
    struct use_keep *keep = xcalloc (1, sizeof *keep);
    keep->auditor = auditor;
    keep->fold_rows = FOLD_ROWS_MAX;
    loop_timer (auditor->process.loop, TICK_MS, 0, tick, keep);
    return keep;
}

void
use_keep_destroy (struct use_keep **keep)
{
    free (*keep);
    *keep = NULL;
}
