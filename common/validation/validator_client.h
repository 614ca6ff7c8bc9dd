// A client of validators that gathers: the validations that are begun in one turn of the loop travel together, one frame for each validator.
//
// Each frame costs its encryption and several calls of the system; each validation in it costs little. No timer is involved: what is ready when
// the turn ends goes then, and a call that is begun while no other is in progress goes at once, as Validate. The others go as ValidateBatch: by
// home where the options say so (each token's validator, by rendezvous hashing of its value), at most VALIDATIONS_GATHERED in a frame.
//
// Every call ends for itself, as a call of rpc_client that is idempotent and has the token's value as its key: it has a deadline of its own; when its
// connection is lost, or the validator says UNAVAILABLE, it is sent once more, to the validator that is its home then; when that says UNAVAILABLE too, to others, as long as
// there is one that has not said so of late. Where one of a frame is refused
// for what it is (INVALID_ARGUMENT, which the validator says of the frame), each of them is sent again by itself. None waits for another: what a validator
// does not have in memory it leaves unanswered (only_known), and such are sent again together.
#ifndef JETON_VALIDATOR_CLIENT_H
#define JETON_VALIDATOR_CLIENT_H

#include "common/rpc/client.h"
#include "validator.pb-c.h"

enum {
    VALIDATIONS_GATHERED = 256,            // validations in a frame; proto/validator.proto
    VALIDATIONS_GATHERED_BYTES = 48 << 10, // and their bytes, below the least message_limit
};

struct validator_client;

// validator_client_new (loop, resolver, options, error_r): Options as of rpc_client_new; in_flight_limit is of validations.
struct validator_client *validator_client_new (struct loop *loop, struct resolver *resolver,
                                               const struct rpc_client_options *options,
                                               struct error *error_r)
    __attribute__ ((warn_unused_result));
// validator_client_destroy (&client): As rpc_client_destroy: open calls end without a callback. NULL-safe. Not in a callback of the client.
void validator_client_destroy (struct validator_client **client);

// validator_client_validate (client, request, timeout_ms, callback, context): Ask whether a token may do something. The request is packed before this
// returns. timeout_ms 0: the client's. Returns the call's id. The callback is called once, never before this has returned; its result's
// `reply` is a Jeton__V1__ValidateReply, with ids, never their numbers; codes as of rpc_client_call. Allocates nothing, but while there are more calls in progress than
// there ever were, and for each frame.
uint64_t validator_client_validate (struct validator_client *client,
                                    const Jeton__V1__ValidateRequest *request, uint32_t timeout_ms,
                                    rpc_callback *callback, void *context);

// validator_client_gather (client, n): For who begins many calls in a turn: the first waits for the others of its turn, too, and n of them (1 to VALIDATIONS_GATHERED) do not wait for its end, so that the
// validator works on them meanwhile. A frame costs as much as some ten validations: without this, the first call after all are answered has one for itself.
void validator_client_gather (struct validator_client *client, size_t n);

// validator_client_cancel (client, id): The callback will not be called (any more). The validator is told when nothing of the frame is
// waited for any more. Unknown ids are ignored.
void validator_client_cancel (struct validator_client *client, uint64_t id);

// validator_client_rpc (client): What its frames are sent by, for its figures.
struct rpc_client *validator_client_rpc (struct validator_client *client);

// validator_client_frames (client): How many frames were sent until now: for tests, and for those who measure.
uint64_t validator_client_frames (const struct validator_client *client);

#endif
