// Lease: permits of a rate limit for another validator.
#include "common/token/id.h"
#include "limits.pb-c.h"
#include "services/validator/limit.h"
#include "services/validator/permit.h"
#include "services/validator/validator.h"

enum { RATE_MAX = 6000000, HOLD_MAX_US = 1000000 };

static const char *
field_wrong (const Jeton__V1__LeaseRequest *request)
{
    const Jeton__V1__RateLimit *limit = request->limit;
    if (request->number < 1 || request->number > ID_NUMBER_MAX)
        return "number";
    if (request->environment != JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE &&
        request->environment != JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST)
        return "environment";
    if (!limit || limit->per_minute < 1 || limit->per_minute > RATE_MAX || limit->burst < 1 ||
        limit->burst > RATE_MAX)
        return "limit";
    if (request->hold_us > HOLD_MAX_US)
        return "hold_us";
    if (request->ahead_ns > INT64_MAX)
        return "ahead_ns";
    return request->told_ahead_ns > INT64_MAX ? "told_ahead_ns" : NULL;
}

void
validator_lease (struct request *request)
{
    const struct validator *validator = request_owner (request);
    const Jeton__V1__LeaseRequest *message = request_message (request);
    const char *wrong = field_wrong (message);
    if (wrong) {
        request_fail_field (request, wrong, "is not within its bounds (proto/limits.proto)");
        return;
    }
    Jeton__V1__LeaseReply reply = JETON__V1__LEASE_REPLY__INIT;
    permits_lend (limits_permits (validator->limits), message, &reply);
    request_reply (request, &reply.base);
}
