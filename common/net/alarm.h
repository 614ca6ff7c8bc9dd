// One alarm clock on the loop.
//
// zloop's own timers may fire once more after zloop_timer_end (a pass that changes the poll set skips the list of ended timers), and
// ending one inside its handler is unsafe on a loop that was started twice. This one, a timerfd, can be set, moved and
// destroyed in any handler of the loop, and never fires afterwards.
#ifndef JETON_ALARM_H
#define JETON_ALARM_H

#include <czmq.h>
#include <stdint.h>

struct alarm;
typedef void alarm_handler (void *context);

// alarm_new (loop, handler, context): Not set. Aborts when the process is out of file descriptors: made at start only.
struct alarm *alarm_new (zloop_t *loop, alarm_handler *handler, void *context)
    __attribute__ ((returns_nonnull));
void alarm_destroy (struct alarm **alarm_p); // NULL-safe; sets the pointer to NULL

// alarm_by (alarm, when_ms): Ring at that time of zclock_mono (), or earlier when it is set to ring earlier. A time that has passed: in
// the next pass of the loop. It rings once.
void alarm_by (struct alarm *self, int64_t when_ms);

#endif
