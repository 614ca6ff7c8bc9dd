#include "tests/property/step.h"
#include <stdio.h>
#include <string.h>

enum { USERS_MAX = 4, RESOURCES_MAX = 7 };

// How often what is done to what.
// clang-format off
static const struct {
    enum verb verb;
    enum noun noun;
    unsigned weight;
} weights[] = {
    {VALIDATE, TOKEN, 44}, {CREATE, TOKEN, 14}, {EDIT, TOKEN, 24}, {ENABLE, TOKEN, 15}, {DISABLE, TOKEN, 8},
    {DELETE, TOKEN, 8}, {ROTATE, TOKEN, 14}, {SET_LOGO, TOKEN, 5}, {REVEAL, TOKEN, 8}, {GET, TOKEN, 12}, {LIST, TOKEN, 8},
    {ENABLE, ACCOUNT, 8}, {DISABLE, ACCOUNT, 1}, {MODULE_ON, ACCOUNT, 6}, {MODULE_OFF, ACCOUNT, 2}, {GET, ACCOUNT, 2},
    {CREATE, USER, 2}, {ENABLE, USER, 4}, {DISABLE, USER, 1}, {GET, USER, 2}, {LIST, USER, 1},
#define RESOURCE(noun)                                                                             \
    {CREATE, noun, 2}, {EDIT, noun, 3}, {ENABLE, noun, 1}, {DISABLE, noun, 1}, {DELETE, noun, 2}, {GET, noun, 1}, {LIST, noun, 1}
    RESOURCE (GROUP), RESOURCE (MARKET), RESOURCE (LOCATION), RESOURCE (CLIENT),
};
// clang-format on
enum { WEIGHTS = sizeof weights / sizeof *weights };

static const unsigned editable[NOUNS] = {
    [TOKEN] = NAME | DESCRIPTION | EXPIRES_AT | GRANTS | ALLOW_LIST | RATE_LIMIT,
    [GROUP] = NAME | CODE,
    [MARKET] = NAME | CODE | REFERENCE,
    [LOCATION] = NAME | CODE | REFERENCE,
    [CLIENT] = NAME | REFERENCE | LIFE | FORMAT | URIS,
};

static void
choose_verb (struct choices *choices, struct step *step)
{
    unsigned all = 0;
    for (size_t i = 0; i < WEIGHTS; i++)
        all += weights[i].weight;
    size_t at = choose (choices, all), i = 0;
    for (; at >= weights[i].weight; i++)
        at -= weights[i].weight;
    step->verb = weights[i].verb;
    step->noun = weights[i].noun;
}

// One of them, or now and then one that is deleted; NULL: there is none.
static struct object *
pick (const struct world *world, struct choices *choices, enum noun noun)
{
    const struct objects *live = &world->live[noun];
    if (world->gone[noun] && (live->n == 0 || chance (choices, 5)))
        return world->gone[noun];
    return live->n == 0 ? NULL : live->list[choose (choices, live->n)];
}

// ---- what it shall be --------------------------------------------------------------------------------------------------

static int64_t
choose_expiry (struct choices *choices, int64_t now)
{
    static const int64_t lives[] = {0, 0, 0, 3600, 20 * 86400, 400 * 86400, 0, 3600};
    if (chance (choices, 8))
        return now + 1 + (int64_t) choose (choices, 3); // it will be met
    if (chance (choices, 2))
        return now - 10;
    int64_t life = lives[choose (choices, sizeof lives / sizeof *lives)];
    return life ? now + life : 0;
}

static void
choose_grants (const struct world *world, struct choices *choices, int kind, struct fields *wanted)
{
    size_t n = 1 + choose (choices, GRANTS_MAX);
    if ((kind == PERSONAL) != chance (choices, 2))
        return;
    for (size_t i = 0; i < n; i++) {
        unsigned module = (unsigned) choose (choices, MODULES);
        for (unsigned tries = 0; tries < 8 && !world->account->enabled[module]; tries++)
            module = (unsigned) choose (choices, MODULES);
        if (chance (choices, 1))
            module = MODULE_UNKNOWN;
        if (!model_grant (wanted, module) || chance (choices, 2))
            wanted->grants[wanted->n_grants++] =
                (struct grant){module, chance (choices, 50) ? READ : WRITE};
    }
}

