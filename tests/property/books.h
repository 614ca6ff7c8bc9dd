// The end of a run: what the trail and the database must hold.
#ifndef JETON_PROPERTY_BOOKS_H
#define JETON_PROPERTY_BOOKS_H

#include "tests/property/run.h"

struct books;

struct books *books_new (struct run *run);
// books_add (books, account, object): An object of the run, and the account that it belongs to, which comes before it. Borrowed.
void books_add (struct books *books, const struct object *account, const struct object *object);

// books_check_trail (books): Begins to read the whole trail, until it has each revision of each object: in order, once, with the event of what
// was done, before as the record before it left it, and after, at the end, as the model is. No record of the run's accounts may be left over. Takes one off
// run->active when done.
void books_check_trail (struct books *books);

// books_write (books, path, error_r): A line for each object, as the scenario's query makes it of the object's row.
bool books_write (const struct books *books, const char *path, struct error *error_r)
    __attribute__ ((warn_unused_result));
void books_destroy (struct books **books);

#endif
