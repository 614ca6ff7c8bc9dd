#include "common/process/stats.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define ROW(kind, member, help)                                                                    \
    STAT_##kind (struct process_figures, member, "process." #member, help)
static const struct stat_row rows[] = {
    ROW (COUNTER, cpu_us, "Processor time of the process, its own and the system's for it"),
    ROW (GAUGE, resident_bytes, "Memory of the process that is in RAM"),
    ROW (GAUGE, descriptors, "Open file descriptors"),
    ROW (GAUGE, uptime_ms, "How long the process has been running"),
    STAT_HISTOGRAM (struct process_figures, loop_late, "process.loop_late_us",
                    "How late the loop came to what it does four times a second: what others wait "
                    "for their turn"),
    STAT_END,
};

static uint64_t
resident (void)
{
    unsigned long pages = 0;
    FILE *file = fopen ("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf (file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose (file);
    return (uint64_t) pages * (uint64_t) sysconf (_SC_PAGESIZE);
}

static uint64_t
descriptors (void)
{
    struct dirent **list;
    int n = scandirat (AT_FDCWD, "/proc/self/fd", &list, NULL, NULL);
    for (int i = 0; i < n; i++)
        free (list[i]);
    if (n < 0)
        return 0;
    free (list);
    return n > 3 ? (uint64_t) n - 3 : 0; // ".", "..", and the one of this look
}

static uint64_t
microseconds (const struct timeval *time)
{
    return (uint64_t) time->tv_sec * 1000000 + (uint64_t) time->tv_usec;
}

static void
refresh (void *context)
{
    struct process *process = context;
    struct process_figures *figures = &process->figures;
    struct rusage usage;
    if (getrusage (RUSAGE_SELF, &usage) == 0)
        figures->cpu_us = microseconds (&usage.ru_utime) + microseconds (&usage.ru_stime);
    figures->resident_bytes = resident ();
    figures->descriptors = descriptors ();
    figures->uptime_ms = (uint64_t) (zclock_mono () - process->started_ms);
}

void
process_stats (struct process *process)
{
    process->started_ms = zclock_mono ();
    rpc_server_stats (process->server, &(struct stat_source){.rows = rows,
                                                             .base = &process->figures,
                                                             .refresh = refresh,
                                                             .context = process});
}

static void
refresh_database (void *context)
{
    struct process *process = context;
    (void) db_stats (process->db);
}

void
process_stats_database (struct process *process)
{
    rpc_server_stats (process->server, &(struct stat_source){.rows = db_stats_rows,
                                                             .base = db_stats (process->db),
                                                             .refresh = refresh_database,
                                                             .context = process});
}
