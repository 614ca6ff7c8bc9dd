#include "common/journal/counting.h"

#include "common/journal/deliver.h"
#include "common/log/log.h"

#include <string.h>

enum { FINISH_MS = 1000 };

#define ROW(kind, member, help) STAT_##kind (struct journal_stats, member, "journal." #member, help)
static const struct stat_row rows[] = {
    ROW (COUNTER, counted, "Uses that were counted"),
    ROW (COUNTER, dropped, "Uses that were answered without being counted, the journal being full"),
    ROW (COUNTER, refused, "Uses that could not be counted, and were refused for that"),
    ROW (COUNTER, sealed, "Segments that were closed, to be sent to an auditor"),
    ROW (COUNTER, taken, "Segments that an auditor took"),
    ROW (GAUGE, bytes, "Size of the journal's directory"),
    ROW (GAUGE, segments, "Segments that no auditor has taken yet"),
    ROW (COUNTER, rests,
         "How often sending segments gave way to calls, which waited for a processor"),
    ROW (COUNTER, damaged, "Uses found damaged in what a former process left: not counted"),
    ROW (COUNTER, set_aside, "Files that are no segments, or that auditors refused"),
    STAT_END,
};

static void
refresh (void *context)
{
    struct counting *counting = context;
    if (counting->journal)
        (void) journal_stats (counting->journal);
}

bool
counting_start (struct counting *counting, struct process *process,
                const struct counting_settings *settings, struct error *error_r)
{
    const struct process_settings *common = process->settings;
    bool drop = strcmp (settings->journal_full, "drop") == 0;
    counting->process = process;
    if (!drop && strcmp (settings->journal_full, "refuse") != 0) {
        error_set (error_r, "setting journal_full: is \"%s\", must be refuse or drop",
                   settings->journal_full);
        return false;
    }
    if (settings->journal_directory[0] == '\0') {
        log_warn ("use is not counted: the setting journal_directory is empty", NULL);
        return true;
    }
    counting->journal =
        journal_open (&(struct journal_options){.directory = settings->journal_directory,
                                                .limit = (uint64_t) settings->journal_limit,
                                                .drop = drop},
                      error_r);
    if (!counting->journal) {
        error_prefix (error_r, "setting journal_directory");
        return false;
    }
    counting->delivery = delivery_new (process->loop, process->resolver, counting->journal,
                                       &(struct delivery_options){
                                           .endpoints = settings->auditor,
                                           .peers = common->peers,
                                           .certificate = process->certificate,
                                           .late_ms = settings->journal_late_ms,
                                       });
    rpc_server_stats (process->server,
                      &(struct stat_source){.rows = rows,
                                            .base = journal_stats (counting->journal),
                                            .refresh = refresh,
                                            .context = counting});
    return true;
}

void
counting_finish (struct counting *counting)
{
    if (!counting->journal)
        return;
    // What is left is sent by the next process on this directory; where there is none, better now. The timer that ended the loop when all was drained is
    // still there, and ends it again and again.
    int64_t until = zclock_mono () + FINISH_MS;
    journal_seal (counting->journal);
    delivery_hurry (counting->delivery);
    while (journal_stats (counting->journal)->segments > 0 && zclock_mono () < until &&
           !delivery_failing (counting->delivery))
        loop_run (counting->process->loop);
}

void
counting_stop (struct counting *counting)
{
    delivery_destroy (&counting->delivery);
}

void
counting_end (struct counting *counting)
{
    counting_stop (counting);
    journal_close (&counting->journal);
}

bool
counting_add (struct counting *counting, const struct journal_use *use)
{
    return !counting->journal || journal_count (counting->journal, use);
}

bool
counting_good (const struct counting *counting, struct error *reason_r)
{
    return !counting->journal || journal_good (counting->journal, reason_r);
}

void
counting_text (char *to, size_t size, const char *text)
{
    size_t length = strnlen (text, size);
    for (size_t i = 0; i < length; i++)
        to[i] = (char) ((unsigned char) text[i] < 0x80 ? text[i] : '?'); // char has no sign on Arm
}
