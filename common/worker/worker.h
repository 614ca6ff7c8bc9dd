// A small pool of threads for work that would block the loop (Argon2id). What they finish comes back to the loop's thread.
#ifndef JETON_WORKER_H
#define JETON_WORKER_H

#include "common/net/loop.h"
#include "common/stats/stats.h"
#include <stdbool.h>
#include <stddef.h>

struct worker_pool;

typedef void worker_work (void *job); // runs in a worker thread: touches only the job
typedef void worker_done (void *job); // runs in the loop's thread, after worker_submit has returned

// worker_pool_new (loop, threads, queue_limit): Start the threads. The queue holds at most queue_limit jobs.
struct worker_pool *worker_pool_new (struct loop *loop, size_t threads, size_t queue_limit)
    __attribute__ ((returns_nonnull));

// worker_pool_destroy (&pool): Ends the threads after the jobs they are at; `done` is called (from here) for every job
// that was accepted, so that the owner can free it; `work` is not, for those that had not begun. NULL-safe.
void worker_pool_destroy (struct worker_pool **pool);

// worker_submit (pool, work, done, job): false when the queue is full: nothing happened, the caller keeps the job.
bool worker_submit (struct worker_pool *pool, worker_work *work, worker_done *done, void *job)
    __attribute__ ((warn_unused_result));

// Counters, for Stats; worker_stats_rows shows them.
struct worker_stats {
    uint64_t jobs, refused; // accepted; not accepted, the queue being full
    uint64_t waiting;       // not begun, as of the last worker_stats
};
extern const struct stat_row worker_stats_rows[];
// worker_stats (pool): As they are now; the pointer stays the same. worker_stats_refresh (pool): The same, for a struct stat_source.
const struct worker_stats *worker_stats (struct worker_pool *pool);
void worker_stats_refresh (void *pool);

#endif
