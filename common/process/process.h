// What every service process has: settings, log, loop, signals, socket, draining.
//
//     main ():  process_start (…) → the service's own set-up → process_run () → the service's own end → process_end ()
//
// SIGTERM and SIGINT drain (new requests are refused, those in progress finish, for drain_timeout_ms at most); a second one
// leaves at once. SIGHUP reloads settings, peers file and log level. Signals come through a signalfd in the loop.
#ifndef JETON_PROCESS_H
#define JETON_PROCESS_H

#include "common/config/config.h"
#include "common/db/db.h"
#include "common/net/resolver.h"
#include "common/rpc/server.h"
#include <czmq.h>
#include <stdbool.h>

// The settings that every process has; each process's struct of settings begins with it.
struct process_settings {
    char *bind, *log_level, *peers, *key, *user, *database_url, *database_password;
    int64_t drain_timeout_ms, in_flight_limit, peer_limit, high_water_mark, message_limit, connection_limit,
        arena_limit, database_connections, database_queue, database_group, database_timeout_ms;
};
extern const struct config_row process_settings_table[];

struct process {
    const char *name;  // "admin"; the program is jeton-admin
    zloop_t *loop;
    struct resolver *resolver;
    struct rpc_server *server;
    struct db *db;
    // Called when db_ready changes. NULL: the health becomes RPC_SERVING, or RPC_STARTING with the reason.
    void (*database_changed) (struct process *process, bool ready);
    // Called after a good SIGHUP, may be NULL.
    void (*reloaded) (struct process *process);
    void *owner;
    // private
    const struct config_row *const *tables;
    int argc;
    char **argv;
    struct process_settings *settings;
    size_t settings_size;
    zcert_t *certificate;
    int signal_fd;
    bool draining;
    int exit_status;
};

// process_start (process, tables, statements, schema_version, summary, settings, size, argc, argv):
// Read the settings, open the log, start the database connections, bind the socket, drop privileges (setting `user`). Returns -1
// to go on, or the status to exit with (0 after --help, 64 for wrong settings, 69 when the socket cannot be bound; the
// reason has been printed). The server is in RPC_STARTING.
int process_start (struct process *process, const char *name, const char *default_bind,
                   const struct config_row *const *tables, const struct db_statement *statements,
                   const char *summary, void *settings, size_t size, int argc, char **argv)
    __attribute__ ((warn_unused_result));

// process_run (process): Run the loop until it has drained. Returns the exit status: 0 after a drain.
int process_run (struct process *process) __attribute__ ((warn_unused_result));

// process_end (process): Free all, in reverse. Idempotent, copes with half-started.
void process_end (struct process *process);

#endif
