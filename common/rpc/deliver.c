#include "common/rpc/client_internal.h"
#include "common/rpc/wire.h"

#include <stdlib.h>

enum { DETAILS_MAX = 16, REPLY_REPLIES = 7 };

static void
message_send (struct rpc_outlet *outlet, const Jeton__V1__ClientMessage *message)
{
    uint8_t frame[64];
    size_t size = jeton__v1__client_message__pack (message, frame);
    rpc_outlet_flush (outlet); // what it is about may be there
    if (outlet->state != RPC_UP)
        return;
    // A connection that does not take it is lost or about to be: the call will hear of it.
    if (!rpc_outlet_send (outlet, frame, size))
        return;
}

static void
credit_renew (struct rpc_call *call)
{
    if (call->untold < (call->credit + 1) / 2 || call->outlet == NULL)
        return;
    Jeton__V1__Credit credit = JETON__V1__CREDIT__INIT;
    Jeton__V1__ClientMessage message = JETON__V1__CLIENT_MESSAGE__INIT;
    credit.id = call->id;
    credit.n = call->untold;
    message.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_CREDIT;
    message.credit = &credit;
    call->untold = 0;
    message_send (call->outlet, &message);
}

void
rpc_client_cancel (struct rpc_client *client, uint64_t id)
{
    struct rpc_call *call = rpc_call_find (client, id);
    if (call == NULL)
        return;
    if (call->outlet != NULL && call->outlet->state == RPC_UP) {
        Jeton__V1__Cancel cancel = JETON__V1__CANCEL__INIT;
        Jeton__V1__ClientMessage message = JETON__V1__CLIENT_MESSAGE__INIT;
        cancel.id = id;
        message.kind_case = JETON__V1__CLIENT_MESSAGE__KIND_CANCEL;
        message.cancel = &cancel;
        message_send (call->outlet, &message);
    }
    rpc_call_detach (call);
    rpc_call_free (call);
}

// NULL: it is not what the method returns.
static const ProtobufCMessage *
body_unpack (struct rpc_call *call, const ProtobufCBinaryData *body)
{
    struct wire_violation violation;
    struct arena *arena = call->client->arena;
    if (call->codec != NULL) {
        const ProtobufCMessage *message = call->codec->reply (arena, body->data, body->len);
        if (message != NULL)
            return message;
    }
    if (!wire_check (call->output, body->data, body->len, &violation))
        return NULL;
    return protobuf_c_message_unpack (call->output, arena_protobuf (arena), body->len, body->data);
}

static void
item_deliver (struct rpc_call *call, const Jeton__V1__Reply *reply)
{
    struct rpc_client *client = call->client;
    uint64_t id = call->id;
    struct rpc_result result = {.code = JETON__V1__CODE__CODE_OK, .message = "", .more = true};
    result.reply = body_unpack (call, &reply->body);
    if (result.reply == NULL) {
        rpc_call_fail (call, JETON__V1__CODE__CODE_INTERNAL, "an item of the stream is malformed");
        return;
    }
    call->stream = true;
    call->items++;
    call->untold++;
    rpc_call_deliver (call, &result);
    call = rpc_call_find (client, id); // the callback may have cancelled it
    if (call != NULL && !call->paced)
        credit_renew (call);
}

void
rpc_client_taken (struct rpc_client *client, uint64_t id)
{
    struct rpc_call *call = rpc_call_find (client, id);
    if (call != NULL)
        credit_renew (call);
}

static void
failure_deliver (struct rpc_call *call, const Jeton__V1__Reply *reply)
{
    struct rpc_result result = {
        .code = (int) reply->code, .message = reply->message, .retry_after = reply->retry_after};
    for (size_t i = 0; i < reply->n_details && i < DETAILS_MAX; i++) {
        result.details[i].field = reply->details[i]->field;
        result.details[i].description = reply->details[i]->description;
        result.ndetails = i + 1;
    }
    rpc_call_finish (call, &result);
}

// A server that ends, is not ready or lacks its database says so, and did nothing (proto/envelope.proto): another may be better off, and a
// call that may not be repeated is none yet. It goes on as long as there is one that takes calls.
static bool
elsewhere (struct rpc_call *call)
{
    struct rpc_outlet *outlet = call->outlet;
    const struct rpc_outlet *other =
        call->frame != NULL && call->items == 0 ? rpc_choose_for (call, outlet) : NULL;
    if (other == NULL || (other->unwilling_id != 0 && call->tries >= call->tries_max))
        return false;
    rpc_call_unsend (call);
    rpc_call_start (call, outlet);
    return true;
}

static void
reply_deliver (struct rpc_call *call, const Jeton__V1__Reply *reply)
{
    bool unavailable = reply->code == JETON__V1__CODE__CODE_UNAVAILABLE;
    if (unavailable)
        rpc_outlet_unwilling (call->outlet);
    else
        rpc_outlet_willing (call->outlet, call);
    if (reply->code != JETON__V1__CODE__CODE_OK) {
        if (!unavailable || !elsewhere (call))
            failure_deliver (call, reply);
        return;
    }
    if (reply->more) {
        item_deliver (call, reply);
        return;
    }
    struct rpc_result result = {.code = JETON__V1__CODE__CODE_OK, .message = ""};
    if (!call->stream) {
        result.reply = body_unpack (call, &reply->body);
        if (result.reply == NULL) {
            rpc_call_fail (call, JETON__V1__CODE__CODE_INTERNAL, "the reply is malformed");
            return;
        }
    }
    rpc_call_finish (call, &result);
}

static void
one_deliver (struct rpc_outlet *outlet, const uint8_t *data, size_t size)
{
    struct rpc_client *client = outlet->client;
    struct wire_violation violation;
    if (!wire_check (&jeton__v1__reply__descriptor, data, size, &violation))
        return; // whatever it answers will pass its deadline
    const Jeton__V1__Reply *reply =
        jeton__v1__reply__unpack (arena_protobuf (client->arena), size, data);
    if (reply != NULL && reply->last) {
        rpc_outlet_end (outlet);
    } else if (reply != NULL) {
        struct rpc_call *call = rpc_call_find (client, reply->id);
        if (call != NULL && call->outlet == outlet)
            reply_deliver (call, reply);
    }
    arena_reset (client->arena);
}

size_t
rpc_deliver (struct rpc_outlet *outlet, const uint8_t *data, size_t size)
{
    struct wire_part parts[RPC_CLIENT_GATHER_MAX];
    int n = wire_parts (data, size, REPLY_REPLIES, parts, RPC_CLIENT_GATHER_MAX);
    if (n == 0)
        one_deliver (outlet, data, size);
    for (int i = 0; i < n; i++)
        one_deliver (outlet, parts[i].content, parts[i].content_size);
    outlet->gathers |= n > 0;
    return n > 0 ? (size_t) n : 1;
}
