// The HTTP server: connections, and libmicrohttpd in the process's loop.
#include "common/log/log.h"
#include "services/gateway/guard_proof.h"
#include "services/gateway/http_internal.h"

#include <czmq.h>
#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RUNS_MAX = 4,     // of MHD in one go
    PAUSE_MIN_MS = 1, // between runs while nothing is known to be left to do
    PAUSE_MAX_MS = 16,
};

// ---- libmicrohttpd ---------------------------------------------------------------------------------------------------

// It may have more to do at once than what descriptors tell of, and says so. But it says so, too, as long as an exchange is held, and while somebody who has begun with TLS does not go on: so
// it is run again at once only if something is known to be left; else now and then, as what it means cannot be told apart.
static void
server_run (struct server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    bool vague = false; // what it says
    server->run_ms = zclock_mono ();
    for (int i = 0; i < RUNS_MAX; i++) {
        bool known = server->again;
        server->again = false;
        MHD_run (server->daemon);
        known |= server->again;
        vague = server->held > 0 || server->tls;
        server->pause_ms = known || server->pause_ms == 0 ? PAUSE_MIN_MS : server->pause_ms;
        if (MHD_get_timeout (server->daemon, &wait_ms) == MHD_NO)
            return;
        if (wait_ms > 0) {
            alarm_by (server->alarm, zclock_mono () + (int64_t) wait_ms);
            return;
        }
        if (vague && !known && server->sending == 0)
            break;
    }
    if (server->again || !vague) {
        alarm_by (server->alarm, 0);
        return;
    }
    alarm_by (server->alarm, server->run_ms + server->pause_ms);
    server->pause_ms = server->pause_ms < PAUSE_MAX_MS ? 2 * server->pause_ms : PAUSE_MAX_MS;
}

void
http_run_soon (struct server *server)
{
    alarm_by (server->alarm, 0);
}

static void
on_server_alarm (void *context)
{
    server_run (context);
    begins_look (context);
}

static int
on_server_ready (struct loop *loop, int fd, void *context)
{
    (void) loop;
    (void) fd;
    on_server_alarm (context);
    return 0;
}

// What a request means is not MHD's to decide: targets stay as they were sent.
static size_t
unescape_not (void *context, struct MHD_Connection *mhd, char *text)
{
    (void) context;
    (void) mhd;
    return strlen (text);
}

__attribute__ ((format (printf, 2, 0))) static void
on_mhd_log (void *context, const char *format, va_list arguments)
{
    (void) context;
    char text[512];
    vsnprintf (text, sizeof text, format, arguments);
    text[strcspn (text, "\n")] = '\0';
    log_debug ("http", "error", text, NULL);
}

static void
connection_end (struct connection *connection)
{
    struct http *http = connection->http;
    guard_socket_remove (&connection->socket);
    begin_end (connection);
    if (connection->linger && !http->ending)
        connection_linger (connection);
    place_give (connection);
    node_remove (&connection->waits);
    node_remove (&connection->link);
    http->stats.open--;
    free (connection);
    if (http->draining && http->stats.open == 0 && http->drained) {
        void (*drained) (void *context) = http->drained;
        http->drained = NULL;
        drained (http->drained_context);
    }
}

static void
on_connection (void *context, struct MHD_Connection *mhd, void **connection_p,
               enum MHD_ConnectionNotificationCode what)
{
    struct http *http = context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        http->accepting->mhd = mhd;
        *connection_p = http->accepting;
        http->accepting = NULL;
    } else if (*connection_p) {
        connection_end (*connection_p);
        *connection_p = NULL;
    }
}

