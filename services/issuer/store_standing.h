// Does a signed token that is shown to the issuer still stand?
#ifndef JETON_ISSUER_STORE_STANDING_H
#define JETON_ISSUER_STORE_STANDING_H

#include "services/issuer/store.h"

// store_jwt_standing (db, account, jti, callback, context): STORE_OK: nobody has revoked it by its jti (whether all of its client or account were, its generation tells).
// STORE_NOT_FOUND: somebody has.
void store_jwt_standing (struct db *db, int64_t account, const char *jti,
                         store_done_callback *callback, void *context);

#endif
