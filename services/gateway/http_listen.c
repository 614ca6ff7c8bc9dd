// Listeners: where connections come in.
#include "common/net/bind.h"
#include "services/gateway/http_internal.h"

#include <arpa/inet.h>
#include <czmq.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTED_MAX = 64, // in one go, so that others get their turn
    AGAIN_MS = 100,    // until it is tried again, when descriptors have run out
};

static int on_accept (struct loop *loop, int fd, void *context);

static void
on_again (void *context)
{
    struct listener *listener = context;
    if (listener->fd >= 0 && listener->watch == NULL)
        listener->watch =
            loop_watch (listener->http->loop, listener->fd, LOOP_IN, on_accept, listener);
}

static int
on_accept (struct loop *loop, int fd, void *context)
{
    (void) loop;
    struct listener *listener = context;
    struct http *http = listener->http;
    for (int i = 0; i < ACCEPTED_MAX; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof address;
        int peer = accept4 (fd, (struct sockaddr *) &address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer >= 0) {
            int yes = 1;
            setsockopt (peer, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            connection_begin (http, listener->kind == HTTP_TLS ? &http->tls : &http->plain,
                              listener->kind, peer, (struct sockaddr *) &address, size);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            watch_end (&listener->watch);
            alarm_by (listener->again, zclock_mono () + AGAIN_MS);
            return 0;
        } else if (errno == EAGAIN) {
            return 0;
        }
    }
    return 0;
}

// "127.0.0.1:8443", "[::1]:8443"
static struct addrinfo *
endpoint_read (const char *setting, const char *text, struct error *error_r)
{
    char host[64] = "";
    const char *colon = strrchr (text, ':');
    size_t size = colon ? (size_t) (colon - text) : sizeof host;
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    if (size < sizeof host) {
        bool brackets = text[0] == '[' && size > 1 && text[size - 1] == ']';
        memcpy (host, text + brackets, size - 2 * brackets);
    }
    if (*host == '\0' || getaddrinfo (host, colon + 1, &hints, &found) != 0) {
        error_set (error_r,
                   "setting %s: \"%s\" is no numeric address and port, as \"127.0.0.1:8443\" or "
                   "\"[::]:8443\"",
                   setting, text);
        return NULL;
    }
    return found;
}

static void
listener_name (struct listener *listener)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN], port[8];
    if (getsockname (listener->fd, (struct sockaddr *) &address, &size) == 0 &&
        getnameinfo ((struct sockaddr *) &address, size, host, sizeof host, port, sizeof port,
                     NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf (listener->endpoint, sizeof listener->endpoint,
                  address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

bool
listener_open (struct listener *listener, const char *setting, const char *text,
               struct error *error_r)
{
    if (*text == '\0')
        return true;
    struct http *http = listener->http;
    struct addrinfo *address = endpoint_read (setting, text, error_r);
    if (address == NULL)
        return false;
    int yes = 1;
    listener->fd = socket (address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool good = listener->fd >= 0 &&
                setsockopt (listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                bind (listener->fd, address->ai_addr, address->ai_addrlen) == 0 &&
                listen (listener->fd, (int) http->settings->http_backlog) == 0;
    freeaddrinfo (address);
    if (!good) {
        error_set (error_r, "setting %s: cannot bind %s: %s%s", setting, text, strerror (errno),
                   bind_advice (errno));
        return false;
    }
    listener_name (listener);
    listener->again = alarm_new (http->loop, on_again, listener);
    on_again (listener);
    return true;
}

void
listener_close (struct listener *listener)
{
    watch_end (&listener->watch);
    alarm_destroy (&listener->again);
    if (listener->fd >= 0)
        close (listener->fd);
    listener->fd = -1;
}
