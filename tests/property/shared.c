#include "tests/property/shared.h"
#include "admin.pb-c.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include "tests/property/diary.h"
#include "tests/property/message.h"
#include "tests/property/step.h"
#include "tests/property/view.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// The change that made a revision, as it was acknowledged.
struct change {
    bool done;
    struct step step;
    int64_t from, until; // when it was asked for, and answered
    void *reply;         // packed
    size_t size;
    struct view_hash seen; // by whoever looked at this revision
};

// A refusal: the token was at some of these revisions meanwhile.
struct refusal {
    struct step step;
    struct outcome outcome;
    int64_t from, until, lowest, highest;
    bool explained;
};

struct token {
    struct object *object;  // in the model, which goes on only in the end
    int64_t highest;        // revision that anybody has seen
    struct change *changes; // by revision
    size_t room;
    struct refusal *refusals;
    size_t n_refusals;
};

struct driver {
    struct shared *shared;
    size_t number;
    struct choices choices;
    unsigned long left, serial;
    struct token *token;
    struct step step;
    char key[KEY_SIZE];
    int64_t from, lowest;
    unsigned attempts;
    int64_t seen[SHARED_TOKENS]; // the last revision that it has looked at
};

struct shared {
    struct run *run;
    char name[48];
    struct world world;
    struct token tokens[SHARED_TOKENS];
    struct driver drivers[SHARED_DRIVERS];
    struct diary *diary;
    struct step step; // before the drivers start: an account, and the tokens
};

static void driver_next (struct driver *driver);
static void driver_send (void *context);

// ---- what was answered -------------------------------------------------------------------------------------------------

static struct change *
change_at (struct token *token, int64_t revision)
{
    size_t at = (size_t) revision, room = token->room ? token->room : 16;
    while (room <= at)
        room *= 2;
    if (room > token->room) {
        token->changes = xrealloc (token->changes, room * sizeof *token->changes);
        memset (token->changes + token->room, 0, (room - token->room) * sizeof *token->changes);
        token->room = room;
    }
    return &token->changes[at];
}

static void
driver_fail (const struct driver *driver, const char *what)
{
    char text[STEP_TEXT_SIZE];
    step_print (&driver->step, text);
    run_fail (driver->shared->run, "driver %zu, step %lu: %s: %s (revisions from %" PRId64 ")",
              driver->number, driver->serial, text, what, driver->lowest);
    diary_print (driver->shared->diary, driver->step.object, driver->shared->world.account);
}

// A look at a token: of a revision that is not older than what was known when it was asked for, and the same as everybody else's look at it.
static bool
driver_saw (struct driver *driver, Jeton__V1__Token *view)
{
    struct token *token = driver->token;
    struct view_hash hash = view_hash (&view->base);
    struct change *change = change_at (token, view->revision);
    if (view->revision < driver->lowest + (driver->step.verb < CHANGES))
        driver_fail (driver, "went back to an older revision");
    else if (change->seen.known && !view_equal (&change->seen, &hash))
        driver_fail (driver, "two saw the same revision differently: an update was lost");
    change->seen = hash;
    if (view->revision > token->highest)
        token->highest = view->revision;
    driver->seen[token - driver->shared->tokens] = view->revision;
    return !driver->shared->run->failed;
}

static void
driver_changed (struct driver *driver, const ProtobufCMessage *reply, int64_t now)
{
    Jeton__V1__Token *view = (Jeton__V1__Token *) call_object (&driver->step, reply);
    size_t size = protobuf_c_message_get_packed_size (reply);
    uint8_t *packed = xcalloc (1, size + 1);
    protobuf_c_message_pack (
        reply, packed); // before the look, which takes off it what depends on the clock
    struct change *change = change_at (driver->token, view->revision);
    if (change->done)
        driver_fail (driver, "this revision was made by another: an update was lost");
    free (change->reply);
    change->done = true;
    change->step = driver->step;
    change->from = driver->from;
    change->until = now;
    change->reply = packed;
    change->size = size;
    driver->shared->run->changes++;
    (void) driver_saw (driver, view);
}

