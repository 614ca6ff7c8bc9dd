// The client side: calls to one service at one or more endpoints, with deadlines, health and repetition.
//
// Small calls that are begun in one turn of the loop for the same connection go together at its end, in one frame, once the server has shown that it takes that (proto/envelope.proto). Each has its own
// deadline, answer and end, as if it had gone by itself.
#ifndef JETON_RPC_CLIENT_H
#define JETON_RPC_CLIENT_H

#include "common/error/error.h"
#include "common/net/resolver.h"
#include "common/rpc/codec.h"
#include "common/stats/stats.h"
#include <czmq.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

struct rpc_client_options {
    // Comma-separated: "tcp://127.0.0.1:7102,tcp://validator:7102". A host name may stand for many addresses: it is resolved again
    // every resolve_interval_ms, and each address gets a connection of its own.
    const char *endpoints;
    const char *server_key;       // the service's CURVE public key, Z85
    zcert_t *certificate;         // the client's key pair; borrowed
    uint32_t timeout_ms;          // of calls that give none; 0: 5,000
    uint32_t in_flight_limit;     // calls in progress; more end with RESOURCE_EXHAUSTED; 0: 4,096
    uint32_t resolve_interval_ms; // 0: 2,000
    bool
        urgent; // what comes is handled before all else that the loop finds in the same turn (common/net/reader.h)
    bool
        by_home; // choose the endpoint by rendezvous hashing of the call's key; otherwise least outstanding
};

struct rpc_client;

// The outcome of a call: code is a Jeton__V1__Code. `reply` is the unpacked message (NULL unless code is CODE_OK; for the end of a
// stream always), owned by the client, valid during the callback. `more`: an item of a stream; others or the end follow.
struct rpc_result {
    int code;
    const char *message;  // "" when OK
    uint32_t retry_after; // of a failure: seconds; 0: nobody knows
    size_t ndetails;      // field violations
    struct {
        const char *field, *description;
    } details[16];
    const void *reply;
    bool more;
    bool lost; // with UNAVAILABLE: the connection went, and with it the answer
};

// Called once (for a stream: once for each item and once at the end), never before the starter has returned.
typedef void rpc_callback (void *context, const struct rpc_result *result);

struct rpc_client *rpc_client_new (struct loop *loop, struct resolver *resolver,
                                   const struct rpc_client_options *options, struct error *error_r)
    __attribute__ ((warn_unused_result));
// rpc_client_destroy (&client): Open calls end without a callback. NULL-safe. Not in a callback of the client.
void rpc_client_destroy (struct rpc_client **client);

struct rpc_call_options {
    uint32_t timeout_ms; // 0: the client's
    const char *key;     // by_home: what to hash; not sent
    size_t key_size;
    bool idempotent; // may be sent once more elsewhere when a connection is lost
    bool once; // idempotent, but sent once only: what becomes of it then is the caller's matter
    // The connection to use, of rpc_client_home; where it is not up any more, the call ends as one that was lost. 0: the client chooses.
    uint32_t connection;
    // Streams: items in flight; it is renewed as items are taken. A call with credit is known to be a stream from the start: without
    // timeout_ms it has no deadline, and its end has no reply even if no item came. 0: 64, for what turns out to be a stream.
    uint32_t credit;
    // Credit is renewed only for what rpc_client_taken says: the caller passes the items on to somebody who may be slower.
    bool paced;
    const char *const *metadata;   // key, value, key, value, …, NULL; or NULL
    const struct rpc_codec *codec; // unpacks the replies, where it can; NULL: protobuf-c alone
};

// rpc_client_call (client, descriptor, method, message, options, callback, context):
// Call a method of a service. The message is packed before this returns. options may be NULL. Returns the call's id, for
// rpc_client_cancel. How it ends when it does not get a reply:
//   UNAVAILABLE        no connection came up within the deadline, the server asked and, where there are, others said so, or an
//                      idempotent call was lost twice: nothing was done (or it does not matter). Who said so is asked after all
//                      others for a second
//   UNKNOWN            the connection was lost after the request was sent, the call is not idempotent, and the server has not said before that it ends and has not begun
//                      what it has not answered: otherwise the call goes elsewhere, or waits for a connection
//   DEADLINE_EXCEEDED  no answer in time
//   RESOURCE_EXHAUSTED in_flight_limit
//   PERMISSION_DENIED  the server does not know our key (its peers file)
uint64_t rpc_client_call (struct rpc_client *client, const ProtobufCServiceDescriptor *descriptor,
                          const char *method, const ProtobufCMessage *message,
                          const struct rpc_call_options *options, rpc_callback *callback,
                          void *context);

// rpc_client_call_packed (client, method, output, body, size, options, callback, context): The same with a request that is packed
// already; it is copied. method: "jeton.v1.Service/Method"; output: what it returns.
uint64_t rpc_client_call_packed (struct rpc_client *client, const char *method,
                                 const ProtobufCMessageDescriptor *output, const uint8_t *body,
                                 size_t size, const struct rpc_call_options *options,
                                 rpc_callback *callback, void *context);

// rpc_client_home (client, key, size, except): The number of the connection that a call with this key would be sent on now, were it not for
// `except` (0: none is excepted). 0: none is up. Numbers are never used again. rpc_client_willing (client, number): It is up, and has not said
// UNAVAILABLE of late.
uint32_t rpc_client_home (struct rpc_client *client, const char *key, size_t size, uint32_t except);
bool rpc_client_willing (struct rpc_client *client, uint32_t number);

// rpc_client_receive (client): Take what has come by now, without waiting for the loop's turn. Callbacks are called from here; not in one of them.
void rpc_client_receive (struct rpc_client *client);

// rpc_client_cancel (client, id): The callback will not be called (any more); the server is told. Unknown ids are ignored.
void rpc_client_cancel (struct rpc_client *client, uint64_t id);

// rpc_client_taken (client, id): Of a paced call: all items that have come so far have been taken; others may come for them. Unknown ids are ignored.
void rpc_client_taken (struct rpc_client *client, uint64_t id);

// rpc_client_address (client, number): Of a connection ("tcp://10.0.0.7:7102"), until the loop goes on. NULL: there is none of this number (any more).
// rpc_client_up (client): How many connections calls can be sent on now. rpc_client_settled (client): Each name has been looked up, and each address is up or has
// been found not to be.
const char *rpc_client_address (struct rpc_client *client, uint32_t number);
size_t rpc_client_up (const struct rpc_client *client);
bool rpc_client_settled (const struct rpc_client *client);

// rpc_client_each (client, each, context): Each address behind each endpoint, in their order: the number of its connection, its text, and whether calls can be sent on it now. An
// endpoint without any comes by its own text, with the number 0.
typedef void rpc_client_connection (void *context, uint32_t number, const char *address, bool up);
void rpc_client_each (const struct rpc_client *client, rpc_client_connection *each, void *context);

// Counters, for Stats; rpc_client_stats_rows shows them.
struct rpc_client_stats {
    uint64_t calls, failures;        // failures: those that ended otherwise than CODE_OK
    uint64_t in_flight, connections; // as of the last rpc_client_stats
    struct timing took;              // of those that ended with CODE_OK; not of streams
};
extern const struct stat_row rpc_client_stats_rows[];
// rpc_client_stats (client): As they are now; the pointer stays the same. rpc_client_stats_refresh (client): The same, for a struct stat_source.
const struct rpc_client_stats *rpc_client_stats (struct rpc_client *client);
void rpc_client_stats_refresh (void *client);

// rpc_code_name (code): "UNAVAILABLE", …
const char *rpc_code_name (int code);

#endif
