// Each grant, and each refusal of one, is counted before it is answered (R39).
#ifndef JETON_ISSUER_GRANT_H
#define JETON_ISSUER_GRANT_H

#include "issuer.pb-c.h"
#include "services/issuer/issuer.h"
#include "types.pb-c.h"

// What was asked for, and what comes of it.
struct grant {
    Jeton__V1__GrantType type;
    Jeton__V1__GrantReason reason; // GRANT_REASON_OK: it is given
    Jeton__V1__Environment environment;
    int64_t account, user, client, customer; // numbers; 0: none, or not known
    const char *jti;                         // of what is given; NULL: nothing is
};

// grant_count (request, grant): Count it, with the request's peer and client address. False: it cannot be counted, so it is neither given nor refused: answer that
// nobody can tell now, with this text.
#define GRANT_NOT_COUNTED                                                                          \
    "grants cannot be counted now, and so none is given: the log of the issuer says why"
bool grant_count (struct request *request, const struct grant *grant)
    __attribute__ ((warn_unused_result));

#endif
