// An actor drives an account of its own: a step at random, what it should answer, the call, what it answered; and at the end a look at all it has made.
//
// A call that has not ended (the process was killed, the database away) is made again with the same key until it does, and must then have been done once.
#include "admin.pb-c.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include "tests/property/diary.h"
#include "tests/property/message.h"
#include "tests/property/run.h"
#include "tests/property/step.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

enum { FRESHNESS_LIMIT_MS = 5000 }; // of the validators

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

static void actor_next (struct actor *actor);
static void actor_send (void *context);

// ---- telling -----------------------------------------------------------------------------------------------------------

static void
tell (struct actor *actor, const struct object *object, const char *outcome)
{
    static const char *const modes[] = {"", "repeat: ", "misuse: ", "look: ", "look: "};
    char text[STEP_TEXT_SIZE];
    step_print (&actor->step, text);
    diary_write (actor->diary, object, "%lu. %s%s -> %s%s", actor->serial, modes[actor->mode], text,
                 outcome, actor->attempts > 1 ? " (made again)" : "");
}

static void __attribute__ ((format (printf, 2, 3)))
wrong (struct actor *actor, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    tell (actor, actor->step.object, text);
    run_fail (actor->run,
              "actor %zu, step %lu: %s; the last steps of %s and its account, newest first:",
              actor->number, actor->serial, text,
              actor->step.object ? actor->step.object->id : "this object");
    diary_print (actor->diary, actor->step.object, actor->world.account);
}

// ---- judging -----------------------------------------------------------------------------------------------------------

static struct reply_hash
reply_hash (const ProtobufCMessage *reply)
{
    struct reply_hash hash;
    size_t size = protobuf_c_message_get_packed_size (reply);
    cleanup_free uint8_t *packed = xcalloc (1, size + 1);
    protobuf_c_message_pack (reply, packed);
    crypto_generichash (hash.bytes, sizeof hash.bytes, packed, size, NULL, 0);
    sodium_memzero (packed, size);
    return hash;
}

static void
outcome_print (const struct outcome *outcome, char text_r[80])
{
    snprintf (text_r, 80, "%s%s%s", rpc_code_name (outcome->code), *outcome->field ? " of " : "",
              outcome->field);
}

static struct outcome
outcome_of (const struct rpc_result *result)
{
    struct outcome outcome = {.code = result->code};
    if (result->code == JETON__V1__CODE__CODE_INVALID_ARGUMENT)
        snprintf (outcome.field, sizeof outcome.field, "%s",
                  result->ndetails == 1 ? result->details[0].field : "not one field");
    return outcome;
}

static bool
outcomes_equal (const struct outcome *a, const struct outcome *b)
{
    return a->code == b->code && strcmp (a->field, b->field) == 0;
}

static struct outcome
predict (const struct actor *actor, int64_t now)
{
    if (actor->mode == REPEATED)
        return (struct outcome){.code = JETON__V1__CODE__CODE_OK};
    struct outcome outcome = model_readable (&actor->step);
    if (actor->mode == MISUSED && outcome.code == JETON__V1__CODE__CODE_OK)
        return (struct outcome){.code = JETON__V1__CODE__CODE_INVALID_ARGUMENT,
                                .field = "idempotency-key"};
    if (actor->mode == MISUSED)
        return outcome;
    return model_predict (&actor->world, &actor->step, now);
}

// What depends on the clock may be as it was when the call was made first, or as it is now.
static bool
judge_outcome (struct actor *actor, const struct rpc_result *result, int64_t now)
{
    struct outcome found = outcome_of (result), at_first = predict (actor, actor->from),
                   at_last = predict (actor, now);
    char text[80], wanted[80];
    outcome_print (&found, text);
    if (outcomes_equal (&found, &at_first) || outcomes_equal (&found, &at_last)) {
        tell (actor, actor->step.object, text);
        return true;
    }
    outcome_print (&at_last, wanted);
    wrong (actor, "%s (%s) instead of %s", text, result->message, wanted);
    return false;
}

static const char *
value_in (const struct step *step, const void *reply)
{
    bool valued = step->noun == TOKEN &&
                  (step->verb == CREATE || step->verb == ROTATE || step->verb == REVEAL);
    return valued ? message_text (reply, "value") : NULL;
}

