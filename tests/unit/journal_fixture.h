// A directory for the journal of use, and journals in it.
#ifndef JETON_TESTS_JOURNAL_FIXTURE_H
#define JETON_TESTS_JOURNAL_FIXTURE_H

#include "common/journal/journal.h"

extern char directory[64];

// set_up (), tear_down (): Before and after each test: makes the directory, and removes it with the files in it. What the journal logs is not shown.
void set_up (void);
void tear_down (void);

// open_as (limit, drop): The journal of the directory, with these options. open_it (): With room for 64 MiB, after which it refuses.
struct journal *open_as (uint64_t limit, bool drop);
struct journal *open_it (void);

#endif
