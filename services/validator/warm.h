// Filling the memory at the start with the tokens that were used last, while others are answered. DESIGN.md, "Filled at the start".
#ifndef JETON_VALIDATOR_WARM_H
#define JETON_VALIDATOR_WARM_H

#include "services/validator/validator.h"
#include <stddef.h>

struct warm;

// warm_new (validator): Does nothing yet; its settings, database, policies, cache and truth are there when it begins.
struct warm *warm_new (struct validator *validator) __attribute__ ((returns_nonnull));
// warm_begin (warm): All changes are known from now on: what is read from now on can be kept. Once.
void warm_begin (struct warm *warm);
// warm_stop (warm): Nothing is begun any more: before the loop goes. warm_destroy (&warm): After the database is closed. NULL-safe.
void warm_stop (struct warm *warm);
void warm_destroy (struct warm **warm);

// warm_says (warm, text_r, size): How far it is, while it fills; "" otherwise.
void warm_says (const struct warm *warm, char *text_r, size_t size);

#endif
