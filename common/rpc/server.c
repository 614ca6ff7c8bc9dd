#include "common/rpc/server.h"
#include "common/memory/memory.h"
#include "common/net/bind.h"
#include "common/rpc/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEARTBEAT_INTERVAL_MS = 1000,
    HEARTBEAT_TIMEOUT_MS = 3000,
    HANDSHAKE_TIMEOUT_MS = 3000,
    LINGER_MS = 1000, // for the last replies of a server that ends
    BACKLOG = 512,
    CURVE_OVERHEAD = 64, // a frame grows by less than this when it is encrypted
};

static void
options_copy (struct rpc_server *server, const struct rpc_server_options *options)
{
    server->options = *options;
    server->options.bind = server->bind = xstrdup (options->bind);
    server->options.service = server->service = xstrdup (options->service);
    server->options.peers_path = server->peers_path = xstrdup (options->peers_path);
    uint32_t *in_flight = &server->options.in_flight_limit, *peer = &server->options.peer_limit;
    *in_flight = *in_flight != 0 ? *in_flight : 4096;
    *peer = *peer != 0 ? *peer : *in_flight;
    if (server->options.high_water_mark == 0)
        server->options.high_water_mark = 1000;
    if (server->options.backlog_limit == 0)
        server->options.backlog_limit = 16 << 20;
    if (server->options.message_limit == 0)
        server->options.message_limit = 128 * 1024;
    if (server->options.arena_limit == 0)
        server->options.arena_limit = 4 << 20;
}

static void
socket_set (struct rpc_server *server, int option, int value)
{
    int rc = zmq_setsockopt (zsock_resolve (server->socket), option, &value, sizeof value);
    assert (rc == 0);
}

