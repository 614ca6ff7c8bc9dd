// jeton-validator: see DESIGN.md.
#include "common/caller/keys.h"
#include "common/crypto/crypto.h"
#include "common/log/log.h"
#include "limits.pb-c.h"
#include "services/validator/cache.h"
#include "services/validator/foreign.h"
#include "services/validator/limit.h"
#include "services/validator/lookup.h"
#include "services/validator/policy.h"
#include "services/validator/store.h"
#include "services/validator/truth.h"
#include "services/validator/validator.h"
#include "services/validator/warm.h"
#include "validator.pb-c.h"

#include <stdlib.h>

#define FIELD(name) offsetof (struct validator_settings, name)
static const struct config_row validator_settings_table[] = {
    {"token_keys", CONFIG_PATH, FIELD (token_keys), "", 0, 0, false,
     "file with the keys of token values' check part, as `jeton keys init` makes it"},
    {"issuer", CONFIG_TEXT, FIELD (issuer), "https://jeton.localhost", 0, 0, true,
     "the `iss` that a JWT must have: the same as the issuer's setting"},
    {"audience", CONFIG_TEXT, FIELD (audience), "jeton", 0, 0, true,
     "the `aud` that a JWT must have: the same as the issuer's setting"},
    {"keys_interval_ms", CONFIG_NUMBER, FIELD (keys_interval_ms), "5000", 100, 3600000, true,
     "how often the issuer's public keys are read again, in milliseconds"},
    {"prefixes_interval_ms", CONFIG_NUMBER, FIELD (prefixes_interval_ms), "5000", 100, 3600000,
     true,
     "how often the prefixes that values of imported tokens begin with are read again, in "
     "milliseconds"},
    {"freshness_limit_ms", CONFIG_NUMBER, FIELD (freshness_limit_ms), "5000", 100, 60000, true,
     "how long after its commit a revocation is refused at the latest, whatever fails, in "
     "milliseconds: who cannot be sure of that answers 503"},
    {"truth_interval_ms", CONFIG_NUMBER, FIELD (truth_interval_ms), "250", 10, 5000, true,
     "how often the table of changes is read, in milliseconds; feeds bring them sooner"},
    {"cache_entries", CONFIG_NUMBER, FIELD (cache_entries), "1000000", 1000, 1000000000, false,
     "tokens that are kept in memory at most"},
    {"cache_bytes", CONFIG_NUMBER, FIELD (cache_bytes), "268435456", CACHE_BYTES_MIN, 1LL << 40,
     false, "memory that they take at most, in bytes; a token takes about 90"},
    {"warm_entries", CONFIG_NUMBER, FIELD (warm_entries), "1000000000", 0, 1000000000, false,
     "tokens that are read into memory at the start at most, those that were used last; as many as "
     "are kept at most; 0: none"},
    {"negative_ms", CONFIG_NUMBER, FIELD (negative_ms), "1000", 0, 60000, true,
     "how long it is believed that a token is unknown, in milliseconds; 0: each time anew"},
    COUNTING_SETTINGS (FIELD (counting), "use is", "to validate: 503"),
    {"validators", CONFIG_TEXT, FIELD (validators), "", 0, 0, false,
     "endpoints of all validators, this one too, with commas; the same for each of them, so that "
     "rate limits hold for all of them together; empty: it limits by itself"},
    {"limit_timeout_ms", CONFIG_NUMBER, FIELD (limit_timeout_ms), "250", 10, 5000, true,
     "how long the validator that keeps a rate limit may take to answer another, in milliseconds; "
     "then that one keeps it itself for a second"},
    {"limit_entries", CONFIG_NUMBER, FIELD (limit_entries), "262144", 1024, 1LL << 28, false,
     "tokens and accounts whose rate is metered at the same time, at least (16 bytes each); with "
     "more, some are forgotten and begin anew"},
    {NULL, CONFIG_TEXT, 0, NULL, 0, 0, false, NULL},
};
static const struct config_row *const tables[] = {process_settings_table, validator_settings_table,
                                                  NULL};

// Its health is a matter of what it can be sure of (truth.c).
static void
validator_database_changed (struct process *process, bool ready)
{
    const struct validator *validator = process->owner;
    if (ready && validator->truth)
        truth_soon (validator->truth);
}

// JWTs in memory were checked against the settings before: issuer and audience.
static void
validator_reloaded (struct process *process)
{
    struct validator *validator = process->owner;
    cache_forget_jwts (validator->cache);
}

static void
validator_loaded (void *context)
{
    struct validator *validator = context;
    truth_health (validator->truth);
}

int
main (int argc, char **argv)
{
    struct validator validator = {0};
    struct process *process = &validator.process;
    process->database_changed = validator_database_changed;
    process->reloaded = validator_reloaded;
    process->owner = &validator;
    // By default PostgreSQL takes an array of one digest for so little work that it plans anew for each, which takes seven times as long as the work.
    process->planned_once = true;
    int status =
        process_start (process, "validator", "tcp://127.0.0.1:7102", tables, store_statements,
                       "Decides whether a token may do what it is used for.", &validator.settings,
                       sizeof validator.settings, argc, argv);
    if (status >= 0)
        return status;

    struct error error;
    if (!token_keys_load (validator.settings.token_keys, &validator.token_keys, &error)) {
        log_error ("cannot start", "setting", "token_keys", "error", error.text, NULL);
        process_end (process);
        return 78; // EX_CONFIG
    }
    validator.limits = limits_new (&validator, &error);
    if (!validator.limits ||
        !counting_start (&validator.counting, process, &validator.settings.counting, &error)) {
        log_error ("cannot start", "error", error.text, NULL);
        limits_destroy (&validator.limits);
        process_end (process);
        return 78;
    }
    struct rpc_service service = {&jeton__v1__validator__descriptor, validator_methods, &validator};
    rpc_server_add (process->server, &service);
    validator_codecs (process->server);
    struct rpc_service limits = {&jeton__v1__limits__descriptor, limits_methods, &validator};
    rpc_server_add (process->server, &limits);
    validator.modules = modules_new ();
    validator.policies = policies_new (validator.modules, POLICIES_EXPECTED);
    struct cache_bounds bounds = {.entries = (size_t) validator.settings.cache_entries,
                                  .bytes = (size_t) validator.settings.cache_bytes};
    validator.cache = cache_new (validator.policies, &bounds);
    validator.lookup = lookup_new (&validator);
    validator.keys = keys_new (process->loop, process->db, STORE_PUBLIC_KEYS,
                               &validator.settings.keys_interval_ms);
    validator.foreign =
        foreign_new (process->loop, process->db, STORE_FOREIGN,
                     &validator.settings.prefixes_interval_ms, validator_loaded, &validator);
    validator.warm = warm_new (&validator);
    validator.truth = truth_new (&validator);

    validator_stats_show (&validator);

    status = process_run (process);
    truth_stop (validator.truth);
    warm_stop (validator.warm);
    limits_stop (validator.limits);
    if (status == 0)
        counting_finish (&validator.counting);
    counting_stop (&validator.counting);

    process_end (process);
    truth_destroy (&validator.truth);
    warm_destroy (&validator.warm);
    counting_end (&validator.counting);
    lookup_destroy (&validator.lookup);
    limits_destroy (&validator.limits);
    cache_destroy (&validator.cache);
    policies_destroy (&validator.policies);
    modules_destroy (&validator.modules);
    keys_destroy (&validator.keys);
    foreign_destroy (&validator.foreign);
    return status;
}
