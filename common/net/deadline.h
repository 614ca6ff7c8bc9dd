// Deadlines in the order in which they pass: a binary heap of nodes that are members of what they limit..
#ifndef JETON_DEADLINE_H
#define JETON_DEADLINE_H

#include <stddef.h>
#include <stdint.h>

struct deadline {
    int64_t at_ms;   // zclock_mono ()
    size_t position; // in the heap, from 1; 0: in none
};

struct deadlines {
    struct deadline **heap; // [0] is not used
    size_t n, room;
};

// deadlines_set (deadlines, deadline, at_ms): Add it, or move it. deadlines_remove: does nothing when it is not there.
void deadlines_set (struct deadlines *deadlines, struct deadline *deadline, int64_t at_ms);
void deadlines_remove (struct deadlines *deadlines, struct deadline *deadline);
// deadlines_first (deadlines): The earliest; NULL when there is none.
struct deadline *deadlines_first (const struct deadlines *deadlines);
void deadlines_free (struct deadlines *deadlines);

#endif
