// Sees when a change can be seen: a connection to the database of its own, in the session's loop, that looks at a token's status again and again.
#ifndef JETON_BENCH_WITNESS_H
#define JETON_BENCH_WITNESS_H

#include "common/net/loop.h"

#include <stdint.h>

struct witness;

// witness_new (loop, url): Connected; ends the program when the database cannot be had. witness_destroy (&witness): NULL-safe.
struct witness *witness_new (struct loop *loop, const char *url) __attribute__ ((returns_nonnull));
void witness_destroy (struct witness **witness);

// witness_begin (witness, number): From now on look at this token. witness_look (witness): Now, unless the look before is still under way, or has found it changed.
void witness_begin (struct witness *witness, int64_t number);
void witness_look (struct witness *witness);

// witness_unseen_us (witness): When the last look began that still found the token active: the commit cannot have been seen before that. Microseconds since the epoch; 0: no look has.
int64_t witness_unseen_us (const struct witness *witness);

#endif
