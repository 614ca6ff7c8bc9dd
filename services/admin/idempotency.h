// Repeats of mutating calls (metadata `idempotency-key`): the same key and the same request have the same effect once, and the same reply.
//
// The statement that makes a change also keeps the reply under the key's hash; the primary key decides between repeats that cross. A refusal keeps
// nothing, because nothing was done: its key is free. DESIGN.md tells the whole.
#ifndef JETON_ADMIN_IDEMPOTENCY_H
#define JETON_ADMIN_IDEMPOTENCY_H

#include "common/rpc/request.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admin;

enum { IDEMPOTENCY_KEY_MAX = 128, IDEMPOTENCY_HASH_SIZE = 32, IDEMPOTENCY_BATCH = 1000 };
#define IDEMPOTENCY_CONSTRAINT "idempotency_keys_pkey"

// idempotency_gate (request): A gate (rpc_server_gate): a repeat is answered with the reply that was kept; all else goes to its handler.
void idempotency_gate (struct request *request);

// What is kept with a change.
struct idempotency_kept {
    bool keyed; // false: the call has no key, nothing is kept
    uint8_t hash[IDEMPOTENCY_HASH_SIZE];
    uint8_t *sealed; // of the request's digest and the reply, in the request's arena
    size_t size;
};

// idempotency_keep (request, reply, &kept_r): The reply of a change. False: the request was answered.
bool idempotency_keep (struct request *request, const ProtobufCMessage *reply,
                       struct idempotency_kept *kept_r) __attribute__ ((warn_unused_result));

// idempotency_start (admin): Begin to remove what was kept for longer than the setting idempotency_keep_s, IDEMPOTENCY_BATCH rows at a time.
void idempotency_start (struct admin *admin);

#endif
