// Validators that ask each other for permits: this process and others, each with a server of its own. What a home answers can be said by the test.
#ifndef JETON_TESTS_PERMIT_FIXTURE_H
#define JETON_TESTS_PERMIT_FIXTURE_H

#include "services/validator/permit.h"
#include "services/validator/validator.h"
#include "tests/unit/rpc_fixture.h"

#include <stdatomic.h>

enum { MEMBERS = 3 };

// How a process answers to Lease: as it is, or as the test says.
enum answers { HONESTLY, AS_SAID, WITH_AN_ERROR, NOT_AT_ALL };

// Shared with the process of a member.
struct home {
    _Atomic enum answers answers;
    atomic_bool held; // it answers (as the test says) when this is false
    uint32_t granted, spare;
    uint64_t ahead_ns;
    // What it was asked last, and how often.
    atomic_uint asked;
    uint32_t waiting, wanted;
    uint64_t instance, told_by, ahead, told_ahead;
    _Atomic uint64_t own_instance; // 0: it does not serve yet
};

extern struct fixture fixture;
extern struct validator validator; // of this process
extern struct home *homes;         // of each member; the first is this process

// members_open (), members_close (): Before and after each test.
void members_open (void);
void members_close (void);
// member_alone (timeout_ms): This process, which knows of no other. members_start (n, timeout_ms): This process, and n - 1 others; they have found each other.
// `timeout_ms` is the setting limit_timeout_ms. member_kill (i): kill -9 of another one, if it is there.
void member_alone (int64_t timeout_ms);
void members_start (unsigned n, int64_t timeout_ms);
void member_kill (unsigned i);

// permits (): Those of this process.
struct permits *permits (void);

#endif
