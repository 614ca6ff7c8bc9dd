#include "common/net/loop.h"
#include "common/memory/memory.h"
#include "common/net/alarm.h"
#include "common/net/internal.h"

#include <assert.h>
#include <czmq.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Static_assert((int) LOOP_IN == EPOLLIN && (int) LOOP_OUT == EPOLLOUT, "epoll's own numbers");

struct timer {
    struct node link;
    struct loop *loop;
    struct alarm *alarm;
    int number;
    size_t delay_ms, times; // times: left; 0: no end
    loop_handler *handler;
    void *context;
};

// ---- descriptors ---------------------------------------------------------------------------------------------------

struct watch *
loop_watch (struct loop *loop, int fd, unsigned events, loop_handler *handler, void *context)
{
    struct watch *watch = xcalloc (1, sizeof *watch);
    *watch = (struct watch){.loop = loop, .fd = fd, .handler = handler, .context = context};
    struct epoll_event event = {.events = events, .data.ptr = watch};
    // Fails for what is no descriptor, is a file, or is watched already: bugs; and without memory.
    int rc = epoll_ctl (loop->epoll, EPOLL_CTL_ADD, fd, &event);
    assert (rc == 0);
    loop->nwatches++;
    return watch;
}

void
watch_end (struct watch **watch_p)
{
    struct watch *watch = *watch_p;
    if (watch == NULL)
        return;
    struct loop *loop = watch->loop;
    epoll_ctl (loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    loop->nwatches--;
    for (size_t i = 0; i < loop->nready; i++)
        if (loop->ready[i].data.ptr == watch)
            loop->ready[i].data.ptr = NULL;
    free (watch);
    *watch_p = NULL;
}

// How long it may wait, in milliseconds.
static int
patience (const struct loop *loop)
{
    if (!list_empty (&loop->due) || !list_empty (&loop->soon) || !list_empty (&loop->ringing))
        return 0;
    const struct deadline *first = deadlines_first (&loop->deadlines);
    if (first == NULL)
        return -1;
    int64_t left_ms = first->at_ms - zclock_mono ();
    return left_ms <= 0 ? 0 : left_ms < INT_MAX ? (int) left_ms : INT_MAX;
}

static void
await (struct loop *loop)
{
    if (loop->room <= loop->nwatches) { // so that one look tells of all
        loop->room = 2 * (loop->nwatches + 8);
        loop->ready = xrealloc (loop->ready, loop->room * sizeof *loop->ready);
    }
    int n = epoll_wait (loop->epoll, loop->ready, (int) loop->room, patience (loop));
    assert (n >= 0 || errno == EINTR);
    loop->nready = n > 0 ? (size_t) n : 0;
    loop->now_ms = zclock_mono ();
    loop->looked = true;
}

// False: a handler wants the loop to end.
static bool
ready_call (struct loop *loop, bool urgent)
{
    for (size_t i = 0; i < loop->nready; i++) {
        const struct watch *watch = loop->ready[i].data.ptr;
        if (watch == NULL || (urgent && !watch->urgent))
            continue;
        loop->ready[i].data.ptr = NULL;
        int rc = watch->handler (loop, watch->fd, watch->context);
        if (!urgent)
            loop->looked = false;
        if (rc == -1)
            return false;
    }
    return true;
}

int64_t
loop_now (const struct loop *loop)
{
    return loop->now_ms;
}

bool
loop_looked (struct loop *loop)
{
    bool looked = loop->looked;
    loop->looked = false;
    return looked;
}

// ---- timers --------------------------------------------------------------------------------------------------------

static struct timer *
timer_find (const struct loop *loop, int number)
{
    for (const struct node *node = loop->timers.next; node != &loop->timers; node = node->next) {
        struct timer *timer = NODE_OWNER (node, struct timer, link);
        if (timer->number == number)
            return timer;
    }
    return NULL;
}

void
loop_timer_end (struct loop *loop, int number)
{
    struct timer *timer = timer_find (loop, number);
    if (timer == NULL)
        return;
    node_remove (&timer->link);
    alarm_destroy (&timer->alarm);
    free (timer);
}

static void
timer_rings (void *context)
{
    struct timer *timer = context;
    struct loop *loop = timer->loop;
    int number = timer->number;
    if (timer->handler (loop, number, timer->context) == -1)
        loop->ends = true;
    timer = timer_find (loop, number);
    if (timer == NULL)
        return; // ended by its own handler
    if (timer->times == 1) {
        loop_timer_end (loop, number);
        return;
    }
    timer->times -= timer->times > 0;
    alarm_by (timer->alarm, zclock_mono () + (int64_t) timer->delay_ms);
}

int
loop_timer (struct loop *loop, size_t delay_ms, size_t times, loop_handler *handler, void *context)
{
    struct timer *timer = xcalloc (1, sizeof *timer);
    *timer = (struct timer){.loop = loop,
                            .number = ++loop->last_timer,
                            .delay_ms = delay_ms,
                            .times = times,
                            .handler = handler,
                            .context = context};
    node_init (&timer->link);
    list_append (&loop->timers, &timer->link);
    timer->alarm = alarm_new (loop, timer_rings, timer);
    alarm_by (timer->alarm, zclock_mono () + (int64_t) delay_ms);
    return timer->number;
}

// ---- the loop ------------------------------------------------------------------------------------------------------

struct loop *
loop_new (void)
{
    struct loop *loop = xcalloc (1, sizeof *loop);
    loop->epoll = epoll_create1 (EPOLL_CLOEXEC);
    if (loop->epoll == -1) {
        perror ("epoll_create1");
        abort ();
    }
    loop->now_ms = zclock_mono ();
    struct node *lists[] = {&loop->soon, &loop->ringing, &loop->used, &loop->unread,
                            &loop->due,  &loop->timers,  &loop->late};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        node_init (lists[i]);
    return loop;
}

void
loop_destroy (struct loop **loop_p)
{
    struct loop *loop = *loop_p;
    if (loop == NULL)
        return;
    // What was freed has left its list; the analyzer cannot follow that around the ring.
    while (!list_empty (&loop->timers))
        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
        loop_timer_end (loop, NODE_OWNER (loop->timers.next, struct timer, link)->number);
    deadlines_free (&loop->deadlines);
    close (loop->epoll);
    free (loop->ready);
    free (loop);
    *loop_p = NULL;
}

void
loop_run (struct loop *loop)
{
    loop->ends = false;
    while (!loop->ends) {
        loop_readers_look (loop);
        await (loop);
        // Urgent readers first, whether their descriptors tell of them or not: the latter are the first of those that have more.
        loop->ends = !ready_call (loop, true);
        if (!loop->ends)
            loop_readers_call (loop);
        if (!loop->ends)
            loop->ends = !ready_call (loop, false);
        loop->nready = 0;
        loop_ring (loop);
    }
}
