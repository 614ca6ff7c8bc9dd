// The validators that keep rate limits together, this one among them, and which of them is the home of a key: the first in the order of rendezvous hashing that
// can be reached, as for callers (common/rpc/choose.c).
#ifndef JETON_VALIDATOR_MEMBERS_H
#define JETON_VALIDATOR_MEMBERS_H

#include "common/error/error.h"
#include "common/rpc/client.h"
#include "limits.pb-c.h"
#include "services/validator/validator.h"
#include <stdbool.h>
#include <stdint.h>

struct members;

// members_new (validator, error_r): By the setting `validators`; empty: it is alone. NULL: the setting, or the peers file, is wrong.
struct members *members_new (struct validator *validator, struct error *error_r)
    __attribute__ ((warn_unused_result));
// members_stop (members): Before process_end: from now on it is alone. Calls in progress end without a callback. members_destroy (&members): NULL-safe.
void members_stop (struct members *members);
void members_destroy (struct members **members);

// members_settled (members): Each of them has been tried once, or a second has passed since the start: what is the home of what is known now. The validator's
// health is looked at again when that becomes true.
bool members_settled (const struct members *members);

// members_home_here (members, key): Is this process the home of the key, as far as it knows? It recognises itself by the addresses of its
// interfaces; where that is not possible, it is called like any other.
bool members_home_here (struct members *members, uint64_t key);

// members_count (members): Those that can be reached now; at least 1.
size_t members_count (const struct members *members);

// members_lease (members, key, request, callback, context): Ask the key's home, within limit_timeout_ms; not for a key whose home is here. When the connection to it is
// lost, the next in order is asked.
void members_lease (struct members *members, uint64_t key, const Jeton__V1__LeaseRequest *request,
                    rpc_callback *callback, void *context);

#endif
