// The manual page jeton(1).
#ifndef JETON_CLI_MANUAL_H
#define JETON_CLI_MANUAL_H

#include "services/cli/command.h"

// manual_print (nouns): On standard output, in roff with the man macros, all of it ASCII.
void manual_print (const struct noun *nouns);

#endif
