// Counting gives way to calls: when it is seen that they wait, and for how long (R39, common/journal/pace.h).
#include "common/journal/pace.h"
#include <check.h>
#include <czmq.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST (rests_are_bounded)
{
    static const struct {
        bool calls_wait;
        int64_t took_ms;
        bool late;
        unsigned fill;
        int64_t rest_ms;
    } cases[] = {
        {false, 50, false, 0, 0},    {true, 0, false, 0, 0},
        {true, 50, false, 0, 350},   {true, 50, true, 0, 0},
        {true, 50, false, 49, 350},  {true, 50, false, 50, 0},
        {true, 50, false, 100, 0},   {true, 142, false, 0, 994},
        {true, 143, false, 0, 1000}, {true, INT64_MAX, false, 0, 1000},
    };
    ck_assert_uint_lt (_i, sizeof cases / sizeof *cases);
    ck_assert_int_eq (
        pace_rest (cases[_i].calls_wait, cases[_i].took_ms, cases[_i].late, cases[_i].fill),
        cases[_i].rest_ms);
}
END_TEST

// Somebody who wants the processor that we are on, all the time.
static pid_t
rival_start (void)
{
    pid_t parent = getpid (), pid = fork ();
    ck_assert_int_ge (pid, 0);
    if (pid > 0)
        return pid;
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    while (getppid () == parent)
        ;
    _exit (0);
}

static void
work_ms (int64_t ms)
{
    for (int64_t end = zclock_mono () + ms; zclock_mono () < end;)
        ;
}

START_TEST (a_thread_that_waits_for_a_processor_is_seen)
{
    struct pace pace;
    cpu_set_t all, one;
    int cpu = 0;
    ck_assert_int_eq (sched_getaffinity (0, sizeof all, &all), 0);
    while (!CPU_ISSET (cpu, &all))
        cpu++;
    CPU_ZERO (&one);
    CPU_SET (cpu, &one);
    ck_assert_int_eq (sched_setaffinity (0, sizeof one, &one), 0);
    pace_start (&pace);
    ck_assert_int_ge (pace.file, 0);
    pace_look (&pace, zclock_mono ());
    ck_assert (!pace.calls_wait); // there is nothing yet to compare with

    pid_t rivals[] = {rival_start (), rival_start (), rival_start ()};
    work_ms (5 * PACE_LOOK_MS);
    pace_look (&pace, zclock_mono ());
    ck_assert (pace.calls_wait);
    int64_t looked_ms = pace.looked_ms;
    pace_look (&pace, looked_ms + PACE_LOOK_MS - 1); // too soon to tell anything else
    ck_assert_int_eq (pace.looked_ms, looked_ms);

    for (size_t i = 0; i < sizeof rivals / sizeof *rivals; i++) {
        kill (rivals[i], SIGKILL);
        ck_assert_int_eq (waitpid (rivals[i], NULL, 0), rivals[i]);
    }
    // Who has nothing to do waits for nothing.
    usleep (5 * PACE_LOOK_MS * 1000);
    pace_look (&pace, zclock_mono ());
    ck_assert (!pace.calls_wait);
    pace_end (&pace);
    ck_assert_int_eq (pace.file, -1);
    ck_assert_int_eq (sched_setaffinity (0, sizeof all, &all), 0);
}
END_TEST

START_TEST (without_the_kernels_count_calls_never_wait)
{
    struct pace pace = {.file = -1};
    pace_look (&pace, 1000);
    pace_look (&pace, 2000);
    ck_assert (!pace.calls_wait);
    pace_end (&pace);
}
END_TEST

int
main (void)
{
    Suite *suite = suite_create ("pace");
    TCase *tcase = tcase_create ("pace");
    tcase_add_loop_test (tcase, rests_are_bounded, 0, 10);
    tcase_add_test (tcase, a_thread_that_waits_for_a_processor_is_seen);
    tcase_add_test (tcase, without_the_kernels_count_calls_never_wait);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_ENV);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed == 0 ? 0 : 1;
}
