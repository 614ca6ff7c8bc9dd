// What module.c and account_edit.c share with account.c: a module that is enabled for an account is a change of the account.
#ifndef JETON_ADMIN_ACCOUNT_H
#define JETON_ADMIN_ACCOUNT_H

#include "common/rpc/request.h"
#include "services/admin/change.h"
#include "services/admin/view.h"
#include <stdbool.h>

enum { ACCOUNT_TOKEN_LIMIT_MAX = 10000000 };

// account_read (request, id, row): The account in the next columns of a read's only row. NULL: there was no row, or it was wrong:
// the request was answered.
Jeton__V1__Account *account_read (struct request *request, const char *id, struct row *row)
    __attribute__ ((warn_unused_result));

// account_record (request, before, after, event, what): Make the change's revision and its audit record; `after` gets its revision. `what`
// ends the summary: "suspended". False: the request was answered.
bool account_record (struct request *request, const Jeton__V1__Account *before,
                     Jeton__V1__Account *after, const char *event, const char *what)
    __attribute__ ((warn_unused_result));

#endif
