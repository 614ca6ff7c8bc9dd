#include "common/memory/memory.h"
#include "common/rpc/internal.h"
#include "common/rpc/wire.h"

#include <errno.h>
#include <string.h>

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

void
rpc_receive_message (struct rpc_server *server, const struct rpc_sender *sender,
                     const uint8_t *data, size_t size)
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
        case JETON__V1__CLIENT_MESSAGE__KIND__NOT_SET:
        case _JETON__V1__CLIENT_MESSAGE__KIND__CASE_IS_INT_SIZE:
            server->counters.malformed++;
            rpc_answer_refuse (server, sender, 0, JETON__V1__CODE__CODE_INVALID_ARGUMENT, NULL,
                               "the message is neither a request nor credit nor cancel");
            break;
        }
    rpc_request_release (request);
}

// A routing id that a client chose could be another's a moment ago, and get its replies.
static bool
routing_is_ours (const struct rpc_sender *sender)
{
    return sender->routing_size == RPC_ROUTING_SIZE && sender->routing[0] == 0;
}

static void
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
        return;
    }
    if (fault == NULL) {
        rpc_receive_message (server, &sender, zmq_msg_data (frame), zmq_msg_size (frame));
        return;
    }
    server->counters.malformed++;
    rpc_answer_refuse (server, &sender, 0, JETON__V1__CODE__CODE_INVALID_ARGUMENT, NULL, "%s",
                       fault);
}

// False: there is none.
static bool
message_receive (struct rpc_server *server, void *socket)
{
    zmq_msg_t routing, frame, rest;
    zmq_msg_init (&routing);
    zmq_msg_init (&frame);
    zmq_msg_init (&rest);
    bool received = frame_receive (&routing, socket);
    if (received && zmq_msg_more (&routing) && frame_receive (&frame, socket)) {
        bool several = zmq_msg_more (&frame);
        for (bool more = several; more; more = zmq_msg_more (&rest))
            if (!frame_receive (&rest, socket))
                break;
        frames_handle (server, &routing, &frame, several);
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
    for (int i = 0; i < RPC_BATCH; i++)
        if (!message_receive (server, socket))
            return false;
    return true;
}

void
rpc_receive_last (struct rpc_server *server)
{
    void *socket = zsock_resolve (server->socket);
    server->ending = true;
    for (int i = 0; i < RPC_LAST && message_receive (server, socket); i++)
        continue;
}
