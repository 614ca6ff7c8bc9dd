// What each call answers. The guards stand in the order in which the services have them: of a request with several faults the first one is told.
#include "tests/property/model.h"
#include "envelope.pb-c.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OK         JETON__V1__CODE__CODE_OK
#define INVALID    JETON__V1__CODE__CODE_INVALID_ARGUMENT
#define NOT_FOUND  JETON__V1__CODE__CODE_NOT_FOUND
#define EXISTS     JETON__V1__CODE__CODE_ALREADY_EXISTS
#define FORBIDDEN  JETON__V1__CODE__CODE_FAILED_PRECONDITION
#define OUTDATED   JETON__V1__CODE__CODE_ABORTED
#define LIMIT      JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED
#define REASON(it) JETON__V1__REASON__REASON_##it

enum { LIFE_MIN = 7200, LIFE_MAX = 31536000 };

enum wrong_rule model_wrong;

static struct outcome
ends (int code)
{
    return (struct outcome){.code = code};
}

static struct outcome __attribute__ ((format (printf, 1, 2))) invalid (const char *format, ...)
{
    struct outcome outcome = {.code = INVALID};
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (outcome.field, sizeof outcome.field, format, arguments);
    va_end (arguments);
    return outcome;
}

struct object *
model_find (const struct world *world, const char *id)
{
    for (size_t noun = 0; *id && noun < NOUNS; noun++)
        for (size_t i = 0; i < world->live[noun].n; i++)
            if (strcmp (world->live[noun].list[i]->id, id) == 0)
                return world->live[noun].list[i];
    return NULL;
}

const struct grant *
model_grant (const struct fields *fields, unsigned module)
{
    for (size_t i = 0; i < fields->n_grants; i++)
        if (fields->grants[i].module == module)
            return &fields->grants[i];
    return NULL;
}

// ---- tokens ------------------------------------------------------------------------------------------------------------

// What is wrong with the fields themselves.
static struct outcome
check_token_fields (const struct fields *wanted, unsigned fields, int64_t now)
{
    if (fields & NAME && !wanted->name->good)
        return invalid ("name");
    if (fields & DESCRIPTION && !wanted->description->good)
        return invalid ("description");
    if (fields & EXPIRES_AT && wanted->expires_at != 0 && wanted->expires_at <= now)
        return invalid ("expires_at");
    for (size_t i = 0; fields & GRANTS && i < wanted->n_grants; i++)
        if (model_grant (wanted, wanted->grants[i].module) != &wanted->grants[i])
            return invalid ("modules[%zu].module", i); // is there twice
    if (fields & ALLOW_LIST && wanted->allow_list->wrong)
        return invalid ("%s", wanted->allow_list->wrong);
    if (fields & RATE_LIMIT && wanted->rate->wrong)
        return invalid ("%s", wanted->rate->wrong);
    return ends (OK);
}

// Modules that are there and enabled (R12), but for a grant that the token has already.
static struct outcome
check_grants (const struct world *world, const struct fields *wanted, const struct fields *before)
{
    for (size_t i = 0; i < wanted->n_grants; i++) {
        const struct grant *new = &wanted->grants[i];
        const struct grant *old = before ? model_grant (before, new->module) : NULL;
        bool enabled = new->module != MODULE_UNKNOWN && world->account->enabled[new->module];
        if (!enabled && (!old || old->access < new->access))
            return invalid ("modules[%zu].module", i);
    }
    return ends (OK);
}

static struct outcome
create_token (const struct world *world, const struct step *step, int64_t now)
{
    const struct fields *wanted = &step->wanted;
    const struct object *owner = model_find (world, wanted->reference);
    if (!wanted->name->good)
        return invalid ("name");
    if (!wanted->description->good)
        return invalid ("description");
    if (wanted->kind == PERSONAL && !*wanted->reference)
        return invalid ("owner_id");
    if ((wanted->kind == PERSONAL) != (wanted->n_grants == 0))
        return invalid ("modules");
    struct outcome outcome = check_token_fields (wanted, ~0u, now);
    if (outcome.code != OK)
        return outcome;
    if (*wanted->reference && !owner)
        return invalid ("owner_id"); // of another account
    if (owner && owner->status != ACTIVE)
        return ends (FORBIDDEN);
    if (world->live[TOKEN].n >= (size_t) world->account->token_limit)
        return ends (LIMIT); // R11
    return check_grants (world, wanted, NULL);
}

static struct outcome
check_fields_list (const struct step *step)
{
    size_t n = 0;
    for (unsigned i = 0; i < FIELD_BITS; i++)
        n += step->fields >> i & 1;
    return step->fault == FIELDS_GOOD   ? ends (OK)
           : step->fault == FIELDS_NONE ? invalid ("fields")
                                        : invalid ("fields[%zu]", n);
}

