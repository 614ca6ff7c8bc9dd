// A ZeroMQ socket in the loop, for one that is mostly silent.
//
// zloop_reader costs two system calls for each socket in each turn, whatever happened: zmq_poll asks every socket for its events. This waits for the
// socket's descriptor (ZMQ_FD), which costs nothing while nothing comes. The price is a rule: the descriptor tells once that something has come, and whatever is
// done with the socket may take that sign away. So
//
// - a handler takes all that there is, or sees to it itself that it is called again;
// - after the socket was used elsewhere (sending is enough), reader_pending tells whether the handler has to be called.
#ifndef JETON_READER_H
#define JETON_READER_H

#include <czmq.h>
#include <stdbool.h>

// reader_begin (loop, socket, handler, context), reader_end (loop, socket): Before the socket is destroyed; in a handler of the loop too.
void reader_begin (zloop_t *loop, zsock_t *socket, zloop_fn *handler, void *context);
void reader_end (zloop_t *loop, zsock_t *socket);

// reader_pending (socket): There is something to be taken. If not, the descriptor will tell when there is.
bool reader_pending (zsock_t *socket);

#endif
