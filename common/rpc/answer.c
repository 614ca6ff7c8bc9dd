#include "common/memory/memory.h"
#include "common/rpc/internal.h"
#include "common/rpc/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { REPLY_BODY_TAG = 5 << 3 | 2 };

static size_t
body_size (const struct rpc_answer *answer)
{
    if (answer->body == NULL)
        return 0;
    return answer->codec != NULL ? answer->codec->reply_size (answer->body)
                                 : protobuf_c_message_get_packed_size (answer->body);
}

static size_t
body_pack (const struct rpc_answer *answer, uint8_t *data_r)
{
    return answer->codec != NULL ? answer->codec->reply_pack (answer->body, data_r)
                                 : protobuf_c_message_pack (answer->body, data_r);
}

// The body is packed behind the other fields, straight into the frame: fields may come in any order.
static bool
frame_pack (const struct rpc_answer *answer, zmq_msg_t *frame_r)
{
    Jeton__V1__FieldViolation violation = JETON__V1__FIELD_VIOLATION__INIT;
    Jeton__V1__FieldViolation *details[] = {&violation};
    Jeton__V1__Reply reply = JETON__V1__REPLY__INIT;
    reply.id = answer->id;
    reply.code = (Jeton__V1__Code) answer->code;
    reply.more = answer->more;
    reply.last = answer->last;
    reply.retry_after = answer->retry_after;
    if (answer->message != NULL)
        reply.message = (char *) answer->message;
    if (answer->field != NULL) {
        violation.field = (char *) answer->field;
        violation.description = reply.message;
        reply.details = details;
        reply.n_details = 1;
    }
    size_t head = jeton__v1__reply__get_packed_size (&reply);
    size_t body = body_size (answer);
    if (body > RPC_REPLY_LIMIT) {
        errno = EMSGSIZE;
        return false;
    }
    size_t size = head + (body > 0 ? 1 + wire_varint_size (body) + body : 0);
    if (zmq_msg_init_size (frame_r, size) != 0)
        return false;
    uint8_t *at = zmq_msg_data (frame_r);
    at += jeton__v1__reply__pack (&reply, at);
    if (body > 0) {
        *at++ = REPLY_BODY_TAG;
        at += wire_varint_write (body, at);
        at += body_pack (answer, at);
    }
    assert (at == (uint8_t *) zmq_msg_data (frame_r) + size);
    return true;
}

static bool
part_send (zmq_msg_t *frame, void *socket, int flags)
{
    int rc;
    do
        rc = zmq_msg_send (frame, socket, flags | ZMQ_DONTWAIT);
    while (rc == -1 && errno == EINTR);
    return rc != -1;
}

bool
rpc_frame_send (struct rpc_server *server, const uint8_t *routing, size_t routing_size,
                zmq_msg_t *frame)
{
    zmq_msg_t address;
    void *socket = zsock_resolve (server->socket);
    if (zmq_msg_init_size (&address, routing_size) != 0)
        return false;
    memcpy (zmq_msg_data (&address), routing, routing_size);
    // ROUTER tells with the first frame whether it can take the message, and never refuses the second.
    bool sent = part_send (&address, socket, ZMQ_SNDMORE) && part_send (frame, socket, 0);
    int reason = errno;
    zmq_msg_close (&address);
    reader_used (server->reader);
    errno = reason;
    return sent;
}

bool
rpc_frame_deliver (struct rpc_server *server, int fd, const uint8_t *routing, size_t routing_size,
                   zmq_msg_t *frame, size_t replies)
{
    bool others = rpc_backlog_size (server, fd) > 0; // which go first
    if (!others && rpc_frame_send (server, routing, routing_size, frame))
        return true;
    return (others || errno == EAGAIN) &&
           rpc_backlog_keep (server, fd, routing, routing_size, frame, replies);
}

bool
rpc_answer_send (struct rpc_server *server, int fd, const uint8_t *routing, size_t routing_size,
                 const struct rpc_answer *answer)
{
    zmq_msg_t frame;
    bool failure = answer->code != JETON__V1__CODE__CODE_OK;
    if (answer->more && rpc_backlog_size (server, fd) > 0) { // others go first
        errno = EAGAIN;
        return false;
    }
    if (!frame_pack (answer, &frame))
        return false;
    if (!answer->more && rpc_gather_add (server, fd, routing, routing_size, &frame, failure)) {
        zmq_msg_close (&frame);
        return true;
    }
    bool sent = answer->more ? rpc_frame_send (server, routing, routing_size, &frame)
                             : rpc_frame_deliver (server, fd, routing, routing_size, &frame, 1);
    int reason = errno;
    zmq_msg_close (&frame);
    if (sent) {
        server->counters.replies++;
        server->counters.failures += failure;
    }
    errno = reason;
    return sent;
}

void
rpc_answer_refuse (struct rpc_server *server, const struct rpc_sender *sender, uint64_t id,
                   int code, const char *field, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    wire_text_clean (text);
    struct rpc_answer answer = {.id = id, .code = code, .message = text, .field = field};
    if (!rpc_answer_send (server, sender->fd, sender->routing, sender->routing_size, &answer))
        server->counters.lost++;
}

void
rpc_answer_last (struct rpc_server *server)
{
    char text[96];
    snprintf (text, sizeof text, "%.32s has ended: what it has not answered was not done",
              server->service);
    struct rpc_answer answer = {
        .code = JETON__V1__CODE__CODE_UNAVAILABLE, .message = text, .last = true};
    for (size_t i = 0; i < server->nconnections; i++) {
        struct rpc_connection *connection = &server->connections[i];
        zmq_msg_t frame;
        if (!connection->open || !connection->greeted || connection->told || connection->missed ||
            connection->in_flight > 0 || connection->backlog != NULL ||
            !frame_pack (&answer, &frame))
            continue;
        // Whoever does not take it has to go without.
        connection->told = rpc_frame_send (server, connection->routing, RPC_ROUTING_SIZE, &frame);
        zmq_msg_close (&frame);
    }
}
