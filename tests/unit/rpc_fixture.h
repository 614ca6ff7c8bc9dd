// A server with test handlers, keys, a peers file, a client and a loop to run them in: what the tests of common/rpc share.
#ifndef JETON_TEST_RPC_FIXTURE_H
#define JETON_TEST_RPC_FIXTURE_H

#include "audit.pb-c.h"
#include "common/memory/memory.h"
#include "common/net/resolver.h"
#include "common/rpc/client.h"
#include "common/rpc/server.h"
#include "envelope.pb-c.h"
#include "health.pb-c.h"
#include "validator.pb-c.h"
#include <check.h>

struct keys {
    char public_key[41], secret_key[41];
};

// What the handlers did. Validate does what its `module` says: "echo" (the token comes back, with the correlation in `scope`), "hold"
// (kept in `held`), "fail", "field", "who", "big". ValidateBatch does the same with each, but that it "hold"s all of them, "fail"s with all, and that
// "later" is what it does not know at once.
struct service {
    struct request *held[64];
    size_t nheld;
    size_t calls, batches;
    size_t sent;  // items of the last stream
    size_t items; // how many ExportTrail has: ExportTrailRequest.after
    bool ended;   // on_ended was called
    struct request *tail;
    char name[16]; // what "who" answers
};

struct fixture {
    char directory[64], peers_path[80];
    struct keys server_keys, service_keys, caller_keys, stranger_keys;
    struct loop *loop;
    zcert_t *server_certificate;
    zcert_t *certificates[8]; // of clients
    size_t ncertificates;
    struct rpc_server *server;
    struct resolver *resolver;
    struct rpc_server_options options;
    struct service service;
    char endpoint[64]; // of the server, also when it is down
    // Called when the server is there, with what it serves besides; may be NULL.
    void (*served) (struct fixture *fixture);
};

// fixture_open (fixture): Everything but the server; the peers file knows `service` (roles service, operator) and `caller`.
void fixture_open (struct fixture *fixture);
void fixture_close (struct fixture *fixture);
void fixture_peers (struct fixture *fixture, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
// fixture_serve (fixture): Start the server, at the port that it had, or any.
void fixture_serve (struct fixture *fixture);
zcert_t *fixture_certificate (const struct keys *keys);
struct rpc_client *fixture_client (struct fixture *fixture, const struct keys *keys,
                                   const char *endpoints);
// fixture_until (fixture, done, context): Run the loop until done (context), for 40 s at most. False: it never was.
bool fixture_until (struct fixture *fixture, bool (*done) (void *context), void *context);
// fixture_pass (fixture, ms): Run the loop for that long, in which something must not happen: what must happen is waited for.
void fixture_pass (struct fixture *fixture, unsigned ms);
// fixture_connected (fixture, client, n): Run the loop until the client has n connections on which it can send calls; no more and no less.
bool fixture_connected (struct fixture *fixture, struct rpc_client *client, size_t n);

// fixture_child (fixture, port, health): A second server, in a process of its own, which answers tokens with its port. Before anything
// else uses ZeroMQ in this process. Returns its process id.
pid_t fixture_child (struct fixture *fixture, unsigned port, enum rpc_health health);
// How late something may come that is promised at a time, on a machine that is busy with other things.
enum { FIXTURE_LATE_MS = 20000 };
// fixture_port (): One that is free now, and that no other test that runs now takes.
unsigned fixture_port (void);

// What a call came to.
struct outcome {
    bool done;
    int code;
    uint32_t retry_after;
    char message[512];
    char field[64];
    char token[64], scope[64];
    size_t items;
    size_t calls; // of the callback
    int64_t took_ms, began_ms;
};

void outcome_take (void *context, const struct rpc_result *result); // for Validate
bool outcome_done (void *outcome);
// call_validate (client, outcome, token, module, options): Begins it.
uint64_t call_validate (struct rpc_client *client, struct outcome *outcome, const char *token,
                        const char *module, const struct rpc_call_options *options);
// call_export (client, outcome, items, credit): A stream of that many items.
uint64_t call_export (struct rpc_client *client, struct outcome *outcome, size_t items,
                      uint32_t credit);
uint64_t call_tail (struct rpc_client *client, struct outcome *outcome);

#endif
