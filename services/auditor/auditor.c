// The auditor's life: settings, set-up, health, end.
#include "services/auditor/auditor.h"
#include "common/log/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { FINISH_MS = 2000 };

#define FIELD(name) offsetof (struct auditor_settings, name)

const struct config_row auditor_settings_table[] = {
    {"checkpoint_key", CONFIG_PATH, FIELD (checkpoint_key), "checkpoint.key", 0, 0, false,
     "file with the secret Ed25519 seed that checkpoints are signed with"},
    {"checkpoint_interval_s", CONFIG_NUMBER, FIELD (checkpoint_interval_s), "60", 1, 86400, true,
     "seconds between checkpoints while records come"},
    {"outbox_poll_ms", CONFIG_NUMBER, FIELD (outbox_poll_ms), "100", 1, 60000, false,
     "milliseconds between looks into the outbox"},
    {"outbox_batch", CONFIG_NUMBER, FIELD (outbox_batch), "256", 1, 4096, true,
     "records appended in one transaction, at most"},
    {"tail_poll_ms", CONFIG_NUMBER, FIELD (tail_poll_ms), "100", 1, 60000, false,
     "milliseconds between looks at the end of the trail while somebody tails it"},
    {"tail_limit", CONFIG_NUMBER, FIELD (tail_limit), "256", 1, 100000, true,
     "tails and exports open at once"},
    {"issuer", CONFIG_TEXT, FIELD (issuer), "https://jeton.localhost", 0, 0, true,
     "the `iss` that a login token must have: the same as the issuer's setting"},
    {"audience", CONFIG_TEXT, FIELD (audience), "jeton", 0, 0, true,
     "the `aud` that a login token must have: the same as the issuer's setting"},
    {"keys_interval_ms", CONFIG_NUMBER, FIELD (keys_interval_ms), "5000", 100, 3600000, true,
     "how often the issuer's public keys are read again, in milliseconds"},
    {.key = NULL},
};

void
auditor_number (int64_t number, char text_r[NUMBER_SIZE])
{
    snprintf (text_r, NUMBER_SIZE, "%" PRId64, number);
}

int64_t
auditor_now_us (void)
{
    struct timespec now;
    clock_gettime (CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
auditor_health (struct auditor *auditor)
{
    struct rpc_server *server = auditor->process.server;
    struct error reason = {""};
    if (server == NULL || auditor->writer == NULL || rpc_server_state (server) == RPC_DRAINING)
        return;
    if (!db_ready (auditor->process.db, &reason))
        rpc_server_health (server, RPC_STARTING, reason.text);
    else if (!writer_state (auditor->writer, &reason))
        rpc_server_health (server, RPC_STANDBY, reason.text);
    else
        rpc_server_health (server, RPC_SERVING, "");
}

static void
database_changed (struct process *process, bool ready)
{
    (void) ready;
    auditor_health (process->owner);
}

static int
tail_timer (zloop_t *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    tail_poll (context);
    return 0;
}

static void
stats_show (struct auditor *auditor)
{
    struct rpc_server *server = auditor->process.server;
    const struct auditor_stats *stats = &auditor->stats;
    rpc_server_stat (server, "auditor.appended", &stats->appended);
    rpc_server_stat (server, "auditor.unreadable", &stats->unreadable);
    rpc_server_stat (server, "auditor.outbox_batches", &stats->batches);
    rpc_server_stat (server, "auditor.conflicts", &stats->conflicts);
    rpc_server_stat (server, "auditor.uncertain", &stats->uncertain);
    rpc_server_stat (server, "auditor.checkpoints", &stats->checkpoints);
    rpc_server_stat (server, "auditor.elections", &stats->elections);
    rpc_server_stat (server, "auditor.streams", &stats->streams);
    rpc_server_stat (server, "auditor.streamed", &stats->streamed);
}

bool
auditor_start (struct auditor *auditor, struct error *error_r)
{
    if (!sign_key_load (auditor->settings.checkpoint_key, &auditor->key, error_r)) {
        error_prefix (error_r, "setting checkpoint_key");
        return false;
    }
    chain_key_id (auditor->key.public_key, auditor->key_id);
    auditor->streams = zlistx_new ();
    auditor_add (auditor);
    stats_show (auditor);
    auditor->writer = writer_new (auditor);
    zloop_timer (auditor->process.loop, (size_t) auditor->settings.tail_poll_ms, 0, tail_timer,
                 auditor);
    auditor->process.owner = auditor;
    auditor->process.database_changed = database_changed;
    auditor_health (auditor);
    return true;
}

void
auditor_finish (struct auditor *auditor)
{
    int64_t until = zclock_mono () + FINISH_MS;
    writer_finish (auditor->writer);
    // The timer that ended the loop when all was drained is still there, and ends it again and again.
    while (!writer_finished (auditor->writer) && zclock_mono () < until)
        zloop_start (auditor->process.loop);
    if (!writer_finished (auditor->writer))
        log_warn ("ended without a last checkpoint: the database does not answer", NULL);
    writer_destroy (&auditor->writer);
}

void
auditor_stop (struct auditor *auditor)
{
    // Those that were open when the loop was left at once; their requests are gone with the server.
    if (auditor->streams != NULL)
        stream_free_all (auditor->streams);
    keys_destroy (&auditor->public_keys);
    zlistx_destroy (&auditor->streams);
    explicit_bzero (&auditor->key, sizeof auditor->key);
}
