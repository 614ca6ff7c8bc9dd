#include "services/issuer/tell.h"

void
tell_change (struct issuer *issuer, enum store_outcome outcome, const struct feed_change *change)
{
    if (outcome == STORE_OK)
        feed_tell (issuer->feed, change);
    else if (outcome == STORE_UNCERTAIN)
        feed_tell_unsure (issuer->feed, change);
}
