#include "common/memory/memory.h"
#include "common/rpc/internal.h"

#include <errno.h>
#include <string.h>

// ZAP (ZeroMQ RFC 27): libzmq asks at a well-known endpoint, once a client has proved that it holds its key, whether it may come in.
// A peer that is in the file but over the connection limit gets "300": the connection fails without a word, and is tried
// again later. One that is not gets "400", which tells it so.
//
// Counting: events name no connection, except for those of TCP, which name a descriptor. A failed handshake is followed by the
// disconnection of its connection, sooner or later, so that a disconnection counts as one of those as long as there are any.
// That errs on the side of the limit. Admissions never exceed the connections that are open and have not failed.

static const char zap_endpoint[] = "inproc://zeromq.zap.01";

enum {
    FRAME_ADDRESS, // routing id of the asking session
    FRAME_EMPTY,
    FRAME_VERSION,
    FRAME_REQUEST,
    FRAME_DOMAIN,
    FRAME_PEER_ADDRESS,
    FRAME_IDENTITY,
    FRAME_MECHANISM,
    FRAME_CREDENTIALS,
    FRAMES,
    KEY_SIZE = 32,
};

static bool
frame_is (zmq_msg_t *frame, const char *text)
{
    return zmq_msg_size (frame) == strlen (text) &&
           memcmp (zmq_msg_data (frame), text, strlen (text)) == 0;
}

static const char *
status_decide (struct rpc_server *server, zmq_msg_t frames[FRAMES], char key_r[41])
{
    struct rpc_admission *admission = &server->admission;
    key_r[0] = '\0';
    if (!frame_is (&frames[FRAME_VERSION], "1.0"))
        return "500";
    if (!frame_is (&frames[FRAME_MECHANISM], "CURVE") ||
        zmq_msg_size (&frames[FRAME_CREDENTIALS]) != KEY_SIZE)
        return "400";
    char key[41];
    zmq_z85_encode (key, zmq_msg_data (&frames[FRAME_CREDENTIALS]), KEY_SIZE);
    if (peers_by_key (server->peers, key) == NULL) {
        server->counters.unknown_keys++;
        return "400";
    }
    rpc_monitor_drain (server->monitor);
    uint32_t limit = server->options.connection_limit;
    if (server->leaving)
        return "300";
    if (limit != 0 && admission->admitted >= limit) {
        server->counters.exhausted++;
        return "300";
    }
    admission->admitted++;
    memcpy (key_r, key, sizeof key);
    return "200";
}

static void
answer_part (void *socket, const void *data, size_t size, int flags)
{
    // It can only fail when the asking session is gone, and then nobody misses it.
    zmq_send (socket, data, size, flags | ZMQ_DONTWAIT);
}

static void
answer_send (void *socket, zmq_msg_t frames[FRAMES], const char *status, const char *user)
{
    answer_part (socket, zmq_msg_data (&frames[FRAME_ADDRESS]),
                 zmq_msg_size (&frames[FRAME_ADDRESS]), ZMQ_SNDMORE);
    answer_part (socket, "", 0, ZMQ_SNDMORE);
    answer_part (socket, "1.0", 3, ZMQ_SNDMORE);
    answer_part (socket, zmq_msg_data (&frames[FRAME_REQUEST]),
                 zmq_msg_size (&frames[FRAME_REQUEST]), ZMQ_SNDMORE);
    answer_part (socket, status, 3, ZMQ_SNDMORE);
    answer_part (socket, "", 0, ZMQ_SNDMORE);
    answer_part (socket, user, strlen (user), ZMQ_SNDMORE);
    answer_part (socket, "", 0, 0);
}

// Takes one message off the socket; what is not of the form of RFC 27 is dropped. False: there is none.
static bool
question_answer (struct rpc_server *server, void *socket)
{
    zmq_msg_t frames[FRAMES], extra;
    size_t n = 0;
    bool more = true, received = false;
    for (size_t i = 0; i < FRAMES; i++)
        zmq_msg_init (&frames[i]);
    zmq_msg_init (&extra);
    while (more) {
        zmq_msg_t *frame = n < FRAMES ? &frames[n] : &extra;
        int rc = zmq_msg_recv (frame, socket, ZMQ_DONTWAIT);
        if (rc == -1 && errno == EINTR)
            continue;
        if (rc == -1)
            break;
        received = true;
        more = zmq_msg_more (frame);
        n++;
    }
    if (received && !more && n == FRAMES) {
        char key[41];
        const char *status = status_decide (server, frames, key);
        answer_send (socket, frames, status, key);
    }
    zmq_msg_close (&extra);
    for (size_t i = 0; i < FRAMES; i++)
        zmq_msg_close (&frames[i]);
    return received;
}

static bool
admission_readable (void *context)
{
    struct rpc_server *server = context;
    // All that there are: a connection asks one at a time, and its keys cost it more than the answer costs here.
    while (question_answer (server, zsock_resolve (server->admission.socket)))
        continue;
    return false;
}

bool
rpc_admission_open (struct rpc_server *server, struct error *error_r)
{
    server->admission.socket = zsock_new (ZMQ_ROUTER);
    if (server->admission.socket == NULL ||
        zsock_bind (server->admission.socket, "%s", zap_endpoint) != 0) {
        error_set (error_r, "%s: %s (one server a process)", zap_endpoint, zmq_strerror (errno));
        zsock_destroy (&server->admission.socket);
        return false;
    }
    server->admission.reader =
        reader_new (server->loop, server->admission.socket, false, admission_readable, server);
    return true;
}

void
rpc_admission_close (struct rpc_server *server)
{
    if (server->admission.socket == NULL)
        return;
    reader_destroy (&server->admission.reader);
    // Closing frees the name in the background, this does it at once: another server may follow.
    zsock_unbind (server->admission.socket, "%s", zap_endpoint);
    zsock_destroy (&server->admission.socket);
}

bool
rpc_admission_event (void *context, unsigned event, uint32_t value)
{
    struct rpc_server *server = context;
    struct rpc_admission *admission = &server->admission;
    switch (event) {
    case ZMQ_EVENT_ACCEPTED:
        admission->open++;
        rpc_connection_opened (server, (int) value);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        admission->failed++;
        break;
    case ZMQ_EVENT_DISCONNECTED:
        admission->open -= admission->open > 0;
        if (admission->failed > 0)
            admission->failed--;
        else
            admission->admitted -= admission->admitted > 0;
        rpc_connection_gone (server, (int) value);
        break;
    default: // an int, and events that were not asked for
        break;
    }
    if (admission->failed > admission->open)
        admission->failed = admission->open;
    if (admission->admitted > admission->open - admission->failed)
        admission->admitted = admission->open - admission->failed;
    server->counters.connections = admission->admitted;
    return true;
}
