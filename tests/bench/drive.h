// The load generator: what its files share. drive.c runs the loops and keeps the books, work.c knows the calls.
#ifndef JETON_BENCH_DRIVE_H
#define JETON_BENCH_DRIVE_H

#include "common/rpc/client.h"
#include "common/token/value.h"
#include "common/validation/validator_client.h"
#include "tests/bench/pace.h"
#include <stdbool.h>
#include <stdint.h>

struct drive_settings {
    char *work, *peers, *key, *endpoints, *token_keys, *order, *value;
    int64_t in_flight, rate, limit, batch, tokens, first, accounts, seconds, warm_ms, seed,
        timeout_ms, prepared;
    bool poisson, scheduled;
};

enum { DRIVE_VALUE_SIZE = 4096 };
enum order { ORDER_RANDOM, ORDER_SEQUENCE, ORDER_MADE_UP };

// One call under way. Those that are over are used again.
struct drive_call {
    struct drive *drive;
    struct drive_call *next;
    int64_t begun_ns; // when its schedule wanted it to begin
};

struct work;
struct chain;
struct drive {
    struct drive_settings settings;
    const struct work *work;
    struct rpc_client *client;           // NULL: the work goes through the next one
    struct validator_client *validators; // or the other way round
    struct token_keys token_keys;
    enum order order;
    char value[DRIVE_VALUE_SIZE]; // of all checks; empty: the bench's tokens
    // Values that were made in advance, in the order in which they are asked for, again and again; NULL: each is made when it is asked for.
    char (*values)[TOKEN_VALUE_LENGTH + 1];
    struct chain *chains; // refresh.c: tokens of which each gives the next
    struct dice dice;
    uint64_t position; // ORDER_SEQUENCE: of the next token
    uint64_t asked;    // of those that were made in advance
    uint64_t wrong;    // answers that are not what was to be expected
};

// A kind of call.
struct work {
    const char *name, *service;
    bool gathered; // goes through the client that gathers
    bool batched;  // `batch` items a call
    void (*start) (struct drive_call *call, rpc_callback *done);
    // Counts into `wrong` what the reply has that it must not have.
    void (*judge) (struct drive *drive, const void *reply);
};
// work_prepare (drive): As many values in advance as the settings say.
void work_prepare (struct drive *drive);
// Of grant.c.
void grant_start (struct drive_call *call, rpc_callback *done);
void grant_judge (struct drive *drive, const void *message);
void grant_judge_opaque (struct drive *drive, const void *message);
// Of refresh.c.
void refresh_start (struct drive_call *call, rpc_callback *done);
void refresh_judge (struct drive *drive, const void *message);
// work_find (name): "validate", "validate-single", "validate-batch", "create", "grant", "grant-opaque", "refresh"; NULL: none of them.
const struct work *work_find (const char *name);

#endif
