// The key files of a system: `jeton keys init` and `jeton keys add`.
#ifndef JETON_CLI_KEYFILES_H
#define JETON_CLI_KEYFILES_H

#include "services/cli/command.h"

// Handlers. They add what is missing and never change a key that is there; each file appears whole or not at all. Files with
// secrets have mode 0600, the directories 0700.
int keyfiles_init (struct cli *cli);
int keyfiles_add (struct cli *cli);

#endif
