// An opaque access token of a client (R24): to everything but where it is found, a JWT whose claims are in a row.
#include "services/validator/check.h"
#include "services/validator/lookup.h"

#include <string.h>
#include <time.h>

bool
check_opaque_key (const struct validator *validator, const char *token, size_t length,
                  struct store_opaque_key *key_r)
{
    enum token_environment environment;
    if (!token_access_check (&validator->token_keys, token, length, &environment, &key_r->day))
        return false;
    token_value_digest (token, length, key_r->digest);
    token_access_jti (key_r->digest, key_r->jti);
    return true;
}

static void
check_opaque_done (void *context, enum store_outcome outcome, const struct facts *facts,
                   uint64_t stamp)
{
    struct check *check = context;
    switch (outcome) {
    case STORE_OK: {
        struct facts joined = *facts;
        joined.jti = check->jti;
        cache_put (check->batch->validator->cache, &check->key, &joined, stamp);
        // One that has expired is no credential, whatever has become of its client: as a JWT.
        if (joined.expires_at <= time (NULL))
            check_end (check, JETON__V1__REASON__REASON_EXPIRED);
        else
            check_decide (check, &joined);
        return;
    }
    case STORE_NOT_FOUND: // it was given: its check part is right
        check_end (check, JETON__V1__REASON__REASON_REVOKED);
        return;
    case STORE_UNAVAILABLE:
        check_end (check, JETON__V1__REASON__REASON_UNDECIDED);
        return;
    }
}

void
check_opaque (struct check *check, size_t length)
{
    struct validator *validator = check->batch->validator;
    struct store_opaque_key key;
    if (!check_opaque_key (validator, check->request->token, length, &key)) {
        check_refuse (check);
        return;
    }
    check->jti = arena_strdup (request_arena (check->batch->request), key.jti);
    check->reply->token = check_text (check->jti);
    // When its day begins it has expired, and there may be no row of it any more.
    if ((int64_t) key.day * 86400 <= time (NULL))
        check_end (check, JETON__V1__REASON__REASON_EXPIRED);
    else if (!check->jti) // no room
        check_end (check, JETON__V1__REASON__REASON_UNDECIDED);
    else
        lookup_opaque (validator->lookup, &key, check_opaque_done, check);
}
