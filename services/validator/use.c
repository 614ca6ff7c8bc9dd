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

// Nearly all of a batch are for the same module.
static void
module_set (struct journal_use *use, const char *module)
{
    if (strncmp (use->module, module, sizeof use->module) == 0)
        return;
    memset (use->module, 0, sizeof use->module);
    counting_text (use->module, sizeof use->module, module);
}

bool
use_count (struct validator *validator, struct journal_use *use, const char *module,
           const struct wanted *wanted, const struct use_subject *subject,
           const Jeton__V1__ValidateReply *reply)
{
    if (!validator->counting.journal)
        return true;
    use->second = time (NULL);
    use->account = shown (subject->account);
    use->token = shown (subject->token);
    use->user = shown (subject->user);
    use->client = (uint32_t) shown (subject->client);
    use->customer = (uint32_t) shown (subject->customer);
    use->family = wanted->address.family;
    use->access = (uint8_t) wanted->access;
    use->environment = (uint8_t) wanted->environment;
    use->decision = (uint8_t) reply->decision;
    use->reason = (uint8_t) reply->reason;
    memcpy (use->address, wanted->address.bytes, sizeof use->address);
    module_set (use, module);
    if (use->id[0])
        memset (use->id, 0, sizeof use->id);
    if (subject->token == 0) // a JWT, or nothing that is known
        counting_text (use->id, sizeof use->id, reply->token);
    return counting_add (&validator->counting, use);
}
