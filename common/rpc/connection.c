#include "common/log/log.h"
#include "common/rpc/client_internal.h"
#include "common/rpc/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEARTBEAT_INTERVAL_MS = 1000,
    HEARTBEAT_TIMEOUT_MS = 3000,
    HANDSHAKE_TIMEOUT_MS = 3000,
    CONNECT_TIMEOUT_MS = 2000,
    RETRY_MIN_MS = 50,
    RETRY_MAX_MS = 1000,
    UNWILLING_MS = 1000, // then it is asked again
    SEVERAL_TAG = 4 << 3 | 2,
};

static void
socket_close (struct rpc_outlet *outlet)
{
    if (outlet->socket == NULL)
        return;
    rpc_monitor_destroy (&outlet->monitor);
    reader_destroy (&outlet->reader);
    zsock_destroy (&outlet->socket);
}

// Takes up to n replies. False: there are no more, or the connection has been closed.
static bool
replies_take (struct rpc_outlet *outlet, size_t n)
{
    void *socket = zsock_resolve (outlet->socket);
    zmq_msg_t frame;
    zmq_msg_init (&frame);
    bool more = true;
    for (size_t i = 0; i < n && more; i++) {
        int rc = zmq_msg_recv (&frame, socket, ZMQ_DONTWAIT);
        if (rc == -1 && errno == EINTR)
            continue;
        more = rc != -1;
        if (more)
            i += rpc_deliver (outlet, zmq_msg_data (&frame), zmq_msg_size (&frame)) - 1;
    }
    zmq_msg_close (&frame);
    return more;
}

// ---- what goes together -------------------------------------------------------------------------------------------------

bool
rpc_outlet_gather (struct rpc_outlet *outlet, struct rpc_call *call)
{
    if (!outlet->gathers || call->frame_size > RPC_CLIENT_GATHER_SIZE_MAX)
        return false;
    if (outlet->ngathering == RPC_CLIENT_GATHER_MAX)
        rpc_outlet_flush (outlet);
    list_append (&outlet->gathering, &call->link);
    outlet->ngathering++;
    reader_late (outlet->reader);
    return true;
}

// A ClientMessage with several requests. Each frame is one with one, and so already what the field of one is in Requests.
static bool
frames_send (struct rpc_outlet *outlet, const struct node *list)
{
    const struct rpc_call *only = NODE_OWNER (list->next, struct rpc_call, link);
    if (list->next->next == list)
        return rpc_outlet_send (outlet, only->frame, only->frame_size);
    uint8_t data[1 + 5 + RPC_CLIENT_GATHER_MAX * RPC_CLIENT_GATHER_SIZE_MAX], *at = data;
    size_t size = 0;
    for (const struct node *node = list->next; node != list; node = node->next)
        size += NODE_OWNER (node, struct rpc_call, link)->frame_size;
    *at++ = SEVERAL_TAG;
    at += wire_varint_write (size, at);
    for (const struct node *node = list->next; node != list; node = node->next) {
        const struct rpc_call *call = NODE_OWNER (node, struct rpc_call, link);
        memcpy (at, call->frame, call->frame_size);
        at += call->frame_size;
    }
    return rpc_outlet_send (outlet, data, (size_t) (at - data));
}

void
rpc_outlet_flush (struct rpc_outlet *outlet)
{
    struct node gathered;
    node_init (&gathered);
    list_move (&outlet->gathering, &gathered);
    outlet->ngathering = 0;
    if (list_empty (&gathered))
        return;
    bool sent = outlet->socket != NULL && frames_send (outlet, &gathered);
    if (!sent)
        outlet->gathers =
            false; // until it shows again that it takes them: those that start again go by themselves, or wait
    while (!list_empty (&gathered)) {
        struct rpc_call *call = NODE_OWNER (gathered.next, struct rpc_call, link);
        node_remove (&call->link);
        if (sent)
            rpc_call_sent (call);
        else
            rpc_call_unsent (call);
    }
}

static void
outlet_flush (void *context)
{
    rpc_outlet_flush (context);
}

// ---- one connection ------------------------------------------------------------------------------------------------------

static bool
outlet_readable (void *context)
{
    return replies_take (context, RPC_CLIENT_BATCH);
}

void
rpc_client_receive (struct rpc_client *client)
{
    struct node *node = client->outlets.next, *next;
    for (; node != &client->outlets; node = next) {
        next = node->next; // what is received may end a call, not another outlet
        struct rpc_outlet *outlet = NODE_OWNER (node, struct rpc_outlet, link);
        if (outlet->socket != NULL && outlet->state == RPC_UP &&
            replies_take (outlet, RPC_CLIENT_BATCH))
            reader_unread (outlet->reader);
    }
}

