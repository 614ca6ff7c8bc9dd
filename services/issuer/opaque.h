// Opaque access tokens (R24), for clients that are set to them: a value that says nothing, and a row that says all.
#ifndef JETON_ISSUER_OPAQUE_H
#define JETON_ISSUER_OPAQUE_H

#include "services/issuer/store_opaque.h"
#include "services/issuer/token.h"

// opaque_make (asking, jti_r): A new value for what is granted at asking->issued_at, in the request's arena; asking->opaque is its row, which has to be in the database before the value is told. NULL: no room.
char *opaque_make (struct asking *asking, char jti_r[ACCESS_JTI_SIZE])
    __attribute__ ((warn_unused_result));

// opaque_give (asking, jti, reply): Writes the row down, then ends the request with the reply, which is in the request's arena, as its texts are.
void opaque_give (struct asking *asking, const char *jti, const Jeton__V1__TokenReply *reply);

#endif
