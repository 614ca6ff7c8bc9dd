#include "common/net/reader.h"

#include <assert.h>

static zmq_pollitem_t
item_of (zsock_t *socket)
{
    return (zmq_pollitem_t){.fd = zsock_fd (socket), .events = ZMQ_POLLIN};
}

void
reader_begin (zloop_t *loop, zsock_t *socket, zloop_fn *handler, void *context)
{
    zmq_pollitem_t item = item_of (socket);
    int rc = zloop_poller (loop, &item, handler, context);
    assert (rc == 0);
    zloop_poller_set_tolerant (loop, &item);
}

void
reader_end (zloop_t *loop, zsock_t *socket)
{
    zmq_pollitem_t item = item_of (socket);
    zloop_poller_end (loop, &item);
}

bool
reader_pending (zsock_t *socket)
{
    int events = 0;
    size_t size = sizeof events;
    zmq_getsockopt (zsock_resolve (socket), ZMQ_EVENTS, &events, &size);
    return (events & ZMQ_POLLIN) != 0;
}
