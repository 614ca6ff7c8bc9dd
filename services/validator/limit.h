// The rate limits of a validation that is allowed otherwise (R30): of its token and of its account, live and test by themselves.
#ifndef JETON_VALIDATOR_LIMIT_H
#define JETON_VALIDATOR_LIMIT_H

#include "services/validator/facts.h"
#include "services/validator/permit.h"
#include "services/validator/validator.h"
#include "validator.pb-c.h"

struct limits;

// What came of it, by the tighter of the two limits: the one that refused, otherwise the one with less left.
struct limit_result {
    bool allowed; // and counted
    bool account; // it is the account's limit
    struct meter_limit limit;
    struct meter_view view;
};

typedef void limit_callback (void *context, const struct limit_result *result);

// limits_new (validator, error_r): NULL: a setting is wrong. limits_stop (limits): Before process_end: from now on each limit is metered here, and nobody who waits is called
// back any more. limits_destroy (&limits): NULL-safe. limits_permits (limits): Those that it takes.
struct limits *limits_new (struct validator *validator, struct error *error_r)
    __attribute__ ((warn_unused_result));
void limits_stop (struct limits *limits);
void limits_destroy (struct limits **limits);
struct permits *limits_permits (struct limits *limits);

// limits_settled (limits): Have the other validators been looked for? Before that nothing should be answered.
bool limits_settled (const struct limits *limits);

// limits_take (limits, facts, environment, result_r, callback, context): Count one use of a token whose policy is limited (policy_limited), if both limits allow it. True:
// result_r has what came of it. False: it is not known here; the callback gets it later, as soon as another validator has answered, or has not within
// twice limit_timeout_ms for each limit. A use that the account's limit refuses only after having waited has counted for the token.
bool limits_take (struct limits *limits, const struct facts *facts, unsigned environment,
                  struct limit_result *result_r, limit_callback *callback, void *context)
    __attribute__ ((warn_unused_result));

// limit_show (result, arena, reply): Into a reply; what the arena has no room for is left out.
void limit_show (const struct limit_result *result, struct arena *arena,
                 Jeton__V1__ValidateReply *reply);

#endif
