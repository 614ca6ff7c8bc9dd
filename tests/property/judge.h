// An actor, as actor.c drives it and judge.c judges what it is answered.
#ifndef JETON_PROPERTY_JUDGE_H
#define JETON_PROPERTY_JUDGE_H

#include "tests/property/diary.h"
#include "tests/property/run.h"
#include "tests/property/step.h"
#include "validator.pb-c.h"
#include <sodium.h>

enum { NAME_SIZE = 48, VALUES_LOOKED_AT = 3 };

// What the actor is about.
enum mode {
    LIVE,     // a step
    REPEATED, // the last change once more, with its key: the same reply, and nothing done
    MISUSED,  // another change with that key: refused
    LOOK,     // at the end: the object
    LOOK_VALUES
};

struct reply_hash {
    uint8_t bytes[crypto_generichash_BYTES_MIN];
};

struct actor {
    int64_t late_since; // its answers are those of before the last change; 0: they are not
    struct run *run;
    struct world world;
    struct choices choices;
    size_t number, looked_at;
    unsigned long left, serial;
    char name[NAME_SIZE], key[KEY_SIZE];
    enum mode mode;
    struct step step, values[VALUES_LOOKED_AT];
    int64_t from; // when the step was sent first
    unsigned attempts;
    bool uncertain; // an attempt at it may have been done
    // The last change that was done.
    bool has_last;
    struct step last;
    char last_key[KEY_SIZE];
    struct reply_hash last_reply;
    // The list that can be gone on with.
    struct step list;
    char *cursor;
    struct diary *diary;
};

// judge_wrong (actor, format, …): The run fails here, with the last steps of the object.
void judge_wrong (struct actor *actor, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

// judge_outcome (actor, result, now): Is it the code, and the field at fault, that the model says? Noted in the diary. False: it is not; the run has
// failed.
bool judge_outcome (struct actor *actor, const struct rpc_result *result, int64_t now);
// judge_reply (actor, result, now): What came with OK; the model follows.
void judge_reply (struct actor *actor, const struct rpc_result *result, int64_t now);

// judge_late (actor, step, reply, now): Is it the answer of before the last change, which validators have heard of within their limit (R42)? Then it is to be
// asked for again. judge_validation (actor, step, reply, now): An answer that is not.
bool judge_late (struct actor *actor, const struct step *step,
                 const Jeton__V1__ValidateReply *reply, int64_t now);
void judge_validation (struct actor *actor, const struct step *step,
                       const Jeton__V1__ValidateReply *reply, int64_t now);

#endif
