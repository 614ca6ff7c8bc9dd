// When what was counted gives way to calls: the log of use is stored by PostgreSQL, for ten to twenty times what it costs to answer a call, and where both
// share processors a burst of calls would wait for it. What has been counted is safe in the journal, so it can wait instead.
//
// The idea is that of transports for background transfers, which yield as soon as they see that somebody waits (RFC 6817, LEDBAT); what is looked at here
// is how long the thread that answers calls waited for a processor.
#ifndef JETON_JOURNAL_PACE_H
#define JETON_JOURNAL_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PACE_LOOK_MS = 100, // how often it is looked at, at most
    PACE_WAITED_MIN =
        10, // per cent of that time which the thread was ready to run and did not: calls wait
    PACE_REST = 7, // after a segment, times what it took: an eighth of the time is left to the log
    PACE_REST_MAX_MS = 1000,
};

struct pace {
    int file;           // what the kernel knows of the thread; below 0: nothing
    int64_t looked_ms;  // when, monotonic
    uint64_t waited_ns; // until then, as the kernel counts it
    bool calls_wait;
};

// pace_start (pace): In the thread that answers calls. Where the kernel does not count what threads wait (CONFIG_SCHED_INFO), calls never wait.
// pace_end (pace): Copes with one that was zeroed and not started.
void pace_start (struct pace *pace);
void pace_end (struct pace *pace);

// pace_look (pace, now_ms): In the same thread, as often as one likes.
void pace_look (struct pace *pace, int64_t now_ms);

// pace_rest (calls_wait, took_ms, late, fill): How many ms nothing should be sent, after a segment that took `took_ms`. None when no calls wait, when what
// waits is `late`, or when the journal has no more than half of its room left (`fill`: per cent that it holds).
int64_t pace_rest (bool calls_wait, int64_t took_ms, bool late, unsigned fill)
    __attribute__ ((const, warn_unused_result));

#endif
