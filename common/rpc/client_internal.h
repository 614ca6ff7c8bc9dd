// How the files of the client share its state: client.c (life, calls), call.c (one call), frame.c (packing), choose.c (which connection),
// connection.c (one address), endpoint.c (names to addresses), deliver.c (replies).
#ifndef JETON_RPC_CLIENT_INTERNAL_H
#define JETON_RPC_CLIENT_INTERNAL_H

#include "common/memory/list.h"
#include "common/memory/memory.h"
#include "common/net/alarm.h"
#include "common/net/deadline.h"
#include "common/net/reader.h"
#include "common/rpc/client.h"
#include "common/rpc/monitor.h"
#include "envelope.pb-c.h"

enum {
    RPC_CLIENT_MAGIC = 0x2c11e47a,
    RPC_CLIENT_BATCH = 64,            // replies taken from a socket in one turn of the loop
    RPC_CLIENT_CREDIT = 64,           // of a stream that does not say
    RPC_CLIENT_FRAME_LIMIT = 9 << 20, // of a reply: a server's RPC_REPLY_LIMIT and its envelope
    RPC_CLIENT_ARENA_LIMIT = 64 << 20,
    RPC_CLIENT_GATHER_MAX = 32,        // requests in one frame (proto/envelope.proto)
    RPC_CLIENT_GATHER_SIZE_MAX = 1024, // of each: what is longer goes by itself
    RPC_CLIENT_SPARE_MAX = 64 << 10,   // bytes of a frame's memory that is kept for the next one
    RPC_CLIENT_TRIES = 2, // of a call that is lost; one that is refused goes on regardless
};

// What stands in one place of `endpoints`.
struct rpc_endpoint {
    struct node link; // client's endpoints
    struct rpc_client *client;
    char *text; // "tcp://validator:7102"
    char *host; // NULL: not a name to resolve (ipc)
    char *port;
    bool numeric;
    bool resolved; // has been answered since the start
    struct resolver_query *query;
    int64_t resolve_at_ms;
    struct error trouble; // why it has no address
};

enum rpc_connection_state {
    RPC_CONNECTING,  // nothing has been heard yet
    RPC_UP,          // may be used
    RPC_UNREACHABLE, // nobody answers, or not as a server of ours
    RPC_REFUSED,     // it does not know our key
};

// One address of an endpoint.
struct rpc_outlet {
    struct node link; // client's outlets
    struct rpc_client *client;
    struct rpc_endpoint *endpoint;
    char *address; // "tcp://10.0.0.7:7102"
    enum rpc_connection_state state;
    zsock_t *socket; // NULL: waiting for retry_at_ms
    struct reader *reader;
    struct rpc_monitor *monitor;
    int64_t retry_at_ms;
    int64_t backoff_ms;
    struct node calls;     // sent on it
    bool ended;            // the server has said its last word on this connection
    bool gathers;          // the server has shown that it takes several requests in a frame
    struct node gathering; // calls that go at the end of this turn, in one frame
    size_t ngathering;     // at least as many as there are in the list
    size_t outstanding;
    uint32_t number; // from 1
    uint8_t hash[8]; // of the address
    bool leaving;    // the name does not stand for it any more: closed once its calls are done
    // It said UNAVAILABLE when this was the client's last call; until then others are chosen before it. 0: it takes calls.
    uint64_t unwilling_id;
    int64_t unwilling_until_ms;
};

struct rpc_client {
    unsigned magic;
    struct loop *loop;
    struct resolver *resolver;
    struct rpc_client_options options;
    char *server_key;
    struct alarm *alarm;
    struct node endpoints, outlets;
    struct node waiting; // calls without a connection
    struct node failing; // calls that failed before they began
    struct rpc_call **by_id;
    size_t by_id_mask;
    size_t ncalls;
    uint64_t last_id;
    struct deadlines deadlines;
    struct arena *arena; // of the reply that is being delivered
    bool delivering;
    size_t rotation; // where to begin among equals
    uint8_t *spare;  // a frame's memory, for the next; NULL: none
    size_t spare_room;
    uint32_t last_number;
    struct rpc_client_stats stats;
};

struct rpc_call {
    struct node link;      // waiting, failing or an outlet's calls
    struct rpc_call *next; // in its bucket of by_id
    struct rpc_client *client;
    struct rpc_outlet *outlet; // NULL: not sent
    uint64_t id;
    const ProtobufCMessageDescriptor *output;
    const struct rpc_codec *codec; // NULL: protobuf-c alone
    rpc_callback *callback;
    void *context;
    struct deadline deadline;
    int64_t until_ms; // INT64_MAX: none
    int64_t began_us; // zclock_usecs
    uint8_t *frame;   // NULL: sent, and never to be sent again
    size_t frame_size, frame_room;
    size_t timeout_at; // where timeout_ms is in it
    uint8_t key_hash[8];
    bool by_home;
    bool idempotent;
    bool stream;
    bool paced;          // credit waits for rpc_client_taken
    bool lost;           // its connection was lost, and it may not be tried again
    uint32_t connection; // the only one that it may use; 0: any
    unsigned tries, tries_max;
    uint32_t items, untold; // received; received since credit was given last
    uint32_t credit;
    int failed; // code of a call that failed before it began
    const char *failure;
};

