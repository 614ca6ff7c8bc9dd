#include "common/memory/memory.h"
#include "common/rpc/internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
rpc_inflight_init (struct rpc_server *server)
{
    node_init (&server->in_flight);
    node_init (&server->due);
    node_init (&server->stalled);
    node_init (&server->pool);
    node_init (&server->gathers);
    node_init (&server->backlogs);
    size_t buckets = 64;
    while (buckets < server->options.in_flight_limit && buckets < 1 << 20)
        buckets *= 2;
    server->by_id = xcalloc (buckets, sizeof *server->by_id);
    server->by_id_mask = buckets - 1;
}

static void
requests_free (struct node *list)
{
    while (!list_empty (list)) {
        struct request *request = NODE_OWNER (list->next, struct request, link);
        node_remove (&request->link);
        arena_destroy (&request->arena);
        request->magic = 0;
        free (request);
    }
}

void
rpc_inflight_free (struct rpc_server *server)
{
    requests_free (&server->in_flight);
    requests_free (&server->pool);
    deadlines_free (&server->deadlines);
    free (server->by_id);
    for (size_t i = 0; i < server->nconnections; i++) {
        rpc_gather_drop (server, &server->connections[i]);
        rpc_backlog_drop (server, &server->connections[i]);
    }
    free (server->connections);
}

// Requests and their arenas are used again: in the steady state none is allocated. There are never more than in_flight_limit, and
// a few for what is refused; what a burst leaves is given back.
struct request *
rpc_request_take (struct rpc_server *server)
{
    struct request *request;
    if (list_empty (&server->pool)) {
        request = xcalloc (1, sizeof *request);
        request->arena = arena_new (server->options.arena_limit);
        node_init (&request->link);
        node_init (&request->due);
    } else {
        request = NODE_OWNER (server->pool.next, struct request, link);
        node_remove (&request->link);
        server->pooled--;
    }
    request->server = server;
    request->magic = REQUEST_MAGIC;
    return request;
}

void
rpc_request_release (struct request *request)
{
    struct rpc_server *server = request->server;
    struct arena *arena = request->arena;
    assert (request->magic == REQUEST_MAGIC && request->deadline.position == 0);
    node_remove (&request->link);
    node_remove (&request->due);
    arena_reset (arena);
    if (server->pooled == RPC_POOL_MAX) {
        arena_destroy (&arena);
        request->magic = 0;
        free (request);
        return;
    }
    memset (request, 0, sizeof *request);
    request->arena = arena;
    node_init (&request->link);
    node_init (&request->due);
    // The one that was used last is taken first: it is in the processor's caches, and has its memory already.
    list_append (server->pool.next, &request->link);
    server->pooled++;
}

static struct request **
bucket (struct rpc_server *server, int fd, uint64_t id)
{
    uint64_t hash = (id ^ (uint64_t) fd << 32) * UINT64_C (0x9e3779b97f4a7c15);
    return &server->by_id[hash >> 32 & server->by_id_mask];
}

struct request *
rpc_request_find (struct rpc_server *server, int fd, uint64_t id)
{
    for (struct request *request = *bucket (server, fd, id); request != NULL;
         request = request->next)
        if (request->fd == fd && request->id == id)
            return request;
    return NULL;
}

void
rpc_request_begin (struct request *request, uint32_t timeout_ms)
{
    struct rpc_server *server = request->server;
    list_append (&server->in_flight, &request->link);
    struct request **head = bucket (server, request->fd, request->id);
    request->next = *head;
    *head = request;
    server->counters.in_flight++;
    server->connections[request->fd].in_flight++;
    request->began_us = zclock_usecs (); // zclock_mono, but finer
    if (timeout_ms != 0) {
        deadlines_set (&server->deadlines, &request->deadline,
                       request->began_us / 1000 + timeout_ms);
        alarm_by (server->alarm, request->deadline.at_ms);
    }
}

// A stream takes as long as its caller likes.
static void
request_count (const struct request *request, int code)
{
    struct rpc_tally *tally = request->route->tally;
    assert (code >= 0 && code < RPC_CODES);
    tally->codes[code]++;
    if ((request->route->row->flags & RPC_STREAM) == 0)
        timing_add (&tally->took, zclock_usecs () - request->began_us);
}

void
rpc_request_settle (struct request *request, int code)
{
    if (request->answered)
        return;
    request->answered = true;
    request_count (request, code);
    deadlines_remove (&request->server->deadlines, &request->deadline);
    struct request **at = bucket (request->server, request->fd, request->id);
    while (*at != request)
        at = &(*at)->next;
    *at = request->next;
    if (request->streaming)
        rpc_request_due (request);
}

void
rpc_request_end (struct request *request)
{
    struct rpc_server *server = request->server;
    assert (request->answered);
    server->counters.in_flight--;
    if (request->fd != -1)
        server->connections[request->fd].in_flight--;
    rpc_request_release (request);
    if (server->draining && server->counters.in_flight == 0)
        alarm_by (server->alarm, 0);
}

void
rpc_request_due (struct request *request)
{
    list_append (&request->server->due, &request->due);
    alarm_by (request->server->alarm, 0);
}

