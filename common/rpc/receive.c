#include "common/memory/memory.h"
#include "common/rpc/internal.h"
#include "common/rpc/wire.h"

#include <errno.h>
#include <string.h>

// Numbers of fields.
enum { CLIENT_MESSAGE_SEVERAL = 4, REQUESTS_REQUESTS = 1 };

static bool
frame_receive (zmq_msg_t *frame, void *socket)
{
    int rc;
    do
        rc = zmq_msg_recv (frame, socket, ZMQ_DONTWAIT);
    while (rc == -1 && errno == EINTR);
    return rc != -1;
}

static void
credit_give (struct rpc_server *server, const struct rpc_sender *sender,
             const Jeton__V1__Credit *credit)
{
    if (credit->id == 0) {
        server->connections[sender->fd].greeted = true;
        return;
    }
    struct request *request = rpc_request_find (server, sender->fd, credit->id);
    if (request == NULL || credit->n == 0)
        return; // the stream may have ended while the credit was on its way
    uint64_t sum = (uint64_t) request->credit + credit->n;
    request->credit = sum > RPC_CREDIT_MAX ? RPC_CREDIT_MAX : (uint32_t) sum;
    request->credited = true;
    if (request->streaming)
        rpc_request_due (request);
}

static void
call_cancel (struct rpc_server *server, const struct rpc_sender *sender,
             const Jeton__V1__Cancel *cancel)
{
    struct request *request = rpc_request_find (server, sender->fd, cancel->id);
    if (request == NULL)
        return;
    server->counters.cancelled++;
    struct rpc_answer answer = {.code = JETON__V1__CODE__CODE_CANCELLED,
                                .message = "the call was cancelled"};
    rpc_request_answer (request, &answer);
}

// Unpacks into the arena of a request that may come of it. NULL: the sender has been told why not.
static const Jeton__V1__ClientMessage *
envelope_unpack (struct rpc_server *server, const struct rpc_sender *sender,
                 struct request *request, const uint8_t *data, size_t size)
{
    struct wire_violation violation;
    if (!wire_check (&jeton__v1__client_message__descriptor, data, size, &violation)) {
        server->counters.malformed++;
        rpc_answer_refuse (server, sender, wire_call_id (data, size),
                           JETON__V1__CODE__CODE_INVALID_ARGUMENT, NULL, "the envelope: %s %s",
                           violation.field[0] != '\0' ? violation.field : "it", violation.what);
        return NULL;
    }
    const Jeton__V1__ClientMessage *message =
        jeton__v1__client_message__unpack (arena_protobuf (request->arena), size, data);
    if (message == NULL) {
        server->counters.exhausted++;
        rpc_answer_refuse (server, sender, wire_call_id (data, size),
                           JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED, NULL,
                           "the envelope needs more than the %zu bytes that a request may use",
                           server->options.arena_limit);
    }
    return message;
}

static void
one_receive (struct rpc_server *server, const struct rpc_sender *sender, const uint8_t *data,
             size_t size)
{
    struct request *request = rpc_request_take (server);
    const Jeton__V1__ClientMessage *message = envelope_unpack (server, sender, request, data, size);
    if (message != NULL)
        switch (message->kind_case) {
        case JETON__V1__CLIENT_MESSAGE__KIND_REQUEST:
            request->envelope = message->request;
            rpc_dispatch (server, sender, request);
            return;
        case JETON__V1__CLIENT_MESSAGE__KIND_CREDIT:
            credit_give (server, sender, message->credit);
            break;
        case JETON__V1__CLIENT_MESSAGE__KIND_CANCEL:
            call_cancel (server, sender, message->cancel);
            break;
        case JETON__V1__CLIENT_MESSAGE__KIND_SEVERAL: // beside something else
        case JETON__V1__CLIENT_MESSAGE__KIND__NOT_SET:
        case _JETON__V1__CLIENT_MESSAGE__KIND__CASE_IS_INT_SIZE:
            server->counters.malformed++;
            rpc_answer_refuse (server, sender, 0, JETON__V1__CODE__CODE_INVALID_ARGUMENT, NULL,
                               "the message is neither a request nor credit nor cancel");
            break;
        }
    rpc_request_release (request);
}

