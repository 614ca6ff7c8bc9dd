// How a program that loads a system learns that it is to end.
#ifndef JETON_TESTS_TERMINATED_H
#define JETON_TESTS_TERMINATED_H

#include <signal.h>
#include <stdbool.h>
#include <time.h>

// terminated (): SIGTERM has come since the last call. The signal is blocked and asked for, because one that interrupts the poll ends the loop at once.
static inline bool
terminated (void)
{
    const struct timespec now = {0};
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGTERM);
    return sigtimedwait (&set, NULL, &now) == SIGTERM;
}

#endif
