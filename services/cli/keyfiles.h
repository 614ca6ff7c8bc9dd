// The key files of a system: `jeton keys init`, `add`, `replace`, `remove` and `reseal`.
#ifndef JETON_CLI_KEYFILES_H
#define JETON_CLI_KEYFILES_H

#include "services/cli/command.h"
#include "services/cli/keyring.h"

// Handlers. init and add make what is missing and never change a key that is there; each file appears whole or not at all. Files with
// secrets have mode 0600, the directories 0700.
int keyfiles_init (struct cli *cli);
int keyfiles_add (struct cli *cli);
int keyfiles_replace (struct cli *cli);
int keyfiles_remove (struct cli *cli);
int keyfiles_reseal (struct cli *cli);

// keyfiles_fill (keyring): Make all that a system needs and that is missing.
bool keyfiles_fill (struct keyring *keyring) __attribute__ ((warn_unused_result));
// keyfiles_password (keyring, role): Make database-<role> unless it is there: a random password.
bool keyfiles_password (struct keyring *keyring, const char *role)
    __attribute__ ((warn_unused_result));

#endif
