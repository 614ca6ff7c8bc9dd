#include "services/gateway/guard_proof.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 200 };

// A space before the colon: MHD would take it.
static const char hostile[] = "GET / HTTP/1.1\r\nHost: proof\r\nContent-Length : 0\r\n\r\n";

struct client {
    struct server *server;
    int fd;
    gnutls_session_t session; // NULL: plain
    char answer[1024];
    size_t size;
};

static bool
client_greets (struct client *client)
{
    int rc = GNUTLS_E_AGAIN;
    for (int i = 0; client->session && i < ROUNDS && rc < 0 && !gnutls_error_is_fatal (rc); i++) {
        rc = gnutls_handshake (client->session);
        MHD_run (client->server->daemon);
    }
    return client->session == NULL || rc == 0;
}

static bool
client_asks (struct client *client)
{
    size_t size = sizeof hostile - 1;
    ssize_t sent = client->session ? gnutls_record_send (client->session, hostile, size)
                                   : write (client->fd, hostile, size);
    if (sent != (ssize_t) size)
        return false;
    for (int i = 0; i < ROUNDS && client->size < sizeof client->answer - 1; i++) {
        MHD_run (client->server->daemon);
        char *at = client->answer + client->size;
        size_t room = sizeof client->answer - 1 - client->size;
        ssize_t n = client->session ? gnutls_record_recv (client->session, at, room)
                                    : read (client->fd, at, room);
        if (n == 0)
            break;
        client->size += n > 0 ? (size_t) n : 0;
    }
    client->answer[client->size] = '\0';
    return strncmp (client->answer, "HTTP/1.1 400 ", 13) == 0 &&
           strstr (client->answer, "urn:jeton:problem:malformed");
}

// Whose certificate it is does not matter: it never leaves the process.
static gnutls_session_t
session_make (int fd, gnutls_certificate_credentials_t *credentials)
{
    gnutls_session_t session = NULL;
    if (gnutls_certificate_allocate_credentials (credentials) != 0 ||
        gnutls_init (&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK) != 0)
        return NULL;
    gnutls_set_default_priority (session);
    gnutls_credentials_set (session, GNUTLS_CRD_CERTIFICATE, *credentials);
    gnutls_transport_set_int (session, fd);
    return session;
}

bool
guard_proof (struct http *http, struct server *server, bool tls, struct error *error_r)
{
    int ends[2];
    gnutls_certificate_credentials_t credentials = NULL;
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        error_set (error_r, "socketpair failed");
        return false;
    }
    struct client client = {.server = server, .fd = ends[0]};
    if (tls)
        client.session = session_make (ends[0], &credentials);
    struct sockaddr nobody = {.sa_family = AF_UNIX};
    connection_begin (http, server, tls ? HTTP_TLS : HTTP_PROXY, ends[1], &nobody, sizeof nobody);
    bool good = (!tls || client.session) && client_greets (&client) && client_asks (&client);
    if (client.session)
        gnutls_deinit (client.session);
    if (credentials)
        gnutls_certificate_free_credentials (credentials);
    close (ends[0]);
    for (int i = 0; i < ROUNDS && http->stats.open > 0; i++)
        MHD_run (server->daemon);
    if (!good)
        error_set (error_r,
                   "the guard does not see what libmicrohttpd receives (%s): with this "
                   "libmicrohttpd or linker nothing may be served",
                   tls ? "TLS" : "plain");
    return good;
}
