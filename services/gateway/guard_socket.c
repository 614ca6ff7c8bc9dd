#include "services/gateway/guard_socket.h"
#include "common/memory/memory.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef ssize_t receiver (int fd, void *data_r, size_t size, int flags);
typedef ssize_t record_receiver (gnutls_session_t session, void *data_r, size_t size);

// By descriptor. Other threads (ZeroMQ's) look up descriptors of their own, of which nobody ever places one: atomic, so that they may.
static _Atomic (struct guard_socket *) *sockets;
static size_t nsockets;

static receiver *
real_recv (void)
{
    static _Atomic (receiver *) found;
    receiver *function = atomic_load_explicit (&found, memory_order_relaxed);
    if (function == NULL) {
        function = (receiver *) dlsym (RTLD_NEXT, "recv");
        atomic_store_explicit (&found, function, memory_order_relaxed);
    }
    return function;
}

static record_receiver *
real_record_recv (void)
{
    static record_receiver *found;
    if (found == NULL)
        found = (record_receiver *) dlsym (RTLD_NEXT, "gnutls_record_recv");
    return found;
}

bool
guard_socket_start (size_t descriptors, struct error *error_r)
{
    if (real_recv () == NULL || real_record_recv () == NULL) {
        error_set (error_r, "the system's recv or GnuTLS' gnutls_record_recv is not found");
        return false;
    }
    sockets = xcalloc (descriptors, sizeof *sockets);
    nsockets = descriptors;
    return true;
}

void
guard_socket_end (void)
{
    nsockets = 0;
    free (sockets);
    sockets = NULL;
}

bool
guard_socket_place (struct guard_socket *guarded)
{
    if ((size_t) guarded->fd >= nsockets)
        return false;
    atomic_store_explicit (&sockets[guarded->fd], guarded, memory_order_relaxed);
    return true;
}

void
guard_socket_remove (struct guard_socket *guarded)
{
    if ((size_t) guarded->fd < nsockets)
        atomic_store_explicit (&sockets[guarded->fd], NULL, memory_order_relaxed);
}

static struct guard_socket *
socket_find (int fd)
{
    return fd >= 0 && (size_t) fd < nsockets
               ? atomic_load_explicit (&sockets[fd], memory_order_relaxed)
               : NULL;
}

// The answer fits into the socket's buffer: when MHD receives, it has sent all that came before.
static void
answer (struct guard_socket *guarded, gnutls_session_t session)
{
    char text[GUARD_ANSWER];
    if (guarded->answered)
        return;
    guarded->answered = true;
    size_t size = guard_answer (&guarded->guard, text);
    ssize_t sent = session ? gnutls_record_send (session, text, size)
                           : send (guarded->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void) sent; // who does not take it does without
    guarded->refused (guarded);
}

// What was received, `size` bytes of it, may be passed on as far as it is well-formed. Then, or if a refusal was wanted from outside, the connection is at its end.
static ssize_t
pass (struct guard_socket *guarded, gnutls_session_t session, const void *data, size_t size)
{
    size_t good = guard_feed (&guarded->guard, data, size);
    if (guarded->guard.status == 0) {
        guarded->received (guarded);
        return (ssize_t) good;
    }
    if (good == 0) {
        answer (guarded, session);
        return 0;
    }
    // Requests before it are answered first. MHD receives again when its descriptor tells of something: it tells of an end.
    shutdown (guarded->fd, SHUT_RD);
    return (ssize_t) good;
}

// In place of the libraries'. NOLINTBEGIN(readability-inconsistent-declaration-parameter-name)
ssize_t
recv (int fd, void *data_r, size_t size, int flags)
{
    struct guard_socket *guarded = socket_find (fd);
    if (guarded == NULL || guarded->tls)
        return real_recv () (fd, data_r, size, flags);
    if (guarded->guard.status) {
        answer (guarded, NULL);
        return 0;
    }
    ssize_t n = real_recv () (fd, data_r, size, flags);
    return n > 0 ? pass (guarded, NULL, data_r, (size_t) n) : n;
}

ssize_t
gnutls_record_recv (gnutls_session_t session, void *data_r, size_t size)
{
    struct guard_socket *guarded = socket_find (gnutls_transport_get_int (session));
    if (guarded == NULL)
        return real_record_recv () (session, data_r, size);
    if (guarded->guard.status) {
        answer (guarded, session);
        return 0;
    }
    ssize_t n = real_record_recv () (session, data_r, size);
    return n > 0 ? pass (guarded, session, data_r, (size_t) n) : n;
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