// The revision that a refusal tells.
static int64_t
revision_told (const char *message)
{
    static const char words[] = "is at revision ";
    const char *found = strstr (message, words);
    return found ? strtoll (found + sizeof words - 1, NULL, 10) : 0;
}

static void
driver_refused (struct driver *driver, const struct rpc_result *result, int64_t now)
{
    struct token *token = driver->token;
    size_t n = token->n_refusals;
    struct refusal refusal = {.step = driver->step,
                              .outcome = {.code = result->code},
                              .from = driver->from,
                              .until = now,
                              .lowest = driver->lowest,
                              .highest = token->highest + SHARED_DRIVERS};
    int64_t told = revision_told (result->message);
    if (result->ndetails == 1)
        snprintf (refusal.outcome.field, sizeof refusal.outcome.field, "%s",
                  result->details[0].field);
    if (result->code == JETON__V1__CODE__CODE_ABORTED) {
        driver->shared->run->raced++;
        if (told == 0)
            refusal.explained = strstr (result->message, "keep changing") != NULL;
        else if (told < driver->lowest || told > refusal.highest)
            driver_fail (driver, "ABORTED tells a revision that it does not have");
    }
    if ((n & (n - 1)) == 0)
        token->refusals = xrealloc (token->refusals, (n ? 2 * n : 1) * sizeof *token->refusals);
    token->refusals[token->n_refusals++] = refusal;
    driver->shared->run->refused++;
}

static void
driver_tell (struct driver *driver, const struct rpc_result *result)
{
    char text[STEP_TEXT_SIZE];
    step_print (&driver->step, text);
    diary_write (driver->shared->diary, driver->step.object, "driver %zu, %lu. %s -> %s%s%s",
                 driver->number, driver->serial, text, rpc_code_name (result->code),
                 *result->message ? ": " : "", result->message);
}

static void
driver_replied (void *context, const struct rpc_result *result)
{
    struct driver *driver = context;
    struct run *run = driver->shared->run;
    int64_t now = time (NULL);
    if (run->failed)
        return;
    if (run_again (result)) {
        run_pause (run, driver_send, driver);
        return;
    }
    driver_tell (driver, result);
    if (result->code != JETON__V1__CODE__CODE_OK) {
        driver_refused (driver, result, now);
    } else if (driver->step.verb == GET) {
        run->reads++;
        (void) driver_saw (driver, (Jeton__V1__Token *) call_object (&driver->step, result->reply));
    } else {
        driver_changed (driver, result->reply, now);
    }
    driver_next (driver);
}

// ---- going on ----------------------------------------------------------------------------------------------------------

static void
driver_send (void *context)
{
    struct driver *driver = context;
    struct shared *shared = driver->shared;
    if (shared->run->failed)
        return;
    if (driver->attempts++ > 0)
        shared->run->again++;
    call_send (shared->run, &driver->step, shared->world.account->id, NULL,
               *driver->key ? driver->key : NULL, driver_replied, driver);
}

static void
driver_next (struct driver *driver)
{
    static const enum verb verbs[] = {GET,     GET,    GET,    EDIT,   EDIT,   EDIT,    EDIT,
                                      DISABLE, ENABLE, ENABLE, ROTATE, ROTATE, SET_LOGO};
    struct shared *shared = driver->shared;
    if (shared->run->failed)
        return;
    if (driver->left == 0) {
        shared->run->active--;
        return;
    }
    driver->left--;
    driver->serial++;
    driver->attempts = 0;
    driver->from = time (NULL);
    size_t i = choose (&driver->choices, SHARED_TOKENS);
    struct token *token = driver->token = &shared->tokens[i];
    driver->lowest = token->highest;
    driver->step = (struct step){
        .verb = verbs[choose (&driver->choices, 13)], .noun = TOKEN, .object = token->object};
    step_fill (&shared->world, &driver->choices, driver->from, &driver->step);
    // It changes what it has seen, or what somebody has told it of.
    int64_t seen = chance (&driver->choices, 50) ? token->highest : driver->seen[i];
    if (driver->step.verb == EDIT || driver->step.verb == SET_LOGO ||
        (driver->step.verb == ROTATE && driver->step.revision > 0))
        driver->step.revision = seen;
    *driver->key = '\0';
    if (driver->step.verb < CHANGES)
        snprintf (driver->key, sizeof driver->key, "%s-driver-%zu-%lu", shared->run->name,
                  driver->number, driver->serial);
    run_step_done (shared->run);
    driver_send (driver);
}

