// The auditor's life: settings, set-up, health, end.
#include "services/auditor/auditor.h"
#include "common/log/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

// The database sees to the days as well (deploy/schema): what is younger it does not drop, whatever the setting.
enum { FINISH_MS = 2000, RETENTION_DAYS_MIN = 30 };

#define FIELD(name) offsetof (struct auditor_settings, name)

const struct config_row auditor_settings_table[] = {
    {"checkpoint_key", CONFIG_PATH, FIELD (checkpoint_key), "checkpoint.key", 0, 0, false,
     "file with the secret Ed25519 seed that checkpoints are signed with"},
    {"checkpoint_interval_s", CONFIG_NUMBER, FIELD (checkpoint_interval_s), "60", 1, 86400, true,
     "seconds between checkpoints while records come"},
    {"outbox_poll_ms", CONFIG_NUMBER, FIELD (outbox_poll_ms), "100", 1, 60000, false,
     "milliseconds between looks into the outbox"},
    {"outbox_batch", CONFIG_NUMBER, FIELD (outbox_batch), "1024", 1, 4096, true,
     "records appended in one transaction, at most"},
    {"trail_retention_days", CONFIG_NUMBER, FIELD (trail_retention_days), "0", 0, 36500, false,
     "days that records are kept after their partition was closed; 0: for ever, otherwise at least "
     "30"},
    {"trail_partition_days", CONFIG_NUMBER, FIELD (trail_partition_days), "30", 1, 3660, true,
     "days after which the trail goes on in a new partition; records are dropped by the partition"},
    {"trail_partition_records", CONFIG_NUMBER, FIELD (trail_partition_records), "1000000", 1,
     1000000000, true, "records after which it does so earlier"},
    {"changes_keep_s", CONFIG_NUMBER, FIELD (changes_keep_s), "3600", 600, 31536000, true,
     "seconds that rows of the table changes are kept at least, for validators that are behind"},
    {"use_retention_days", CONFIG_NUMBER, FIELD (use_retention_days), "90", 0, 36500, true,
     "days that the log of use is kept after its partition was closed (30 at least); 0: for ever"},
    {"use_partition_days", CONFIG_NUMBER, FIELD (use_partition_days), "1", 1, 3660, true,
     "days after which the log of use goes on in a new partition"},
    {"use_partition_rows", CONFIG_NUMBER, FIELD (use_partition_rows), "50000000", 1, 1000000000000,
     true, "rows after which it does so earlier"},
    {"usage_retention_days", CONFIG_NUMBER, FIELD (usage_retention_days), "400", 0, 36500, true,
     "days that the usage of tokens is kept; 0: for ever"},
    {"last_access_step_s", CONFIG_NUMBER, FIELD (last_access_step_s), "300", 1, 86400, true,
     "seconds that a token's last access in lists may be behind while the token is used"},
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
    {"caller_interval_ms", CONFIG_NUMBER, FIELD (caller_interval_ms), "2000", 100, 60000, false,
     "how often it is looked whether users may still have their tails and exports, in "
     "milliseconds"},
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

int64_t
auditor_boot_s (void)
{
    struct timespec now;
    clock_gettime (CLOCK_BOOTTIME, &now);
    return (int64_t) now.tv_sec;
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
tail_timer (struct loop *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    tail_poll (context);
    use_tail_poll (context);
    return 0;
}

static int
look_timer (struct loop *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    stream_look_all (context);
    return 0;
}

#define ROW(kind, member, name, help)                                                              \
    STAT_##kind (struct auditor_stats, member, "auditor." name, help)
static const struct stat_row stats_rows[] = {
    ROW (COUNTER, appended, "appended", "Records that this process appended to the trail"),
    ROW (COUNTER, unreadable, "unreadable",
         "Records appended for rows of the outbox that were none"),
    ROW (COUNTER, batches, "outbox_batches", "Transactions that appended records"),
    ROW (GAUGE, outbox, "outbox_rows",
         "Rows that the last look into the outbox found, of the outbox_batch that it takes"),
    ROW (COUNTER, conflicts, "conflicts", "Appends that found records of another writer"),
    ROW (COUNTER, uncertain, "uncertain", "Appends whose outcome had to be looked up"),
    ROW (COUNTER, checkpoints, "checkpoints", "Checkpoints that were signed"),
    ROW (COUNTER, made, "partitions_made", "Partitions of the trail that were made"),
    ROW (COUNTER, dropped, "partitions_dropped", "Partitions of the trail that were dropped"),
    ROW (COUNTER, trimmed, "changes_trimmed", "Rows of the table changes that were deleted"),
    ROW (COUNTER, segments, "segments", "Segments of use that were taken"),
    ROW (COUNTER, use_rows, "use_rows", "Rows in the segments that were taken"),
    ROW (COUNTER, use_folded, "use_folded", "Rows added to usage and last access"),
    ROW (COUNTER, use_dropped, "use_dropped", "Partitions of the log of use that were dropped"),
    ROW (COUNTER, access_made, "access_made", "Partitions of opaque access tokens that were made"),
    ROW (COUNTER, access_dropped, "access_dropped",
         "Partitions of opaque access tokens that were dropped"),
    ROW (COUNTER, elections, "elections", "Times that this process became the writer"),
    ROW (GAUGE, streams, "streams", "Tails and exports that are open"),
    ROW (COUNTER, shut, "streams_shut", "Tails and exports whose user may have them no longer"),
    ROW (COUNTER, streamed, "streamed", "Items sent on tails and exports"),
    STAT_END,
};

bool
auditor_start (struct auditor *auditor, struct error *error_r)
{
    int64_t days = auditor->settings.trail_retention_days;
    if (days > 0 && days < RETENTION_DAYS_MIN) {
        error_set (error_r,
                   "setting trail_retention_days: is %" PRId64 ", must be 0 or at least %d", days,
                   RETENTION_DAYS_MIN);
        return false;
    }
    if (!sign_key_load (auditor->settings.checkpoint_key, &auditor->key, error_r)) {
        error_prefix (error_r, "setting checkpoint_key");
        return false;
    }
    chain_key_id (auditor->key.public_key, auditor->key_id);
    auditor->streams = zlistx_new ();
    auditor_add (auditor);
    rpc_server_stats (auditor->process.server,
                      &(struct stat_source){.rows = stats_rows, .base = &auditor->stats});
    auditor->writer = writer_new (auditor);
    auditor->changes = changes_new (auditor);
    auditor->access_keep = access_keep_new (auditor);
    auditor->use_keep = use_keep_new (auditor);
    loop_timer (auditor->process.loop, (size_t) auditor->settings.tail_poll_ms, 0, tail_timer,
                auditor);
    loop_timer (auditor->process.loop, (size_t) auditor->settings.caller_interval_ms, 0, look_timer,
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
        loop_run (auditor->process.loop);
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
    use_keep_destroy (&auditor->use_keep);
    access_keep_destroy (&auditor->access_keep);
    changes_destroy (&auditor->changes);
    keys_destroy (&auditor->public_keys);
    zlistx_destroy (&auditor->streams);
    explicit_bzero (&auditor->key, sizeof auditor->key);
}
