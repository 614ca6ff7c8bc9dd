// Which step comes next.
#ifndef JETON_PROPERTY_STEP_H
#define JETON_PROPERTY_STEP_H

#include "tests/property/model.h"

// step_choose (world, choices, now, step_r): A step at random: mostly one that can be done, but also what must be refused.
void step_choose (const struct world *world, struct choices *choices, int64_t now,
                  struct step *step_r);

// step_fill (world, choices, now, step): The arguments of a step whose verb, noun and object are there.
void step_fill (const struct world *world, struct choices *choices, int64_t now, struct step *step);

// step_method (step): "EditToken". step_event (noun, verb): "platform.tokens.token.edited".
const char *step_method (const struct step *step);
const char *step_event (enum noun noun, enum verb verb);
// step_noun (noun): As requests and replies call it: "customer_group".
const char *step_noun (enum noun noun);

enum { STEP_TEXT_SIZE = 256 };
// step_print (step, text_r): For people. No values of tokens.
void step_print (const struct step *step, char text_r[STEP_TEXT_SIZE]);

#endif
