#include "common/process/process.h"
#include "common/crypto/crypto.h"
#include "common/db/schema_version.h"
#include "common/log/log.h"
#include "common/process/certificate.h"
#include "common/process/stats.h"
#include "common/process/system.h"
#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

enum { DRAIN_LOOK_MS = 10, LEAVE_MS = 1000, HEALTH_LOOK_MS = 250 };

// ---- start ----------------------------------------------------------------------------------------------------------

static int
refuse (struct process *process, int status, const struct error *error)
{
    struct error shown = *error;
    log_redact (shown.text);
    fprintf (stderr, "jeton-%s: %s\n", process->name, shown.text);
    process_end (process);
    return status;
}

static void
collect_tables (struct process *process, const char *default_bind, bool database,
                const struct config_row *const *tables)
{
    for (const struct config_row *row = process_settings_table; row->key; row++)
        if (strcmp (row->key, "bind") == 0)
            process->bind_row[0] = *row;
    process->bind_row[0].initial = default_bind;
    process->bind_row[1] = (struct config_row){0};
    size_t n = 0, room = sizeof process->tables / sizeof *process->tables;
    process->tables[n++] = process->bind_row;
    if (database)
        process->tables[n++] = process_database_table;
    for (; *tables; tables++) {
        assert (n < room - 1);
        process->tables[n++] = *tables;
    }
    process->tables[n] = NULL;
}

// What a table cannot say: settings that have no default and must be there.
static bool
check_settings (const struct process *process, bool database, enum log_level *level_r,
                struct error *error_r)
{
    const struct process_settings *settings = process->settings;
    const char *missing = !*settings->peers                      ? "peers"
                          : !*settings->key                      ? "key"
                          : database && !*settings->database_url ? "database_url"
                                                                 : NULL;
    if (missing) {
        error_set (error_r, "the setting %s is required; --help says what it is", missing);
        return false;
    }
    if (!log_level_parse (settings->log_level, level_r)) {
        error_set (error_r, "log_level: \"%.32s\" is not debug, info, warn or error",
                   settings->log_level);
        return false;
    }
    return true;
}

static bool
bind_server (struct process *process, struct error *error_r)
{
    const struct process_settings *settings = process->settings;
    const struct rpc_server_options options = {
        .bind = settings->bind,
        .service = process->name,
        .certificate = process->certificate,
        .peers_path = settings->peers,
        .in_flight_limit = (uint32_t) settings->in_flight_limit,
        .peer_limit = (uint32_t) settings->peer_limit,
        .high_water_mark = (uint32_t) settings->high_water_mark,
        .backlog_limit = (size_t) settings->backlog_limit,
        .message_limit = (uint32_t) settings->message_limit,
        .connection_limit = (uint32_t) settings->connection_limit,
        .arena_limit = (size_t) settings->arena_limit,
    };
    process->server = rpc_server_new (process->loop, &options, error_r);
    if (process->server != NULL)
        process_stats (process);
    return process->server != NULL;
}

static void
database_changed (void *context, bool ready)
{
    struct process *process = context;
    struct error error = {0};
    if (process->draining)
        return;
    if (process->database_changed)
        process->database_changed (process, ready);
    else if (db_ready (process->db, &error))
        rpc_server_health (process->server, RPC_SERVING, "");
    else
        rpc_server_health (process->server, RPC_STARTING, error.text);
}

// A life of a process at its address has a name of its own in the database, so that the next one can end what it left there.
static void
name_sessions (struct process *process)
{
    const char *endpoint = rpc_server_endpoint (process->server);
    uint8_t digest[crypto_hash_sha256_BYTES];
    char host[128] = "", place[384];
    if (gethostname (host, sizeof host - 1) != 0)
        log_warn ("the host has no name", NULL);
    snprintf (place, sizeof place, "%s %.200s", host, endpoint);
    crypto_hash_sha256 (digest, (const uint8_t *) place, strlen (place));
    randombytes_buf (&process->instance, sizeof process->instance);
    process->instance &= INT64_MAX;
    snprintf (process->application_prefix, sizeof process->application_prefix,
              "jeton-%.16s %02x%02x%02x%02x/", process->name, digest[0], digest[1], digest[2],
              digest[3]);
    snprintf (process->application, sizeof process->application, "%s%016" PRIx64,
              process->application_prefix, process->instance);
}