// frame.c. rpc_frame_pack (call, method, message, options, timeout_ms): Sets frame, frame_size and timeout_at. rpc_frame_wrap: the same of a
// message that is packed already.
void rpc_frame_pack (struct rpc_call *call, const char *method, const ProtobufCMessage *message,
                     const struct rpc_call_options *options, uint32_t timeout_ms);
void rpc_frame_wrap (struct rpc_call *call, const char *method, const uint8_t *body, size_t size,
                     const struct rpc_call_options *options, uint32_t timeout_ms);
void rpc_frame_timeout (struct rpc_call *call, uint32_t timeout_ms);
// rpc_frame_free (call): It will not be sent again. Wiped: there may be tokens in it.
void rpc_frame_free (struct rpc_call *call);

// call.c
struct rpc_call *rpc_call_find (struct rpc_client *client, uint64_t id);
void rpc_call_add (struct rpc_client *client, struct rpc_call *call);
// rpc_call_detach (call): Takes it from everywhere. rpc_call_free: after that.
void rpc_call_detach (struct rpc_call *call);
// rpc_call_unsend (call): It is not, or no more, with a connection.
void rpc_call_unsend (struct rpc_call *call);
void rpc_call_free (struct rpc_call *call);
// rpc_call_refuse (call, code, why): It fails in the next turn; `why` is not copied.
void rpc_call_refuse (struct rpc_call *call, int code, const char *why);
// rpc_call_start (call): Send it, or have it wait for a connection.
void rpc_call_start (struct rpc_call *call, const struct rpc_outlet *except);
// rpc_call_finish (call, result): Detach, call back, free. rpc_call_fail: the same with a code and a text.
void rpc_call_finish (struct rpc_call *call, const struct rpc_result *result);
void rpc_call_fail (struct rpc_call *call, int code, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
// rpc_call_sent (call): Its frame has gone.
void rpc_call_sent (struct rpc_call *call);
// rpc_call_unsent (call): It was to go with others, and did not.
void rpc_call_unsent (struct rpc_call *call);
// rpc_call_lost (call): Its connection was lost after it had been sent.
void rpc_call_lost (struct rpc_call *call);
void rpc_call_deliver (struct rpc_call *call, const struct rpc_result *result);
void rpc_calls_wake (struct rpc_client *client);    // a connection came up
void rpc_calls_refused (struct rpc_client *client); // perhaps there is nobody left to wait for
void rpc_call_timeout (struct rpc_call *call);

// choose.c: The connection for a call, by the hash of its key; key_hash NULL: with the least outstanding. One that is unwilling comes after
// all others. NULL when none is up.
struct rpc_outlet *rpc_choose (struct rpc_client *client, const uint8_t *key_hash,
                               const struct rpc_outlet *except);
struct rpc_outlet *rpc_choose_for (const struct rpc_call *call, const struct rpc_outlet *except);
struct rpc_outlet *rpc_outlet_find (struct rpc_client *client, uint32_t number);
void rpc_choose_hash (const void *data, size_t size, uint8_t hash_r[8]);

// connection.c
// rpc_outlet_new (endpoint, address): Connects in the next turn; takes over the address.
void rpc_outlet_new (struct rpc_endpoint *endpoint, char *address);
void rpc_outlet_destroy (struct rpc_outlet **outlet_p);
void rpc_outlet_turn (struct rpc_outlet *outlet, int64_t now);
// rpc_outlet_unwilling (outlet): It has just said UNAVAILABLE. rpc_outlet_willing (outlet, call): It has answered otherwise.
void rpc_outlet_unwilling (struct rpc_outlet *outlet);
void rpc_outlet_willing (struct rpc_outlet *outlet, const struct rpc_call *call);
// rpc_outlet_end (outlet): It has said its last word: what it has not answered it has not begun. In the next turn its connection is closed.
void rpc_outlet_end (struct rpc_outlet *outlet);
// rpc_outlet_gather (outlet, call): Take a call whose frame goes at the end of the turn, with others; should it not go, it is started again. False: it has to be sent by itself.
bool rpc_outlet_gather (struct rpc_outlet *outlet, struct rpc_call *call)
    __attribute__ ((warn_unused_result));
// rpc_outlet_flush (outlet): They go now.
void rpc_outlet_flush (struct rpc_outlet *outlet);
// rpc_outlet_send (outlet, data, size): False: its queue is full, or it has just been lost.
bool rpc_outlet_send (struct rpc_outlet *outlet, const void *data, size_t size)
    __attribute__ ((warn_unused_result));

// endpoint.c
bool rpc_endpoints_parse (struct rpc_client *client, const char *text, struct error *error_r)
    __attribute__ ((warn_unused_result));
void rpc_endpoints_free (struct rpc_client *client);
void rpc_endpoint_turn (struct rpc_endpoint *endpoint, int64_t now);
// rpc_endpoints_refused (client): Every endpoint was heard of, and nothing but that it does not know our key.
bool rpc_endpoints_refused (const struct rpc_client *client);
// rpc_endpoints_describe (client, error_r): What was tried, and with what success.
void rpc_endpoints_describe (const struct rpc_client *client, struct error *error_r);

// deliver.c. rpc_deliver (outlet, data, size): A frame. How many replies it had, at least 1.
size_t rpc_deliver (struct rpc_outlet *outlet, const uint8_t *data, size_t size);

#endif
