#include "common/worker/worker.h"
#include "common/memory/memory.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct entry {
    worker_work *work;
    worker_done *done;
    void *job;
    struct entry *next;
};

struct entries {
    struct entry *first, *last;
};

struct worker_pool {
    struct watch *watch;
    pthread_mutex_t mutex;
    pthread_cond_t work_came;
    // Under the mutex:
    struct entries waiting;  // not begun
    struct entries finished; // worked, `done` not called
    size_t n_waiting;
    bool ending;
    // The loop's thread only:
    size_t queue_limit;
    size_t n_threads;
    struct worker_stats stats;
    pthread_t *threads;
    int event_fd; // readable while `finished` may hold something
};

static void
push (struct entries *list, struct entry *entry)
{
    entry->next = NULL;
    if (list->last)
        list->last->next = entry;
    else
        list->first = entry;
    list->last = entry;
}

static struct entry *
pop (struct entries *list)
{
    struct entry *entry = list->first;
    if (entry) {
        list->first = entry->next;
        if (!list->first)
            list->last = NULL;
    }
    return entry;
}

static void *
thread_main (void *argument)
{
    struct worker_pool *pool = argument;
    pthread_mutex_lock (&pool->mutex);
    for (;;) {
        while (!pool->ending && !pool->waiting.first)
            pthread_cond_wait (&pool->work_came, &pool->mutex);
        if (pool->ending)
            break;
        struct entry *entry = pop (&pool->waiting);
        pool->n_waiting--;
        pthread_mutex_unlock (&pool->mutex);
        entry->work (entry->job);
        pthread_mutex_lock (&pool->mutex);
        push (&pool->finished, entry);
        // Cannot fail but for a full counter, and then the loop is woken anyway.
        uint64_t one = 1;
        ssize_t written = write (pool->event_fd, &one, sizeof one);
        (void) written;
    }
    pthread_mutex_unlock (&pool->mutex);
    return NULL;
}

static void
call_done (struct entries *list)
{
    struct entry *entry;
    while ((entry = pop (list))) {
        entry->done (entry->job);
        free (entry);
    }
}

static int
on_finished (struct loop *loop, int fd, void *argument)
{
    (void) loop, (void) fd;
    struct worker_pool *pool = argument;
    uint64_t count;
    ssize_t got = read (pool->event_fd, &count, sizeof count);
    (void) got;
    pthread_mutex_lock (&pool->mutex);
    struct entries finished = pool->finished;
    pool->finished = (struct entries){0};
    pthread_mutex_unlock (&pool->mutex);
    call_done (&finished);
    return 0;
}

// A process that cannot have its few threads at start has no memory for them: treated alike.
static void
must (int error, const char *what)
{
    if (error) {
        fprintf (stderr, "worker: %s: %s\n", what, strerror (error));
        abort ();
    }
}

struct worker_pool *
worker_pool_new (struct loop *loop, size_t threads, size_t queue_limit)
{
    assert (loop && threads > 0);
    struct worker_pool *pool = xcalloc (1, sizeof *pool);
    pool->queue_limit = queue_limit;
    pool->threads = xcalloc (threads, sizeof *pool->threads);
    must (pthread_mutex_init (&pool->mutex, NULL), "mutex");
    must (pthread_cond_init (&pool->work_came, NULL), "condition");
    pool->event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    must (pool->event_fd < 0 ? errno : 0, "eventfd");

    // Threads inherit the mask: signals are for the loop's thread, which takes them by signalfd.
    sigset_t all, before;
    sigfillset (&all);
    must (pthread_sigmask (SIG_SETMASK, &all, &before), "signal mask");
    for (size_t i = 0; i < threads; i++, pool->n_threads++)
        must (pthread_create (&pool->threads[i], NULL, thread_main, pool), "thread");
    must (pthread_sigmask (SIG_SETMASK, &before, NULL), "signal mask");

    pool->watch = loop_watch (loop, pool->event_fd, LOOP_IN, on_finished, pool);
    return pool;
}

void
worker_pool_destroy (struct worker_pool **pool_p)
{
    struct worker_pool *pool = *pool_p;
    if (!pool)
        return;
    *pool_p = NULL;
    pthread_mutex_lock (&pool->mutex);
    pool->ending = true;
    pthread_cond_broadcast (&pool->work_came);
    pthread_mutex_unlock (&pool->mutex);
    for (size_t i = 0; i < pool->n_threads; i++)
        pthread_join (pool->threads[i], NULL);

    watch_end (&pool->watch);
    call_done (&pool->finished);
    call_done (&pool->waiting);
    close (pool->event_fd);
    pthread_cond_destroy (&pool->work_came);
    pthread_mutex_destroy (&pool->mutex);
    free (pool->threads);
    free (pool);
}

bool
worker_submit (struct worker_pool *pool, worker_work *work, worker_done *done, void *job)
{
    assert (work && done);
    pthread_mutex_lock (&pool->mutex);
    bool room = !pool->ending && pool->n_waiting < pool->queue_limit;
    if (room) {
        struct entry *entry = xcalloc (1, sizeof *entry);
        *entry = (struct entry){.work = work, .done = done, .job = job};
        push (&pool->waiting, entry);
        pool->n_waiting++;
        pthread_cond_signal (&pool->work_came);
    }
    pthread_mutex_unlock (&pool->mutex);
    pool->stats.jobs += room;
    pool->stats.refused += !room;
    return room;
}

#define ROW(kind, member, help) STAT_##kind (struct worker_stats, member, "worker." #member, help)
const struct stat_row worker_stats_rows[] = {
    ROW (COUNTER, jobs, "Passwords given to the worker threads"),
    ROW (COUNTER, refused, "Passwords refused because as many waited as worker_queue allows"),
    ROW (GAUGE, waiting, "Passwords that wait for a worker thread"),
    STAT_END,
};

const struct worker_stats *
worker_stats (struct worker_pool *pool)
{
    pthread_mutex_lock (&pool->mutex);
    pool->stats.waiting = pool->n_waiting;
    pthread_mutex_unlock (&pool->mutex);
    return &pool->stats;
}

void
worker_stats_refresh (void *pool)
{
    (void) worker_stats (pool);
}
