// The validator process: decides whether a token may do what it is used for. DESIGN.md tells how.
#ifndef JETON_VALIDATOR_H
#define JETON_VALIDATOR_H

#include "common/journal/counting.h"
#include "common/process/process.h"
#include "common/rpc/server.h"
#include "common/token/value.h"
#include <stdbool.h>
#include <stdint.h>

struct cache;
struct foreign;
struct limits;
struct lookup;
struct modules;
struct policies;
struct public_keys;
struct truth;
struct warm;

struct validator_settings {
    struct process_settings common; // first: process_start fills it
    char *token_keys;               // path of the keys of token values' check part
    char *issuer;                   // `iss` that a JWT must have
    char *audience;                 // `aud` that a JWT must have
    int64_t keys_interval_ms;       // how often the issuer's public keys are read again
    int64_t prefixes_interval_ms;   // how often the prefixes of imported tokens' values are
    int64_t freshness_limit_ms, truth_interval_ms;
    int64_t cache_entries; // tokens in memory at most
    int64_t cache_bytes;   // and what they take at most
    int64_t warm_entries;  // of which so many are read at the start
    int64_t negative_ms;   // how long it is believed that there is no such token
    struct counting_settings counting;
    char *validators;         // endpoints of all of them, for rate limits
    int64_t limit_entries;    // tokens and accounts whose rate is metered here
    int64_t limit_timeout_ms; // how long another validator may take to say how often
};

struct validator_stats {
    uint64_t allowed, denied, undecided; // decisions
    uint64_t refused_unread;             // of the denied: refused without a query
    uint64_t limited;                    // of the denied: by a rate limit
    uint64_t
        keys_sought; // JWTs whose key was not known when they came, and for which the keys were read
    uint64_t lookups,
        lookups_shared; // asked of the database, and spared because an equal one was under way
    uint64_t readings, changes; // of the table of changes; what was found in it
    uint64_t heard;             // changes that writers told
    uint64_t warm_rows, warm_kept,
        warm_passed;    // read at the start: rows, those kept, those that make no sense
    uint64_t warm_over; // 1: the memory is not being filled any more
    uint64_t vouched;   // times that the writers' word stood for the database
    // As of the last truth_show.
    uint64_t known_age_ms, known_limit_ms,
        read_age_ms; // truth.c: sure_at; freshness_limit_ms; read_at
    uint64_t writers, writers_followed;
};

struct validator {
    struct process process;
    struct validator_settings settings;
    struct validator_stats stats;
    struct token_keys token_keys;
    struct modules *modules;
    struct policies *policies;
    struct cache *cache;
    struct truth *truth; // whether the cache may be believed
    struct warm *warm;   // fills it at the start
    struct lookup *lookup;
    struct public_keys *keys;
    struct foreign *foreign;
    struct counting counting; // of use
    struct limits *limits;
};

// The methods of jeton.v1.Validator, with one row each.
extern const struct rpc_method validator_methods[];
// Those of jeton.v1.Limits.
extern const struct rpc_method limits_methods[];

// validator_codecs (server): Have the messages of those of jeton.v1.Validator, which were added, packed and unpacked by hand.
void validator_codecs (struct rpc_server *server);

// validator_stats_show (validator): Show its figures in Stats (stats.c).
void validator_stats_show (struct validator *validator);

void validator_validate (struct request *request);
void validator_validate_batch (struct request *request);
void validator_introspect (struct request *request);
void validator_lease (struct request *request);

#endif