static bool
server_start (struct http *http, struct server *server, bool tls, struct error *error_r)
{
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t) on_mhd_log, http},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t) exchange_begin, http},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t) exchange_completed, http},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t) on_connection, http},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t) unescape_not, http},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t) http->connection_limit + 1, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t) http->pool_size, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL}, // our own are stricter
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {tls ? MHD_OPTION_HTTPS_PRIORITIES : MHD_OPTION_END, 0, (void *) http_tls_priorities},
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, (intptr_t) 0, (void *) http_tls_choose},
        {MHD_OPTION_END, 0, NULL},
    };
    // Without the pipe that would wake another thread: there is none.
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG |
                     (MHD_ALLOW_SUSPEND_RESUME & ~(unsigned) MHD_USE_ITC) | (tls ? MHD_USE_TLS : 0);
    server->http = http;
    server->tls = tls;
    server->daemon = MHD_start_daemon (flags, 0, NULL, NULL, exchange_access, http,
                                       MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (server->daemon == NULL) {
        error_set (error_r, "libmicrohttpd does not start");
        return false;
    }
    int fd = MHD_get_daemon_info (server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    server->watch = loop_watch (http->loop, fd, LOOP_IN, on_server_ready, server);
    server->alarm = alarm_new (http->loop, on_server_alarm, server);
    return true;
}

static void
server_stop (struct server *server)
{
    watch_end (&server->watch);
    if (server->daemon)
        MHD_stop_daemon (server->daemon);
    server->daemon = NULL;
    alarm_destroy (&server->alarm);
}

// ---- connections -------------------------------------------------------------------------------------------------------

static void
on_received (struct guard_socket *guarded)
{
    struct connection *connection = NODE_OWNER (guarded, struct connection, socket);
    begin_end (connection);
    if (guarded->guard.phase == GUARD_IDLE)
        return;
    connection_wait (connection, guarded->guard.phase == GUARD_HEAD ? WAIT_HEAD : WAIT_BODY, false);
    connection->server->again = true; // the rest may be there
}

static void
on_refused (struct guard_socket *guarded)
{
    struct connection *connection = NODE_OWNER (guarded, struct connection, socket);
    struct http_stats *stats = &connection->http->stats;
    stats->malformed += guarded->guard.status != 408;
    stats->responses[guarded->guard.status / 100]++;
    connection->linger = true;
    connection_wait (connection, WAIT_TAKEN, false);
}

void
connection_begin (struct http *http, struct server *server, enum http_listener kind, int fd,
                  const struct sockaddr *address, socklen_t size)
{
    struct connection *connection = xcalloc (1, sizeof *connection);
    *connection = (struct connection){
        .http = http,
        .server = server,
        .listener = kind,
        .fd = fd,
        .socket = {
            .fd = fd, .tls = kind == HTTP_TLS, .received = on_received, .refused = on_refused}};
    node_init (&connection->link);
    node_init (&connection->waits);
    node_init (&connection->begins);
    list_append (&http->connections, &connection->link);
    guard_begin (&connection->socket.guard, (size_t) http->settings->header_limit);
    connection_address (connection, address);
    http->stats.open++;
    if (http->stats.open > http->connection_limit || !place_take (connection) ||
        !guard_socket_place (&connection->socket)) {
        http->stats.connections_refused++;
        connection_end (connection);
        close (fd);
        return;
    }
    http->stats.connections++;
    connection_wait (connection, WAIT_HEAD, false);
    http->accepting = connection;
    // MHD closes it, and says so by on_connection, unless it never took it.
    MHD_add_connection (server->daemon, fd, address, size);
    if (http->accepting == connection) {
        http->accepting = NULL;
        connection_end (connection);
    } else if (kind == HTTP_TLS) {
        begin_start (connection);
    }
    http_run_soon (server);
}

// ---- the server ------------------------------------------------------------------------------------------------------

// As many connections as the settings say, or as descriptors allow.
static bool
descriptors_count (struct http *http, struct error *error_r)
{
    enum { OTHERS = 768, DESCRIPTORS_MAX = 1 << 21 };
    struct rlimit files;
    if (getrlimit (RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < 2 * OTHERS) {
        error_set (error_r,
                   "the process may open %lu files only: %d at least are needed (ulimit -n, "
                   "LimitNOFILE)",
                   (unsigned long) files.rlim_cur, 2 * OTHERS);
        return false;
    }
    size_t descriptors =
        files.rlim_cur < DESCRIPTORS_MAX ? (size_t) files.rlim_cur : DESCRIPTORS_MAX;
    http->connection_limit = (size_t) http->settings->http_connections;
    if (http->connection_limit > descriptors - OTHERS) {
        http->connection_limit = descriptors - OTHERS;
        char text[24];
        snprintf (text, sizeof text, "%zu", http->connection_limit);
        log_warn ("fewer connections than the setting says: the process may not open more files "
                  "(ulimit -n, LimitNOFILE)",
                  "setting", "http_connections", "connections", text, NULL);
    }
    return guard_socket_start (descriptors, error_r);
}

static bool
http_start (struct http *http, struct error *error_r)
{
    const struct http_settings *settings = http->settings;
    if (!trusted_read (http, error_r) || !descriptors_count (http, error_r))
        return false;
    if (*settings->bind_tls) {
        http->certificate = http_tls_new (settings, error_r);
        if (http->certificate == NULL || !server_start (http, &http->tls, true, error_r) ||
            !guard_proof (http, &http->tls, true, error_r))
            return false;
    }
    if (!server_start (http, &http->plain, false, error_r) ||
        !guard_proof (http, &http->plain, false, error_r))
        return false;
    http->stats = (struct http_stats){0};
    return true;
}

struct http *
http_new (struct loop *loop, const struct http_settings *settings, struct error *error_r)
{
    struct http *http = xcalloc (1, sizeof *http);
    http->loop = loop;
    http->settings = settings;
    http->pool_size = (size_t) settings->header_limit + POOL_REST;
    node_init (&http->connections);
    node_init (&http->waiting);
    node_init (&http->spare);
    node_init (&http->plain.begins);
    node_init (&http->tls.begins);
    limits_begin (http);
    for (size_t i = 0; i < LISTENERS; i++)
        http->listeners[i] = (struct listener){.http = http, .fd = -1};
    headers_begin (http);
    http->kept = kept_new ((size_t) settings->kept_answers);
    randombytes_buf (http->correlation, sizeof http->correlation);
    http_serve (http, false, "the gateway is starting");
    if (!http_start (http, error_r))
        http_destroy (&http);
    return http;
}

bool
http_listen (struct http *http, struct error *error_r)
{
    const struct http_settings *settings = http->settings;
    const struct {
        enum http_listener kind;
        const char *setting, *text;
    } binds[LISTENERS] = {{HTTP_TLS, "bind_tls", settings->bind_tls},
                          {HTTP_PLAIN, "bind_plain", settings->bind_plain},
                          {HTTP_PROXY, "bind_proxy", settings->bind_proxy},
                          {HTTP_STATUS, "bind_status", settings->bind_status}};
    for (size_t i = 0; i < LISTENERS; i++) {
        http->listeners[i].kind = binds[i].kind;
        if (!listener_open (&http->listeners[i], binds[i].setting, binds[i].text, error_r))
            return false;
    }
    return true;
}

void
http_serve (struct http *http, bool serving, const char *why)
{
    http->serving = serving;
    snprintf (http->why, sizeof http->why, "%s", why ? why : "");
}

bool
http_reload (struct http *http, struct error *error_r)
{
    return trusted_read (http, error_r) &&
           (http->certificate == NULL ||
            http_tls_reload (http->certificate, http->settings, error_r));
}

void
http_drain (struct http *http, void (*done) (void *context), void *context)
{
    http->draining = true;
    for (size_t i = 0; i < LISTENERS; i++)
        listener_close (&http->listeners[i]);
    for (struct node *node = http->connections.next; node != &http->connections;
         node = node->next) {
        struct connection *connection = NODE_OWNER (node, struct connection, link);
        if (connection->exchange == NULL)
            shutdown (connection->fd, SHUT_RD);
        else if (connection->exchange->stream)
            stream_break (connection->exchange);
    }
    http->drained = done;
    http->drained_context = context;
    if (http->stats.open == 0) {
        http->drained = NULL;
        done (context);
    }
}

// Those that are suspended must be resumed before MHD may be stopped.
static void
waiting_end (struct http *http)
{
    while (!list_empty (&http->waiting)) {
        struct exchange *exchange = NODE_OWNER (http->waiting.next, struct exchange, link);
        if (exchange->stream)
            stream_break (exchange);
        else {
            exchange_lose (exchange);
            exchange_resume (exchange);
        }
    }
}

void
http_destroy (struct http **http_p)
{
    struct http *http = *http_p;
    if (http == NULL)
        return;
    http->drained = NULL;
    http->ending = true;
    for (size_t i = 0; i < LISTENERS; i++)
        listener_close (&http->listeners[i]);
    waiting_end (http);
    begins_end (http);
    server_stop (&http->tls);
    server_stop (&http->plain);
    limits_end (http);
    guard_socket_end ();
    http_tls_destroy (&http->certificate);
    kept_destroy (&http->kept);
    while (!list_empty (&http->spare)) {
        struct exchange *exchange = NODE_OWNER (http->spare.next, struct exchange, link);
        node_remove (&exchange->link);
        exchange_free (exchange);
    }
    free (http->trusted);
    free (http);
    *http_p = NULL;
}

const struct http_stats *
http_stats (const struct http *http)
{
    return &http->stats;
}

const char *
http_endpoint (const struct http *http, enum http_listener listener)
{
    for (size_t i = 0; i < LISTENERS; i++)
        if (http->listeners[i].kind == listener)
            return http->listeners[i].endpoint;
    return "";
}