static void
judge_object (struct actor *actor, const struct object *object, const void *view, int64_t now)
{
    const char *field = model_differs (actor->world.account, object, view, actor->from, now);
    if (field)
        wrong (actor, "the reply differs from the model in %s of %s (there revision %" PRId64 ")",
               field, object->id, object->revision);
}

static void
judge_change (struct actor *actor, const void *reply, int64_t now)
{
    const struct step *step = &actor->step;
    const void *view = call_object (step, reply);
    const char *time_field = message_has (view, "updated_at") ? "updated_at" : "created_at";
    struct object *object = model_apply (&actor->world, step, view, value_in (step, reply));
    int64_t at = message_number (view, time_field);
    if (step->verb == CREATE)
        diary_made (actor->diary, object);
    actor->run->changes++;
    actor->has_last = *actor->key;
    actor->last = *step;
    actor->last_reply = reply_hash (reply);
    memcpy (actor->last_key, actor->key, sizeof actor->key);
    if ((step->verb == CREATE || strcmp (time_field, "updated_at") == 0) &&
        (at < actor->from || at > now))
        wrong (actor, "%s is not when it was done", time_field);
    else
        judge_object (actor, object, view, now);
}

static void
judge_reveal (struct actor *actor, const Jeton__V1__RevealTokenReply *reply, int64_t now)
{
    struct object *token = actor->step.object;
    token->revealed++;
    if (strcmp (reply->value, token->values[token->n_values - 1]) != 0)
        wrong (actor, "the value that was revealed is not the token's");
    else
        judge_object (actor, token, reply->token, now);
}

static void
judge_list (struct actor *actor, const void *reply, int64_t now)
{
    const struct step *step = &actor->step;
    const struct objects *live = &actor->world.live[step->noun];
    char field[32];
    size_t n, found = 0, matching = 0, all = 0;
    snprintf (field, sizeof field, "%ss", step_noun (step->noun));
    const void *const *rows = message_list (reply, field, &n);
    struct step whole = *step;
    whole.after = 0;
    for (size_t i = 0; i < live->n && !actor->run->failed; i++) {
        const struct object *object = live->list[i];
        all += model_listed (&whole, object);
        if (!model_listed (step, object) || ++matching > step->size)
            continue;
        actor->list.after = object->order;
        if (found < n)
            judge_object (actor, object, rows[found++], now);
    }
    const char *cursor = message_text (reply, "next_cursor");
    if (n != (matching < step->size ? matching : step->size))
        wrong (actor, "%zu are listed, %zu match, %zu are wanted", n, matching, step->size);
    else if ((matching > step->size) != (*cursor != '\0'))
        wrong (actor, "next_cursor is \"%s\", %zu match", cursor, matching);
    else if (step->noun == TOKEN && message_number (reply, "total") != (int64_t) all)
        wrong (actor, "the total is %" PRId64 " instead of %zu", message_number (reply, "total"),
               all);
    size_t after = actor->list.after;
    free (actor->cursor);
    actor->cursor = *cursor ? xstrdup (cursor) : NULL;
    actor->list = *step;
    actor->list.after = after;
}

static void
key_make (struct actor *actor)
{
    snprintf (actor->key, sizeof actor->key, "%s-%zu-%lu-%u", actor->run->name, actor->number,
              actor->serial, actor->attempts);
}

static void
judge_reply (struct actor *actor, const struct rpc_result *result, int64_t now)
{
    const struct step *step = &actor->step;
    if (actor->mode == REPEATED) {
        struct reply_hash hash = reply_hash (result->reply);
        actor->run->repeats++;
        if (memcmp (&hash, &actor->last_reply, sizeof hash) != 0)
            wrong (actor, "a repeat was answered otherwise");
    } else if (step->verb < CHANGES) {
        judge_change (actor, result->reply, now);
    } else if (step->verb == REVEAL) {
        judge_reveal (actor, result->reply, now);
    } else if (step->verb == LIST) {
        judge_list (actor, result->reply, now);
        actor->run->reads++;
    } else {
        judge_object (actor, step->object, call_object (step, result->reply), now);
        actor->run->reads++;
    }
}

// Nothing of what is UNAVAILABLE was done: a new key does no harm. Whether the rest was done, nobody knows: only the same key tells.
static void
actor_uncertain (struct actor *actor, int code)
{
    bool unknown = code != JETON__V1__CODE__CODE_UNAVAILABLE;
    actor->uncertain |= unknown;
    actor->run->unknown += unknown && *actor->key;
    if (actor->step.verb == REVEAL && unknown)
        actor->step.object->perhaps_revealed++;
    if (*actor->key && actor->mode == LIVE && !actor->uncertain)
        key_make (actor);
}

