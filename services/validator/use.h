// Every answered decision is counted before its answer is sent (R39).
#ifndef JETON_VALIDATOR_USE_H
#define JETON_VALIDATOR_USE_H

#include "services/validator/decide.h"
#include "services/validator/validator.h"

// use_start (validator, error_r): Open the journal and begin to send what is in it; after process_start. Without journal_directory: a warning, and nothing is
// counted. use_finish (validator): after a process_run that
// drained: a second, at most, to send what is left. use_stop (validator): After process_end; what was not sent yet is kept. Idempotent, copes with not started.
bool use_start (struct validator *validator, struct error *error_r)
    __attribute__ ((warn_unused_result));
void use_finish (struct validator *validator);
void use_stop (struct validator *validator);

// use_count (validator, peer, module, wanted, reply): Count a decision that is about to be answered to this peer. False: it cannot be counted, and must not be
// answered otherwise than that it cannot be decided now.
bool use_count (struct validator *validator, const char *peer, const char *module,
                const struct wanted *wanted, const Jeton__V1__ValidateReply *reply)
    __attribute__ ((warn_unused_result));

// use_good (validator, reason_r): False: what is answered is not counted, or cannot be answered because of that; and why.
bool use_good (const struct validator *validator, struct error *reason_r)
    __attribute__ ((warn_unused_result));

#endif
