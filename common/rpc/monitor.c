#include "common/rpc/monitor.h"
#include "common/memory/memory.h"
#include "common/net/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct rpc_monitor {
    void *monitored;
    struct reader *reader;
    zsock_t *events;
    rpc_monitor_handler *handler;
    void *context;
};

// One event is a frame of 16 + 32 bits, and a frame with the endpoint, which is not needed.
static bool
event_receive (void *socket, unsigned *event_r, uint32_t *value_r)
{
    uint8_t frame[6], address[1];
    int rc;
    do
        rc = zmq_recv (socket, frame, sizeof frame, ZMQ_DONTWAIT);
    while (rc == -1 && errno == EINTR);
    if (rc != sizeof frame)
        return false;
    zmq_recv (socket, address, sizeof address, ZMQ_DONTWAIT);
    uint16_t event;
    memcpy (&event, frame, sizeof event);
    memcpy (value_r, frame + sizeof event, sizeof *value_r);
    *event_r = event;
    return true;
}

void
rpc_monitor_drain (struct rpc_monitor *monitor)
{
    void *socket = zsock_resolve (monitor->events);
    unsigned event;
    uint32_t value;
    while (event_receive (socket, &event, &value))
        if (!monitor->handler (monitor->context, event, value))
            return;
}

static bool
monitor_readable (void *context)
{
    rpc_monitor_drain (context);
    return false;
}

struct rpc_monitor *
rpc_monitor_new (struct loop *loop, zsock_t *socket, int events, rpc_monitor_handler *handler,
                 void *context)
{
    struct rpc_monitor *monitor = xcalloc (1, sizeof *monitor);
    monitor->handler = handler;
    monitor->context = context;
    monitor->events = zsock_new (ZMQ_PAIR);
    if (monitor->events == NULL) {
        free (monitor);
        return NULL;
    }
    // libzmq's I/O thread waits when this queue is full, so that it must not be.
    zsock_set_rcvhwm (monitor->events, 0);
    // The name of a monitor that ended is free only later, so that an address alone would not do.
    cleanup_free char *endpoint =
        xasprintf ("inproc://jeton-%p-%" PRIi64, (void *) monitor, zclock_usecs ());
    if (zmq_socket_monitor (zsock_resolve (socket), endpoint, events) != 0 ||
        zsock_connect (monitor->events, "%s", endpoint) != 0) {
        zmq_socket_monitor (zsock_resolve (socket), NULL, 0);
        zsock_destroy (&monitor->events);
        free (monitor);
        return NULL;
    }
    monitor->monitored = zsock_resolve (socket);
    monitor->reader = reader_new (loop, monitor->events, false, monitor_readable, monitor);
    return monitor;
}

void
rpc_monitor_destroy (struct rpc_monitor **monitor_p)
{
    struct rpc_monitor *monitor = *monitor_p;
    if (monitor == NULL)
        return;
    zmq_socket_monitor (monitor->monitored, NULL, 0);
    reader_destroy (&monitor->reader);
    zsock_destroy (&monitor->events);
    free (monitor);
    *monitor_p = NULL;
}
