// The worker pool: work runs in other threads, what is done comes back to the loop's, bounds hold.
#include "common/worker/worker.h"
#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { JOBS = 64 };

struct job {
    pthread_t worked_in, done_in;
    bool worked, signals_blocked;
    int done;
    int *left; // the loop ends at 0
};

static struct loop *loop;
static sem_t begun, gate;
static atomic_int running, most;

static void
setup (void)
{
    loop = loop_new ();
    sem_init (&begun, 0, 0);
    sem_init (&gate, 0, 0);
}

static void
teardown (void)
{
    loop_destroy (&loop);
    sem_destroy (&begun);
    sem_destroy (&gate);
}

static int
stop (struct loop *l, int id, void *argument)
{
    (void) l, (void) id, (void) argument;
    return -1;
}

static void
work (void *argument)
{
    struct job *job = argument;
    int now = atomic_fetch_add (&running, 1) + 1;
    if (now > atomic_load (&most))
        atomic_store (&most, now);
    sigset_t mask;
    pthread_sigmask (SIG_SETMASK, NULL, &mask);
    job->signals_blocked = sigismember (&mask, SIGTERM) && sigismember (&mask, SIGHUP);
    job->worked_in = pthread_self ();
    job->worked = true;
    atomic_fetch_sub (&running, 1);
}

static void
wait_at_gate (void *argument)
{
    sem_post (&begun);
    sem_wait (&gate);
    work (argument);
}

static void
done (void *argument)
{
    struct job *job = argument;
    job->done_in = pthread_self ();
    job->done++;
    if (job->left && --*job->left == 0)
        loop_timer (loop, 0, 1, stop, NULL);
}

START_TEST (every_job_comes_back)
{
    struct worker_pool *pool = worker_pool_new (loop, 3, JOBS);
    struct job jobs[JOBS] = {0};
    int left = JOBS;
    for (int i = 0; i < JOBS; i++) {
        jobs[i].left = &left;
        ck_assert (worker_submit (pool, work, done, &jobs[i]));
        ck_assert_int_eq (jobs[i].done, 0);
    }
    loop_run (loop);
    ck_assert_int_eq (left, 0);
    ck_assert_int_le (atomic_load (&most), 3);
    for (int i = 0; i < JOBS; i++) {
        ck_assert (jobs[i].worked && jobs[i].signals_blocked);
        ck_assert_int_eq (jobs[i].done, 1);
        ck_assert (!pthread_equal (jobs[i].worked_in, pthread_self ()));
        ck_assert (pthread_equal (jobs[i].done_in, pthread_self ()));
    }
    worker_pool_destroy (&pool);
    ck_assert_ptr_null (pool);
    worker_pool_destroy (&pool);
}
END_TEST

static struct worker_pool *again_pool;

static void
submit_again (void *argument)
{
    struct job *job = argument;
    if (++job->done < 3)
        ck_assert (worker_submit (again_pool, work, submit_again, job));
    else
        loop_timer (loop, 0, 1, stop, NULL);
}

START_TEST (done_may_submit)
{
    again_pool = worker_pool_new (loop, 1, 1);
    struct job job = {0};
    ck_assert (worker_submit (again_pool, work, submit_again, &job));
    loop_run (loop);
    ck_assert_int_eq (job.done, 3);
    worker_pool_destroy (&again_pool);
}
END_TEST

START_TEST (queue_is_bounded)
{
    struct worker_pool *pool = worker_pool_new (loop, 1, 2);
    struct job jobs[4] = {0};
    int left = 3;
    for (int i = 0; i < 4; i++)
        jobs[i].left = &left;
    ck_assert (worker_submit (pool, wait_at_gate, done, &jobs[0]));
    sem_wait (&begun); // it is at work now, so the queue is empty
    ck_assert (worker_submit (pool, work, done, &jobs[1]));
    ck_assert (worker_submit (pool, work, done, &jobs[2]));
    ck_assert (!worker_submit (pool, work, done, &jobs[3]));
    sem_post (&gate);
    loop_run (loop);
    ck_assert_int_eq (jobs[3].done, 0);
    ck_assert (worker_submit (pool, work, done, &jobs[3]));
    worker_pool_destroy (&pool);
    ck_assert_int_eq (jobs[3].done, 1);
}
END_TEST

START_TEST (destroy_gives_all_jobs_back)
{
    struct worker_pool *pool = worker_pool_new (loop, 1, 8);
    struct job jobs[5] = {0};
    ck_assert (worker_submit (pool, wait_at_gate, done, &jobs[0]));
    sem_wait (&begun);
    for (int i = 1; i < 5; i++)
        ck_assert (worker_submit (pool, work, done, &jobs[i]));
    sem_post (&gate);
    worker_pool_destroy (&pool);
    ck_assert (jobs[0].worked);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq (jobs[i].done, 1);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("worker");
    TCase *tcase = tcase_create ("worker");
    tcase_add_checked_fixture (tcase, setup, teardown);
    tcase_add_test (tcase, every_job_comes_back);
    tcase_add_test (tcase, done_may_submit);
    tcase_add_test (tcase, queue_is_bounded);
    tcase_add_test (tcase, destroy_gives_all_jobs_back);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
