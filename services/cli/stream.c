// Streams: calls with many answers.
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include <stdlib.h>

enum { CREDIT = 64 };

struct streaming {
    struct cli *cli;
    connect_item *item;
    void *context;
    enum stream_end end;
    int status;
    struct error *error;
    bool ended;
};

static void
on_item (void *context, const struct rpc_result *result)
{
    struct streaming *streaming = context;
    int code = result->code;

    if (streaming->ended) {
        return; // items that were under way when it was enough
    }
    if (code == JETON__V1__CODE__CODE_OK && result->more) {
        if (result->reply == NULL || streaming->item (streaming->context, result->reply)) {
            return;
        }
        streaming->end = STREAM_STOPPED;
    } else if (code == JETON__V1__CODE__CODE_OK) {
        streaming->end = STREAM_DONE;
    } else if (code == JETON__V1__CODE__CODE_UNAVAILABLE || code == JETON__V1__CODE__CODE_UNKNOWN ||
               code == JETON__V1__CODE__CODE_DEADLINE_EXCEEDED) {
        // UNKNOWN is a connection that was lost in the middle: a stream changes nothing, so it is known.
        streaming->end = STREAM_BROKEN;
        streaming->status = EX_UNAVAILABLE;
        error_set (streaming->error, "%s (%s)", result->message, rpc_code_name (code));
    } else {
        streaming->end = STREAM_FAILED;
        streaming->status = print_result (streaming->cli, false, result);
    }
    streaming->ended = true;
    connect_stop (streaming->cli);
}

enum stream_end
connect_stream (struct cli *cli, const struct call *call, connect_item *item, void *context,
                int *status_r, struct error *error_r)
{
    struct streaming streaming = {.cli = cli, .item = item, .context = context, .error = error_r};
    struct rpc_client *client =
        connect_client (cli, call->service, call->endpoints, false, status_r);
    const char *metadata[3] = {NULL};
    cleanup_free char *authorization = NULL;
    const char *method;
    const ProtobufCServiceDescriptor *descriptor = connect_descriptor (call, &method);
    uint64_t id;

    if (client == NULL) {
        return STREAM_FAILED;
    }
    *status_r = connect_as_user (cli, call, &authorization);
    if (*status_r != EX_OK) {
        return STREAM_FAILED;
    }
    connect_user_metadata (metadata, authorization);
    // With credit it is known to be a stream: it lasts as long as it likes, but waits for its connection no longer than a call does.
    id = rpc_client_call (client, descriptor, method, call->request,
                          &(struct rpc_call_options){.credit = CREDIT, .metadata = metadata},
                          on_item, &streaming);
    while (!streaming.ended) {
        if (!connect_run (cli, 0) && !streaming.ended) {
            streaming.end = STREAM_STOPPED;
            streaming.ended = true;
            streaming.status = 128 + connect_interrupted (cli);
        }
    }
    // After its end this does nothing; before, the server may stop.
    rpc_client_cancel (client, id);
    *status_r = streaming.status;
    return streaming.end;
}

int
connect_follow (struct cli *cli, const struct call *call, connect_item *item, void *context,
                int64_t *after, const int64_t *last)
{
    struct error error;
    int status;

    for (;;) {
        if (*last > 0) {
            *after = *last;
        }
        switch (connect_stream (cli, call, item, context, &status, &error)) {
        case STREAM_STOPPED:
            return EX_OK; // it has no other end
        case STREAM_FAILED:
            return status;
        case STREAM_DONE:
        case STREAM_BROKEN:
            // The pause keeps a server that refuses from being asked all the time.
            if (!connect_run (cli, 200)) {
                return EX_OK;
            }
        }
    }
}
