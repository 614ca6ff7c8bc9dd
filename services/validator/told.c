#include "services/validator/told.h"

#include "common/memory/memory.h"
#include "types.pb-c.h"

struct told *
told_new (void)
{
    return xcalloc (TOLD_PLACES, sizeof (struct told));
}

size_t
told_bytes (void)
{
    return TOLD_PLACES * sizeof (struct told);
}

// Numbers that follow each other have places of their own.
static size_t
place_of (int64_t token)
{
    return (uint64_t) token % TOLD_PLACES;
}

void
told_put (struct told *places, int64_t token, int64_t revision, uint8_t status, uint64_t before,
          uint64_t after)
{
    struct told *told = &places[place_of (token)];
    // While the slot is blocked it does not show what else was heard.
    bool again = told->token == token && told->revision == revision && told->status == status &&
                 told->after == before && before != STAMPS_BLOCKED;
    *told = (struct told){.token = token,
                          .revision = revision,
                          .before = again ? told->before : before,
                          .after = after,
                          .status = status};
}

const struct told *
told_find (const struct told *places, int64_t token)
{
    const struct told *told = &places[place_of (token)];
    return told->token == token && token != 0 ? told : NULL;
}

bool
told_follows (const struct told *told, const struct stamps *stamps, int64_t account, uint64_t stamp,
              uint32_t revision, uint8_t status)
{
    // A block is no stamp: it is above each that was asked for, and nothing was heard after it.
    if (told->after == STAMPS_BLOCKED ||
        *stamps_slot (&stamps->tokens, told->token) != told->after || told->before > stamp ||
        *stamps_slot (&stamps->accounts, account) > stamp || stamps->all > stamp)
        return false;
    if (revision == told_revision (told->revision))
        return status == told->status;
    return told_revision (revision + 1) == told_revision (told->revision) &&
           status == JETON__V1__TOKEN_STATUS__TOKEN_STATUS_ACTIVE;
}