static void
drivers_start (struct shared *shared)
{
    for (size_t i = 0; i < SHARED_TOKENS; i++) {
        struct token *token = &shared->tokens[i];
        token->object = shared->world.live[TOKEN].list[i];
        token->highest = 1;
    }
    for (size_t i = 0; i < SHARED_DRIVERS; i++) {
        struct driver *driver = &shared->drivers[i];
        shared->run->active++;
        for (size_t j = 0; j < SHARED_TOKENS; j++)
            driver->seen[j] = 1;
        driver_next (driver);
    }
}

// ---- the beginning -----------------------------------------------------------------------------------------------------

static void shared_made (void *context, const struct rpc_result *result);

static void
shared_make (void *context)
{
    struct shared *shared = context;
    char key[KEY_SIZE];
    bool first = !shared->world.account;
    snprintf (key, sizeof key, "%s-shared-%zu", shared->run->name, shared->world.all.n);
    call_send (shared->run, &shared->step, first ? shared->name : shared->world.account->id, NULL,
               key, shared_made, shared);
}

static void
shared_step (struct shared *shared)
{
    struct choices choices = {shared->run->seed};
    bool first = !shared->world.account;
    shared->step = (struct step){.verb = CREATE, .noun = first ? ACCOUNT : TOKEN, .token_limit = 9};
    struct fields *wanted = &shared->step.wanted;
    wanted->kind = SERVICE;
    wanted->name = input_name (&choices, false);
    wanted->code = input_code (&choices, false);
    wanted->description = input_description (&choices, false);
    wanted->allow_list = &input_networks[0];
    wanted->rate = &input_rates[0];
    wanted->uris = &input_uris[0];
    wanted->reference = "";
    wanted->n_grants = 1;
    wanted->grants[0] = (struct grant){1, READ};
    for (size_t i = 0; i < MODULES - 1; i++)
        shared->step.enabled[i] = true;
    shared_make (shared);
}

static void
shared_made (void *context, const struct rpc_result *result)
{
    struct shared *shared = context;
    const struct step *step = &shared->step;
    if (run_again (result)) {
        run_pause (shared->run, shared_make, shared);
        return;
    }
    if (result->code != JETON__V1__CODE__CODE_OK) {
        run_fail (shared->run, "%s: %s", step_method (step), result->message);
        return;
    }
    model_apply (&shared->world, step, call_object (step, result->reply),
                 step->noun == TOKEN ? message_text (result->reply, "value") : NULL);
    if (shared->world.live[TOKEN].n < SHARED_TOKENS) {
        shared_step (shared);
        return;
    }
    drivers_start (shared);
    shared->run->active--;
}

struct shared *
shared_new (struct run *run, unsigned long steps)
{
    struct shared *shared = xcalloc (1, sizeof *shared);
    shared->run = run;
    snprintf (shared->name, sizeof shared->name, "%s-shared", run->name);
    shared->diary = diary_new ();
    shared->world.name = shared->world.username_prefix = shared->name;
    for (size_t i = 0; i < NOUNS; i++)
        shared->world.foreign[i] = "";
    for (size_t i = 0; i < SHARED_DRIVERS; i++)
        shared->drivers[i] = (struct driver){
            .shared = shared, .number = i, .left = steps, .choices = {run->seed * 1000033 + i}};
    return shared;
}

void
shared_start (struct shared *shared)
{
    shared->run->active++;
    shared_step (shared);
}

// ---- the end -----------------------------------------------------------------------------------------------------------

