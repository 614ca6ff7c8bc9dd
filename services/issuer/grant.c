#include "services/issuer/grant.h"

#include "common/net/cidr.h"
#include "validator.pb-c.h"

#include <string.h>
#include <time.h>

bool
grant_count (struct request *request, const struct grant *grant)
{
    struct issuer *issuer = request_owner (request);
    const char *text = request_metadata (request, "client-address");
    struct cidr address = {0};
    struct journal_use use = {
        .second = time (NULL),
        .account = grant->account,
        .user = grant->user,
        .environment = (uint8_t) grant->environment,
        .decision = grant->reason == JETON__V1__GRANT_REASON__GRANT_REASON_OK
                        ? JETON__V1__DECISION__DECISION_ALLOW
                        : JETON__V1__DECISION__DECISION_DENY,
        .reason = (uint8_t) grant->reason,
        .grant_type = (uint8_t) grant->type,
        .client = (uint32_t) grant->client,
        .customer = (uint32_t) grant->customer,
    };
    // What is no address is not known: the caller says what it is told.
    if (text && cidr_address (text, &address)) {
        use.family = address.family;
        memcpy (use.address, address.bytes, sizeof use.address);
    }
    counting_text (use.peer, sizeof use.peer, request_peer (request)->name);
    if (grant->jti)
        counting_text (use.id, sizeof use.id, grant->jti);
    return counting_add (&issuer->counting, &use);
}
