// How the files of the server share its state: server.c (life), receive.c (socket to requests), dispatch.c (checks), request.c (what
// handlers call), inflight.c (requests in progress), answer.c (replies), gather.c (replies that go together), backlog.c (replies that wait), zap.c (who may connect), builtin.c (Health, Stats), stats.c (what Stats shows).
#ifndef JETON_RPC_INTERNAL_H
#define JETON_RPC_INTERNAL_H

#include "common/memory/list.h"
#include "common/net/alarm.h"
#include "common/net/deadline.h"
#include "common/net/reader.h"
#include "common/rpc/monitor.h"
#include "common/rpc/server.h"
#include "envelope.pb-c.h"

enum {
    RPC_METHOD_LENGTH_MAX = 128,
    RPC_METADATA_MAX = 16,
    RPC_METADATA_KEY_MAX = 64,
    RPC_METADATA_VALUE_MAX = 4096,
    RPC_TIMEOUT_MS = 5000,
    RPC_TIMEOUT_MAX_MS = 600000,
    RPC_BODY_LIMIT = 65536,
    RPC_REPLY_LIMIT = 8 << 20, // of one packed reply message; clients accept no larger frame
    RPC_ROUTING_SIZE = 5,      // of the routing ids that ROUTER makes
    RPC_BATCH = 64,            // messages taken from a socket in one turn of the loop
    RPC_LAST = 65536,          // and when it ends
    RPC_CREDIT_MAX = 1 << 20,
    RPC_GATHER_MAX = 32,        // requests or replies in one frame
    RPC_GATHER_SIZE_MAX = 2048, // of each: what is longer goes by itself
    RPC_POOL_MAX = 512,         // requests kept for later
    RPC_STALLED_MS = 20,        // until a stream whose peer's queue was full is tried again
    RPC_WAITING_MS = 1,         // until replies that wait are tried again
};

// How the calls of one method ended.
enum { RPC_CODES = JETON__V1__CODE__CODE_UNAUTHENTICATED + 1 };
struct rpc_tally {
    uint64_t codes[RPC_CODES];
    struct timing took; // not of streams
};

// One method, found by name.
struct rpc_route {
    char name[RPC_METHOD_LENGTH_MAX + 1]; // "jeton.v1.Admin/CreateToken"
    const struct rpc_method *row;
    const ProtobufCMessageDescriptor *input;
    const struct rpc_codec *codec; // NULL: protobuf-c alone
    void *owner;
    struct rpc_tally *tally;
    bool always; // Health and Stats: served while starting, draining and overloaded
};

// One connection, by its file descriptor.
struct rpc_connection {
    bool open;  // accepted, not disconnected
    bool known; // has sent a message: `routing` is set
    uint8_t routing[RPC_ROUTING_SIZE];
    bool gathers; // takes several replies in a frame
    bool greeted; // knows Reply.last
    bool missed;  // a reply to it was lost
    bool told;    // that there will be no more
    unsigned in_flight;
    struct rpc_gather *gather;   // replies of this turn; NULL: there was none yet
    struct rpc_backlog *backlog; // replies that wait; NULL: none
};

struct rpc_counters {
    uint64_t requests, replies, failures;          // failures: replies whose code is not CODE_OK
    uint64_t malformed, denied, exhausted;         // refused: envelope or body; role; limits
    uint64_t deadline_exceeded, cancelled, lost;   // ended early; lost: replies that nobody took
    uint64_t in_flight, connections, unknown_keys; // two gauges; connections refused for their key
    uint64_t waiting, cut; // replies that wait (a gauge); connections closed for not taking theirs
};

// Why connections are counted as they are: see zap.c.
struct rpc_admission {
    zsock_t *socket; // ROUTER at inproc://zeromq.zap.01
    struct reader *reader;
    uint64_t open;   // TCP connections, in handshake or beyond
    uint64_t failed; // those of them whose handshake has failed
    uint64_t admitted;
};

struct rpc_server {
    struct loop *loop;
    struct rpc_server_options options;
    char *bind, *service, *peers_path; // copies of what the options point at
    char *endpoint;
    zsock_t *socket;
    struct reader *reader;
    struct rpc_monitor *monitor;
    struct rpc_admission admission;
    struct peers *peers;
    struct alarm *alarm;
    int64_t started_ms;

    struct rpc_route *routes; // by name
    size_t nroutes;
    struct rpc_service builtin[2];
    rpc_handler *gate; // NULL: requests go to their handlers
    struct stat_source *sources;
    size_t nsources;
    struct rpc_counters counters;
    struct rpc_tally stray; // of what was refused before its method was known