// A field of Requests is what a ClientMessage with one request is, so each goes the way of one that came alone.
static size_t
several_receive (struct rpc_server *server, const struct rpc_sender *sender,
                 const struct wire_part *several)
{
    struct wire_part parts[RPC_GATHER_MAX] = {0};
    int n = 0;
    if (several != NULL)
        n = wire_parts (several->content, several->content_size, REQUESTS_REQUESTS, parts,
                        RPC_GATHER_MAX);
    if (n < 1) {
        server->counters.malformed++;
        rpc_answer_refuse (server, sender, 0, JETON__V1__CODE__CODE_INVALID_ARGUMENT, NULL,
                           "several: a frame has 1 to %d requests, and nothing else",
                           RPC_GATHER_MAX);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        if (!rpc_connection_see (server, sender)) { // it was cut off because of the one before
            server->counters.lost++;
            break;
        }
        one_receive (server, sender, parts[i].field, parts[i].field_size);
    }
    return (size_t) n;
}

size_t
rpc_receive_message (struct rpc_server *server, const struct rpc_sender *sender,
                     const uint8_t *data, size_t size)
{
    struct wire_part several = {0};
    int n = wire_parts (data, size, CLIENT_MESSAGE_SEVERAL, &several, 1);
    if (n != 0)
        return several_receive (server, sender, n == 1 ? &several : NULL);
    one_receive (server, sender, data, size);
    return 1;
}

// A routing id that a client chose could be another's a moment ago, and get its replies.
static bool
routing_is_ours (const struct rpc_sender *sender)
{
    return sender->routing_size == RPC_ROUTING_SIZE && sender->routing[0] == 0;
}

static size_t
frames_handle (struct rpc_server *server, zmq_msg_t *routing, zmq_msg_t *frame, bool several)
{
    struct rpc_sender sender = {
        .routing = zmq_msg_data (routing),
        .routing_size = zmq_msg_size (routing),
        .fd = zmq_msg_get (frame, ZMQ_SRCFD),
        .key = zmq_msg_gets (frame, "User-Id"),
    };
    const char *fault = NULL;
    if (several)
        fault = "a message is one frame; this one had several";
    else if (!routing_is_ours (&sender))
        fault = "leave ZMQ_ROUTING_ID unset";
    else if (sender.key == NULL || !rpc_connection_see (server, &sender)) {
        server->counters.lost++;
        return 1;
    }
    if (fault == NULL)
        return rpc_receive_message (server, &sender, zmq_msg_data (frame), zmq_msg_size (frame));
    server->counters.malformed++;
    rpc_answer_refuse (server, &sender, 0, JETON__V1__CODE__CODE_INVALID_ARGUMENT, NULL, "%s",
                       fault);
    return 1;
}

// How many there were in a frame. 0: there is no frame.
static size_t
message_receive (struct rpc_server *server, void *socket)
{
    zmq_msg_t routing, frame, rest;
    zmq_msg_init (&routing);
    zmq_msg_init (&frame);
    zmq_msg_init (&rest);
    size_t received = frame_receive (&routing, socket);
    if (received > 0 && zmq_msg_more (&routing) && frame_receive (&frame, socket)) {
        bool several = zmq_msg_more (&frame);
        for (bool more = several; more; more = zmq_msg_more (&rest))
            if (!frame_receive (&rest, socket))
                break;
        received = frames_handle (server, &routing, &frame, several);
    }
    zmq_msg_close (&rest);
    zmq_msg_close (&frame);
    zmq_msg_close (&routing);
    return received;
}

bool
rpc_receive_readable (void *context)
{
    struct rpc_server *server = context;
    void *socket = zsock_resolve (server->socket);
    if (!list_empty (&server->backlogs))
        rpc_backlogs_send (server);
    size_t received = 1;
    for (size_t taken = 0; received > 0 && taken < RPC_BATCH; taken += received)
        received = message_receive (server, socket);
    if (server->leaving) {
        rpc_gathers_send (server);
        rpc_answer_last (server); // whoever has just come
    }
    return received > 0;
}

void
rpc_receive_flush (void *context)
{
    rpc_gathers_send (context);
}

void
rpc_receive_last (struct rpc_server *server)
{
    void *socket = zsock_resolve (server->socket);
    server->ending = true;
    for (int i = 0; i < RPC_LAST && message_receive (server, socket) > 0; i++)
        continue;
}
