// What the handlers of users share.
#ifndef JETON_ADMIN_USER_H
#define JETON_ADMIN_USER_H

#include "common/rpc/request.h"
#include "services/admin/view.h"
#include "types.pb-c.h"
#include <stdbool.h>

// user_check_role (request, role): It is one, and the caller may give it. False: the request was answered.
bool user_check_role (struct request *request, Jeton__V1__UserRole role)
    __attribute__ ((warn_unused_result));

// user_row (request, id, row): The user in a read's only row; NULL: the request was answered.
Jeton__V1__User *user_row (struct request *request, const char *id, struct row *row)
    __attribute__ ((warn_unused_result));

// user_record (request, before, after, verb, what): The audit record of a change: `verb` ends its event, `what` its summary.
bool user_record (struct request *request, const Jeton__V1__User *before,
                  const Jeton__V1__User *after, const char *verb, const char *what)
    __attribute__ ((warn_unused_result));

#endif