    enum rpc_health health;
    struct error reason;
    bool draining, leaving;
    bool ending; // not even Health and Stats are answered: what they tell of may be gone
    void (*drained) (void *context);
    void *drained_context;

    struct rpc_connection *connections; // by file descriptor
    size_t nconnections;
    struct request **by_id; // hash table of requests that have not been answered
    size_t by_id_mask;
    struct node in_flight; // struct request.link: begun, not ended
    struct node due;       // struct request.due: streams with something to be told
    struct node stalled;   // struct request.due: streams whose peer's queue is full
    struct node pool;      // struct request.link: not in use
    size_t pooled;
    struct node gathers;  // struct rpc_gather.link: to be sent
    struct node backlogs; // struct rpc_backlog.link
    struct deadlines deadlines;
};

enum { REQUEST_MAGIC = 0x7e90357a };

struct request {
    unsigned magic;
    struct rpc_server *server;
    struct node link;     // in_flight or pool
    struct node due;      // due or stalled
    struct request *next; // in its bucket of by_id
    struct deadline deadline;
    int64_t began_us; // zclock_usecs
    struct arena *arena;

    uint8_t routing[RPC_ROUTING_SIZE];
    int fd; // -1: the connection is gone
    uint64_t id;
    const struct rpc_route *route;
    const Jeton__V1__Request *envelope;
    const void *message;
    struct peer peer;
    char correlation[33]; // empty until someone asks for it
    void *context;
    const struct caller *caller;
    bool answered;

    request_callback *on_held; // what the next refusal is told to, in place of the peer
    uint32_t retry_after;      // of a failure
    int held_code;             // what it would have been
    const char *held_field, *held_text;
    struct request_refusal *refusal; // refusals are noted there; NULL: the peer is told

    bool streaming; // request_stream has been called
    bool ended;     // and `on_ended` too
    uint32_t credit;
    bool credited; // credit came since the handler was last told
    request_callback *on_credit, *on_ended;
};

// Who sent a message.
struct rpc_sender {
    const uint8_t *routing;
    size_t routing_size;
    int fd;
    const char *key; // CURVE key, Z85
};

// What to answer. `field` names the one that `message` is about.
struct rpc_answer {
    uint64_t id;
    int code;
    const char *message, *field;
    uint32_t retry_after;
    const ProtobufCMessage *body;
    const struct rpc_codec *codec; // of the body; NULL: protobuf-c
    bool more, last;
};

// answer.c. rpc_answer_send (server, fd, routing, size, answer): It has been sent, or waits until the peer's queue has room, unless it is an item of a stream.
// False, with errno: EAGAIN (an item, and the queue is full), EHOSTUNREACH (gone), EMSGSIZE (the body is larger than RPC_REPLY_LIMIT).
bool rpc_answer_send (struct rpc_server *server, int fd, const uint8_t *routing,
                      size_t routing_size, const struct rpc_answer *answer)
    __attribute__ ((warn_unused_result));
// rpc_frame_deliver (server, fd, routing, size, frame, replies): A frame of so many replies has been sent, or waits, as above; it is taken over then.
bool rpc_frame_deliver (struct rpc_server *server, int fd, const uint8_t *routing,
                        size_t routing_size, zmq_msg_t *frame, size_t replies)
    __attribute__ ((warn_unused_result));
// rpc_frame_send (server, routing, size, frame): To the peer's queue. False, with errno: EAGAIN, EHOSTUNREACH; then the frame is still the caller's.
bool rpc_frame_send (struct rpc_server *server, const uint8_t *routing, size_t routing_size,
                     zmq_msg_t *frame) __attribute__ ((warn_unused_result));
// rpc_answer_refuse (server, sender, id, code, field, format, …): For what does not become a request.
void rpc_answer_refuse (struct rpc_server *server, const struct rpc_sender *sender, uint64_t id,
                        int code, const char *field, const char *format, ...)
    __attribute__ ((format (printf, 6, 7)));
// rpc_answer_last (server): Each connection that knows of it, has got all its answers, and has not been told yet, is told that there will be no more (Reply.last).
void rpc_answer_last (struct rpc_server *server);

// gather.c. rpc_gather_add (server, fd, routing, size, frame, failure): Take over a reply that goes at the end of the turn, with others to the same connection in one frame. False:
// the connection has not asked for that, or it is too long.
bool rpc_gather_add (struct rpc_server *server, int fd, const uint8_t *routing, size_t routing_size,
                     zmq_msg_t *frame, bool failure) __attribute__ ((warn_unused_result));
