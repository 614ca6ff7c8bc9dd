// clock_step.so, for LD_PRELOAD: CLOCK_REALTIME of one process, as far as it is from that of the machine as the file $CLOCK_STEP says: an int64_t, seconds. The
// file is mapped, so that writing it steps the clock at once. Other clocks are left alone.
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int64_t
step (void)
{
    static const volatile int64_t *mapped;
    static const int64_t none;
    if (mapped == NULL) {
        const char *path = getenv ("CLOCK_STEP");
        int file = path != NULL ? open (path, O_RDONLY | O_CLOEXEC) : -1;
        void *at =
            file >= 0 ? mmap (NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
        if (file >= 0)
            close (file);
        mapped = at != MAP_FAILED ? at : &none;
    }
    return *mapped;
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library has names that are its own.
int
clock_gettime (clockid_t clock, struct timespec *at_r)
{
    int rc = (int) syscall (SYS_clock_gettime, clock, at_r);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        at_r->tv_sec += step ();
    return rc;
}

int
gettimeofday (struct timeval *restrict at_r, void *restrict zone)
{
    struct timespec now;
    (void) zone;
    clock_gettime (CLOCK_REALTIME, &now);
    at_r->tv_sec = now.tv_sec;
    at_r->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t
time (time_t *at_r)
{
    struct timespec now;
    clock_gettime (CLOCK_REALTIME, &now);
    if (at_r != NULL)
        *at_r = now.tv_sec;
    return now.tv_sec;
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
