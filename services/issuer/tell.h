// What validators are told of a change that was asked for, by what became of it.
#ifndef JETON_ISSUER_TELL_H
#define JETON_ISSUER_TELL_H

#include "common/feed/feed.h"
#include "services/issuer/issuer.h"
#include "services/issuer/store.h"

// tell_change (issuer, outcome, change): It is committed (STORE_OK), or may be (STORE_UNCERTAIN): validators that follow are told before this returns. Else nothing was
// changed, and nobody is told.
void tell_change (struct issuer *issuer, enum store_outcome outcome,
                  const struct feed_change *change);

#endif