static const char *
state_name (enum rpc_connection_state state)
{
    switch (state) {
    case RPC_CONNECTING:
        return "connecting";
    case RPC_UP:
        return "up";
    case RPC_UNREACHABLE:
        return "not reachable";
    case RPC_REFUSED:
        return "refused: our key is not in its peers file";
    }
    return "";
}

static void
state_change (struct rpc_outlet *outlet, enum rpc_connection_state state)
{
    if (outlet->state == state)
        return;
    bool down = outlet->state == RPC_UP || state == RPC_REFUSED;
    outlet->state = state;
    if (down)
        log_warn ("connection", "address", outlet->address, "state", state_name (state), NULL);
    else if (state == RPC_UP)
        log_info ("connection", "address", outlet->address, "state", state_name (state), NULL);
}

// The socket is done with: a fresh one follows. libzmq would not try again after what it takes for a protocol error, such as a key
// that is refused, and nothing that was queued for the old connection can go out on the new one.
static void
outlet_lost (struct rpc_outlet *outlet)
{
    // What had come before the loss counts. It stops when there is no more: the connection is gone.
    bool was_up = outlet->state == RPC_UP;
    if (outlet->state != RPC_REFUSED)
        state_change (outlet, RPC_UNREACHABLE);
    while (was_up && replies_take (outlet, RPC_CLIENT_BATCH))
        continue;
    socket_close (outlet);
    outlet->retry_at_ms = zclock_mono () + outlet->backoff_ms;
    outlet->backoff_ms *= 2;
    if (outlet->backoff_ms > RETRY_MAX_MS)
        outlet->backoff_ms = RETRY_MAX_MS;
    alarm_by (outlet->client->alarm, outlet->leaving ? 0 : outlet->retry_at_ms);
    struct node lost;
    node_init (&lost);
    list_move (&outlet->calls, &lost);
    rpc_outlet_flush (outlet); // there is no socket: they go elsewhere
    while (!list_empty (&lost))
        rpc_call_lost (NODE_OWNER (lost.next, struct rpc_call, link));
}

void
rpc_outlet_end (struct rpc_outlet *outlet)
{
    outlet->ended = true;
    state_change (outlet, RPC_UNREACHABLE);
    alarm_by (outlet->client->alarm, 0);
}

void
rpc_outlet_unwilling (struct rpc_outlet *outlet)
{
    outlet->unwilling_id = outlet->client->last_id;
    outlet->unwilling_until_ms = zclock_mono () + UNWILLING_MS;
    alarm_by (outlet->client->alarm, outlet->unwilling_until_ms);
}

// Who has said so is told of the server's end.
static void
outlet_greet (struct rpc_outlet *outlet)
{
    static const uint8_t nothing[] = {2 << 3 | 2, 0};
    if (!rpc_outlet_send (outlet, nothing, sizeof nothing))
        return; // it is about to be found lost
}

// One that ends still answers what it had begun.
void
rpc_outlet_willing (struct rpc_outlet *outlet, const struct rpc_call *call)
{
    if (call->id > outlet->unwilling_id)
        outlet->unwilling_id = 0;
}

static void
unwilling_turn (struct rpc_outlet *outlet, int64_t now)
{
    if (outlet->unwilling_id == 0)
        return;
    if (outlet->unwilling_until_ms <= now)
        outlet->unwilling_id = 0;
    else
        alarm_by (outlet->client->alarm, outlet->unwilling_until_ms);
}

static void
outlet_up (struct rpc_outlet *outlet)
{
    outlet->unwilling_id = 0;
    outlet->backoff_ms = RETRY_MIN_MS;
    state_change (outlet, RPC_UP);
    // Makes the socket take notice of the connection; sending alone may not look.
    reader_look (outlet->reader);
    outlet_greet (outlet);
    rpc_calls_wake (outlet->client);
}

static bool
outlet_event (void *context, unsigned event, uint32_t value)
{
    (void) value;
    struct rpc_outlet *outlet = context;
    struct rpc_client *client = outlet->client;
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        outlet_up (outlet);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        state_change (outlet, RPC_REFUSED);
        alarm_by (client->alarm, 0);
        break;
    case ZMQ_EVENT_CONNECT_RETRIED:
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        state_change (outlet, RPC_UNREACHABLE);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        outlet_lost (outlet);
        return false;
    default: // an int, and events that were not asked for
        break;
    }
    return true;
}

