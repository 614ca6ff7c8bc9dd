// What keeps the table of opaque access tokens: its partitions are made ahead, and dropped when their day is over (deploy/schema). By the process whose writer writes; two would do no harm.
#include "common/log/log.h"
#include "services/auditor/auditor.h"
#include <time.h>

enum { TICK_MS = 1000, LOOK_MS = 60 * 1000, DAY_S = 86400 };

struct access_keep {
    struct auditor *auditor;
    bool busy;
    int64_t look_ms; // when to look again (monotonic)
};

static void
dropped (void *context, enum db_outcome outcome, int64_t n)
{
    struct access_keep *keep = context;
    keep->busy = false;
    if (outcome != DB_OK || n == 0)
        return; // somebody held the table: in a minute again
    keep->auditor->stats.access_dropped += (uint64_t) n;
    log_info ("opaque access tokens of days that are over were dropped", NULL);
}

static void
made (void *context, enum db_outcome outcome, int64_t n)
{
    struct access_keep *keep = context;
    keep->auditor->stats.access_made += (uint64_t) n;
    if (outcome == DB_OK)
        store_access_drop (keep->auditor->process.db, time (NULL) / DAY_S, dropped, keep);
    else
        keep->busy = false;
}

static int
tick (struct loop *loop, int timer, void *context)
{
    struct access_keep *keep = context;
    struct error reason;
    (void) loop;
    (void) timer;
    if (keep->busy || zclock_mono () < keep->look_ms || keep->auditor->process.draining ||
        !writer_state (keep->auditor->writer, &reason))
        return 0;
    keep->busy = true;
    keep->look_ms = zclock_mono () + LOOK_MS;
    store_access_ahead (keep->auditor->process.db, made, keep);
    return 0;
}

struct access_keep *
access_keep_new (struct auditor *auditor)
{
    struct access_keep *keep = xcalloc (1, sizeof *keep);
    keep->auditor = auditor;
    loop_timer (auditor->process.loop, TICK_MS, 0, tick, keep);
    return keep;
}

void
access_keep_destroy (struct access_keep **keep)
{
    free (*keep);
    *keep = NULL;
}
