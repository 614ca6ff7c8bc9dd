// Sign-ins by password: how often one may fail, so that guessing is slow, and yet nobody can keep a user out by guessing (RFC 9700 leaves it open; the thought is that of OWASP's device
// cookies, with the address in the place of the cookie, as programs keep none).
//
// A try counts until it has succeeded: for its address, for its name at this address, and, unless the name has signed in from there before, for the name among strangers. Strangers have two
// budgets a name: one for the first try of each address in an hour, one for all other tries. So who goes on guessing takes the second away from other strangers, but not
// the first; and nothing from those that are known. DESIGN.md has the argument, and the numbers.
#ifndef JETON_ISSUER_ATTEMPTS_H
#define JETON_ISSUER_ATTEMPTS_H

#include "common/net/cidr.h"
#include "services/issuer/throttle.h"

enum { ATTEMPT_KNOWN_DAYS = 30 };

struct attempts_limits {
    int64_t name_per_minute; // of a name at an address
    int64_t first_per_hour,
        others_per_hour; // of a name among strangers: first tries of addresses; all other tries
    size_t entries;      // of each of five tables, 16 bytes each
};

struct attempts;

// attempts_new (by_address, limits): `by_address`, which counts what fails from an address, other things too, must outlive it.
struct attempts *attempts_new (struct throttle *by_address, const struct attempts_limits *limits)
    __attribute__ ((returns_nonnull));
void attempts_destroy (struct attempts **attempts); // NULL-safe

// One try on its way. Texts are the caller's, and live as long.
struct attempt {
    const char *name;  // who signs in, the same however it was written
    const char *place; // cidr_place
    enum { ATTEMPT_NOT_COUNTED, ATTEMPT_KNOWN, ATTEMPT_FIRST, ATTEMPT_OTHER } counted;
};

// attempts_begin (attempts, attempt, now_ms): Counts a try, of which name and place are set. 0: go on; otherwise the milliseconds until the next is allowed, and nothing is counted.
int64_t attempts_begin (struct attempts *attempts, struct attempt *attempt, int64_t now_ms)
    __attribute__ ((warn_unused_result));
// attempts_undo (attempts, attempt): It was never looked at: it does not count. attempts_succeeded (attempts, attempt, now_ms): It does not count, and the name is known at its place for
// ATTEMPT_KNOWN_DAYS, or until the table has no room for it. A try that fails is left as it is.
void attempts_undo (struct attempts *attempts, struct attempt *attempt);
void attempts_succeeded (struct attempts *attempts, struct attempt *attempt, int64_t now_ms);

#endif
