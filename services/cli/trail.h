// The whole trail: read from the auditor, written as JSON Lines, verified from either.
#ifndef JETON_CLI_TRAIL_H
#define JETON_CLI_TRAIL_H

#include "audit.pb-c.h"
#include "common/error/error.h"
#include "services/cli/command.h"
#include <stdbool.h>

// Called for each item, in order. False: stop.
typedef bool trail_item (void *context, const Jeton__V1__ExportTrailReply *item);

// trail_read (cli, item, context): All of the auditor's trail, over lost connections. 0 when it was read to its end or `item` has stopped
// it; otherwise the exit status, and the reason has been printed.
int trail_read (struct cli *cli, trail_item *item, void *context)
    __attribute__ ((warn_unused_result));

// trail_parse (line, size, item, context, error_r): Parse one line and hand it to `item`, whose answer goes to *more_r. False: error_r
// says what is wrong with the line.
bool trail_parse (const char *line, size_t size, trail_item *item, void *context, bool *more_r,
                  struct error *error_r) __attribute__ ((warn_unused_result));

// Handlers of commands.
int trail_verify (struct cli *cli);
int trail_export (struct cli *cli);

#endif
