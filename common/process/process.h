// What every service process has: settings, log, loop, signals, socket, draining.
//
//     main ():  process_start (…) → the service's own set-up → process_run () → the service's own end → process_end ()
//
// SIGTERM and SIGINT drain (new requests are refused, those in progress finish, for drain_timeout_ms at most); a second one
// leaves at once. At the end of a drain peers are told, and have a second to close their connections. SIGHUP reloads settings, peers file and log level. Signals come through a signalfd in the loop.
#ifndef JETON_PROCESS_H
#define JETON_PROCESS_H

#include "common/config/config.h"
#include "common/db/db.h"
#include "common/net/resolver.h"
#include "common/rpc/server.h"
#include <czmq.h>
#include <stdbool.h>

// The settings that every process has; each process's struct of settings begins with it. Those of the database are only there where there is one.
struct process_settings {
    char *bind, *log_level, *peers, *key, *user, *database_url, *database_password;
    int64_t drain_timeout_ms, in_flight_limit, peer_limit, high_water_mark, backlog_limit,
        message_limit, connection_limit, arena_limit, database_connections, database_queue,
        database_group, database_timeout_ms;
};
extern const struct config_row process_settings_table[], process_database_table[];

// What the system says of the process, for Stats.
struct process_figures {
    uint64_t cpu_us, resident_bytes, descriptors, uptime_ms;
    struct timing loop_late;
};

// Zeroed before process_start, but for the hooks and `owner`.
struct process {
    const char *name; // "admin"; the program is jeton-admin
    struct loop *loop;
    struct watch *signals;
    struct resolver *resolver;
    struct rpc_server *server;
    struct db *db; // NULL without statements
    // Called when db_ready changes. NULL: the health becomes RPC_SERVING, or RPC_STARTING with the reason.
    void (*database_changed) (struct process *process, bool ready);
    // Called after a good SIGHUP, may be NULL.
    void (*reloaded) (struct process *process);
    // Called when the last request was answered after a drain began, may be NULL. What it asks of the database is waited for.
    void (*drained_now) (struct process *process);
    // Called when a drain begins, may be NULL; and then, until it says true, whether what is not requests of the server has come to its end, too: may be NULL.
    void (*drain_begins) (struct process *process);
    bool (*idle) (struct process *process);
    void *owner;
    bool planned_once; // of the database's options
    // Set by process_start. This life of the process: random. What its sessions are called in the database, "jeton-admin 1f2e3d4c/…": the part up to
    // the slash is the same for all lives of a process at the same address.
    uint64_t instance;
    char application_prefix[40], application[64];
    bool draining; // it is about to end: begin nothing of your own
    // private
    struct config_row bind_row[2]; // gives `bind` the process's own default
    const struct config_row *tables[8];
    int argc;
    char **argv;
    struct process_settings *settings;
    zcert_t *certificate;
    size_t settings_size;
    int signal_fd;
    bool drained, leaving;
    enum rpc_health health; // the last that the log was told
    int64_t drain_until;    // zclock_mono
    int exit_status;
    struct process_figures figures;
    int64_t started_ms;  // zclock_mono
    int64_t look_due_us; // when the loop should call on_health_look: zclock_usecs; 0: not known yet
};

// process_start (process, name, default_bind, tables, statements, summary, settings, size, argc, argv):
// Read the settings, open the log, bind the socket, drop privileges (setting `user`), begin to connect to the database, which must have
// the schema JETON_SCHEMA_VERSION. `statements` NULL: a process without database. Returns -1 to go on, or the status to exit with
// (0 after --help and its like, 64 for wrong settings, 69 when the socket cannot be bound, 71 when the system refuses something; the
// reason has been printed, everything is freed). The server is in RPC_STARTING. `tables`, at most 5, begins with process_settings_table.
// Signals are blocked in this thread and in those that it starts from then on.
int process_start (struct process *process, const char *name, const char *default_bind,
                   const struct config_row *const *tables, const struct db_statement *statements,
                   const char *summary, void *settings, size_t size, int argc, char **argv)
    __attribute__ ((warn_unused_result));

// process_run (process): Run the loop until it has drained. Returns the exit status: 0 after a drain, 1 when it was cut short by
// drain_timeout_ms or a second signal. A process without database and without a database_changed of its own serves from here on.
int process_run (struct process *process) __attribute__ ((warn_unused_result));

// process_end (process): Free all, in reverse. Idempotent, copes with half-started. Database calls that are still open end through
// their callbacks from here: what those use is freed afterwards. A worker pool is destroyed before, since its jobs end requests.
void process_end (struct process *process);

#endif
