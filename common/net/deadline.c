#include "common/net/deadline.h"
#include "common/memory/memory.h"

#include <stdlib.h>

static void
place (struct deadlines *deadlines, struct deadline *deadline, size_t position)
{
    deadlines->heap[position] = deadline;
    deadline->position = position;
}

// Moves the deadline at `position` up or down to where it belongs.
static void
settle (struct deadlines *deadlines, size_t position)
{
    struct deadline *deadline = deadlines->heap[position];
    while (position > 1 && deadlines->heap[position / 2]->at_ms > deadline->at_ms) {
        place (deadlines, deadlines->heap[position / 2], position);
        position /= 2;
    }
    for (size_t child; (child = position * 2) <= deadlines->n; position = child) {
        if (child < deadlines->n &&
            deadlines->heap[child + 1]->at_ms < deadlines->heap[child]->at_ms)
            child++;
        if (deadlines->heap[child]->at_ms >= deadline->at_ms)
            break;
        place (deadlines, deadlines->heap[child], position);
    }
    place (deadlines, deadline, position);
}

void
deadlines_set (struct deadlines *deadlines, struct deadline *deadline, int64_t at_ms)
{
    deadline->at_ms = at_ms;
    if (deadline->position == 0) {
        if (deadlines->n + 1 >= deadlines->room) {
            deadlines->room = deadlines->room == 0 ? 64 : deadlines->room * 2;
            deadlines->heap = xrealloc (deadlines->heap, deadlines->room * sizeof *deadlines->heap);
        }
        place (deadlines, deadline, ++deadlines->n);
    }
    settle (deadlines, deadline->position);
}

void
deadlines_remove (struct deadlines *deadlines, struct deadline *deadline)
{
    size_t position = deadline->position;
    if (position == 0)
        return;
    deadline->position = 0;
    struct deadline *last = deadlines->heap[deadlines->n--];
    if (last == deadline)
        return;
    place (deadlines, last, position);
    settle (deadlines, position);
}

struct deadline *
deadlines_first (const struct deadlines *deadlines)
{
    return deadlines->n > 0 ? deadlines->heap[1] : NULL;
}

void
deadlines_free (struct deadlines *deadlines)
{
    free (deadlines->heap);
    *deadlines = (struct deadlines){0};
}
