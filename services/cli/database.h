// The owner's access to the database.
#ifndef JETON_CLI_DATABASE_H
#define JETON_CLI_DATABASE_H

#include "services/cli/command.h"

enum { DATABASE_PASSWORD_MAX = 512 };

// database_url (cli): --url or $JETON_DATABASE_URL; NULL when there is none, and that has been printed.
const char *database_url (const struct cli *cli);
// database_password (cli, otherwise, password_r): $JETON_DATABASE_PASSWORD, or the first line of the file $JETON_DATABASE_PASSWORD_FILE, else
// of the file `otherwise` (may be NULL); "" when there is none of these. 0, or the exit status (the reason has been printed).
// The caller wipes it.
int database_password (const struct cli *cli, const char *otherwise,
                       char password_r[DATABASE_PASSWORD_MAX + 1])
    __attribute__ ((warn_unused_result));

#endif
