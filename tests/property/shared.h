// A few tokens that many drive at once. Which call comes first nobody can say; but all that happened must be what happens when they come one after the
// other: each change has a revision of its own, and its reply is what the change makes of the revision before. So of two who edit the same revision one wins.
#ifndef JETON_PROPERTY_SHARED_H
#define JETON_PROPERTY_SHARED_H

#include "tests/property/books.h"
#include "tests/property/run.h"

enum { SHARED_TOKENS = 3, SHARED_DRIVERS = 6 };

struct shared;

// shared_new (run, steps): Each driver makes so many steps.
struct shared *shared_new (struct run *run, unsigned long steps);
void shared_start (struct shared *shared);

// shared_check (shared): At the end, all that was answered is put in its order, and into the model.
bool shared_check (struct shared *shared);

void shared_add (const struct shared *shared, struct books *books);
void shared_destroy (struct shared **shared);

#endif
