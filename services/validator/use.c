#include "services/validator/use.h"

#include "common/token/id.h"

#include <string.h>
#include <time.h>

static int64_t
number_of (const char *prefix, const char *id)
{
    int64_t number;
    return id_parse (prefix, id, &number) ? number : 0;
}

bool
use_count (struct validator *validator, const char *peer, const char *module,
           const struct wanted *wanted, const Jeton__V1__ValidateReply *reply)
{
    struct journal_use use = {
        .second = time (NULL),
        .account = number_of ("ACC", reply->account),
        .token = number_of ("TKN", reply->token),
        .user = number_of ("USR", reply->user),
        .client = (uint32_t) number_of ("CLI", reply->client),
        .customer = (uint32_t) number_of ("CUS", reply->customer),
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
    if (use.token == 0)
        counting_text (use.id, sizeof use.id, reply->token);
    return counting_add (&validator->counting, &use);
}