static const char *
choose_reference (const struct world *world, struct choices *choices, enum noun noun, int kind)
{
    enum noun other = noun == TOKEN ? USER : noun == MARKET ? GROUP : MARKET;
    bool wanted = noun == LOCATION || (noun == TOKEN && kind == PERSONAL) ||
                  (noun == CLIENT && kind == SALES_CHANNEL);
    if (noun == ACCOUNT || noun == USER || noun == GROUP || chance (choices, wanted ? 3 : 60))
        return "";
    if (chance (choices, 3))
        return world->foreign[other];
    const struct object *object = pick (world, choices, other);
    return object ? object->id : "";
}

static void
choose_fields (const struct world *world, struct choices *choices, struct step *step, int kind,
               int64_t now)
{
    static const int64_t lives[] = {0, 7200, 86400, 31536000};
    bool faults = chance (choices, 30);
    struct fields *wanted = &step->wanted;
    wanted->kind = kind;
    wanted->name = input_name (choices, faults);
    wanted->code = input_code (choices, faults);
    wanted->description = input_description (choices, faults);
    wanted->allow_list = input_network (choices, faults);
    wanted->rate = input_rate (choices, faults);
    wanted->uris = input_uri (choices, faults);
    if ((kind == WEBAPP) != (wanted->uris->n > 0) && !wanted->uris->wrong && !chance (choices, 5))
        wanted->uris = &input_uris[kind == WEBAPP ? 1 : 0];
    wanted->reference = choose_reference (world, choices, step->noun, kind);
    wanted->expires_at = choose_expiry (choices, now);
    wanted->life = faults && chance (choices, 5) ? 7199 : lives[choose (choices, 4)];
    wanted->format = 1 + (int) choose (choices, 2);
    wanted->revealable = step->noun == TOKEN && chance (choices, 40);
    if (step->noun == TOKEN)
        choose_grants (world, choices, kind, wanted);
}

// ---- of each verb ------------------------------------------------------------------------------------------------------

static void
choose_create (const struct world *world, struct choices *choices, struct step *step, int64_t now)
{
    int kinds = step->noun == TOKEN ? TEST : step->noun == CLIENT ? WEBAPP : 1;
    choose_fields (world, choices, step, 1 + (int) choose (choices, (size_t) kinds), now);
    step->token_limit = 4 + (int) choose (choices, 12);
    for (size_t i = 0; step->noun == ACCOUNT && i < MODULES; i++)
        step->enabled[i] = chance (choices, 60);
    if (step->noun == USER) // one of a few names, so that some are taken
        snprintf (step->username, sizeof step->username, "%s%s%zu", world->username_prefix,
                  chance (choices, 3) ? " " : "-", choose (choices, USERS_MAX));
}

// The one that the object has, mostly.
static void
choose_revision (struct choices *choices, struct step *step)
{
    step->revision = step->object->revision;
    if (chance (choices, 10))
        step->revision += chance (choices, 80) ? -1 : 1;
}

static void
choose_edit (const struct world *world, struct choices *choices, struct step *step, int64_t now)
{
    choose_fields (world, choices, step, step->object->now.kind, now);
    for (unsigned i = 0; i < FIELD_BITS; i++)
        if (editable[step->noun] >> i & 1 && chance (choices, 40))
            step->fields |= 1u << i;
    if (chance (choices, 2))
        step->fault = FIELDS_UNKNOWN;
    else if (step->fields && chance (choices, 2))
        step->fault = FIELDS_TWICE;
    if (step->fields == 0 && step->fault == FIELDS_GOOD)
        step->fault = FIELDS_NONE;
    choose_revision (choices, step);
}

static void
choose_logo (struct choices *choices, struct step *step)
{
    step->wanted.logo = input_picture (choices, true);
    choose_revision (choices, step);
}

