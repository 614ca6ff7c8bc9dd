// TLS that begins and does not go on.
//
// As long as a client has begun with TLS, libmicrohttpd asks GnuTLS each time that it is run whether it goes on: a system call for each such client, for each request of anyone. So who has not come
// to HTTP after a moment is suspended, and goes on when its descriptor tells that something came. (libmicrohttpd's manual calls it safe to suspend in two of its callbacks only. That is for
// who has it in threads: here it is not running then.)
#include "services/gateway/http_internal.h"

#include <czmq.h>

enum {
    BEGIN_MS = 32,     // to come to HTTP, or for the next step towards it, without being suspended
    BEGINNING_MAX = 64 // at a time: beyond that the first of them are suspended earlier
};

void
begin_start (struct connection *connection)
{
    struct server *server = connection->server;
    connection->begun_ms = zclock_mono ();
    list_append (&server->begins, &connection->begins);
    server->nbegins++;
}

void
begin_end (struct connection *connection)
{
    watch_end (&connection->stalled);
    if (list_empty (&connection->begins))
        return;
    node_remove (&connection->begins);
    connection->server->nbegins--;
}

static int
on_stalled (struct loop *loop, int fd, void *context)
{
    (void) loop;
    (void) fd;
    struct connection *connection = context;
    watch_end (&connection->stalled);
    MHD_resume_connection (connection->mhd);
    begin_start (connection);
    http_run_soon (connection->server);
    return 0;
}

void
begins_look (struct server *server)
{
    int64_t since = zclock_mono () - BEGIN_MS;
    while (!list_empty (&server->begins)) {
        struct connection *connection = NODE_OWNER (server->begins.next, struct connection, begins);
        if (connection->begun_ms > since && server->nbegins <= BEGINNING_MAX)
            return;
        begin_end (connection);
        MHD_suspend_connection (connection->mhd);
        connection->stalled =
            loop_watch (server->http->loop, connection->fd, LOOP_IN, on_stalled, connection);
    }
}

void
begins_end (struct http *http)
{
    for (struct node *node = http->connections.next; node != &http->connections;
         node = node->next) {
        struct connection *connection = NODE_OWNER (node, struct connection, link);
        if (connection->stalled)
            MHD_resume_connection (connection->mhd);
        begin_end (connection);
    }
}
