// echo curve|plain REQUEST REPLY IN_FLIGHT SECONDS: the floor of every call over the network: a ROUTER that answers each frame of REQUEST
// bytes with one of REPLY bytes, in a process of its own, and a DEALER that keeps IN_FLIGHT of them under way; libzmq and nothing else.
// Prints JSON: rate (answers per second) and latencies. The first tenth of the time is not counted.
#include "tests/bench/pace.h"
#include "tests/bench/print.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { KEY_SIZE = 41, HIGH_WATER_MARK = 8192, ENDPOINT_SIZE = 64, SIZE_MAX_BYTES = 1 << 20 };

struct echo {
    bool curve;
    size_t request, reply, in_flight;
    double seconds;
    char server_public[KEY_SIZE], server_secret[KEY_SIZE];
};

static void *
socket_new (void *context, int type)
{
    const int high_water_mark = HIGH_WATER_MARK, linger = 0;
    void *socket = zmq_socket (context, type);
    assert (socket);
    zmq_setsockopt (socket, ZMQ_SNDHWM, &high_water_mark, sizeof high_water_mark);
    zmq_setsockopt (socket, ZMQ_RCVHWM, &high_water_mark, sizeof high_water_mark);
    zmq_setsockopt (socket, ZMQ_LINGER, &linger, sizeof linger);
    return socket;
}

static void
frame_send (void *socket, size_t size)
{
    zmq_msg_t frame;
    int rc = zmq_msg_init_size (&frame, size);
    assert (rc == 0);
    memset (zmq_msg_data (&frame), 'x', size);
    rc = zmq_msg_send (&frame, socket, 0);
    assert (rc >= 0);
}

static void
frame_receive (void *socket)
{
    zmq_msg_t frame;
    zmq_msg_init (&frame);
    int rc = zmq_msg_recv (&frame, socket, 0);
    assert (rc >= 0);
    zmq_msg_close (&frame);
}

// Tells its endpoint on `out`, and answers until it is killed.
static void
serve (const struct echo *echo, int out)
{
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    void *socket = socket_new (zmq_ctx_new (), ZMQ_ROUTER);
    if (echo->curve) {
        const int server = 1;
        zmq_setsockopt (socket, ZMQ_CURVE_SERVER, &server, sizeof server);
        zmq_setsockopt (socket, ZMQ_CURVE_SECRETKEY, echo->server_secret, KEY_SIZE);
    }
    char endpoint[ENDPOINT_SIZE] = "";
    size_t size = sizeof endpoint;
    if (zmq_bind (socket, "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0 ||
        write (out, endpoint, sizeof endpoint) != sizeof endpoint)
        _exit (EXIT_FAILURE);
    for (;;) {
        zmq_msg_t sender;
        zmq_msg_init (&sender);
        int rc = zmq_msg_recv (&sender, socket, 0);
        assert (rc >= 0);
        frame_receive (socket);
        rc = zmq_msg_send (&sender, socket, ZMQ_SNDMORE);
        assert (rc >= 0);
        frame_send (socket, echo->reply);
    }
}

static void
ask (const struct echo *echo, const char *endpoint)
{
    void *context = zmq_ctx_new (), *socket = socket_new (context, ZMQ_DEALER);
    if (echo->curve) {
        char public[KEY_SIZE], secret[KEY_SIZE];
        zmq_curve_keypair (public, secret);
        zmq_setsockopt (socket, ZMQ_CURVE_SERVERKEY, echo->server_public, KEY_SIZE);
        zmq_setsockopt (socket, ZMQ_CURVE_PUBLICKEY, public, KEY_SIZE);
        zmq_setsockopt (socket, ZMQ_CURVE_SECRETKEY, secret, KEY_SIZE);
    }
    int rc = zmq_connect (socket, endpoint);
    assert (rc == 0);
    // One connection keeps the order, so the oldest time is that of the next answer.
    int64_t *sent = calloc (echo->in_flight, sizeof *sent);
    struct histogram *latencies = calloc (1, sizeof *latencies);
    assert (sent && latencies);
    int64_t now = clock_ns (), from = now + (int64_t) (echo->seconds * 1e8),
            until = now + (int64_t) (echo->seconds * 1e9);
    for (size_t i = 0; i < echo->in_flight; i++) {
        sent[i] = clock_ns ();
        frame_send (socket, echo->request);
    }
    for (size_t next = 0; now < until; next = (next + 1) % echo->in_flight) {
        frame_receive (socket);
        now = clock_ns ();
        if (now >= from)
            histogram_record (latencies, (uint64_t) (now - sent[next]));
        sent[next] = now;
        frame_send (socket, echo->request);
    }
    printf ("{\"rate\": %.1f, ", (double) latencies->n / ((double) (now - from) / 1e9));
    print_latencies ("latency_us", latencies);
    printf ("}\n");
    free (sent);
    free (latencies);
    zmq_close (socket);
    zmq_ctx_term (context);
}

int
main (int argc, char **argv)
{
    if (argc != 6)
        return 64;
    struct echo echo = {.curve = strcmp (argv[1], "curve") == 0,
                        .request = strtoul (argv[2], NULL, 10),
                        .reply = strtoul (argv[3], NULL, 10),
                        .in_flight = strtoul (argv[4], NULL, 10),
                        .seconds = strtod (argv[5], NULL)};
    int ends[2];
    if (echo.in_flight == 0 || echo.in_flight > HIGH_WATER_MARK || echo.seconds <= 0 ||
        echo.request > SIZE_MAX_BYTES || echo.reply > SIZE_MAX_BYTES || pipe (ends) != 0)
        return 64;
    zmq_curve_keypair (echo.server_public, echo.server_secret);
    pid_t server = fork ();
    if (server < 0)
        return EXIT_FAILURE;
    if (server == 0)
        serve (&echo, ends[1]);
    close (ends[1]);
    char endpoint[ENDPOINT_SIZE];
    if (read (ends[0], endpoint, sizeof endpoint) != sizeof endpoint)
        return EXIT_FAILURE;
    ask (&echo, endpoint);
    kill (server, SIGKILL);
    waitpid (server, NULL, 0);
    return EXIT_SUCCESS;
}
