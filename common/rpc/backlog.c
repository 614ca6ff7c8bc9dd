// Replies that a connection's queue had no room for. libzmq keeps high_water_mark of them and drops the rest; here as many again wait their turn.
// While any do, new requests of the connection are refused (dispatch.c), so that whoever reads its replies is never cut off: a refusal is
// shorter than what it refuses.
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/rpc/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct waiting {
    struct waiting *next;
    size_t replies;
    zmq_msg_t frame;
};

struct rpc_backlog {
    struct node link; // server's backlogs
    int fd;
    struct waiting *first, **end;
    size_t n, bytes; // n: replies
};

struct rpc_connection *
rpc_connection_of (struct rpc_server *server, int fd, const uint8_t *routing, size_t routing_size)
{
    if (fd < 0 || (size_t) fd >= server->nconnections || routing_size != RPC_ROUTING_SIZE)
        return NULL;
    struct rpc_connection *connection = &server->connections[fd];
    bool same = connection->open && connection->known &&
                memcmp (connection->routing, routing, RPC_ROUTING_SIZE) == 0;
    return same ? connection : NULL;
}

size_t
rpc_backlog_size (const struct rpc_server *server, int fd)
{
    const struct rpc_backlog *backlog =
        fd >= 0 && (size_t) fd < server->nconnections ? server->connections[fd].backlog : NULL;
    return backlog != NULL ? backlog->n : 0;
}

static void
first_remove (struct rpc_server *server, struct rpc_backlog *backlog)
{
    struct waiting *waiting = backlog->first;
    backlog->first = waiting->next;
    if (backlog->first == NULL)
        backlog->end = &backlog->first;
    backlog->n -= waiting->replies;
    backlog->bytes -= zmq_msg_size (&waiting->frame);
    server->counters.waiting -= waiting->replies;
    zmq_msg_close (&waiting->frame);
    free (waiting);
}

void
rpc_backlog_drop (struct rpc_server *server, struct rpc_connection *connection)
{
    struct rpc_backlog *backlog = connection->backlog;
    if (backlog == NULL)
        return;
    server->counters.lost += backlog->n;
    connection->missed |= backlog->n > 0;
    while (backlog->first != NULL)
        first_remove (server, backlog);
    node_remove (&backlog->link);
    free (backlog);
    connection->backlog = NULL;
}

// It leaves its replies where they are. Its calls are to learn that none will come, rather than to miss some without a word, and libzmq knows no other
// way to end one connection. Should the descriptor stand for another by now, because the peer has gone at this very moment, that one connects again.
static void
connection_cut (struct rpc_server *server, int fd)
{
    rpc_monitor_drain (server->monitor); // may move the connections
    const struct rpc_connection *connection = &server->connections[fd];
    if (!connection->open || connection->backlog == NULL)
        return;
    log_warn ("a peer does not take its replies: its connection is closed", NULL);
    server->counters.cut++;
    shutdown (fd, SHUT_RDWR);
    rpc_connection_gone (server, fd);
}

static struct rpc_backlog *
backlog_new (struct rpc_server *server, struct rpc_connection *connection)
{
    struct rpc_backlog *backlog = xcalloc (1, sizeof *backlog);
    node_init (&backlog->link);
    backlog->fd = (int) (connection - server->connections);
    backlog->end = &backlog->first;
    list_append (&server->backlogs, &backlog->link);
    alarm_by (server->alarm, zclock_mono () + RPC_WAITING_MS);
    return backlog;
}

bool
rpc_backlog_keep (struct rpc_server *server, int fd, const uint8_t *routing, size_t routing_size,
                  zmq_msg_t *frame, size_t replies)
{
    struct rpc_connection *connection = rpc_connection_of (server, fd, routing, routing_size);
    if (connection == NULL) {
        errno = EHOSTUNREACH;
        return false;
    }
    if (connection->backlog == NULL)
        connection->backlog = backlog_new (server, connection);
    struct rpc_backlog *backlog = connection->backlog;
    size_t size = zmq_msg_size (frame);
    if (backlog->n >= server->options.high_water_mark ||
        (backlog->n > 0 && backlog->bytes + size > server->options.backlog_limit)) {
        connection_cut (server, fd);
        errno = EHOSTUNREACH;
        return false;
    }
    struct waiting *waiting = xcalloc (1, sizeof *waiting);
    waiting->replies = replies;
    zmq_msg_init (&waiting->frame);
    zmq_msg_move (&waiting->frame, frame);
    *backlog->end = waiting;
    backlog->end = &waiting->next;
    backlog->n += replies;
    backlog->bytes += size;
    server->counters.waiting += replies;
    return true;
}

void
rpc_backlogs_send (struct rpc_server *server)
{
    struct node *node = server->backlogs.next, *next;
    for (; node != &server->backlogs; node = next) {
        next = node->next;
        struct rpc_backlog *backlog = NODE_OWNER (node, struct rpc_backlog, link);
        struct rpc_connection *connection = &server->connections[backlog->fd];
        bool sent = true;
        while (backlog->first != NULL && sent) {
            sent = rpc_frame_send (server, connection->routing, RPC_ROUTING_SIZE,
                                   &backlog->first->frame);
            if (sent)
                first_remove (server, backlog);
        }
        if (sent || errno != EAGAIN)
            rpc_backlog_drop (server, connection);
    }
    if (!list_empty (&server->backlogs))
        alarm_by (server->alarm, zclock_mono () + RPC_WAITING_MS);
}
