// What happens to a socket's connections, as events in the loop (zmq_socket_monitor). Internal to rpc.
#ifndef JETON_RPC_MONITOR_H
#define JETON_RPC_MONITOR_H

#include "common/net/loop.h"
#include <czmq.h>
#include <stdbool.h>
#include <stdint.h>

struct rpc_monitor;

// `event` is one ZMQ_EVENT_…, `value` its number. Returns false when the monitor was destroyed meanwhile.
typedef bool rpc_monitor_handler (void *context, unsigned event, uint32_t value);

// rpc_monitor_new (loop, socket, events, handler, context): NULL: no more sockets.
struct rpc_monitor *rpc_monitor_new (struct loop *loop, zsock_t *socket, int events,
                                     rpc_monitor_handler *handler, void *context)
    __attribute__ ((warn_unused_result));
// rpc_monitor_destroy (&monitor): Call it before the socket is destroyed. NULL-safe.
void rpc_monitor_destroy (struct rpc_monitor **monitor_p);

// rpc_monitor_drain (monitor): Handle now what has been reported until now.
void rpc_monitor_drain (struct rpc_monitor *monitor);

#endif
