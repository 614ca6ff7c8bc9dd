// What the files of common/feed share. feed.c: followers, and what they are told; writers.c: this process's row among the writers.
#ifndef JETON_FEED_INTERNAL_H
#define JETON_FEED_INTERNAL_H

#include "common/feed/feed.h"
#include "common/net/alarm.h"

enum {
    FEED_WRITERS_MAX = 64,
    FEED_UNSURE_MAX = 4096, // more are told as everything
    FEED_ITEM_CHANGES = 256,
    FEED_ENDPOINT_SIZE = 256,
};

// Another writer, as its row was last read.
struct other {
    char endpoint[FEED_ENDPOINT_SIZE];
    int64_t generation, known, renewed, outage_ms;
    int64_t since; // when `renewed` was first seen to be what it is (boot time, ms)
    bool ended;
};

struct feed {
    struct process *process;
    const struct feed_settings *settings;
    int first; // row of the process's table of statements
    void (*changed) (struct process *process);
    struct rpc_service service;
    uint64_t instance, sequence;
    char endpoint[FEED_ENDPOINT_SIZE], server_key[41];

    zlistx_t *followers; // struct request
    struct feed_stats {
        uint64_t admitted, followers, told, unsure, renewed_age_ms;
    } stats; // as of the last look
    size_t nunsure;
    struct feed_change unsure[FEED_UNSURE_MAX];

    struct alarm *renewal;
    bool busy; // a statement is under way
    bool registered, admitted;
    uint64_t losses,
        losses_known; // changes that became unsure: all, and before the look at sessions that is under way
    bool alone; // no session of a former life, nor one that was lost, is left
    bool ending;
    int64_t generation; // of its row
    int64_t known;      // announced to validators
    int64_t sent_at,
        renewed_at; // boot time, ms: when the renewal under way, and the last good one, was sent
    size_t nothers;
    struct other others[FEED_WRITERS_MAX];
    struct error why; // not admitted
};

// feed_now (): Milliseconds of CLOCK_BOOTTIME, which goes on while the machine sleeps.
int64_t feed_now (void);
// feed_outage_ms (feed): How long its word counts. Long enough that what was sent while it was admitted has ended by then.
int64_t feed_outage_ms (const struct feed *feed);
// feed_settled (feed): No statement that it is unsure about runs any more.
void feed_settled (struct feed *feed);
// feed_dismiss (feed): It is not admitted any more: nobody follows it.
void feed_dismiss (struct feed *feed);
// writers_start (feed), writers_stop (feed): Begin and end to keep its row.
void writers_start (struct feed *feed);
void writers_stop (struct feed *feed);

#endif