static void
connect_database (struct process *process, const struct db_statement *statements)
{
    const struct process_settings *settings = process->settings;
    const struct db_options options = {
        .url = settings->database_url,
        .password = *settings->database_password ? settings->database_password : NULL,
        .application = process->application,
        .connections = (size_t) settings->database_connections,
        .queue_limit = (size_t) settings->database_queue,
        .group_limit = (size_t) settings->database_group,
        .timeout_ms = settings->database_timeout_ms,
        .schema_version = JETON_SCHEMA_VERSION,
        .statements = statements,
        .planned_once = process->planned_once,
    };
    process->db = db_new (process->loop, process->resolver, &options);
    db_on_change (process->db, database_changed, process);
    process_stats_database (process);
}

static int on_signal (struct loop *loop, int fd, void *context);
static int on_health_look (struct loop *loop, int timer, void *context);

static void
make_loop (struct process *process)
{
    process->loop = loop_new ();
    process->signals = loop_watch (process->loop, process->signal_fd, LOOP_IN, on_signal, process);
    process->health = RPC_STARTING;
    loop_timer (process->loop, HEALTH_LOOK_MS, 0, on_health_look, process);
    process->resolver = resolver_new (process->loop);
}

int
process_start (struct process *process, const char *name, const char *default_bind,
               const struct config_row *const *tables, const struct db_statement *statements,
               const char *summary, void *settings, size_t size, int argc, char **argv)
{
    process->name = name;
    process->argc = argc;
    process->argv = argv;
    process->signal_fd = -1;
    collect_tables (process, default_bind, statements != NULL, tables);
    char program[64];
    snprintf (program, sizeof program, "jeton-%s", name);

    struct error error = {0};
    switch (config_load (process->tables, program, summary, argc, argv, settings, &error)) {
    case CONFIG_RUN:
        break;
    case CONFIG_EXIT_OK:
        return EX_OK;
    case CONFIG_EXIT_USAGE:
        return refuse (process, EX_USAGE, &error);
    }
    process->settings = settings;
    process->settings_size = size;
    enum log_level level;
    if (!check_settings (process, statements != NULL, &level, &error))
        return refuse (process, EX_USAGE, &error);
    log_open (name, level);

    process_harden ();
    // Before zsys starts: it would install handlers that end every loop at once.
    zsys_handler_set (NULL);
    process->signal_fd = process_signals (&error);
    if (process->signal_fd < 0 || !crypto_start (&error))
        return refuse (process, EX_OSERR, &error);
    process->certificate = certificate_load (process->settings->key, &error);
    if (!process->certificate) {
        error_prefix (&error, "key");
        return refuse (process, EX_USAGE, &error);
    }

    make_loop (process);
    if (!bind_server (process, &error))
        return refuse (process, EX_UNAVAILABLE, &error);
    if (!process_become (process->settings->user, &error))
        return refuse (process, EX_USAGE, &error);
    // As the user that it will stay: PostgreSQL goes by it on a Unix socket.
    name_sessions (process);
    if (statements)
        connect_database (process, statements);
    log_info ("listening", "endpoint", rpc_server_endpoint (process->server), "version",
              JETON_VERSION, NULL);
    return -1;
}

// ---- while it runs --------------------------------------------------------------------------------------------------

static const char *
health_name (enum rpc_health health)
{
    switch (health) {
    case RPC_STARTING:
        return "starting";
    case RPC_SERVING:
        return "serving";
    case RPC_DRAINING:
        return "draining";
    case RPC_STALE:
        return "stale";
    case RPC_STANDBY:
        return "standby";
    }
    return "unknown";
}

// The state is set in many places; the log is told from this one.
static int
on_health_look (struct loop *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    struct process *process = context;
    if (process->look_due_us != 0)
        timing_add (&process->figures.loop_late, zclock_usecs () - process->look_due_us);
    enum rpc_health health = process->server ? rpc_server_state (process->server) : RPC_STARTING;
    if (health != process->health && health != RPC_DRAINING)
        log_event (health == RPC_SERVING ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
                   health == RPC_SERVING ? "serving" : "not serving", "state", health_name (health),
                   NULL);
    process->health = health;
    // A database that was never there does not change: why it is not is asked for.
    struct error error;
    if (health == RPC_STARTING && process->db && !db_ready (process->db, &error))
        rpc_server_health (process->server, RPC_STARTING, error.text);
    process->look_due_us = zclock_usecs () + HEALTH_LOOK_MS * 1000;
    return 0;
}

