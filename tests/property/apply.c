// What calls do to the model.
#include "common/memory/memory.h"
#include "tests/property/message.h"
#include "tests/property/model.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
objects_add (struct objects *objects, struct object *object)
{
    if ((objects->n & (objects->n - 1)) == 0) // room doubles when it is a power of two
        objects->list =
            xrealloc (objects->list, (objects->n ? 2 * objects->n : 1) * sizeof *objects->list);
    objects->list[objects->n++] = object;
}

static void
objects_remove (struct objects *objects, const struct object *object)
{
    size_t i = 0;
    while (objects->list[i] != object)
        i++;
    objects->n--;
    memmove (objects->list + i, objects->list + i + 1, (objects->n - i) * sizeof *objects->list);
}

// One more revision.
static void
history_add (struct object *object, enum verb verb)
{
    size_t n = (size_t) object->revision;
    if ((n & (n - 1)) == 0)
        object->history = xrealloc (object->history, n ? 2 * n : 1);
    object->history[n] = (uint8_t) verb;
    object->revision++;
}

static void
values_add (struct object *token, const char *value)
{
    size_t n = token->n_values;
    if ((n & (n - 1)) == 0)
        token->values = xrealloc (token->values, (n ? 2 * n : 1) * sizeof *token->values);
    snprintf (token->values[n], sizeof token->values[n], "%s", value);
    token->n_values++;
}

static struct object *
apply_create (struct world *world, const struct step *step, const void *message, const char *value)
{
    struct object *object = xcalloc (1, sizeof *object);
    object->noun = step->noun;
    object->order = world->all.n + 1;
    object->status = ACTIVE;
    object->now = step->wanted;
    object->now.logo = &input_pictures[0];
    object->created_at = object->updated_at = message_number (message, "created_at");
    snprintf (object->id, sizeof object->id, "%s", message_text (message, "id"));
    memcpy (object->username, step->username, sizeof object->username);
    if (step->noun == TOKEN) {
        values_add (object, value);
        if (object->now.expires_at == 0 && object->now.kind >= BASE)
            object->now.expires_at = object->created_at + LIFE_DEFAULT;
    } else if (step->noun == CLIENT && object->now.life == 0)
        object->now.life = object->now.kind == SALES_CHANNEL ? 14400 : 7200;
    if (step->noun == ACCOUNT) {
        object->name = world->name;
        object->token_limit = step->token_limit;
        memcpy (object->enabled, step->enabled, sizeof object->enabled);
        memcpy (object->known, step->enabled, sizeof object->known);
        world->account = object;
    }
    objects_add (&world->all, object);
    objects_add (&world->live[step->noun], object);
    return object;
}

static void
apply_edit (const struct step *step)
{
    struct fields *now = &step->object->now;
    const struct fields *wanted = &step->wanted;
    unsigned fields = step->fields;
    if (fields & NAME)
        now->name = wanted->name;
    if (fields & CODE)
        now->code = wanted->code;
    if (fields & DESCRIPTION)
        now->description = wanted->description;
    if (fields & EXPIRES_AT)
        now->expires_at = wanted->expires_at;
    if (fields & GRANTS) {
        now->n_grants = wanted->n_grants;
        memcpy (now->grants, wanted->grants, sizeof now->grants);
    }
    if (fields & ALLOW_LIST)
        now->allow_list = wanted->allow_list;
    if (fields & RATE_LIMIT)
        now->rate = wanted->rate;
    if (fields & REFERENCE)
        now->reference = wanted->reference;
    if (fields & LIFE)
        now->life = wanted->life ? wanted->life : now->kind == SALES_CHANNEL ? 14400 : 7200;
    if (fields & FORMAT)
        now->format = wanted->format;
    if (fields & URIS)
        now->uris = wanted->uris;
}

static void
apply_rotate (const struct step *step, const char *value)
{
    struct object *token = step->object;
    int64_t grace = step->grace == GRACE_NONE ? GRACE_DEFAULT : step->grace;
    token->last_rotated_at = token->updated_at;
    token->grace_until = grace ? token->updated_at + grace : 0;
    values_add (token, value);
}

