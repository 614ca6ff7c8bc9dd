// Every answered decision is counted before its answer is sent (R39).
#ifndef JETON_VALIDATOR_USE_H
#define JETON_VALIDATOR_USE_H

#include "services/validator/decide.h"
#include "services/validator/validator.h"

// Whose token it was; 0: none, or not known.
struct use_subject {
    int64_t token, account, user, client, customer;
};

// use_count (validator, use, module, wanted, subject, reply): Count a decision that is about to be answered. False: it cannot be counted, and must not be
// answered otherwise than that it cannot be decided now. `use` has the peer, which counting_text has set, and is used again for the next decision for the same.
bool use_count (struct validator *validator, struct journal_use *use, const char *module,
                const struct wanted *wanted, const struct use_subject *subject,
                const Jeton__V1__ValidateReply *reply) __attribute__ ((warn_unused_result));

#endif
