#include "tests/property/run.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

enum { PROGRESS = 100 };

void
run_fail (struct run *run, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    fprintf (stderr, "wrong (seed %" PRIu64 "): ", run->seed);
    vfprintf (stderr, format, arguments);
    fputc ('\n', stderr);
    va_end (arguments);
    run->failed = true;
}

void
run_step_done (struct run *run)
{
    if (++run->steps % PROGRESS == 0)
        printf ("step %lu\n", run->steps);
}

bool
run_again (const struct rpc_result *result)
{
    return result->code == JETON__V1__CODE__CODE_UNAVAILABLE ||
           result->code == JETON__V1__CODE__CODE_UNKNOWN ||
           result->code == JETON__V1__CODE__CODE_DEADLINE_EXCEEDED;
}

struct pause {
    void (*function) (void *context);
    void *context;
};

static int
pause_over (struct loop *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    struct pause pause = *(struct pause *) argument;
    free (argument);
    pause.function (pause.context);
    return 0;
}

void
run_pause (struct run *run, void (*function) (void *context), void *context)
{
    struct pause *pause = xcalloc (1, sizeof *pause);
    *pause = (struct pause){function, context};
    loop_timer (run->loop, PAUSE_MS, 1, pause_over, pause);
}
