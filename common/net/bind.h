// What to do about a socket that cannot be bound.
#ifndef JETON_BIND_H
#define JETON_BIND_H

// bind_advice (error): Of an `errno` of bind: what to say behind its reason, "; …"; "" when there is nothing to add.
const char *bind_advice (int error);

#endif
