#include "common/journal/counting.h"

#include "common/journal/deliver.h"
#include "common/log/log.h"

#include <string.h>

enum { FINISH_MS = 1000 };

static void
stats_show (struct counting *counting)
{
    struct rpc_server *server = counting->process->server;
    const struct journal_stats *stats = journal_stats (counting->journal);
    rpc_server_stat (server, "journal.counted", &stats->counted);
    rpc_server_stat (server, "journal.dropped", &stats->dropped);
    rpc_server_stat (server, "journal.refused", &stats->refused);
    rpc_server_stat (server, "journal.sealed", &stats->sealed);
    rpc_server_stat (server, "journal.taken", &stats->taken);
    rpc_server_stat (server, "journal.bytes", &stats->bytes);
    rpc_server_stat (server, "journal.segments", &stats->segments);
    rpc_server_stat (server, "journal.damaged", &stats->damaged);
    rpc_server_stat (server, "journal.set_aside", &stats->set_aside);
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
                                       });
    stats_show (counting);
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
        to[i] = (char) (text[i] > 0 ? text[i] : '?');
}