// Could it have ended so while the token was as it is in the model now?
static bool
could_end (const struct shared *shared, const struct step *step, const struct outcome *outcome,
           int64_t from, int64_t until)
{
    struct outcome at_first = model_predict (&shared->world, step, from),
                   at_last = model_predict (&shared->world, step, until);
    return (at_first.code == outcome->code && strcmp (at_first.field, outcome->field) == 0) ||
           (at_last.code == outcome->code && strcmp (at_last.field, outcome->field) == 0);
}

static void
explain_refusals (const struct shared *shared, struct token *token)
{
    int64_t revision = token->object->revision;
    for (size_t i = 0; i < token->n_refusals; i++) {
        struct refusal *refusal = &token->refusals[i];
        if (!refusal->explained && refusal->lowest <= revision && revision <= refusal->highest)
            refusal->explained = could_end (shared, &refusal->step, &refusal->outcome,
                                            refusal->from, refusal->until);
    }
}

static bool
change_replay (struct shared *shared, struct token *token, const struct change *change)
{
    const struct outcome ok = {.code = JETON__V1__CODE__CODE_OK};
    const struct step *step = &change->step;
    struct object *object = token->object;
    char text[STEP_TEXT_SIZE];
    step_print (step, text);
    const ProtobufCMethodDescriptor *method = protobuf_c_service_descriptor_get_method_by_name (
        &jeton__v1__admin__descriptor, step_method (step));
    ProtobufCMessage *reply =
        protobuf_c_message_unpack (method->output, NULL, change->size, change->reply);
    if (!could_end (shared, step, &ok, change->from, change->until))
        run_fail (shared->run, "%s was done at revision %" PRId64 ", where it cannot be", text,
                  object->revision);
    model_apply (&shared->world, step, call_object (step, reply),
                 step->verb == ROTATE ? message_text (reply, "value") : NULL);
    const char *field = model_differs (shared->world.account, object, call_object (step, reply),
                                       change->from, change->until);
    if (field)
        run_fail (shared->run, "%s: its reply differs from the model in %s", text, field);
    protobuf_c_message_free_unpacked (reply, NULL);
    return !shared->run->failed;
}

static bool
token_check (struct shared *shared, struct token *token)
{
    struct object *object = token->object;
    explain_refusals (shared, token);
    while (object->revision < token->highest) {
        const struct change *change = change_at (token, object->revision + 1);
        if (!change->done) {
            run_fail (shared->run, "%s: nobody made revision %" PRId64, object->id,
                      object->revision + 1);
            return false;
        }
        if (!change_replay (shared, token, change))
            return false;
        explain_refusals (shared, token);
    }
    for (size_t i = 0; i < token->n_refusals; i++) {
        const struct refusal *refusal = &token->refusals[i];
        if (refusal->explained)
            continue;
        char text[STEP_TEXT_SIZE];
        step_print (&refusal->step, text);
        run_fail (shared->run, "%s ended with %s%s%s, at no revision from %" PRId64 " it should",
                  text, rpc_code_name (refusal->outcome.code),
                  *refusal->outcome.field ? " of " : "", refusal->outcome.field, refusal->lowest);
        return false;
    }
    return true;
}

bool
shared_check (struct shared *shared)
{
    for (size_t i = 0; i < SHARED_TOKENS; i++)
        if (!token_check (shared, &shared->tokens[i]))
            return false;
    return true;
}

void
shared_add (const struct shared *shared, struct books *books)
{
    for (size_t i = 0; i < shared->world.all.n; i++)
        books_add (books, shared->world.account, shared->world.all.list[i]);
}

void
shared_destroy (struct shared **shared)
{
    for (size_t i = 0; i < SHARED_TOKENS; i++) {
        struct token *token = &(*shared)->tokens[i];
        for (size_t j = 0; j < token->room; j++)
            free (token->changes[j].reply);
        free (token->changes);
        free (token->refusals);
    }
    model_destroy (&(*shared)->world);
    diary_destroy (&(*shared)->diary);
    free (*shared);
    *shared = NULL;
}
