// A limit on how often something is tried, per name: GCRA (ITU-T I.371) in a table of fixed size.
//
// When the table is full of names that are still counted, the one that would be forgotten soonest gives way: a flood of names makes the
// limit forgetful, never the memory large.
#ifndef JETON_ISSUER_THROTTLE_H
#define JETON_ISSUER_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct throttle;

// throttle_new (per_minute, entries): Allows `per_minute` tries at once, and then one every 60 s / per_minute.
struct throttle *throttle_new (int64_t per_minute, size_t entries)
    __attribute__ ((returns_nonnull));
// throttle_new_per (n, period_ms, entries): The same with `n` in period_ms.
struct throttle *throttle_new_per (int64_t n, int64_t period_ms, size_t entries)
    __attribute__ ((returns_nonnull));
void throttle_destroy (struct throttle **throttle);

// throttle_take (throttle, name, now_ms): Counts one try. 0: go on; otherwise the milliseconds until the next is allowed.
int64_t throttle_take (struct throttle *throttle, const char *name, int64_t now_ms);
// throttle_wait (throttle, name, now_ms): What throttle_take would return, without counting.
int64_t throttle_wait (struct throttle *throttle, const char *name, int64_t now_ms);
// throttle_mark (throttle, name, now_ms): As if its last try had been used up just now.
void throttle_mark (struct throttle *throttle, const char *name, int64_t now_ms);
// throttle_give_back (throttle, name): One that was counted did not deserve it (the password was right).
void throttle_give_back (struct throttle *throttle, const char *name);

#endif