// rpc_gathers_send (server): All that there is.
void rpc_gathers_send (struct rpc_server *server);
// rpc_gather_drop (server, connection): Nobody is there to take them.
void rpc_gather_drop (struct rpc_server *server, struct rpc_connection *connection);

// backlog.c. rpc_backlog_keep (server, fd, routing, size, frame, replies): Take over a frame that has to wait. False, with errno EHOSTUNREACH: the connection is gone;
// or it left too many behind, and has been closed.
bool rpc_backlog_keep (struct rpc_server *server, int fd, const uint8_t *routing,
                       size_t routing_size, zmq_msg_t *frame, size_t replies)
    __attribute__ ((warn_unused_result));
// rpc_connection_of (server, fd, routing, size): NULL: it is gone, or has not spoken yet.
struct rpc_connection *rpc_connection_of (struct rpc_server *server, int fd, const uint8_t *routing,
                                          size_t routing_size);
// rpc_backlog_size (server, fd): Replies to this connection that wait.
size_t rpc_backlog_size (const struct rpc_server *server, int fd);
// rpc_backlog_drop (server, connection): Nobody is there to take them.
void rpc_backlog_drop (struct rpc_server *server, struct rpc_connection *connection);
// rpc_backlogs_send (server): As many as there is room for now.
void rpc_backlogs_send (struct rpc_server *server);

// receive.c
// rpc_receive_message (server, sender, data, size): One frame of a connection. How many messages it had.
size_t rpc_receive_message (struct rpc_server *server, const struct rpc_sender *sender,
                            const uint8_t *data, size_t size);
bool rpc_receive_readable (void *context); // a reader_handler
void rpc_receive_flush (void *context);    // a reader_flusher
// rpc_receive_last (server): It drains, and its socket is about to be closed: what has come by now is told so.
void rpc_receive_last (struct rpc_server *server);

// dispatch.c. rpc_dispatch (server, sender, request): Takes over the request, whose envelope has been unpacked.
void rpc_dispatch (struct rpc_server *server, const struct rpc_sender *sender,
                   struct request *request);
// rpc_route_find (server, name): NULL: there is no such method.
struct rpc_route *rpc_route_find (const struct rpc_server *server, const char *name);

// inflight.c
void rpc_inflight_init (struct rpc_server *server);
void rpc_inflight_free (struct rpc_server *server);
struct request *rpc_request_take (struct rpc_server *server) __attribute__ ((returns_nonnull));
void rpc_request_release (struct request *request);
// rpc_request_begin (request, timeout_ms): It counts from now on. 0: no deadline.
void rpc_request_begin (struct request *request, uint32_t timeout_ms);
// rpc_request_settle (request, code): It has been answered so, or need not be any more: count it, forget its id and its deadline.
void rpc_request_settle (struct request *request, int code);
// rpc_request_end (request): The handler is done with it.
void rpc_request_end (struct request *request);
struct request *rpc_request_find (struct rpc_server *server, int fd, uint64_t id);
// rpc_request_due (request): Have its stream's callbacks called, in a turn of the loop of their own.
void rpc_request_due (struct request *request);
// rpc_connection_opened (server, fd), rpc_connection_gone (server, fd): Once gone, nobody waits for what it asked any more.
void rpc_connection_opened (struct rpc_server *server, int fd);
void rpc_connection_gone (struct rpc_server *server, int fd);
// rpc_connection_miss (server, fd): A reply to it was lost, should it still be there; fd may be -1.
void rpc_connection_miss (struct rpc_server *server, int fd);
// rpc_connection_see (server, sender): A message came. False: its connection is gone already.
bool rpc_connection_see (struct rpc_server *server, const struct rpc_sender *sender)
    __attribute__ ((warn_unused_result));
void rpc_inflight_turn (void *context); // a struct rpc_server: the handler of its alarm

// request.c. rpc_request_answer (request, answer): Send it unless it has been answered, and settle.
void rpc_request_answer (struct request *request, const struct rpc_answer *answer);

// zap.c. rpc_admission_open (server, error_r): Bind the ZAP endpoint. rpc_admission_event: a handler for rpc_monitor_new.
bool rpc_admission_open (struct rpc_server *server, struct error *error_r)
    __attribute__ ((warn_unused_result));
void rpc_admission_close (struct rpc_server *server);
bool rpc_admission_event (void *context, unsigned event, uint32_t value);

// builtin.c
void rpc_builtin_add (struct rpc_server *server);

// stats.c. rpc_stats_add (server): Show its own counters.
void rpc_stats_add (struct rpc_server *server);

#endif
