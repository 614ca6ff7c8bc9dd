#include "services/validator/decide.h"

// An address that is not known is in no list.
static bool
address_allowed (const struct policy *policy, const struct cidr *address)
{
    const struct cidr *allowed = policy_allowed (policy);
    for (size_t i = 0; i < policy->nallowed; i++)
        if (cidr_contains (&allowed[i], address))
            return true;
    return policy->nallowed == 0;
}

Jeton__V1__Reason
decide_active (const struct facts *facts, int64_t now)
{
    if (facts->token_status == JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DELETED)
        return JETON__V1__REASON__REASON_DELETED;
    // Whatever is not known to be active is not: a state that a later version adds must not pass here.
    if (facts->token_status != JETON__V1__TOKEN_STATUS__TOKEN_STATUS_ACTIVE ||
        facts->user_status != JETON__V1__USER_STATUS__USER_STATUS_ACTIVE)
        return JETON__V1__REASON__REASON_DISABLED;
    if (facts->grace_until != 0 && facts->grace_until <= now)
        return JETON__V1__REASON__REASON_ROTATED_OUT;
    if (facts->expires_at != 0 && facts->expires_at <= now)
        return JETON__V1__REASON__REASON_EXPIRED;
    if (facts->account_status != JETON__V1__ACCOUNT_STATUS__ACCOUNT_STATUS_ACTIVE)
        return JETON__V1__REASON__REASON_ACCOUNT_SUSPENDED;
    return JETON__V1__REASON__REASON_OK;
}

Jeton__V1__Reason
decide (const struct facts *facts, const struct wanted *wanted, int64_t now,
        Jeton__V1__Access *granted_r)
{
    const struct policy_grant *grant = policy_grant (facts->policy, wanted->module);
    *granted_r = grant && grant->enabled ? (Jeton__V1__Access) grant->access
                                         : JETON__V1__ACCESS__ACCESS_UNSPECIFIED;

    Jeton__V1__Reason active = decide_active (facts, now);
    if (active != JETON__V1__REASON__REASON_OK)
        return active;
    if (facts->environment != wanted->environment)
        return JETON__V1__REASON__REASON_WRONG_ENVIRONMENT;
    // A customer's token is good beside one of its store's client, and that is the only one that may come so (R22).
    if (wanted->store_client !=
        (facts->kind == JETON__V1__TOKEN_KIND__TOKEN_KIND_CUSTOMER ? facts->policy->client : 0))
        return JETON__V1__REASON__REASON_OUT_OF_SCOPE;
    if (!address_allowed (facts->policy, &wanted->address))
        return JETON__V1__REASON__REASON_ADDRESS_NOT_ALLOWED;
    if (!grant)
        return JETON__V1__REASON__REASON_MODULE_NOT_GRANTED;
    if (!grant->enabled)
        return JETON__V1__REASON__REASON_MODULE_DISABLED;
    if (wanted->access == JETON__V1__ACCESS__ACCESS_WRITE &&
        grant->access != JETON__V1__ACCESS__ACCESS_WRITE)
        return JETON__V1__REASON__REASON_READ_ONLY;
    // It was restricted to resources of which none is left.
    if (facts->policy->nscope == 1)
        return JETON__V1__REASON__REASON_OUT_OF_SCOPE;
    return JETON__V1__REASON__REASON_OK;
}

// One row a reason, so that a new one is complete or does not compile.
static const struct {
    int status;
    const char *challenge;
} reasons[] = {
#define INVALID      "error=\"invalid_token\", error_description=\"The access token is not valid\""
#define INSUFFICIENT "error=\"insufficient_scope\", error_description="
    [JETON__V1__REASON__REASON_UNSPECIFIED] = {503, NULL},
    [JETON__V1__REASON__REASON_OK] = {200, NULL},
    [JETON__V1__REASON__REASON_MISSING] = {401, ""},
    [JETON__V1__REASON__REASON_MALFORMED] = {401, INVALID},
    [JETON__V1__REASON__REASON_UNKNOWN] = {401, INVALID},
    [JETON__V1__REASON__REASON_EXPIRED] =
        {401, "error=\"invalid_token\", error_description=\"The access token has expired\""},
    [JETON__V1__REASON__REASON_DISABLED] =
        {401, "error=\"invalid_token\", error_description=\"The access token is disabled\""},
    [JETON__V1__REASON__REASON_DELETED] = {401, INVALID},
    [JETON__V1__REASON__REASON_REVOKED] = {401, INVALID},
    [JETON__V1__REASON__REASON_ROTATED_OUT] = {401, INVALID},
    [JETON__V1__REASON__REASON_MODULE_NOT_GRANTED] =
        {403, INSUFFICIENT "\"The module is not granted to the access token\""},
    [JETON__V1__REASON__REASON_MODULE_DISABLED] = {403, INSUFFICIENT
                                                   "\"The module is not enabled for the account\""},
    [JETON__V1__REASON__REASON_READ_ONLY] = {403, INSUFFICIENT
                                             "\"The access token may only read in this module\""},
    [JETON__V1__REASON__REASON_ADDRESS_NOT_ALLOWED] =
        {403, INSUFFICIENT "\"The access token may not be used from this address\""},
    [JETON__V1__REASON__REASON_WRONG_ENVIRONMENT] =
        {403, INSUFFICIENT "\"The access token is for the other environment\""},
    [JETON__V1__REASON__REASON_OUT_OF_SCOPE] =
        {403, INSUFFICIENT "\"The resource is not in the scope of the access token\""},
    [JETON__V1__REASON__REASON_ACCOUNT_SUSPENDED] = {403,
                                                     INSUFFICIENT "\"The account is suspended\""},
    [JETON__V1__REASON__REASON_RATE_LIMITED] = {429, NULL},
    [JETON__V1__REASON__REASON_UNDECIDED] = {503, NULL},
};

int
decide_status (Jeton__V1__Reason reason)
{
    return reasons[reason].status;
}

const char *
decide_challenge (Jeton__V1__Reason reason)
{
    return reasons[reason].challenge;
}
