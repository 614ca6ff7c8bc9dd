// Replies of one turn of the loop to the same connection, which go in one frame: what a frame costs, libzmq's queues, its encryption and a system call, is more than a short
// reply costs.
#include "common/memory/memory.h"
#include "common/rpc/internal.h"
#include "common/rpc/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { REPLIES_TAG = 7 << 3 | 2 };

struct rpc_gather {
    struct node link; // server's gathers, while there are any
    int fd;
    size_t n, failures;
    zmq_msg_t frames[RPC_GATHER_MAX];
};

// A Reply that has nothing but replies. False: no memory.
static bool
frames_join (struct rpc_gather *gather, zmq_msg_t *frame_r)
{
    size_t size = 0;
    for (size_t i = 0; i < gather->n; i++) {
        size_t one = zmq_msg_size (&gather->frames[i]);
        size += 1 + wire_varint_size (one) + one;
    }
    if (zmq_msg_init_size (frame_r, size) != 0)
        return false;
    uint8_t *at = zmq_msg_data (frame_r);
    for (size_t i = 0; i < gather->n; i++) {
        size_t one = zmq_msg_size (&gather->frames[i]);
        *at++ = REPLIES_TAG;
        at += wire_varint_write (one, at);
        memcpy (at, zmq_msg_data (&gather->frames[i]), one);
        at += one;
    }
    assert (at == (uint8_t *) zmq_msg_data (frame_r) + size);
    return true;
}

static void
gather_clear (struct rpc_gather *gather)
{
    for (size_t i = 0; i < gather->n; i++)
        zmq_msg_close (&gather->frames[i]);
    gather->n = gather->failures = 0;
    node_remove (&gather->link);
}

// One alone goes as it is.
static void
gather_send (struct rpc_server *server, struct rpc_gather *gather)
{
    // To send may end the connection, and its gather.
    int fd = gather->fd;
    size_t n = gather->n, failures = gather->failures;
    uint8_t routing[RPC_ROUTING_SIZE];
    zmq_msg_t frame;
    memcpy (routing, server->connections[fd].routing, sizeof routing);
    bool joined = gather->n > 1 && frames_join (gather, &frame);
    if (gather->n == 1) {
        zmq_msg_init (&frame);
        zmq_msg_move (&frame, &gather->frames[0]);
        joined = true;
    }
    gather_clear (gather);
    if (joined && rpc_frame_deliver (server, fd, routing, sizeof routing, &frame, n)) {
        server->counters.replies += n;
        server->counters.failures += failures;
    } else {
        server->counters.lost += n;
        rpc_connection_miss (server, fd);
    }
    if (joined)
        zmq_msg_close (&frame);
}

bool
rpc_gather_add (struct rpc_server *server, int fd, const uint8_t *routing, size_t routing_size,
                zmq_msg_t *frame, bool failure)
{
    struct rpc_connection *connection = rpc_connection_of (server, fd, routing, routing_size);
    if (connection == NULL || !connection->gathers || zmq_msg_size (frame) > RPC_GATHER_SIZE_MAX)
        return false;
    struct rpc_gather *gather = connection->gather;
    if (gather == NULL) {
        gather = connection->gather = xcalloc (1, sizeof *gather);
        node_init (&gather->link);
        gather->fd = fd;
    }
    if (gather->n == 0)
        list_append (&server->gathers, &gather->link);
    zmq_msg_init (&gather->frames[gather->n]);
    zmq_msg_move (&gather->frames[gather->n++], frame);
    gather->failures += failure;
    reader_late (server->reader);
    if (gather->n == RPC_GATHER_MAX)
        gather_send (server, gather);
    return true;
}

void
rpc_gathers_send (struct rpc_server *server)
{
    while (!list_empty (&server->gathers))
        gather_send (server, NODE_OWNER (server->gathers.next, struct rpc_gather, link));
}

void
rpc_gather_drop (struct rpc_server *server, struct rpc_connection *connection)
{
    struct rpc_gather *gather = connection->gather;
    if (gather == NULL)
        return;
    server->counters.lost += gather->n;
    gather_clear (gather);
    free (gather);
    connection->gather = NULL;
}