struct object *
model_apply (struct world *world, const struct step *step, const void *message, const char *value)
{
    struct object *object = step->object;
    assert (step->verb < CHANGES);
    if (step->verb == CREATE)
        object = apply_create (world, step, message, value);
    else if (message_has (message, "updated_at"))
        object->updated_at = message_number (message, "updated_at");
    if (step->verb == EDIT)
        apply_edit (step);
    else if (step->verb == SET_LOGO)
        object->now.logo = step->wanted.logo;
    else if (step->verb == ROTATE)
        apply_rotate (step, value);
    else if (step->verb == MODULE_ON || step->verb == MODULE_OFF) {
        object->enabled[step->module] = step->verb == MODULE_ON;
        object->known[step->module] = true;
    } else if (step->verb == ENABLE)
        object->status = ACTIVE;
    else if (step->verb == DISABLE)
        object->status = INACTIVE;
    else if (step->verb == DELETE) {
        object->status = DELETED;
        object->now.logo = &input_pictures[0];
        objects_remove (&world->live[object->noun], object);
        world->gone[object->noun] = object;
    }
    history_add (object, step->verb);
    return object;
}

bool
model_listed (const struct step *step, const struct object *object)
{
    return object->order > step->after &&
           (step->status == 0 || (int) object->status == step->status) &&
           (step->kind == 0 || object->now.kind == step->kind) &&
           (step->noun != TOKEN || step->module == MODULE_UNKNOWN ||
            model_grant (&object->now, step->module));
}

void
model_destroy (struct world *world)
{
    for (size_t i = 0; i < world->all.n; i++) {
        free (world->all.list[i]->history);
        free (world->all.list[i]->values);
        free (world->all.list[i]);
    }
    free (world->all.list);
    for (size_t noun = 0; noun < NOUNS; noun++)
        free (world->live[noun].list);
}

// ---- comparing ---------------------------------------------------------------------------------------------------------

static bool
texts_equal (const void *message, const char *field, size_t n, const char *const *wanted)
{
    size_t found;
    const char *const *list = message_list (message, field, &found);
    if (found != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp (list[i], wanted[i]) != 0)
            return false;
    return true;
}

// In any order.
static bool
grants_equal (const Jeton__V1__Token *view, const struct fields *now)
{
    if (view->n_modules != now->n_grants)
        return false;
    for (size_t i = 0; i < view->n_modules; i++) {
        unsigned module = 0;
        while (module < MODULES && strcmp (input_modules[module], view->modules[i]->module) != 0)
            module++;
        const struct grant *grant = model_grant (now, module);
        if (!grant || grant->access != (unsigned) view->modules[i]->access)
            return false;
    }
    return true;
}

static bool
rate_equal (const Jeton__V1__RateLimit *view, const struct rate *rate)
{
    return view ? view->per_minute == rate->per_minute && view->burst == rate->burst_kept
                : rate->per_minute == 0;
}

static bool
logo_equal (const Jeton__V1__Logo *view, const struct picture *logo)
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof digest + 1];
    if (!view)
        return logo->size == 0;
    crypto_hash_sha256 (digest, (const uint8_t *) logo->data, logo->size);
    sodium_bin2hex (hex, sizeof hex, digest, sizeof digest);
    return view->size == logo->size && strcmp (view->digest, hex) == 0 &&
           strcmp (view->content_type, "image/png") == 0;
}

// Was it so at the beginning or at the end of the time?
static bool
either (bool view, bool at_first, bool at_last)
{
    return view == at_first || view == at_last;
}

