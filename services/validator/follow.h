// One writer that a validator follows: its feed, and its word.
#ifndef JETON_VALIDATOR_FOLLOW_H
#define JETON_VALIDATOR_FOLLOW_H

#include "services/validator/validator.h"
#include <stdbool.h>
#include <stdint.h>

// A row of the table of writers.
struct writer_row {
    const char *endpoint, *server_key;
    uint64_t instance;
};

struct follow;

// follow_new (validator, row): Begins to follow it, and follows again whenever that ends. NULL: the row's endpoint or key is none (logged).
struct follow *follow_new (struct validator *validator, const struct writer_row *row)
    __attribute__ ((warn_unused_result));
// follow_destroy (&follow): It is no writer any more, as the table says: what it was not sure about is settled. NULL-safe.
void follow_destroy (struct follow **follow);

// follow_is (follow, row): Is it this one, in this life?
bool follow_is (const struct follow *follow, const struct writer_row *row);

// follow_reading_sent (follow), follow_reading_done (follow): The table of changes is being read; was read.
void follow_reading_sent (struct follow *follow);
void follow_reading_done (struct follow *follow);

// follow_is_heard (follow): Its feed is being heard now.
bool follow_is_heard (const struct follow *follow);

// follow_settled (follow): It is heard, and the table was read since; or it could be reached, and did not let itself be followed.
bool follow_settled (const struct follow *follow);

// follow_hear (follow): Take what it has told by now.
void follow_hear (struct follow *follow);

// follow_ask (follow): Ask it for its word, unless a question is under way.
void follow_ask (struct follow *follow);
// follow_word (follow, generation): When it was asked what it last answered (truth_now), if that counts: it has lost the database, all that it
// told has been heard, and it knows no writer newer than `generation`. 0: its word does not count.
int64_t follow_word (const struct follow *follow, int64_t generation);

// follow_block (follow): Block (again) in the cache what the writer is not sure about.
void follow_block (struct follow *follow);
// follow_unsure_of_keys (follow): Is it not sure about the signing keys?
bool follow_unsure_of_keys (const struct follow *follow);

#endif
