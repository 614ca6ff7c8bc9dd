#include "common/net/alarm.h"
#include "common/memory/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct alarm {
    zloop_t *loop;
    alarm_handler *handler;
    void *context;
    int fd;
    int64_t when_ms; // INT64_MAX: not set
};

static int
alarm_rings (zloop_t *loop, zmq_pollitem_t *item, void *context)
{
    (void) loop;
    (void) item;
    struct alarm *self = context;
    uint64_t expirations;
    if (read (self->fd, &expirations, sizeof expirations) != sizeof expirations)
        return 0; // moved to a later time after the poll
    self->when_ms = INT64_MAX;
    self->handler (self->context); // may destroy the alarm
    return 0;
}

struct alarm *
alarm_new (zloop_t *loop, alarm_handler *handler, void *context)
{
    struct alarm *self = xcalloc (1, sizeof *self);
    *self = (struct alarm){.loop = loop,
                           .handler = handler,
                           .context = context,
                           .fd = timerfd_create (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                           .when_ms = INT64_MAX};
    if (self->fd == -1) {
        perror ("timerfd_create");
        abort ();
    }
    zmq_pollitem_t item = {.fd = self->fd, .events = ZMQ_POLLIN};
    int rc = zloop_poller (loop, &item, alarm_rings, self);
    assert (rc == 0);
    zloop_poller_set_tolerant (loop, &item);
    return self;
}

void
alarm_destroy (struct alarm **alarm_p)
{
    struct alarm *self = *alarm_p;
    if (self == NULL)
        return;
    zmq_pollitem_t item = {.fd = self->fd, .events = ZMQ_POLLIN};
    zloop_poller_end (self->loop, &item);
    close (self->fd);
    free (self);
    *alarm_p = NULL;
}

void
alarm_by (struct alarm *self, int64_t when_ms)
{
    if (when_ms < 1)
        when_ms = 1; // 0 would disarm it
    if (when_ms >= self->when_ms)
        return;
    self->when_ms = when_ms;
    struct itimerspec at = {
        .it_value = {.tv_sec = when_ms / 1000, .tv_nsec = when_ms % 1000 * 1000000}};
    int rc = timerfd_settime (self->fd, TFD_TIMER_ABSTIME, &at, NULL);
    assert (rc == 0);
}
