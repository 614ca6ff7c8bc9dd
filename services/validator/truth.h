// Is what is in memory still true? DESIGN.md, "How a validator stays true", is the argument; this keeps to it.
//
// Three things move the moment up to which every committed change is known: a reading of the table `changes`; and, while the database cannot be
// read, the word of all writers that it is lost to them as well. What is heard from the feeds in between makes it milliseconds in practice.
#ifndef JETON_VALIDATOR_TRUTH_H
#define JETON_VALIDATOR_TRUTH_H

#include "feed.pb-c.h"
#include "services/validator/validator.h"
#include <stdbool.h>
#include <stdint.h>

struct truth;

// truth_new (validator): Begins to read and to follow. `validator->cache` is told of changes.
struct truth *truth_new (struct validator *validator) __attribute__ ((returns_nonnull));
// truth_soon (truth): Read in the next pass of the loop; or once more, when what is being read has come back.
void truth_soon (struct truth *truth);
// truth_stop (truth): Nobody is followed any more: before the database and the loop go. truth_destroy (&truth): After them. NULL-safe.
void truth_stop (struct truth *truth);
void truth_destroy (struct truth **truth);

// truth_now (): Milliseconds of CLOCK_BOOTTIME, which goes on while the machine sleeps.
int64_t truth_now (void);

// truth_hear (truth): Take what writers have told by now: before answers are given from memory, so that a change whose maker asks about it at once
// is usually known. Costs nothing when the loop has just done so. Not in a callback of a feed.
void truth_hear (struct truth *truth);

// truth_sure (truth, now): Is every change known that was committed more than freshness_limit_ms before `now`? If not, nothing may be answered
// from memory.
bool truth_sure (const struct truth *truth, int64_t now);

// truth_keys (truth): May the signing keys in memory be gone by? If not, they are read again first (keys_refresh).
bool truth_keys (const struct truth *truth);

// truth_horizon (truth): What the table was last read from had this xmax: a snapshot with a lower one is of a database that is behind.
uint64_t truth_horizon (const struct truth *truth);

// truth_health (truth): Show in the server's health what follows of that. Not before all writers that the table names are heard and the table was read since: those
// that do not answer are waited for for a second at most.
void truth_health (const struct truth *truth);

// truth_show (truth, stats): How old what is known is, and who is followed, for Stats. Before anything was known: since the process began.
void truth_show (const struct truth *truth, struct validator_stats *stats);

// A token that was disabled or deleted, and nothing else, when it became this revision; status 0: anything may have changed.
struct truth_status {
    int64_t revision;
    Jeton__V1__TokenStatus status;
};
// Of follow.c. truth_change (truth, kind, object, account, status): This was committed; the cache forgets what it concerns, or knows by the status that it is refused. truth_word (truth): A writer's
// word came.
void truth_change (struct truth *truth, Jeton__V1__ChangeKind kind, int64_t object, int64_t account,
                   struct truth_status status);
void truth_word (struct truth *truth);

#endif
