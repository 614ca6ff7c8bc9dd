// The rate limits of a validation that is allowed otherwise (R30): of its token and of its account, live and test by themselves.
#ifndef JETON_VALIDATOR_LIMIT_H
#define JETON_VALIDATOR_LIMIT_H

#include "services/validator/facts.h"
#include "services/validator/meter.h"
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

struct limits *limits_new (struct validator *validator) __attribute__ ((returns_nonnull));
void limits_destroy (struct limits **limits); // NULL-safe
const struct meter_stats *limits_stats (const struct limits *limits);

// limits_take (limits, facts, environment, result_r): Count one use of a token whose policy is limited (policy_limited), if both limits allow it; neither
// is touched otherwise.
void limits_take (struct limits *limits, const struct facts *facts, unsigned environment,
                  struct limit_result *result_r);

// limit_show (result, arena, reply): Into a reply; what the arena has no room for is left out.
void limit_show (const struct limit_result *result, struct arena *arena,
                 Jeton__V1__ValidateReply *reply);

#endif
