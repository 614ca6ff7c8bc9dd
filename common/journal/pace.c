#include "common/journal/pace.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { FILL_MAX = 50, NS_PER_MS = 1000000 };

// /proc/PID/task/TID/schedstat (the kernel's Documentation/scheduler/sched-stats.rst): ns that the thread ran, ns that it waited for a processor, and how
// often it was run.
static bool
waited (const struct pace *pace, uint64_t *ns_r)
{
    char text[80];
    ssize_t size = pace->file < 0 ? -1 : pread (pace->file, text, sizeof text - 1, 0);
    if (size <= 0)
        return false;
    text[size] = '\0';
    return sscanf (text, "%*u %" SCNu64, ns_r) == 1;
}

void
pace_start (struct pace *pace)
{
    *pace = (struct pace){.file = open ("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)};
}

void
pace_end (struct pace *pace)
{
    if (pace->file > 0)
        close (pace->file);
    *pace = (struct pace){.file = -1};
}

void
pace_look (struct pace *pace, int64_t now_ms)
{
    int64_t elapsed_ms = now_ms - pace->looked_ms;
    uint64_t ns;
    if (elapsed_ms < PACE_LOOK_MS || !waited (pace, &ns))
        return;
    // The first time there is nothing to compare with.
    pace->calls_wait = pace->looked_ms != 0 && (ns - pace->waited_ns) / NS_PER_MS * 100 >=
                                                   (uint64_t) elapsed_ms * PACE_WAITED_MIN;
    pace->looked_ms = now_ms;
    pace->waited_ns = ns;
}

int64_t
pace_rest (bool calls_wait, int64_t took_ms, bool late, unsigned fill)
{
    if (!calls_wait || late || fill >= FILL_MAX)
        return 0;
    return took_ms <= PACE_REST_MAX_MS / PACE_REST ? PACE_REST * took_ms : PACE_REST_MAX_MS;
}
