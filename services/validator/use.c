#include "services/validator/use.h"

#include "common/token/id.h"

#include <string.h>
#include <time.h>

// One that no id shows is not known to anybody.
static int64_t
shown (int64_t number)
{
    return number >= 1 && number <= ID_NUMBER_MAX ? number : 0;
}

bool
use_count (struct validator *validator, const char *peer, const char *module,
           const struct wanted *wanted, const struct use_subject *subject,
           const Jeton__V1__ValidateReply *reply)
{
    struct journal_use use = {
        .second = time (NULL),
        .account = shown (subject->account),
        .token = shown (subject->token),
        .user = shown (subject->user),
        .client = (uint32_t) shown (subject->client),
        .customer = (uint32_t) shown (subject->customer),
        .family = wanted->address.family,
        .access = (uint8_t) wanted->access,
        .environment = (uint8_t) wanted->environment,
        .decision = (uint8_t) reply->decision,
        .reason = (uint8_t) reply->reason,
    };
    if (!validator->counting.journal)
        return true;
    memcpy (use.address, wanted->address.bytes, sizeof use.address);
    counting_text (use.module, sizeof use.module, module);
    counting_text (use.peer, sizeof use.peer, peer);
    if (subject->token == 0) // a JWT, or nothing that is known
        counting_text (use.id, sizeof use.id, reply->token);
    return counting_add (&validator->counting, &use);
}