static void
socket_configure (struct rpc_server *server)
{
    int64_t frame_limit = (int64_t) server->options.message_limit + CURVE_OVERHEAD;
    int rc = zmq_setsockopt (zsock_resolve (server->socket), ZMQ_MAXMSGSIZE, &frame_limit,
                             sizeof frame_limit);
    assert (rc == 0);
    socket_set (server, ZMQ_ROUTER_MANDATORY, 1);
    socket_set (server, ZMQ_SNDHWM, (int) server->options.high_water_mark);
    socket_set (server, ZMQ_RCVHWM, (int) server->options.high_water_mark);
    socket_set (server, ZMQ_HEARTBEAT_IVL, HEARTBEAT_INTERVAL_MS);
    socket_set (server, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    socket_set (server, ZMQ_HANDSHAKE_IVL, HANDSHAKE_TIMEOUT_MS);
    socket_set (server, ZMQ_LINGER, LINGER_MS);
    socket_set (server, ZMQ_BACKLOG, BACKLOG);
    socket_set (server, ZMQ_IPV6, strchr (server->bind, '[') != NULL);
    zsock_set_zap_domain (server->socket, "jeton");
    zcert_apply (server->options.certificate, server->socket);
    zsock_set_curve_server (server->socket, 1);
}

static bool
socket_open (struct rpc_server *server, struct error *error_r)
{
    const int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED |
                       ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                       ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    server->socket = zsock_new (ZMQ_ROUTER);
    if (server->socket != NULL) {
        socket_configure (server);
        server->monitor =
            rpc_monitor_new (server->loop, server->socket, events, rpc_admission_event, server);
    }
    if (server->monitor == NULL) {
        error_set (error_r, "cannot make a socket: %s", zmq_strerror (errno));
        return false;
    }
    if (zmq_bind (zsock_resolve (server->socket), server->bind) != 0) {
        error_set (error_r, "setting bind: cannot listen at %s: %s%s", server->bind,
                   zmq_strerror (errno), bind_advice (errno));
        return false;
    }
    server->endpoint = zsock_last_endpoint (server->socket);
    server->reader = reader_new (server->loop, server->socket, false, rpc_receive_readable, server);
    reader_flush (server->reader, rpc_receive_flush);
    return true;
}

struct rpc_server *
rpc_server_new (struct loop *loop, const struct rpc_server_options *options, struct error *error_r)
{
    struct rpc_server *server = xcalloc (1, sizeof *server);
    server->loop = loop;
    server->started_ms = zclock_mono ();
    server->health = RPC_STARTING;
    options_copy (server, options);
    rpc_inflight_init (server);
    server->alarm = alarm_new (loop, rpc_inflight_turn, server);
    rpc_builtin_add (server);
    server->peers = peers_load (server->peers_path, error_r);
    if (server->peers == NULL || !rpc_admission_open (server, error_r) ||
        !socket_open (server, error_r))
        rpc_server_destroy (&server);
    return server;
}

void
rpc_server_destroy (struct rpc_server **server_p)
{
    struct rpc_server *server = *server_p;
    if (server == NULL)
        return;
    if (server->draining && server->socket != NULL)
        rpc_receive_last (server);
    if (server->socket != NULL)
        rpc_gathers_send (server);
    rpc_monitor_destroy (&server->monitor);
    if (server->socket != NULL) {
        reader_destroy (&server->reader);
        if (server->endpoint != NULL)
            zsock_unbind (server->socket, "%s", server->endpoint);
        zsock_destroy (&server->socket);
    }
    rpc_admission_close (server);
    alarm_destroy (&server->alarm);
    rpc_inflight_free (server);
    peers_destroy (&server->peers);
    zstr_free (&server->endpoint);
    for (size_t i = 0; i < server->nroutes; i++)
        free (server->routes[i].tally);
    free (server->routes);
    free (server->sources);
    free (server->bind);
    free (server->service);
    free (server->peers_path);
    free (server);
    *server_p = NULL;
}

static int
route_compare (const void *a, const void *b)
{
    return strcmp (((const struct rpc_route *) a)->name, ((const struct rpc_route *) b)->name);
}

static const struct rpc_method *
row_find (const struct rpc_service *service, const char *name)
{
    for (const struct rpc_method *row = service->methods; row->name != NULL; row++)
        if (strcmp (row->name, name) == 0)
            return row;
    fprintf (stderr, "%s/%s has no row\n", service->descriptor->name, name);
    abort ();
}

void
rpc_server_codec (struct rpc_server *server, const char *method, const struct rpc_codec *codec)
{
    struct rpc_route *route = rpc_route_find (server, method);
    assert (route != NULL);
    route->codec = codec;
}

void
rpc_server_gate (struct rpc_server *server, rpc_handler *gate)
{
    server->gate = gate;
}

void
rpc_server_add (struct rpc_server *server, const struct rpc_service *service)
{
    const ProtobufCServiceDescriptor *descriptor = service->descriptor;
    size_t rows = 0;
    while (service->methods[rows].name != NULL)
        rows++;
    assert (rows ==
            descriptor->n_methods); // with row_find: each method has its row, each row its method
    server->routes = xrealloc (server->routes, (server->nroutes + rows) * sizeof *server->routes);
    for (size_t i = 0; i < rows; i++) {
        const ProtobufCMethodDescriptor *method = &descriptor->methods[i];
        struct rpc_route *route = &server->routes[server->nroutes++];
        memset (route, 0, sizeof *route);
        int length =
            snprintf (route->name, sizeof route->name, "%s/%s", descriptor->name, method->name);
        assert (length > 0 && (size_t) length < sizeof route->name);
        route->row = row_find (service, method->name);
        assert (route->row->handler != NULL && route->row->roles != 0);
        route->input = method->input;
        route->tally = xcalloc (1, sizeof *route->tally);
        route->owner = service->owner;
    }
    qsort (server->routes, server->nroutes, sizeof *server->routes, route_compare);
    for (size_t i = 1; i < server->nroutes; i++)
        assert (strcmp (server->routes[i - 1].name, server->routes[i].name) != 0);
}

void
rpc_server_health (struct rpc_server *server, enum rpc_health state, const char *reason)
{
    server->health = state;
    error_set (&server->reason, "%s", reason);
}

enum rpc_health
rpc_server_state (const struct rpc_server *server)
{
    return server->draining ? RPC_DRAINING : server->health;
}

void
rpc_server_drain (struct rpc_server *server, void (*done) (void *context), void *context)
{
    struct rpc_answer answer = {.code = JETON__V1__CODE__CODE_UNAVAILABLE,
                                .message = "the server is ending"};
    server->draining = true;
    server->drained = done;
    server->drained_context = context;
    for (struct node *node = server->in_flight.next; node != &server->in_flight;
         node = node->next) {
        struct request *request = NODE_OWNER (node, struct request, link);
        if ((request->route->row->flags & RPC_STREAM) != 0)
            rpc_request_answer (request, &answer);
    }
    alarm_by (server->alarm, 0);
}

void
rpc_server_leave (struct rpc_server *server)
{
    assert (server->draining);
    server->leaving = true;
    rpc_gathers_send (server);
    rpc_answer_last (server);
}

bool
rpc_server_left (const struct rpc_server *server)
{
    for (size_t i = 0; i < server->nconnections; i++)
        if (server->connections[i].open && server->connections[i].told)
            return false;
    return true;
}

// A stream would go on without another message of its peer.
static void
streams_review (struct rpc_server *server)
{
    struct rpc_answer answer = {.code = JETON__V1__CODE__CODE_PERMISSION_DENIED,
                                .message = "the peers file does not allow this any more"};
    for (struct node *node = server->in_flight.next; node != &server->in_flight;
         node = node->next) {
        struct request *request = NODE_OWNER (node, struct request, link);
        const struct rpc_method *row = request->route->row;
        const struct peer *peer = peers_by_key (server->peers, request->peer.key);
        if ((row->flags & RPC_STREAM) != 0 && (peer == NULL || (peer->roles & row->roles) == 0))
            rpc_request_answer (request, &answer);
    }
}

bool
rpc_server_reload_peers (struct rpc_server *server, struct error *error_r)
{
    struct peers *peers = peers_load (server->peers_path, error_r);
    if (peers == NULL)
        return false;
    peers_destroy (&server->peers);
    server->peers = peers;
    streams_review (server);
    return true;
}

const char *
rpc_server_endpoint (const struct rpc_server *server)
{
    return server->endpoint;
}
