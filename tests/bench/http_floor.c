// http_floor PORT [CERTIFICATE KEY]: an HTTP server of libmicrohttpd and nothing else, on 127.0.0.1, which answers each request with 200, at once and without looking at it: what jeton-gateway is
// compared with. Options, memory for a connection and TLS are the gateway's. Runs until it gets SIGTERM.
#include "services/gateway/http_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POOL = 16384 + POOL_REST, CONNECTIONS = 1024, FILE_MAX = 65536 };

static enum MHD_Result
answer (void *context, struct MHD_Connection *mhd, const char *url, const char *method,
        const char *version, const char *data, size_t *size, void **request_p)
{
    (void) url;
    (void) method;
    (void) version;
    (void) data;
    (void) size;
    if (*request_p == NULL) { // its head is there; called again with its body, or at its end
        *request_p = mhd;
        return MHD_YES;
    }
    return MHD_queue_response (mhd, MHD_HTTP_OK, context);
}

static char *
text_read (const char *path)
{
    FILE *file = fopen (path, "re");
    char *text = calloc (1, FILE_MAX);
    if (file == NULL || text == NULL || fread (text, 1, FILE_MAX - 1, file) == 0) {
        perror (path);
        exit (EXIT_FAILURE);
    }
    fclose (file);
    return text;
}

int
main (int argc, char **argv)
{
    bool tls = argc == 4;
    int signal_number;
    sigset_t ends;
    if (argc != 2 && !tls) {
        fprintf (stderr, "usage: http_floor PORT [CERTIFICATE KEY]\n");
        return EXIT_FAILURE;
    }
    sigemptyset (&ends);
    sigaddset (&ends, SIGTERM);
    sigprocmask (SIG_BLOCK, &ends, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons ((uint16_t) atoi (argv[1])),
                                  .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_SOCK_ADDR, 0, &address},
        {MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {tls ? MHD_OPTION_HTTPS_PRIORITIES : MHD_OPTION_END, 0, (void *) http_tls_priorities},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, tls ? text_read (argv[2]) : NULL},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? text_read (argv[3]) : NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    static char empty[] = "";
    struct MHD_Response *response =
        MHD_create_response_from_buffer (0, empty, MHD_RESPMEM_PERSISTENT);
    struct MHD_Daemon *daemon = MHD_start_daemon (
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL,
        answer, response, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (daemon == NULL) {
        fprintf (stderr, "http_floor: libmicrohttpd does not start\n");
        return EXIT_FAILURE;
    }
    sigwait (&ends, &signal_number);
    MHD_stop_daemon (daemon);
    MHD_destroy_response (response);
    return EXIT_SUCCESS;
}
