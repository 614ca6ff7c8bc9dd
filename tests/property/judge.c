// What an actor's steps were answered, against the model.
#include "tests/property/judge.h"
#include "admin.pb-c.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include "tests/property/message.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
tell (struct actor *actor, const struct object *object, const char *outcome)
{
    static const char *const modes[] = {"", "repeat: ", "misuse: ", "look: ", "look: "};
    char text[STEP_TEXT_SIZE];
    step_print (&actor->step, text);
    diary_write (actor->diary, object, "%lu. %s%s -> %s%s", actor->serial, modes[actor->mode], text,
                 outcome, actor->attempts > 1 ? " (made again)" : "");
}

void
judge_wrong (struct actor *actor, const char *format, ...)
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
bool
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
    judge_wrong (actor, "%s (%s) instead of %s", text, result->message, wanted);
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
        judge_wrong (actor,
                     "the reply differs from the model in %s of %s (there revision %" PRId64 ")",
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
        judge_wrong (actor, "%s is not when it was done", time_field);
    else
        judge_object (actor, object, view, now);
}

static void
judge_reveal (struct actor *actor, const Jeton__V1__RevealTokenReply *reply, int64_t now)
{
    struct object *token = actor->step.object;
    token->revealed++;
    if (strcmp (reply->value, token->values[token->n_values - 1]) != 0)
        judge_wrong (actor, "the value that was revealed is not the token's");
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
        judge_wrong (actor, "%zu are listed, %zu match, %zu are wanted", n, matching, step->size);
    else if ((matching > step->size) != (*cursor != '\0'))
        judge_wrong (actor, "next_cursor is \"%s\", %zu match", cursor, matching);
    else if (step->noun == TOKEN && message_number (reply, "total") != (int64_t) all)
        judge_wrong (actor, "the total is %" PRId64 " instead of %zu",
                     message_number (reply, "total"), all);
    size_t after = actor->list.after;
    free (actor->cursor);
    actor->cursor = *cursor ? xstrdup (cursor) : NULL;
    actor->list = *step;
    actor->list.after = after;
}

void
judge_reply (struct actor *actor, const struct rpc_result *result, int64_t now)
{
    const struct step *step = &actor->step;
    if (actor->mode == REPEATED) {
        struct reply_hash hash = reply_hash (result->reply);
        actor->run->repeats++;
        if (memcmp (&hash, &actor->last_reply, sizeof hash) != 0)
            judge_wrong (actor, "a repeat was answered otherwise");
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

void
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
        judge_wrong (actor, "the validator says reason %d instead of %d", (int) reply->reason,
                     (int) at_last);
    else if (allow != (reply->reason == JETON__V1__REASON__REASON_OK) ||
             (unsigned) reply->granted_access != access ||
             strcmp (reply->token, known ? step->object->id : "") != 0 ||
             strcmp (reply->account, known ? world->account->id : "") != 0)
        judge_wrong (actor,
                     "the validator says decision %d, access %d, token %s of %s; access is %u",
                     (int) reply->decision, (int) reply->granted_access, reply->token,
                     reply->account, access);
    char text[32];
    snprintf (text, sizeof text, "reason %d", (int) reply->reason);
    tell (actor, step->object, text);
}

enum { FRESHNESS_LIMIT_MS = 5000 }; // of the validators

bool
judge_late (struct actor *actor, const struct step *step, const Jeton__V1__ValidateReply *reply,
            int64_t now)
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