static void
actor_replied (void *context, const struct rpc_result *result)
{
    struct actor *actor = context;
    int64_t now = time (NULL);
    if (actor->run->failed)
        return;
    if (run_again (result)) {
        actor_uncertain (actor, result->code);
        run_pause (actor->run, actor_send, actor);
        return;
    }
    if (!judge_outcome (actor, result, now))
        return;
    if (result->code == JETON__V1__CODE__CODE_OK)
        judge_reply (actor, result, now);
    else
        actor->run->refused++;
    actor_next (actor);
}

// ---- values ------------------------------------------------------------------------------------------------------------

static void
judge_validation (struct actor *actor, const struct step *step,
                  const Jeton__V1__ValidateReply *reply, int64_t now)
{
    unsigned access, access_first;
    const struct world *world = &actor->world;
    Jeton__V1__Reason at_first = model_reason (world, step, actor->from, &access_first),
                      at_last = model_reason (world, step, now, &access);
    bool known = !step->typo && step->age <= 1;
    bool allow = reply->decision == JETON__V1__DECISION__DECISION_ALLOW;
    actor->step = *step;
    if ((unsigned) reply->reason < REASONS)
        actor->run->reasons[reply->reason]++;
    if (reply->reason != at_first && reply->reason != at_last)
        wrong (actor, "the validator says reason %d instead of %d", (int) reply->reason,
               (int) at_last);
    else if (allow != (reply->reason == JETON__V1__REASON__REASON_OK) ||
             (unsigned) reply->granted_access != access ||
             strcmp (reply->token, known ? step->object->id : "") != 0 ||
             strcmp (reply->account, known ? world->account->id : "") != 0)
        wrong (actor, "the validator says decision %d, access %d, token %s of %s; access is %u",
               (int) reply->decision, (int) reply->granted_access, reply->token, reply->account,
               access);
    char text[32];
    snprintf (text, sizeof text, "reason %d", (int) reply->reason);
    tell (actor, step->object, text);
}

// Is it the answer of before the last change, which validators have heard of within their limit (R42)? Then it is asked for again.
static bool
validation_late (struct actor *actor, const struct step *step,
                 const Jeton__V1__ValidateReply *reply, int64_t now)
{
    unsigned access_first, access;
    Jeton__V1__Reason at_first = model_reason (&actor->world, step, actor->from, &access_first),
                      at_last = model_reason (&actor->world, step, now, &access);
    if ((reply->reason == at_first || reply->reason == at_last) &&
        (unsigned) reply->granted_access == access)
        return false;
    int64_t at = zclock_mono ();
    if (actor->late_since == 0)
        actor->late_since = at;
    return at - actor->late_since < FRESHNESS_LIMIT_MS;
}

static size_t
values_looked_at (const struct object *token)
{
    return token->n_values < VALUES_LOOKED_AT ? token->n_values : VALUES_LOOKED_AT;
}

static void
actor_validated (void *context, const struct rpc_result *result)
{
    struct actor *actor = context;
    if (actor->run->failed)
        return;
    int64_t now = time (NULL);
    size_t n = actor->mode == LOOK_VALUES ? values_looked_at (actor->step.object) : 1;
    const Jeton__V1__ValidateBatchReply *batch = result->reply;
    const Jeton__V1__ValidateReply *single = result->reply;
    bool again = run_again (result);
    if (!again && result->code != JETON__V1__CODE__CODE_OK) {
        wrong (actor, "%s (%s) of a validation", rpc_code_name (result->code), result->message);
        return;
    }
    for (size_t i = 0; !again && i < n; i++)
        again =
            (n == 1 ? single : batch->replies[i])->reason == JETON__V1__REASON__REASON_UNDECIDED;
    for (size_t i = 0; !again && i < n; i++)
        again =
            validation_late (actor, &actor->values[i], n == 1 ? single : batch->replies[i], now);
    if (again) {
        run_pause (actor->run, actor_send, actor);
        return;
    }
    actor->late_since = 0;
    for (size_t i = 0; i < n && !actor->run->failed; i++)
        judge_validation (actor, &actor->values[i], n == 1 ? single : batch->replies[i], now);
    actor_next (actor);
}