static const char *
token_times_differ (const struct object *token, const Jeton__V1__Token *view, int64_t from,
                    int64_t until)
{
    enum { EXPIRING = 30 * 86400 };
    int64_t end = token->now.expires_at, grace = token->grace_until;
    bool active = token->status == ACTIVE;
    if (view->expires_at != end)
        return "expires_at";
    if (!either (view->expired, active && end && end <= from, active && end && end <= until))
        return "expired";
    if (!either (view->expiring, end > from && end <= from + EXPIRING,
                 end > until && end <= until + EXPIRING))
        return "expiring";
    if (view->unrotated)
        return "unrotated";
    if (view->last_rotated_at != token->last_rotated_at)
        return "last_rotated_at";
    // No more when it is over.
    if (view->grace_until != grace && !(view->grace_until == 0 && grace <= until))
        return "grace_until";
    return grace != 0 && view->grace_until == grace && grace <= from ? "grace_until" : NULL;
}

static const char *
token_differs (const struct object *token, const void *message, int64_t from, int64_t until)
{
    const Jeton__V1__Token *view = message;
    const struct fields *now = &token->now;
    if ((int) view->kind != now->kind)
        return "kind";
    if ((int) view->environment != (now->kind == TEST ? 2 : 1))
        return "environment";
    if (strcmp (view->description, now->description->text) != 0)
        return "description";
    if (!grants_equal (view, now))
        return "modules";
    if (!texts_equal (view, "allow_list", now->allow_list->n, now->allow_list->list))
        return "allow_list";
    if (!rate_equal (view->rate_limit, now->rate))
        return "rate_limit";
    if (!logo_equal (view->logo, now->logo))
        return "logo";
    if (view->revealable != (now->revealable && token->status != DELETED) &&
        token->status != DELETED)
        return "revealable";
    if (strcmp (view->owner_id, now->reference) != 0)
        return "owner_id";
    if (!view->created_by || strcmp (view->created_by->id, "operator") != 0)
        return "created_by";
    return token_times_differ (token, view, from, until);
}

static const char *
account_differs (const struct object *account, const Jeton__V1__Account *view)
{
    size_t n = 0;
    const char *modules[MODULES];
    for (size_t i = 0; i < MODULES; i++)
        if (account->enabled[i])
            modules[n++] = input_modules[i];
    if (strcmp (view->name, account->name) != 0)
        return "name";
    if (view->token_limit != account->token_limit)
        return "token_limit";
    return texts_equal (view, "modules", n, modules) ? NULL : "modules";
}

static const char *
resource_differs (const struct object *object, const void *message)
{
    const struct fields *now = &object->now;
    const char *reference = object->noun == MARKET ? "customer_group_id"
                            : object->noun == LOCATION || object->noun == CLIENT ? "market_id"
                                                                                 : NULL;
    if (object->noun != CLIENT && strcmp (message_text (message, "code"), now->code->text) != 0)
        return "code";
    if (reference && strcmp (message_text (message, reference), now->reference) != 0)
        return reference;
    if (object->noun != CLIENT)
        return NULL;
    if (message_number (message, "kind") != now->kind)
        return "kind";
    if (message_number (message, "access_token_life_s") != now->life)
        return "access_token_life_s";
    if (message_number (message, "token_format") != now->format)
        return "token_format";
    return texts_equal (message, "redirect_uris", now->uris->n, now->uris->list) ? NULL
                                                                                 : "redirect_uris";
}

const char *
model_differs (const struct object *account, const struct object *object, const void *message,
               int64_t from, int64_t until)
{
    if (strcmp (message_text (message, "id"), object->id) != 0)
        return "id";
    if (message_number (message, "status") != (int64_t) object->status)
        return "status";
    if (message_number (message, "revision") != object->revision)
        return "revision";
    if (message_number (message, "created_at") != object->created_at)
        return "created_at";
    if (object->noun == ACCOUNT)
        return account_differs (object, message);
    if (strcmp (message_text (message, "account_id"), account->id) != 0)
        return "account_id";
    if (strcmp (message_text (message, "name"), object->now.name->text) != 0)
        return "name";
    if (object->noun == USER)
        return strcmp (message_text (message, "username"), object->username) != 0 ? "username"
                                                                                  : NULL;
    if (message_number (message, "updated_at") != object->updated_at)
        return "updated_at";
    return object->noun == TOKEN ? token_differs (object, message, from, until)
                                 : resource_differs (object, message);
}