static struct outcome
edit_token (const struct world *world, const struct step *step, int64_t now)
{
    const struct object *token = step->object;
    const struct fields *wanted = &step->wanted;
    bool personal = token->now.kind == PERSONAL;
    struct outcome outcome = check_fields_list (step);
    if (outcome.code != OK)
        return outcome;
    if (step->revision < 1)
        return invalid ("revision");
    outcome = check_token_fields (wanted, step->fields, now);
    if (outcome.code != OK)
        return outcome;
    if (token->status == DELETED)
        return ends (NOT_FOUND);
    if (step->revision != token->revision)
        return ends (model_wrong == RULE_REVISION ? OK : OUTDATED);
    if (step->fields & GRANTS && personal != (wanted->n_grants == 0))
        return invalid ("modules");
    if (step->fields & EXPIRES_AT && wanted->expires_at == 0 && token->now.kind >= BASE)
        return invalid ("expires_at");
    return step->fields & GRANTS ? check_grants (world, wanted, &token->now) : ends (OK);
}

static struct outcome
set_logo (const struct step *step)
{
    const struct object *token = step->object;
    const struct picture *logo = step->wanted.logo;
    if (step->revision < 1)
        return invalid ("revision");
    if (logo->wrong)
        return invalid ("%s", logo->wrong);
    if (token->status == DELETED)
        return ends (NOT_FOUND);
    if (step->revision != token->revision)
        return ends (OUTDATED);
    return ends (logo->size == 0 && token->now.logo->size == 0 ? FORBIDDEN : OK);
}

static struct outcome
rotate_token (const struct step *step)
{
    const struct object *token = step->object;
    if (step->grace != GRACE_NONE && (step->grace < 0 || step->grace > GRACE_MAX))
        return invalid ("grace.seconds");
    if (step->revision < 0)
        return invalid ("revision");
    if (token->status == DELETED)
        return ends (NOT_FOUND);
    return ends (step->revision == 0 || step->revision == token->revision ? OK : OUTDATED);
}

// ---- accounts, users ---------------------------------------------------------------------------------------------------

static struct outcome
set_module (const struct world *world, const struct step *step)
{
    if (step->module == MODULE_UNKNOWN)
        return ends (NOT_FOUND);
    return ends (world->account->enabled[step->module] == (step->verb == MODULE_ON) ? FORBIDDEN
                                                                                    : OK);
}

static struct outcome
create_user (const struct world *world, const struct step *step)
{
    if (strchr (step->username, ' '))
        return invalid ("username");
    if (!step->wanted.name->good)
        return invalid ("name");
    for (size_t i = 0; i < world->live[USER].n; i++)
        if (strcmp (world->live[USER].list[i]->username, step->username) == 0)
            return ends (EXISTS);
    return ends (OK);
}

// ---- what belongs to an account ----------------------------------------------------------------------------------------

static const char *
reference_field (enum noun noun)
{
    return noun == MARKET ? "customer_group_id" : "market_id";
}

static struct outcome
check_resource_fields (const struct step *step, unsigned fields)
{
    const struct fields *wanted = &step->wanted;
    if (step->noun != CLIENT && fields & CODE && !wanted->code->good)
        return invalid ("code");
    if (fields & NAME && !wanted->name->good)
        return invalid ("name");
    if (step->noun != CLIENT)
        return ends (OK);
    if (fields & LIFE && wanted->life != 0 && (wanted->life < LIFE_MIN || wanted->life > LIFE_MAX))
        return invalid ("access_token_life_s");
    if (fields & URIS && wanted->uris->wrong)
        return invalid ("%s", wanted->uris->wrong);
    return ends (OK);
}

// What a kind of client must have (R17).
static struct outcome
check_client (int kind, const char *market, const struct uris *uris)
{
    if (kind == SALES_CHANNEL && !*market)
        return invalid ("market_id");
    return (kind == WEBAPP) == (uris->n > 0) ? ends (OK) : invalid ("redirect_uris");
}

// Its code is free, and what it will refer to is there.
static struct outcome
check_resource (const struct world *world, const struct step *step, unsigned fields)
{
    const struct fields *wanted = &step->wanted;
    const struct objects *others = &world->live[step->noun];
    for (size_t i = 0; step->noun != CLIENT && fields & CODE && i < others->n; i++)
        if (others->list[i] != step->object &&
            strcmp (others->list[i]->now.code->text, wanted->code->text) == 0)
            return ends (EXISTS);
    if (step->noun != GROUP && fields & REFERENCE && *wanted->reference &&
        !model_find (world, wanted->reference))
        return invalid ("%s", reference_field (step->noun));
    return ends (OK);
}

static struct outcome
create_resource (const struct world *world, const struct step *step)
{
    const struct fields *wanted = &step->wanted;
    struct outcome outcome = check_resource_fields (step, ~0u);
    if (outcome.code == OK && step->noun == CLIENT)
        outcome = check_client (wanted->kind, wanted->reference, wanted->uris);
    if (outcome.code == OK && step->noun == LOCATION && !*wanted->reference)
        outcome = invalid ("market_id");
    return outcome.code == OK ? check_resource (world, step, ~0u) : outcome;
}

