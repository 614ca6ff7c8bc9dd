// One use of what a rate limit is kept of (a token, an account), wherever among the validators its meter is: here, or at its home, from which permits are leased.
#ifndef JETON_VALIDATOR_PERMIT_H
#define JETON_VALIDATOR_PERMIT_H

#include "common/error/error.h"
#include "limits.pb-c.h"
#include "services/validator/meter.h"
#include "services/validator/validator.h"
#include <stdbool.h>
#include <stdint.h>

struct permits;

struct permit_stats {
    uint64_t leases;        // asked of others
    uint64_t leases_failed; // of which nobody answered
    uint64_t leases_given;  // to others
};

// permits_new (validator, error_r): NULL: a setting is wrong. permits_stop (permits): Before process_end: from now on every meter is here, and who waits is not called
// back any more. permits_destroy (&permits): NULL-safe.
struct permits *permits_new (struct validator *validator, struct error *error_r)
    __attribute__ ((warn_unused_result));
void permits_stop (struct permits *permits);
void permits_destroy (struct permits **permits);
const struct permit_stats *permits_stats (const struct permits *permits);
const struct meter_stats *permits_meters (const struct permits *permits);

// permits_settled (permits): As members_settled.
bool permits_settled (const struct permits *permits);

// Who waits for a permit. Made with xcalloc, and the permits' until the callback, which owns it then. It is called later than permits_take returned.
struct permit_waiter {
    struct permit_waiter *next;
    void (*callback) (struct permit_waiter *waiter, bool given);
};

enum permit_outcome {
    PERMIT_GIVEN,   // and counted
    PERMIT_REFUSED, // not now
    PERMIT_LATER,   // the home is to be asked: give it a waiter
};

// permits_take (permits, key, limit, now_ns, view_r): One use; view_r, but for PERMIT_LATER, is how the meter stands then. permits_wait (permits, key, limit, now_ns, waiter): After PERMIT_LATER, at once: ask, or wait with others for the
// answer to what was asked already. It comes within twice limit_timeout_ms.
enum permit_outcome permits_take (struct permits *permits, uint64_t key,
                                  const struct meter_limit *limit, int64_t now_ns,
                                  struct meter_view *view_r);
void permits_wait (struct permits *permits, uint64_t key, const struct meter_limit *limit,
                   int64_t now_ns, struct permit_waiter *waiter);

// permits_refused (permits, key, limit, now_ns): Would a use be refused, as far as can be told without asking?
bool permits_refused (struct permits *permits, uint64_t key, const struct meter_limit *limit,
                      int64_t now_ns);

// permits_view (permits, key, limit, now_ns, view_r): How its meter stands; of one that is elsewhere, as it did when it was last told.
void permits_view (struct permits *permits, uint64_t key, const struct meter_limit *limit,
                   int64_t now_ns, struct meter_view *view_r);

// permits_now (): Nanoseconds of CLOCK_BOOTTIME, which goes on while the machine sleeps.
int64_t permits_now (void);

// permits_lend (permits, request, reply_r): Lease to another validator. `request` is checked.
void permits_lend (struct permits *permits, const Jeton__V1__LeaseRequest *request,
                   Jeton__V1__LeaseReply *reply_r);

#endif
