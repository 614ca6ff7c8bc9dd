// Calls of which the reply is shown: one object, or a list.
#ifndef JETON_CLI_SHOW_H
#define JETON_CLI_SHOW_H

#include "services/cli/connect.h"
#include "services/cli/table.h"
#include <stdint.h>

// show_object (cli, call, member, columns): Call, and show the object in that member of the reply. Returns the exit status.
int show_object (struct cli *cli, const struct call *call, const char *member,
                 const struct column *columns);

// show_list (cli, call, page, member, columns): The same of a list, page after page, as connect_pages does it.
int show_list (struct cli *cli, const struct call *call, Jeton__V1__PageRequest *page,
               const char *member, const struct column *columns);

// show_revision (cli, get, member, &revision_r): The revision that --revision tells, or else the one that the object has now: in that member of the
// reply of `get`. Otherwise than 0: the exit status; the reason has been printed.
int show_revision (struct cli *cli, const struct call *get, const char *member, int64_t *revision_r)
    __attribute__ ((warn_unused_result));

#endif