static struct outcome
edit_resource (const struct world *world, const struct step *step)
{
    const struct object *object = step->object;
    const struct fields *wanted = &step->wanted, *now = &object->now;
    unsigned fields = step->fields;
    struct outcome outcome = check_resource_fields (step, fields);
    if (outcome.code == OK)
        outcome = check_fields_list (step);
    if (outcome.code != OK)
        return outcome;
    if (step->revision < 1)
        return invalid ("revision");
    if (step->noun == LOCATION && fields & REFERENCE && !*wanted->reference)
        return invalid ("market_id");
    if (object->status == DELETED)
        return ends (NOT_FOUND);
    outcome = check_resource (world, step, fields);
    if (outcome.code != OK)
        return outcome;
    if (step->revision != object->revision)
        return ends (OUTDATED);
    if (step->noun != CLIENT)
        return ends (OK);
    return check_client (now->kind, fields & REFERENCE ? wanted->reference : now->reference,
                         fields & URIS ? wanted->uris : now->uris);
}

// Something that is not deleted refers to it. Tokens do not keep a user, who cannot be deleted.
static bool
is_used (const struct world *world, const struct object *object)
{
    for (size_t noun = MARKET; noun < NOUNS; noun++)
        for (size_t i = 0; i < world->live[noun].n; i++)
            if (strcmp (world->live[noun].list[i]->now.reference, object->id) == 0)
                return true;
    return false;
}

// ---- all of them -------------------------------------------------------------------------------------------------------

static struct outcome
set_status (const struct world *world, const struct step *step)
{
    const struct object *object = step->object;
    if (object->status == DELETED)
        return ends (NOT_FOUND);
    if (step->verb == DELETE)
        return ends (step->noun != TOKEN && is_used (world, object) ? FORBIDDEN : OK);
    return ends (object->status == (step->verb == ENABLE ? INACTIVE : ACTIVE) ? OK : FORBIDDEN);
}

struct outcome
model_readable (const struct step *step)
{
    bool named =
        step->verb == CREATE ? step->noun != ACCOUNT : step->verb == EDIT && step->fields & NAME;
    return named && !text_is_utf8 (step->wanted.name) ? invalid ("name") : ends (OK);
}

struct outcome
model_predict (const struct world *world, const struct step *step, int64_t now)
{
    struct outcome outcome = model_readable (step);
    if (outcome.code != OK)
        return outcome;
    switch (step->verb) {
    case CREATE:
        return step->noun == ACCOUNT ? ends (OK)
               : step->noun == USER  ? create_user (world, step)
               : step->noun == TOKEN ? create_token (world, step, now)
                                     : create_resource (world, step);
    case EDIT:
        return step->noun == TOKEN ? edit_token (world, step, now) : edit_resource (world, step);
    case ENABLE:
    case DISABLE:
    case DELETE:
        return set_status (world, step);
    case ROTATE:
        return rotate_token (step);
    case SET_LOGO:
        return set_logo (step);
    case MODULE_ON:
    case MODULE_OFF:
        return set_module (world, step);
    case REVEAL:
        return ends (step->object->status == DELETED ? NOT_FOUND
                     : step->object->now.revealable  ? OK
                                                     : FORBIDDEN);
    case GET:
        return ends (step->object->status == DELETED ? NOT_FOUND : OK);
    case LIST:
    case VALIDATE:
    case VERBS:
        break;
    }
    return ends (OK);
}

Jeton__V1__Reason
model_reason (const struct world *world, const struct step *step, int64_t now, unsigned *access_r)
{
    const struct object *token = step->object, *account = world->account;
    const struct object *owner = model_find (world, token->now.reference);
    const struct grant *grant = model_grant (&token->now, step->module);
    bool personal = token->now.kind == PERSONAL, known = step->module != MODULE_UNKNOWN;
    bool granted = personal ? known && account->known[step->module] : grant != NULL;
    bool enabled = known && account->enabled[step->module];
    unsigned access = !granted ? 0 : personal ? WRITE : grant->access;
    bool known_value = !step->typo && step->age <= 1;
    *access_r = known_value && enabled ? access : 0;
    if (step->typo)
        return REASON (MALFORMED);
    if (step->age > 1)
        return REASON (UNKNOWN);
    if (token->status == DELETED)
        return REASON (DELETED);
    if (token->status != ACTIVE || (owner && owner->status != ACTIVE))
        return REASON (DISABLED);
    if (step->age == 1 && token->grace_until <= now && model_wrong != RULE_GRACE)
        return REASON (ROTATED_OUT);
    if (token->now.expires_at != 0 && token->now.expires_at <= now)
        return REASON (EXPIRED);
    if (account->status != ACTIVE)
        return REASON (ACCOUNT_SUSPENDED);
    if (step->sandbox != (token->now.kind == TEST))
        return REASON (WRONG_ENVIRONMENT);
    if (!(token->now.allow_list->addresses >> step->address & 1))
        return REASON (ADDRESS_NOT_ALLOWED);
    if (!granted)
        return REASON (MODULE_NOT_GRANTED);
    if (!enabled)
        return REASON (MODULE_DISABLED);
    return step->access == WRITE && access != WRITE ? REASON (READ_ONLY) : REASON (OK);
}
