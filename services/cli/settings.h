// The settings of the command line, and where programs and files of a system lie.
#ifndef JETON_CLI_SETTINGS_H
#define JETON_CLI_SETTINGS_H

#include "common/rpc/peers.h"
#include "services/cli/connect.h"
#include <czmq.h>

// settings_load (cli): See connect_settings. NULL: the reason has been printed.
struct connect_settings *settings_load (struct cli *cli) __attribute__ ((warn_unused_result));
void settings_free (struct connect_settings **settings); // NULL-safe

// settings_keys (cli, settings, &peers_r, &certificate_r): Load the peers file and our key pair. False: the reason has been printed; the
// caller destroys what there is in either case.
bool settings_keys (struct cli *cli, const struct connect_settings *settings,
                    struct peers **peers_r, zcert_t **certificate_r)
    __attribute__ ((warn_unused_result));

// settings_beside (relative): A path in the tree that this program was built or installed in ("build/bin/jeton" in the tree "."), if
// there is something. The caller frees it; NULL when there is not.
char *settings_beside (const char *relative);

#endif
