// What was done last, in words, for when something turns out to be wrong.
#ifndef JETON_PROPERTY_DIARY_H
#define JETON_PROPERTY_DIARY_H

#include "tests/property/model.h"

struct diary;

struct diary *diary_new (void);
void diary_destroy (struct diary **diary);

// diary_write (diary, object, format, …): One more line, about an object; NULL: one that is not made yet. Old lines are forgotten.
void diary_write (struct diary *diary, const struct object *object, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));
// diary_made (diary, object): What the last line was about.
void diary_made (struct diary *diary, const struct object *object);

// diary_print (diary, object, account): The last lines about these two, and the last of all, newest first, on standard error.
void diary_print (const struct diary *diary, const struct object *object,
                  const struct object *account);

#endif