static void
reload (struct process *process)
{
    struct error error;
    enum log_level level;
    bool good = config_reload (process->tables, process->argc, process->argv, process->settings,
                               process->settings_size, &error);
    if (!good)
        log_error ("settings not reloaded, the old ones stay in force", "error", error.text, NULL);
    else if (log_level_parse (process->settings->log_level, &level))
        log_level_set (level);
    else
        log_error ("log level not changed", "log_level", process->settings->log_level, NULL);
    if (!rpc_server_reload_peers (process->server, &error))
        log_error ("peers not reloaded, the old ones stay in force", "error", error.text, NULL);
    else
        log_info ("peers reloaded", NULL);
    if (good) {
        log_info ("settings reloaded", NULL);
        if (process->reloaded)
            process->reloaded (process);
    }
}

// Peers close their connections before the socket is.
static bool
left (struct process *process)
{
    int64_t now = zclock_mono ();
    if (!process->leaving) {
        process->leaving = true;
        process->drain_until =
            now + LEAVE_MS < process->drain_until ? now + LEAVE_MS : process->drain_until;
        rpc_server_leave (process->server);
    }
    return rpc_server_left (process->server);
}

// Waits for what was sent to the database for requests whose callers have had an answer already.
static int
on_drain_look (struct loop *loop, int timer, void *context)
{
    (void) loop;
    (void) timer;
    struct process *process = context;
    bool late = zclock_mono () >= process->drain_until;
    if (process->leaving || (process->drained && (!process->db || db_idle (process->db)) &&
                             (!process->idle || process->idle (process)))) {
        process->exit_status = EXIT_SUCCESS;
        return left (process) || late ? -1 : 0;
    }
    if (!late)
        return 0;
    log_warn ("ended before everything was answered", "setting", "drain_timeout_ms", NULL);
    process->exit_status = EXIT_FAILURE;
    return -1;
}

static void
on_drained (void *context)
{
    struct process *process = context;
    process->drained = true;
    if (process->drained_now)
        process->drained_now (process);
}

static void
drain (struct process *process, const char *signal_name)
{
    log_info ("draining", "signal", signal_name, NULL);
    process->draining = true;
    process->drain_until = zclock_mono () + process->settings->drain_timeout_ms;
    loop_timer (process->loop, DRAIN_LOOK_MS, 0, on_drain_look, process);
    rpc_server_drain (process->server, on_drained, process);
    if (process->drain_begins)
        process->drain_begins (process);
}

static int
on_signal (struct loop *loop, int fd, void *context)
{
    (void) loop;
    struct process *process = context;
    struct signalfd_siginfo info;
    while (read (fd, &info, sizeof info) == (ssize_t) sizeof info) {
        const char *name = info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
        if (info.ssi_signo == SIGHUP) {
            reload (process);
        } else if (process->draining) {
            log_warn ("ended at once", "signal", name, NULL);
            process->exit_status = EXIT_FAILURE;
            return -1;
        } else {
            drain (process, name);
        }
    }
    return 0;
}

int
process_run (struct process *process)
{
    process->exit_status = EXIT_FAILURE;
    if (!process->db && !process->database_changed)
        rpc_server_health (process->server, RPC_SERVING, "");
    loop_run (process->loop);
    log_info ("ended", "status", process->exit_status == EXIT_SUCCESS ? "0" : "1", NULL);
    return process->exit_status;
}

void
process_end (struct process *process)
{
    if (!process->name) // never started: 0 is no descriptor of ours
        return;
    db_destroy (&process->db);
    rpc_server_destroy (&process->server);
    resolver_destroy (&process->resolver);
    watch_end (&process->signals);
    loop_destroy (&process->loop);
    zcert_destroy (&process->certificate);
    if (process->signal_fd >= 0)
        close (process->signal_fd);
    process->signal_fd = -1;
    if (process->settings)
        config_free (process->tables, process->settings);
    process->settings = NULL;
}
