// Handing out key files, so that each process sees its own only.
#ifndef JETON_CLI_DEPLOY_H
#define JETON_CLI_DEPLOY_H

#include "services/cli/keyring.h"

// deploy_all (keyring, to): For each directory `to`/NAME that there is: what NAME needs of the keyring, flat. NAME is a peer that has a key pair
// (it gets that, the peers file, and what a process of that name needs besides), "postgres" (the owner's password, readable by its
// group) or "proxy" (the gateway's certificate and its key; a peer of that name gets what a peer gets, too). Files that are as they should be are left alone, others are replaced whole; directories that are for nobody are passed over.
bool deploy_all (struct keyring *keyring, const char *to) __attribute__ ((warn_unused_result));

#endif
