// Passwords that changes set: hashed in a worker thread, since that is slow by design, and wiped as soon as they are.
#ifndef JETON_ADMIN_SECRET_H
#define JETON_ADMIN_SECRET_H

#include "common/rpc/request.h"
#include "services/admin/change.h"
#include <stdbool.h>

// secret_begin (request, password): The request's change sets this password, which is in the request's message; NULL and "": none. Begun again, the
// change keeps what it has hashed. False: the request was answered.
bool secret_begin (struct request *request, char *password) __attribute__ ((warn_unused_result));

// secret_hashed (request, next): Calls `next` once the change's password is hashed: at once where there is none, or where that is done. Otherwise,
// the password is wiped then. When it cannot be hashed now, the request is answered instead.
void secret_hashed (struct request *request, request_callback *next);

// secret_hash (change): The hash of the password that the change sets; NULL: it sets none.
const char *secret_hash (const struct change *change);

#endif