static void
choose_rotate (struct choices *choices, struct step *step)
{
    static const int64_t graces[] = {GRACE_NONE, 0, 0, 1, 2, 3600, GRACE_DEFAULT, GRACE_MAX};
    step->grace = graces[choose (choices, sizeof graces / sizeof *graces)];
    if (chance (choices, 4))
        step->grace = chance (choices, 50) ? -1 : GRACE_MAX + 1;
    if (chance (choices, 50))
        step->revision = step->object->revision - (chance (choices, 8) ? 1 : 0);
    if (chance (choices, 2))
        step->revision = -1;
}

static void
choose_validate (struct choices *choices, struct step *step)
{
    const struct object *token = step->object;
    const struct fields *now = &token->now;
    step->module = (unsigned) choose (choices, MODULES);
    if (now->n_grants > 0 && chance (choices, 85))
        step->module = now->grants[choose (choices, now->n_grants)].module;
    step->access = chance (choices, 60) ? READ : WRITE;
    if (chance (choices, 30))
        step->age = choose (choices, token->n_values < 4 ? token->n_values : 4);
    step->typo = chance (choices, 2);
    step->sandbox = (now->kind == TEST) != chance (choices, 5);
    do
        step->address = (unsigned) choose (choices, ADDRESSES);
    while (!(now->allow_list->addresses >> step->address & 1) && !chance (choices, 20));
}

static void
choose_list (struct choices *choices, struct step *step)
{
    step->size = chance (choices, 70) ? 1 + choose (choices, 5) : 500;
    step->module = MODULE_UNKNOWN;
    if (step->noun != USER)
        step->status = (int) choose (choices, 3);
    if (step->noun != TOKEN)
        return;
    step->kind = chance (choices, 40) ? 1 + (int) choose (choices, TEST) : 0;
    if (chance (choices, 30))
        step->module = (unsigned) choose (choices, MODULES);
}

static void
choose_object (const struct world *world, struct choices *choices, struct step *step)
{
    step->object = step->noun == ACCOUNT ? world->account : pick (world, choices, step->noun);
    if (!step->object)
        step->verb = CREATE;
}

static void
choose_module (struct choices *choices, struct step *step)
{
    step->module = (unsigned) choose (choices, MODULES);
    if (chance (choices, 3))
        step->module = MODULE_UNKNOWN;
}

void
step_fill (const struct world *world, struct choices *choices, int64_t now, struct step *step)
{
    switch (step->verb) {
    case CREATE:
        choose_create (world, choices, step, now);
        break;
    case EDIT:
        choose_edit (world, choices, step, now);
        break;
    case SET_LOGO:
        choose_logo (choices, step);
        break;
    case ROTATE:
        choose_rotate (choices, step);
        break;
    case MODULE_ON:
    case MODULE_OFF:
        choose_module (choices, step);
        break;
    case LIST:
        choose_list (choices, step);
        break;
    case VALIDATE:
        choose_validate (choices, step);
        break;
    case ENABLE:
    case DISABLE:
    case DELETE:
    case REVEAL:
    case GET:
    case VERBS:
        break;
    }
}

static void
choose_any (const struct world *world, struct choices *choices, int64_t now, struct step *step)
{
    *step = (struct step){.verb = CREATE, .noun = ACCOUNT};
    if (world->account) {
        choose_verb (choices, step);
        const struct objects *live = &world->live[step->noun];
        if (step->verb == CREATE && step->noun > TOKEN && live->n >= RESOURCES_MAX)
            step->verb = DELETE;
        if (step->verb != CREATE && step->verb != LIST)
            choose_object (world, choices, step);
    }
    step_fill (world, choices, now, step);
}

void
step_choose (const struct world *world, struct choices *choices, int64_t now, struct step *step_r)
{
    enum { ANEW = 3 };
    choose_any (world, choices, now, step_r);
    for (size_t i = 0; i < ANEW && model_predict (world, step_r, now).code != 0; i++)
        if (chance (choices, 60))
            choose_any (world, choices, now, step_r);
}
