// One alarm clock on the loop. It can be set, moved and destroyed in any handler of the loop, and never rings afterwards. Setting it costs no system call.
#ifndef JETON_ALARM_H
#define JETON_ALARM_H

#include "common/net/loop.h"

struct alarm;
typedef void alarm_handler (void *context);

// alarm_new (loop, handler, context): Not set.
struct alarm *alarm_new (struct loop *loop, alarm_handler *handler, void *context)
    __attribute__ ((returns_nonnull));
void alarm_destroy (struct alarm **alarm_p); // NULL-safe; sets the pointer to NULL

// alarm_by (alarm, when_ms): Ring at that time of zclock_mono (), or earlier when it is set to ring earlier. A time that has passed: in
// the next turn of the loop. It rings once.
void alarm_by (struct alarm *self, int64_t when_ms);

#endif