// ---- going on ----------------------------------------------------------------------------------------------------------

static void
actor_send (void *context)
{
    struct actor *actor = context;
    const struct step *step = &actor->step;
    const struct world *world = &actor->world;
    if (actor->run->failed)
        return;
    if (actor->attempts++ > 0)
        actor->run->again++;
    if (step->verb == VALIDATE)
        call_validate (actor->run, actor->values,
                       actor->mode == LOOK_VALUES ? values_looked_at (step->object) : 1,
                       actor_validated, actor);
    else
        call_send (actor->run, step, step->noun == ACCOUNT ? world->name : world->account->id,
                   step->after ? actor->cursor : NULL,
                   *actor->key && !actor->run->unkeyed ? actor->key : NULL, actor_replied, actor);
}

static void
actor_choose (struct actor *actor)
{
    struct step *step = &actor->step;
    actor->mode = LIVE;
    step_choose (&actor->world, &actor->choices, actor->from, step);
    if (step->verb == LIST && actor->cursor && chance (&actor->choices, 60))
        *step = actor->list;
    actor->values[0] = *step;
    bool change = step->verb < CHANGES;
    if (change)
        key_make (actor);
    if (!actor->has_last || !change || !chance (&actor->choices, 5))
        return;
    actor->mode = chance (&actor->choices, 80) ? REPEATED : MISUSED;
    memcpy (actor->key, actor->last_key, sizeof actor->key);
    if (actor->mode == REPEATED)
        *step = actor->last;
    else if (step->verb == actor->last.verb && step->noun == actor->last.noun)
        *step = (struct step){
            .verb = EDIT, .noun = TOKEN, .object = actor->world.account, .fault = FIELDS_NONE};
}

// At the end: each object, and then of a token its last values. False: all have been looked at.
static bool
actor_look (struct actor *actor)
{
    const struct objects *all = &actor->world.all;
    struct object *last = actor->step.object;
    if (actor->mode == LOOK && last->noun == TOKEN) {
        unsigned module = last->now.n_grants > 0 ? last->now.grants[0].module : 0;
        actor->mode = LOOK_VALUES;
        for (size_t i = 0; i < VALUES_LOOKED_AT; i++)
            actor->values[i] = (struct step){.verb = VALIDATE,
                                             .noun = TOKEN,
                                             .object = last,
                                             .module = module,
                                             .access = READ,
                                             .age = i,
                                             .sandbox = last->now.kind == TEST};
        actor->step = actor->values[0];
        return true;
    }
    if (actor->looked_at == all->n)
        return false;
    actor->mode = LOOK;
    struct object *object = all->list[actor->looked_at++];
    actor->step = (struct step){.verb = GET, .noun = object->noun, .object = object};
    return true;
}

static void
actor_next (struct actor *actor)
{
    if (actor->run->failed)
        return;
    *actor->key = '\0';
    actor->attempts = 0;
    actor->uncertain = false;
    actor->from = time (NULL);
    if (actor->left > 0) {
        actor->left--;
        actor->serial++;
        actor_choose (actor);
        run_step_done (actor->run);
    } else if (!actor_look (actor)) {
        actor->run->active--;
        return;
    }
    actor_send (actor);
}

struct actor *
actor_new (struct run *run, size_t number, unsigned long steps, const char *const foreign[NOUNS])
{
    struct actor *actor = xcalloc (1, sizeof *actor);
    actor->run = run;
    actor->number = number;
    actor->left = steps;
    actor->choices.state = run->seed * 1000003 + number;
    actor->diary = diary_new ();
    snprintf (actor->name, sizeof actor->name, "%s-%zu", run->name, number);
    actor->world.name = actor->world.username_prefix = actor->name;
    for (size_t i = 0; i < NOUNS; i++)
        actor->world.foreign[i] = foreign[i] ? foreign[i] : "";
    return actor;
}

void
actor_start (struct actor *actor)
{
    actor->run->active++;
    actor_next (actor);
}

const struct world *
actor_world (const struct actor *actor)
{
    return &actor->world;
}

void
actor_destroy (struct actor **actor)
{
    if (!*actor)
        return;
    model_destroy (&(*actor)->world);
    free ((*actor)->cursor);
    diary_destroy (&(*actor)->diary);
    free (*actor);
    *actor = NULL;
}
