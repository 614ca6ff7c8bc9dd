#include "services/validator/use.h"

#include "common/journal/deliver.h"
#include "common/log/log.h"
#include "common/token/id.h"

#include <string.h>
#include <time.h>

enum { FINISH_MS = 1000 };

bool
use_start (struct validator *validator, struct error *error_r)
{
    const struct validator_settings *settings = &validator->settings;
    struct process *process = &validator->process;
    bool drop = strcmp (settings->journal_full, "drop") == 0;
    if (!drop && strcmp (settings->journal_full, "refuse") != 0) {
        error_set (error_r, "setting journal_full: is \"%s\", must be refuse or drop",
                   settings->journal_full);
        return false;
    }
    if (settings->journal_directory[0] == '\0') {
        log_warn ("use is not counted: the setting journal_directory is empty", NULL);
        return true;
    }
    validator->journal =
        journal_open (&(struct journal_options){.directory = settings->journal_directory,
                                                .limit = (uint64_t) settings->journal_limit,
                                                .drop = drop},
                      error_r);
    if (!validator->journal) {
        error_prefix (error_r, "setting journal_directory");
        return false;
    }
    validator->delivery =
        delivery_new (process->loop, process->resolver, validator->journal,
                      &(struct delivery_options){.endpoints = settings->auditor,
                                                 .peers = settings->common.peers,
                                                 .certificate = process->certificate});
    const struct journal_stats *stats = journal_stats (validator->journal);
    rpc_server_stat (process->server, "journal.counted", &stats->counted);
    rpc_server_stat (process->server, "journal.dropped", &stats->dropped);
    rpc_server_stat (process->server, "journal.refused", &stats->refused);
    rpc_server_stat (process->server, "journal.sealed", &stats->sealed);
    rpc_server_stat (process->server, "journal.taken", &stats->taken);
    rpc_server_stat (process->server, "journal.bytes", &stats->bytes);
    rpc_server_stat (process->server, "journal.segments", &stats->segments);
    rpc_server_stat (process->server, "journal.damaged", &stats->damaged);
    rpc_server_stat (process->server, "journal.set_aside", &stats->set_aside);
    return true;
}

void
use_finish (struct validator *validator)
{
    if (!validator->journal)
        return;
    // What is left is sent by the next process on this directory; where there is none, better now. The timer that ended the loop when all was drained is
    // still there, and ends it again and again.
    int64_t until = zclock_mono () + FINISH_MS;
    journal_seal (validator->journal);
    while (journal_stats (validator->journal)->segments > 0 && zclock_mono () < until &&
           !delivery_failing (validator->delivery))
        zloop_start (validator->process.loop);
}

void
use_stop (struct validator *validator)
{
    delivery_destroy (&validator->delivery);
    journal_close (&validator->journal);
}

bool
use_good (const struct validator *validator, struct error *reason_r)
{
    return !validator->journal || journal_good (validator->journal, reason_r);
}

// Text of a row: cut where it is too long, and plain ASCII, so that it stays valid text wherever it is cut.
static void
text_put (char *to, size_t size, const char *text)
{
    for (size_t i = 0; i < size && text[i]; i++)
        to[i] = (char) (text[i] > 0 ? text[i] : '?');
}

static int64_t
number_of (const char *prefix, const char *id)
{
    int64_t number;
    return id_parse (prefix, id, &number) ? number : 0;
}

bool
use_count (struct validator *validator, const char *peer, const char *module,
           const struct wanted *wanted, const Jeton__V1__ValidateReply *reply)
{
    struct journal_use use = {
        .second = time (NULL),
        .account = number_of ("ACC", reply->account),
        .token = number_of ("TKN", reply->token),
        .user = number_of ("USR", reply->user),
        .family = wanted->address.family,
        .access = (uint8_t) wanted->access,
        .environment = (uint8_t) wanted->environment,
        .decision = (uint8_t) reply->decision,
        .reason = (uint8_t) reply->reason,
    };
    if (!validator->journal)
        return true;
    memcpy (use.address, wanted->address.bytes, sizeof use.address);
    text_put (use.module, sizeof use.module, module);
    text_put (use.peer, sizeof use.peer, peer);
    if (use.token == 0)
        text_put (use.id, sizeof use.id, reply->token);
    return journal_count (validator->journal, &use);
}
