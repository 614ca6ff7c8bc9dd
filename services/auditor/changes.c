// The table `changes` is kept short: what validators have read long ago is deleted. DESIGN.md says why nothing goes that somebody still needs.
#include "common/log/log.h"
#include "services/auditor/auditor.h"
#include <inttypes.h>

enum { TICK_MS = 1000, BATCH = 1000 };

struct changes {
    struct auditor *auditor;
    int timer;
    bool busy; // a call is in flight
    int64_t
        horizon; // a transaction id: all before it had ended when it was noted; 0: none is noted
    int64_t noted_s; // when that was
};

static void
note_done (void *context, enum db_outcome outcome, int64_t horizon)
{
    struct changes *changes = context;
    changes->busy = false;
    if (outcome != DB_OK)
        return;
    changes->horizon = horizon;
    changes->noted_s = auditor_boot_s ();
}

static void trim (struct changes *changes);

static void
trim_done (void *context, enum db_outcome outcome, int64_t deleted)
{
    struct changes *changes = context;
    changes->busy = false;
    if (outcome != DB_OK)
        return; // the next tick tries again
    changes->auditor->stats.trimmed += (uint64_t) deleted;
    if (deleted == BATCH)
        trim (changes);
    else
        changes->horizon = 0;
}

static void
trim (struct changes *changes)
{
    changes->busy = true;
    store_changes_trim (changes->auditor->process.db, changes->horizon, BATCH, trim_done, changes);
}

void
changes_step (struct changes *changes)
{
    struct auditor *auditor = changes->auditor;
    struct error reason;
    if (changes->busy)
        return;
    // A database that was away may be another one now, restored or taken over, whose transactions are numbered otherwise.
    if (!writer_state (auditor->writer, &reason)) {
        changes->horizon = 0;
        return;
    }
    if (changes->horizon == 0) {
        changes->busy = true;
        store_changes_horizon (auditor->process.db, note_done, changes);
    } else if (auditor_boot_s () - changes->noted_s >= auditor->settings.changes_keep_s) {
        trim (changes);
    }
}

static int
tick (struct loop *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    changes_step (context);
    return 0;
}

struct changes *
changes_new (struct auditor *auditor)
{
    struct changes *changes = xcalloc (1, sizeof *changes);
    changes->auditor = auditor;
    changes->timer = loop_timer (auditor->process.loop, TICK_MS, 0, tick, changes);
    return changes;
}

void
changes_destroy (struct changes **changes)
{
    free (*changes);
    *changes = NULL;
}
