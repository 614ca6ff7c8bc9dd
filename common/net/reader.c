#include "common/net/reader.h"
#include "common/memory/memory.h"
#include "common/net/internal.h"

#include <stdlib.h>

struct reader {
    struct loop *loop;
    zsock_t *socket;
    struct watch *watch;
    reader_handler *handler;
    reader_flusher *flush; // NULL: nothing is sent late
    void *context;
    struct node late;
    struct node link; // of those that were used, or have more
};

void
reader_unread (struct reader *reader)
{
    struct node *unread = &reader->loop->unread;
    node_remove (&reader->link);
    // Before the first of them is the first place.
    list_append (reader->watch->urgent ? unread->next : unread, &reader->link);
}

void
reader_look (struct reader *reader)
{
    int events = 0;
    size_t size = sizeof events;
    zmq_getsockopt (zsock_resolve (reader->socket), ZMQ_EVENTS, &events, &size);
    if ((events & ZMQ_POLLIN) != 0)
        reader_unread (reader);
}

void
reader_flush (struct reader *reader, reader_flusher *flush)
{
    reader->flush = flush;
}

void
reader_late (struct reader *reader)
{
    if (reader != NULL && list_empty (&reader->late))
        list_append (&reader->loop->late, &reader->late);
}

void
reader_used (struct reader *reader)
{
    if (reader != NULL && list_empty (&reader->link))
        list_append (&reader->loop->used, &reader->link);
}

void
loop_readers_look (struct loop *loop)
{
    while (!list_empty (&loop->late)) {
        struct reader *reader = NODE_OWNER (loop->late.next, struct reader, late);
        node_remove (&reader->late);
        reader->flush (reader->context);
    }
    while (!list_empty (&loop->used)) {
        struct reader *reader = NODE_OWNER (loop->used.next, struct reader, link);
        node_remove (&reader->link);
        reader_look (reader);
    }
    // What has more after it was called in a turn is for the next.
    list_move (&loop->unread, &loop->due);
}

static void
reader_call (struct reader *reader)
{
    struct loop *loop = reader->loop;
    loop->reading = reader;
    bool more = reader->handler (reader->context); // may destroy the reader
    if (loop->reading != reader)
        return;
    loop->reading = NULL;
    if (more)
        reader_unread (reader);
    else
        node_remove (&reader->link);
}

static int
reader_readable (struct loop *loop, int fd, void *context)
{
    (void) loop;
    (void) fd;
    reader_call (context);
    return 0;
}

void
loop_readers_call (struct loop *loop)
{
    while (!list_empty (&loop->due)) {
        struct reader *reader = NODE_OWNER (loop->due.next, struct reader, link);
        bool urgent = reader->watch->urgent;
        node_remove (&reader->link);
        reader_call (reader);
        if (!urgent)
            loop->looked = false;
    }
}

struct reader *
reader_new (struct loop *loop, zsock_t *socket, bool urgent, reader_handler *handler, void *context)
{
    struct reader *reader = xcalloc (1, sizeof *reader);
    *reader =
        (struct reader){.loop = loop, .socket = socket, .handler = handler, .context = context};
    node_init (&reader->link);
    node_init (&reader->late);
    reader->watch = loop_watch (loop, zsock_fd (socket), LOOP_IN, reader_readable, reader);
    reader->watch->urgent = urgent;
    reader_used (reader); // it may have been used before
    return reader;
}

void
reader_destroy (struct reader **reader_p)
{
    struct reader *reader = *reader_p;
    if (reader == NULL)
        return;
    if (reader->loop->reading == reader)
        reader->loop->reading = NULL;
    watch_end (&reader->watch);
    node_remove (&reader->link);
    node_remove (&reader->late);
    free (reader);
    *reader_p = NULL;
}
