// The server side of the envelope (proto/envelope.proto): one ROUTER socket with CURVE, dispatch by table.
#ifndef JETON_RPC_SERVER_H
#define JETON_RPC_SERVER_H

#include "common/error/error.h"
#include "common/net/loop.h"
#include "common/rpc/codec.h"
#include "common/rpc/peers.h"
#include "common/rpc/request.h"
#include "common/stats/stats.h"
#include "health.pb-c.h"
#include <czmq.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

enum rpc_flags {
    RPC_WRITE = 1 << 0,      // changes something: a client must not repeat it by itself
    RPC_IDEMPOTENT = 1 << 1, // may be sent once more elsewhere
    RPC_STREAM = 1 << 2,     // answers with several replies, by credit
    RPC_INTERNAL =
        1 << 3, // among processes of Jeton: served while starting, and not by way of the gate
};

// Called with a request that passed every check: the method exists, the peer's role allows it, the server is not draining, the body
// is within its size, well-formed and unpacked, the deadline has not passed. Must see to it that the request is ended exactly once
// (request_reply, request_fail…), now or later.
typedef void rpc_handler (struct request *request);

// One row a method.
struct rpc_method {
    const char *name; // as in the .proto
    rpc_handler *handler;
    unsigned roles;      // enum role: who may call it
    unsigned flags;      // enum rpc_flags
    uint32_t timeout_ms; // default deadline; 0: 5,000
    uint32_t body_limit; // bytes; 0: 65,536
};

// One table a service. rpc_server_add aborts when a method of the descriptor has no row, or a row no method.
struct rpc_service {
    const ProtobufCServiceDescriptor *descriptor;
    const struct rpc_method *methods; // ended by a row whose name is NULL
    void *owner;                      // what request_owner gives to its handlers
};

enum rpc_health { RPC_STARTING, RPC_SERVING, RPC_DRAINING, RPC_STALE, RPC_STANDBY };

struct rpc_server_options {
    const char *bind;         // "tcp://0.0.0.0:7101"
    const char *service;      // "admin": for Health
    zcert_t *certificate;     // the server's CURVE key pair; borrowed
    const char *peers_path;   // the peers file
    uint32_t in_flight_limit; // requests in progress, all peers together; more: RESOURCE_EXHAUSTED
    uint32_t peer_limit;      // requests in progress of one connection
    // Messages per connection in each direction (ZMQ_SNDHWM, ZMQ_RCVHWM).
    uint32_t high_water_mark;
    // Bytes of replies that may wait beyond that, for room; as many again in number. With more the connection is closed. 0: 16 MiB.
    size_t backlog_limit;
    // Bytes of one frame (ZMQ_MAXMSGSIZE); a larger one costs its sender the connection.
    uint32_t message_limit;
    uint32_t connection_limit; // connections at most that pass the key check; 0: no limit
    // Bytes that one request may use in memory: a copy of its frame, what that unpacks to, and what its handler takes.
    size_t arena_limit;
};

struct rpc_server;

// rpc_server_new (loop, options, error_r): Bind and serve. Health and Stats are served without being added. NULL: error_r says
// why (address in use: by what setting to change it; peers file; …). `options` is copied. One server a process: it binds the ZAP endpoint.
struct rpc_server *rpc_server_new (struct loop *loop, const struct rpc_server_options *options,
                                   struct error *error_r) __attribute__ ((warn_unused_result));
// rpc_server_destroy (&server): Requests that have not been ended go with it, without a word to peers or handlers: nobody may touch them
// afterwards (drain first). NULL-safe. Not in a handler.
void rpc_server_destroy (struct rpc_server **server);

// rpc_server_add (server, service): Serve one more service. `service` is not copied.
void rpc_server_add (struct rpc_server *server, const struct rpc_service *service);

// rpc_server_codec (server, method, codec): From now on `codec` unpacks the requests of a method ("jeton.v1.Service/Method") that was added, and packs its replies,
// where it can; it is not copied.
void rpc_server_codec (struct rpc_server *server, const char *method,
                       const struct rpc_codec *codec);

// rpc_server_gate (server, gate): From now on requests of added services go to `gate` in place of their handlers, after the same checks. It ends them,
// or passes them on with request_handle, now or later. Health and Stats have no gate.
void rpc_server_gate (struct rpc_server *server, rpc_handler *gate);

// rpc_server_health (server, state, reason): What Health/Check answers. In RPC_STARTING, methods other than Health and Stats answer
// UNAVAILABLE with the reason. `reason` is copied.
void rpc_server_health (struct rpc_server *server, enum rpc_health state, const char *reason);
enum rpc_health rpc_server_state (const struct rpc_server *server);

// rpc_server_stats (server, source): Shows these figures in Stats/Get, beside its own. The source is copied, what it points to is not.
// rpc_server_stats_reply (server, arena): What Stats/Get answers, in the arena; what it points to is valid until the figures change. NULL: the arena is too small.
void rpc_server_stats (struct rpc_server *server, const struct stat_source *source);
const Jeton__V1__GetStatsReply *rpc_server_stats_reply (const struct rpc_server *server,
                                                        struct arena *arena)
    __attribute__ ((warn_unused_result));

// rpc_server_drain (server, done, context): Refuse new requests with UNAVAILABLE, end streams with UNAVAILABLE, and call back when the
// last request has been answered (at once, but not before this returns, if there is none).
void rpc_server_drain (struct rpc_server *server, void (*done) (void *context), void *context);

// rpc_server_leave (server): After that, when it is about to be destroyed: peers that know Reply.last are told that what they have no answer to was not begun, and nobody
// new is admitted. They close their connections then, so that no answer is lost with one that is closed here, and every call's outcome is known.
// rpc_server_left (server): All who were told have. Some may never: wait for a moment only.
void rpc_server_leave (struct rpc_server *server);
bool rpc_server_left (const struct rpc_server *server);

// rpc_server_reload_peers (server, error_r): Read the peers file again. False: the old peers stay in force. A peer that is
// gone or has lost a role is refused from its next message on, whatever connections it has open.
bool rpc_server_reload_peers (struct rpc_server *server, struct error *error_r)
    __attribute__ ((warn_unused_result));

// rpc_server_endpoint (server): Where it is bound, with the port that was chosen for "tcp://…:*".
const char *rpc_server_endpoint (const struct rpc_server *server);

// rpc_wire_check (descriptor, data, size, violation_r):
// Is this a well-formed message whose strings are valid UTF-8 without NUL, nested at most 32 deep? protobuf-c does not look at that,
// and cuts strings at a NUL. violation_r gets the path of the field at fault. Linear in `size`; allocates nothing.
bool rpc_wire_check (const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
                     struct error *violation_r) __attribute__ ((warn_unused_result));

#endif