static void
option_set (void *socket, int option, int value)
{
    int rc = zmq_setsockopt (socket, option, &value, sizeof value);
    assert (rc == 0);
}

static void
socket_configure (struct rpc_outlet *outlet)
{
    const struct rpc_client_options *options = &outlet->client->options;
    void *socket = zsock_resolve (outlet->socket);
    int64_t frame_limit = RPC_CLIENT_FRAME_LIMIT;
    int rc = zmq_setsockopt (socket, ZMQ_MAXMSGSIZE, &frame_limit, sizeof frame_limit);
    assert (rc == 0);
    option_set (socket, ZMQ_IMMEDIATE, 1);
    option_set (socket, ZMQ_LINGER, 0);
    option_set (socket, ZMQ_SNDHWM, (int) options->in_flight_limit + 1000);
    option_set (socket, ZMQ_RCVHWM, (int) options->in_flight_limit + 1000);
    option_set (socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_INTERVAL_MS);
    option_set (socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    option_set (socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_TIMEOUT_MS);
    option_set (socket, ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS);
    option_set (socket, ZMQ_RECONNECT_IVL, RETRY_MIN_MS);
    option_set (socket, ZMQ_RECONNECT_IVL_MAX, RETRY_MAX_MS);
    option_set (socket, ZMQ_IPV6, 1);
    zcert_apply (options->certificate, outlet->socket);
    zsock_set_curve_serverkey (outlet->socket, outlet->client->server_key);
}

static bool
socket_open (struct rpc_outlet *outlet)
{
    const int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                       ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                       ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED;
    outlet->socket = zsock_new (ZMQ_DEALER);
    if (outlet->socket == NULL)
        return false;
    socket_configure (outlet);
    outlet->monitor =
        rpc_monitor_new (outlet->client->loop, outlet->socket, events, outlet_event, outlet);
    if (outlet->monitor == NULL ||
        zmq_connect (zsock_resolve (outlet->socket), outlet->address) != 0) {
        rpc_monitor_destroy (&outlet->monitor);
        zsock_destroy (&outlet->socket);
        return false;
    }
    outlet->reader = reader_new (outlet->client->loop, outlet->socket,
                                 outlet->client->options.urgent, outlet_readable, outlet);
    reader_flush (outlet->reader, outlet_flush);
    outlet->gathers = outlet->ended = false;
    return true;
}

void
rpc_outlet_turn (struct rpc_outlet *outlet, int64_t now)
{
    if (outlet->leaving && outlet->outstanding == 0) {
        rpc_outlet_destroy (&outlet);
        return;
    }
    unwilling_turn (outlet, now);
    if (outlet->ended && outlet->socket != NULL)
        outlet_lost (outlet);
    if (outlet->socket != NULL)
        return;
    if (outlet->retry_at_ms <= now && !socket_open (outlet))
        outlet->retry_at_ms = now + RETRY_MAX_MS; // no more sockets
    if (outlet->socket == NULL)
        alarm_by (outlet->client->alarm, outlet->retry_at_ms);
}

void
rpc_outlet_new (struct rpc_endpoint *endpoint, char *address)
{
    struct rpc_outlet *outlet = xcalloc (1, sizeof *outlet);
    outlet->client = endpoint->client;
    outlet->endpoint = endpoint;
    outlet->address = address;
    outlet->number = ++endpoint->client->last_number;
    outlet->backoff_ms = RETRY_MIN_MS;
    node_init (&outlet->link);
    node_init (&outlet->calls);
    node_init (&outlet->gathering);
    list_append (&endpoint->client->outlets, &outlet->link);
    rpc_choose_hash (address, strlen (address), outlet->hash);
    alarm_by (outlet->client->alarm, 0);
}

// Its calls must have been taken off it, or be about to be freed.
void
rpc_outlet_destroy (struct rpc_outlet **outlet_p)
{
    struct rpc_outlet *outlet = *outlet_p;
    socket_close (outlet);
    node_remove (&outlet->link);
    free (outlet->address);
    free (outlet);
    *outlet_p = NULL;
}

bool
rpc_outlet_send (struct rpc_outlet *outlet, const void *data, size_t size)
{
    void *socket = zsock_resolve (outlet->socket);
    int rc;
    do
        rc = zmq_send (socket, data, size, ZMQ_DONTWAIT);
    while (rc == -1 && errno == EINTR);
    reader_used (outlet->reader);
    return rc != -1;
}
