// What a process asks of the operating system when it starts. For common/process only.
#ifndef JETON_PROCESS_SYSTEM_H
#define JETON_PROCESS_SYSTEM_H

#include "common/error/error.h"
#include <stdbool.h>

// process_harden (): New files are the owner's; no core files, which would hold keys; as many descriptors as the hard limit allows.
void process_harden (void);

// process_signals (error_r): Blocks SIGTERM, SIGINT and SIGHUP here and in later threads, ignores SIGPIPE. A signalfd for them, or -1.
int process_signals (struct error *error_r) __attribute__ ((warn_unused_result));

// process_become (user, error_r): Give up root for `user`, for good. Does nothing when not root, or when `user` is empty.
bool process_become (const char *user, struct error *error_r) __attribute__ ((warn_unused_result));

#endif
