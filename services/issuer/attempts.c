#include "services/issuer/attempts.h"

#include "common/memory/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOUR_MS = 3600000, NAME_MAX_ = 640 };

struct attempts {
    struct throttle *by_address;    // borrowed
    struct throttle *by_pair;       // name and place
    struct throttle *strange;       // name and place: that it has tried of late
    struct throttle *first, *other; // by name: strangers' budgets
    struct throttle *known;         // name and place: that it has signed in from there
};

struct attempts *
attempts_new (struct throttle *by_address, const struct attempts_limits *limits)
{
    struct attempts *attempts = xcalloc (1, sizeof *attempts);
    size_t entries = limits->entries;
    attempts->by_address = by_address;
    attempts->by_pair = throttle_new (limits->name_per_minute, entries);
    attempts->strange = throttle_new_per (1, HOUR_MS, entries);
    attempts->first = throttle_new_per (limits->first_per_hour, HOUR_MS, entries);
    attempts->other = throttle_new_per (limits->others_per_hour, HOUR_MS, entries);
    attempts->known = throttle_new_per (1, INT64_C (24) * ATTEMPT_KNOWN_DAYS * HOUR_MS, entries);
    return attempts;
}

void
attempts_destroy (struct attempts **attempts)
{
    if (!*attempts)
        return;
    throttle_destroy (&(*attempts)->by_pair);
    throttle_destroy (&(*attempts)->strange);
    throttle_destroy (&(*attempts)->first);
    throttle_destroy (&(*attempts)->other);
    throttle_destroy (&(*attempts)->known);
    free (*attempts);
    *attempts = NULL;
}

// Lengths first, so that no two pairs are the same text.
static const char *
pair_of (const struct attempt *attempt, char pair_r[NAME_MAX_ + CIDR_PLACE_SIZE])
{
    snprintf (pair_r, NAME_MAX_ + CIDR_PLACE_SIZE, "%zu %s %s", strlen (attempt->place),
              attempt->place, attempt->name);
    return pair_r;
}

// The budget that a stranger's try is of: the address's first of the hour, while there are any; otherwise as all others.
static int64_t
stranger_take (struct attempts *attempts, struct attempt *attempt, const char *pair, int64_t now_ms)
{
    if (throttle_take (attempts->strange, pair, now_ms) == 0) {
        if (throttle_take (attempts->first, attempt->name, now_ms) == 0) {
            attempt->counted = ATTEMPT_FIRST;
            return 0;
        }
        throttle_give_back (attempts->strange, pair);
    }
    int64_t wait = throttle_take (attempts->other, attempt->name, now_ms);
    if (wait == 0)
        attempt->counted = ATTEMPT_OTHER;
    return wait;
}

int64_t
attempts_begin (struct attempts *attempts, struct attempt *attempt, int64_t now_ms)
{
    char text[NAME_MAX_ + CIDR_PLACE_SIZE];
    const char *pair = pair_of (attempt, text);
    attempt->counted = ATTEMPT_NOT_COUNTED;
    int64_t wait = throttle_take (attempts->by_address, attempt->place, now_ms);
    if (wait != 0)
        return wait;
    wait = throttle_take (attempts->by_pair, pair, now_ms);
    if (wait != 0) {
        throttle_give_back (attempts->by_address, attempt->place);
        return wait;
    }
    if (throttle_wait (attempts->known, pair, now_ms) != 0) {
        attempt->counted = ATTEMPT_KNOWN;
        return 0;
    }
    wait = stranger_take (attempts, attempt, pair, now_ms);
    if (wait != 0) {
        throttle_give_back (attempts->by_pair, pair);
        throttle_give_back (attempts->by_address, attempt->place);
    }
    return wait;
}

void
attempts_undo (struct attempts *attempts, struct attempt *attempt)
{
    char text[NAME_MAX_ + CIDR_PLACE_SIZE];
    const char *pair = pair_of (attempt, text);
    if (attempt->counted == ATTEMPT_NOT_COUNTED)
        return;
    throttle_give_back (attempts->by_address, attempt->place);
    throttle_give_back (attempts->by_pair, pair);
    if (attempt->counted == ATTEMPT_FIRST) {
        throttle_give_back (attempts->strange, pair);
        throttle_give_back (attempts->first, attempt->name);
    }
    if (attempt->counted == ATTEMPT_OTHER)
        throttle_give_back (attempts->other, attempt->name);
    attempt->counted = ATTEMPT_NOT_COUNTED;
}

void
attempts_succeeded (struct attempts *attempts, struct attempt *attempt, int64_t now_ms)
{
    char text[NAME_MAX_ + CIDR_PLACE_SIZE];
    attempts_undo (attempts, attempt);
    throttle_mark (attempts->known, pair_of (attempt, text), now_ms);
}