static struct rpc_connection *
connection_at (struct rpc_server *server, int fd)
{
    return fd >= 0 && (size_t) fd < server->nconnections ? &server->connections[fd] : NULL;
}

void
rpc_connection_opened (struct rpc_server *server, int fd)
{
    if (fd < 0)
        return;
    if ((size_t) fd >= server->nconnections) {
        size_t n = server->nconnections == 0 ? 64 : server->nconnections;
        while (n <= (size_t) fd)
            n *= 2;
        server->connections = xrealloc (server->connections, n * sizeof *server->connections);
        memset (server->connections + server->nconnections, 0,
                (n - server->nconnections) * sizeof *server->connections);
        server->nconnections = n;
    }
    rpc_connection_gone (server, fd);
    server->connections[fd].open = true;
}

void
rpc_connection_gone (struct rpc_server *server, int fd)
{
    struct rpc_connection *connection = connection_at (server, fd);
    if (connection == NULL)
        return;
    rpc_gather_drop (server, connection);
    rpc_backlog_drop (server, connection);
    connection->open = connection->known = connection->gathers = false;
    connection->greeted = connection->missed = connection->told = false;
    if (connection->in_flight == 0)
        return;
    connection->in_flight = 0;
    for (struct node *node = server->in_flight.next; node != &server->in_flight;
         node = node->next) {
        struct request *request = NODE_OWNER (node, struct request, link);
        if (request->fd != fd)
            continue;
        rpc_request_settle (request, JETON__V1__CODE__CODE_CANCELLED);
        request->fd = -1;
    }
}

void
rpc_connection_miss (struct rpc_server *server, int fd)
{
    struct rpc_connection *connection = connection_at (server, fd);
    if (connection != NULL)
        connection->missed = true;
}

// ROUTER numbers connections in the order in which they come: less than 0 when the first came before the second.
static int32_t
routing_order (const uint8_t *first, const uint8_t *second)
{
    uint32_t a, b;
    memcpy (&a, first + 1, sizeof a);
    memcpy (&b, second + 1, sizeof b);
    return (int32_t) (ntohl (a) - ntohl (b));
}

// File descriptors are used again, and events and messages come by different ways. An event is sent before its descriptor is closed,
// so that all about earlier connections is in the monitor at the latest when a first message is here. But the last words of an earlier one may come when it is
// known already that its descriptor is another's: they are taken for the other's first, until that speaks for itself.
bool
rpc_connection_see (struct rpc_server *server, const struct rpc_sender *sender)
{
    struct rpc_connection *connection = connection_at (server, sender->fd);
    if (connection == NULL || !connection->known ||
        memcmp (connection->routing, sender->routing, RPC_ROUTING_SIZE) != 0) {
        rpc_monitor_drain (server->monitor);
        connection = connection_at (server, sender->fd);
    }
    if (connection == NULL || !connection->open)
        return false;
    int32_t order = connection->known ? routing_order (sender->routing, connection->routing) : 0;
    if (order < 0)
        return false;
    if (order > 0) {
        rpc_connection_gone (server, sender->fd);
        connection->open = true;
    }
    connection->known = true;
    memcpy (connection->routing, sender->routing, RPC_ROUTING_SIZE);
    return true;
}

static void
deadlines_pass (struct rpc_server *server)
{
    struct rpc_answer answer = {.code = JETON__V1__CODE__CODE_DEADLINE_EXCEEDED,
                                .message = "there was no answer within the deadline"};
    int64_t now = zclock_mono ();
    struct deadline *first;
    while ((first = deadlines_first (&server->deadlines)) != NULL && first->at_ms <= now) {
        server->counters.deadline_exceeded++;
        rpc_request_answer (NODE_OWNER (first, struct request, deadline), &answer);
    }
}

static void
stream_tell (struct request *request)
{
    if (!request->streaming)
        return;
    if (request->answered) {
        if (!request->ended) {
            request->ended = true;
            request->on_ended (request);
        }
    } else if (request->credited) {
        request->credited = false;
        request->on_credit (request);
    }
}

// The alarm's handler. Callbacks end requests and make others due, so that those of this turn are taken off one by one.
void
rpc_inflight_turn (void *context)
{
    struct rpc_server *server = context;
    struct node now;
    node_init (&now);
    deadlines_pass (server);
    rpc_backlogs_send (server);
    list_move (&server->stalled, &now);
    list_move (&server->due, &now);
    while (!list_empty (&now)) {
        struct request *request = NODE_OWNER (now.next, struct request, due);
        node_remove (&request->due);
        stream_tell (request);
    }
    if (server->draining)
        rpc_gathers_send (server);
    if (server->draining && server->counters.in_flight == 0 && list_empty (&server->backlogs) &&
        server->drained != NULL) {
        void (*drained) (void *context) = server->drained;
        server->drained = NULL;
        drained (server->drained_context); // may destroy the server
        return;
    }
    if (!list_empty (&server->due))
        alarm_by (server->alarm, 0);
    if (!list_empty (&server->stalled))
        alarm_by (server->alarm, zclock_mono () + RPC_STALLED_MS);
    struct deadline *first = deadlines_first (&server->deadlines);
    if (first != NULL)
        alarm_by (server->alarm, first->at_ms);
}
