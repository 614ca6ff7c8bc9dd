// How the files of the gathering client share its state: validator_client.c (life, calls), gathered.c (what travels together),
// request.c (packing). Not for others.
#ifndef JETON_VALIDATION_INTERNAL_H
#define JETON_VALIDATION_INTERNAL_H

#include "common/memory/list.h"
#include "common/net/alarm.h"
#include "common/net/deadline.h"
#include "common/validation/validator_client.h"

enum { GATHERED_POOL_MAX = 64 }; // kept for later, of those that are not in use

// One call.
struct validation {
    struct validator_client *client;
    uint64_t id;    // 0: not in use
    uint32_t place; // in the client's table
    rpc_callback *callback;
    void *context;
    int64_t until_ms;
    struct gathered *gathered; // NULL: refused
    uint32_t index;            // in it
    uint32_t at, size;         // its request in the bytes of it
    bool again;                // has been sent a second time
    bool patient;              // may wait for what the validator has to look up
    struct validation *next;   // not in use, or refused
};

// What travels together.
struct gathered {
    struct validator_client *client;
    struct node link;         // open, sent or pool
    uint32_t connection;      // of the rpc client; 0: any
    bool patient;             // as all that are in it
    uint64_t call;            // of the rpc client; 0: not sent
    struct deadline deadline; // of those that have an earlier one than the last
    size_t n, left;           // in it; not ended
    struct validation *validations[VALIDATIONS_GATHERED]; // NULL: ended
    uint8_t *bytes;                                       // a packed ValidateBatchRequest
    size_t used, room;
};

struct validator_client {
    struct rpc_client *rpc;
    struct alarm *alarm;
    uint32_t timeout_ms, limit;
    size_t gather;             // so many go without waiting for the end of the turn
    bool together;             // the first waits for others
    struct validation **table; // by place
    uint32_t places, table_room;
    uint64_t generation;
    struct validation *unused;
    struct validation *refused;     // end in the next turn
    size_t open;                    // calls in progress
    struct node opened, sent, pool; // of struct gathered
    size_t pooled;
    struct deadlines deadlines;
    struct gathered *current; // what calls back now; NULL: nothing does
    int64_t now_ms;           // of then: the clock is read once for a frame
    uint64_t frames;
};

// validator_client.c. validation_end (validation, result): Gives it back, and calls back. validation_now (client): zclock_mono.
void validation_end (struct validation *validation, const struct rpc_result *result);
int64_t validation_now (const struct validator_client *client);

// gathered.c: To have a call travel: gathered_place (validation, connection, size, alone) finds room for its request, in what goes over this connection of
// the rpc client (0: over any; then it goes alone), and returns where the packed request is to be written; then gathered_ready (validation, now): send it
// at once, or at the end of the turn at the latest.
uint8_t *gathered_place (struct validation *validation, uint32_t connection, size_t size,
                         bool alone) __attribute__ ((returns_nonnull));
void gathered_ready (struct validation *validation, bool now);
// gathered_send_all (client): The turn has ended. gathered_expire (client, now): Deadlines have passed.
void gathered_send_all (struct validator_client *client);
void gathered_expire (struct validator_client *client, int64_t now);
// gathered_forget (validation): It is not waited for any more.
void gathered_forget (struct validation *validation);
void gathered_free (struct node *list);

// request.c: As jeton__v1__validate_request__pack, without its way through descriptors.
struct validation_sizes {
    size_t token, module, address, store_client; // of the texts
    size_t all;                                  // of the packed request
};
void validation_measure (const Jeton__V1__ValidateRequest *request,
                         struct validation_sizes *sizes_r);
void validation_pack (const Jeton__V1__ValidateRequest *request,
                      const struct validation_sizes *sizes, uint8_t *data_r);
// validation_token (data, size, length_r): The token in what was packed so.
const char *validation_token (const uint8_t *data, size_t size, size_t *length_r);

#endif
