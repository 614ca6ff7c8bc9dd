#include "common/process/process.h"

#define FIELD(name) offsetof (struct process_settings, name)
#define TEXT(name, type, initial, reloadable, help)                                                \
    {                                                                                              \
#name, type, FIELD(name), initial, 0, 0, reloadable, help                                  \
    }
#define NUMBER(name, initial, minimum, maximum, reloadable, help)                                  \
    {                                                                                              \
#name, CONFIG_NUMBER, FIELD(name), initial, minimum, maximum, reloadable, help             \
    }

const struct config_row process_settings_table[] = {
    TEXT (bind, CONFIG_TEXT, "", false, "the endpoint that is served, as ZeroMQ writes it"),
    TEXT (log_level, CONFIG_TEXT, "info", true, "debug, info, warn or error"),
    TEXT (peers, CONFIG_PATH, "", false,
          "file with the peers: key, name and roles of each; its content is read again on SIGHUP; "
          "required"),
    TEXT (key, CONFIG_PATH, "", false,
          "file with the CURVE key of the process; its secret part is beside it, with _secret at "
          "the end; required"),
    TEXT (user, CONFIG_TEXT, "", false,
          "the user to become after binding the socket, when started as root; empty: stay root"),
    NUMBER (drain_timeout_ms, "10000", 0, 600000, true,
            "after SIGTERM: how long requests in progress may take, in milliseconds"),
    NUMBER (in_flight_limit, "4096", 1, 1048576, false,
            "requests in progress, of all peers together"),
    NUMBER (peer_limit, "1024", 1, 1048576, false, "requests in progress of one connection"),
    NUMBER (high_water_mark, "4096", 1, 1048576, false,
            "messages queued per connection in each direction"),
    NUMBER (
        backlog_limit, "16777216", 65536, 1073741824, false,
        "replies that may wait beyond that, in bytes, and as many again in number: a connection "
        "that leaves more is closed"),
    NUMBER (message_limit, "1114112", 65536, 16777216, false,
            "size of one frame, in bytes; a larger one costs its sender the connection"),
    NUMBER (connection_limit, "4096", 0, 1048576, false, "connections; 0: no limit"),
    NUMBER (arena_limit, "16777216", 65536, 1073741824, false,
            "memory that one request may use, in bytes"),
    {NULL, CONFIG_TEXT, 0, NULL, 0, 0, false, NULL},
};

const struct config_row process_database_table[] = {
    TEXT (database_url, CONFIG_TEXT, "", false,
          "PostgreSQL: a connection string or postgresql:// URL; required"),
    TEXT (database_password, CONFIG_SECRET, "", false,
          "its password, where the URL or libpq's password file has none"),
    NUMBER (database_connections, "4", 1, 64, false, "connections to the database"),
    NUMBER (database_queue, "8192", 1, 1048576, false,
            "database calls that wait or are in flight; more are refused"),
    NUMBER (database_group, "256", 1, 4096, false,
            "database calls that are committed together, at most"),
    NUMBER (database_timeout_ms, "10000", 100, 600000, false,
            "a connection whose oldest call waited so long is made anew, in milliseconds"),
    {NULL, CONFIG_TEXT, 0, NULL, 0, 0, false, NULL},
};
