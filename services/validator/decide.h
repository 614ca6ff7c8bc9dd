// The decision, and nothing else: no socket, no database, no clock, no memory. Every way to a decision ends here.
#ifndef JETON_VALIDATOR_DECIDE_H
#define JETON_VALIDATOR_DECIDE_H

#include "services/validator/facts.h"
#include "validator.pb-c.h"

// What the caller wants to do.
struct wanted {
    uint16_t module;                    // its number now, of modules.h; 0: nobody has a grant of it
    Jeton__V1__Access access;           // read or write
    Jeton__V1__Environment environment; // live or test
    struct cidr address;                // of the end client; family 0: not known
    uint32_t store_client;              // beside whose token a customer's came; 0: it came alone
};

// decide (facts, wanted, now, granted_r):
// REASON_OK, or the first reason that forbids it: first what makes a token no credential at all (401), then what it may not do (403).
// `now` is seconds since the epoch. granted_r gets what the token may do in the module, unspecified where it has no grant.
Jeton__V1__Reason decide (const struct facts *facts, const struct wanted *wanted, int64_t now,
                          Jeton__V1__Access *granted_r);

// decide_active (facts, now): The part of it that asks for nothing wanted: is it a credential at all, of an account that may use one?
Jeton__V1__Reason decide_active (const struct facts *facts, int64_t now);

// decide_status (reason): The HTTP status of R28.
int decide_status (Jeton__V1__Reason reason);

// decide_challenge (reason): The part of WWW-Authenticate after the realm (RFC 6750 section 3), or NULL where no challenge is due. Unknown,
// deleted and revoked tokens look the same to the outside (R29).
const char *decide_challenge (Jeton__V1__Reason reason);

#endif
