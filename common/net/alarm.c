#include "common/net/alarm.h"
#include "common/memory/memory.h"
#include "common/net/internal.h"

#include <stdlib.h>

struct alarm {
    struct loop *loop;
    alarm_handler *handler;
    void *context;
    struct deadline deadline; // set for later
    struct node link;         // of those that ring in the next turn, or in this one
};

void
loop_ring (struct loop *loop)
{
    struct deadline *first;
    // What a handler sets for a time that has passed is for the next turn: descriptors have theirs in between.
    list_move (&loop->soon, &loop->ringing);
    while ((first = deadlines_first (&loop->deadlines)) != NULL && first->at_ms <= loop->now_ms) {
        deadlines_remove (&loop->deadlines, first);
        list_append (&loop->ringing, &NODE_OWNER (first, struct alarm, deadline)->link);
    }
    while (!loop->ends && !list_empty (&loop->ringing)) {
        struct alarm *alarm = NODE_OWNER (loop->ringing.next, struct alarm, link);
        node_remove (&alarm->link);
        alarm->handler (alarm->context); // may destroy the alarm
        loop->looked = false;
    }
}

struct alarm *
alarm_new (struct loop *loop, alarm_handler *handler, void *context)
{
    struct alarm *self = xcalloc (1, sizeof *self);
    *self = (struct alarm){.loop = loop, .handler = handler, .context = context};
    node_init (&self->link);
    return self;
}

void
alarm_destroy (struct alarm **alarm_p)
{
    struct alarm *self = *alarm_p;
    if (self == NULL)
        return;
    deadlines_remove (&self->loop->deadlines, &self->deadline);
    node_remove (&self->link);
    free (self);
    *alarm_p = NULL;
}

void
alarm_by (struct alarm *self, int64_t when_ms)
{
    struct loop *loop = self->loop;
    if (!list_empty (&self->link))
        return;
    if (when_ms <= loop->now_ms) {
        deadlines_remove (&loop->deadlines, &self->deadline);
        list_append (&loop->soon, &self->link);
    } else if (self->deadline.position == 0 || when_ms < self->deadline.at_ms)
        deadlines_set (&loop->deadlines, &self->deadline, when_ms);
}
