// A ZeroMQ socket in the loop.
//
// The loop waits for the socket's descriptor (ZMQ_FD), which costs nothing while nothing comes. The descriptor tells once that something has come, and whatever
// is done with the socket may take that sign away. So there are two rules, and the loop sees to the rest:
//
// - the handler returns true when there may be more to be taken: then it is called in the next turn again. False: the last that it did with the socket was to find
//   nothing there;
// - whoever uses the socket otherwise (sending is enough) says so: reader_used.
#ifndef JETON_READER_H
#define JETON_READER_H

#include "common/net/loop.h"

#include <czmq.h>

struct reader;
typedef bool reader_handler (void *context);

// reader_new (loop, socket, handler, context): The socket is borrowed. Urgent: before all that is not, in each turn.
struct reader *reader_new (struct loop *loop, zsock_t *socket, bool urgent, reader_handler *handler,
                           void *context) __attribute__ ((returns_nonnull));
// reader_destroy (&reader): Before the socket; in any handler of the loop, its own too. NULL-safe.
void reader_destroy (struct reader **reader_p);

// reader_flush (reader, flush): For what is to be sent at the end of a turn, all at once. After reader_late (reader), which is NULL-safe, `flush` is called with the reader's context, once, at the end of this turn,
// when all else has been called. It may send, and must not destroy a reader.
typedef void reader_flusher (void *context);
void reader_flush (struct reader *reader, reader_flusher *flush);
void reader_late (struct reader *reader);

// reader_used (reader): The loop looks for itself whether something is there, before it waits. NULL-safe.
void reader_used (struct reader *reader);
// reader_look (reader): The same, at once: the socket takes notice of what has become of its connections.
void reader_look (struct reader *reader);
// reader_unread (reader): Something is there. The handler is called in the next turn.
void reader_unread (struct reader *reader);

#endif
