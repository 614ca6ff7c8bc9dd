// One run of the property test: what all its parts share, and what they offer each other.
#ifndef JETON_PROPERTY_RUN_H
#define JETON_PROPERTY_RUN_H

#include "common/rpc/client.h"
#include "tests/property/model.h"
#include <czmq.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { KEY_SIZE = 64, PAUSE_MS = 20, REASONS = 19 };

struct run {
    struct loop *loop;
    struct rpc_client *admin, *validator, *auditor;
    const char *name; // part of keys and of names that must be unique
    uint64_t seed;
    bool unkeyed;  // leave out idempotency keys, which must be noticed
    size_t active; // actors and drivers that are not done
    bool failed;   // something was wrong, and has been told
    unsigned long steps, changes, refused, reads, repeats;
    unsigned long reasons[REASONS]; // of validations
    unsigned long again;            // calls made again, because they had not ended
    unsigned long unknown; // of these, those of which nobody knew whether they had been done
    unsigned long raced;   // changes that another driver's had made out of date
    unsigned long records;
};

// run_fail (run, format, …): Something is wrong: tell it and end. Nothing is to be done any more.
void run_fail (struct run *run, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

// run_step_done (run): Counts, and tells the progress now and then.
void run_step_done (struct run *run);

// run_again (result): The call has not ended, and must be made again.
bool run_again (const struct rpc_result *result);

// run_pause (run, function, context): Calls it in a while.
void run_pause (struct run *run, void (*function) (void *context), void *context);

// call.c: call_send (run, step, world's account, cursor, key, callback, context): Makes the call that the step says. key: NULL for none. cursor: of a list.
void call_send (struct run *run, const struct step *step, const char *account, const char *cursor,
                const char *key, rpc_callback *callback, void *context);
// call_validate (run, account, tokens' steps): One Validate, or with n > 1 a ValidateBatch.
void call_validate (struct run *run, const struct step *steps, size_t n, rpc_callback *callback,
                    void *context);
// call_object (step, reply): The object of a reply, as the contract has it.
const void *call_object (const struct step *step, const void *reply);

// actor.c: those that drive accounts of their own.
struct actor;
struct actor *actor_new (struct run *run, size_t number, unsigned long steps,
                         const char *const foreign[NOUNS]);
void actor_start (struct actor *actor);
const struct world *actor_world (const struct actor *actor);
void actor_destroy (struct actor **actor);

#endif
