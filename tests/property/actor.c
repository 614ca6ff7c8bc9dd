// An actor drives an account of its own: a step at random, what it should answer, the call, what it answered; and at the end a look at all it has made.
//
// A call that has not ended (the process was killed, the database away) is made again with the same key until it does, and must then have been done once.
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include "tests/property/judge.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void actor_next (struct actor *actor);
static void actor_send (void *context);

static void
key_make (struct actor *actor)
{
    snprintf (actor->key, sizeof actor->key, "%s-%zu-%lu-%u", actor->run->name, actor->number,
              actor->serial, actor->attempts);
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
        judge_wrong (actor, "%s (%s) of a validation", rpc_code_name (result->code),
                     result->message);
        return;
    }
    for (size_t i = 0; !again && i < n; i++)
        again =
            (n == 1 ? single : batch->replies[i])->reason == JETON__V1__REASON__REASON_UNDECIDED;
    for (size_t i = 0; !again && i < n; i++)
        again = judge_late (actor, &actor->values[i], n == 1 ? single : batch->replies[i], now);
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
