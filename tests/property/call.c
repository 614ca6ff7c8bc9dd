// Steps as calls.
#include "admin.pb-c.h"
#include "tests/property/message.h"
#include "tests/property/run.h"
#include "tests/property/step.h"
#include <assert.h>
#include <string.h>

enum { TIMEOUT_MS = 20000, BATCH_MAX = 4 };

// What a request points to.
struct parts {
    Jeton__V1__ModuleGrant grants[GRANTS_MAX], *grant_list[GRANTS_MAX];
    const char *modules[MODULES];
    const char *fields[FIELD_BITS + 2];
    Jeton__V1__RateLimit rate;
    Jeton__V1__Period grace;
    Jeton__V1__PageRequest page;
};

static const char *
reference_name (enum noun noun)
{
    return noun == TOKEN ? "owner_id" : noun == MARKET ? "customer_group_id" : "market_id";
}

static void
set_grants (union message *message, const struct fields *wanted, struct parts *parts)
{
    for (size_t i = 0; i < wanted->n_grants; i++) {
        jeton__v1__module_grant__init (&parts->grants[i]);
        parts->grants[i].module = (char *) input_modules[wanted->grants[i].module];
        parts->grants[i].access = (Jeton__V1__Access) wanted->grants[i].access;
        parts->grant_list[i] = &parts->grants[i];
    }
    message_set_list (message, "modules", wanted->n_grants, parts->grant_list);
}

static void
set_token_fields (union message *message, const struct step *step, unsigned fields,
                  struct parts *parts)
{
    const struct fields *wanted = &step->wanted;
    if (fields & DESCRIPTION)
        message_set_text (message, "description", wanted->description->text);
    if (fields & EXPIRES_AT)
        message_set_number (message, "expires_at", wanted->expires_at);
    if (fields & GRANTS)
        set_grants (message, wanted, parts);
    if (fields & ALLOW_LIST)
        message_set_list (message, "allow_list", wanted->allow_list->n, wanted->allow_list->list);
    if (fields & RATE_LIMIT && wanted->rate != &input_rates[0]) {
        jeton__v1__rate_limit__init (&parts->rate);
        parts->rate.per_minute = wanted->rate->per_minute;
        parts->rate.burst = wanted->rate->burst;
        message_set_message (message, "rate_limit", &parts->rate);
    }
}

static void
set_fields (union message *message, const struct step *step, unsigned fields, struct parts *parts)
{
    const struct fields *wanted = &step->wanted;
    if (fields & NAME)
        message_set_text (message, "name", wanted->name->text);
    if (fields & CODE && message_has (message, "code"))
        message_set_text (message, "code", wanted->code->text);
    if (fields & REFERENCE && message_has (message, reference_name (step->noun)))
        message_set_text (message, reference_name (step->noun), wanted->reference);
    if (fields & LIFE && message_has (message, "access_token_life_s"))
        message_set_number (message, "access_token_life_s", wanted->life);
    if (fields & FORMAT && message_has (message, "token_format"))
        message_set_number (message, "token_format", wanted->format);
    if (fields & URIS && message_has (message, "redirect_uris"))
        message_set_list (message, "redirect_uris", wanted->uris->n, wanted->uris->list);
    if (step->noun == TOKEN)
        set_token_fields (message, step, fields, parts);
}

static void
set_create (union message *message, const struct step *step, const char *account,
            struct parts *parts)
{
    size_t n = 0;
    if (step->noun != ACCOUNT)
        message_set_text (message, "account_id", account);
    set_fields (message, step, ~0u, parts);
    if (message_has (message, "kind"))
        message_set_number (message, "kind", step->wanted.kind);
    if (step->noun == TOKEN)
        message_set_number (message, "revealable", step->wanted.revealable);
    if (step->noun == USER)
        message_set_text (message, "username", step->username);
    if (step->noun != ACCOUNT)
        return;
    message_set_text (message, "name", account); // there is none yet: the name that it gets
    message_set_number (message, "token_limit", step->token_limit);
    for (size_t i = MODULES; i-- > 0;) // in any order
        if (step->enabled[i])
            parts->modules[n++] = input_modules[i];
    message_set_list (message, "modules", n, parts->modules);
}

static void
set_edit (union message *message, const struct step *step, struct parts *parts)
{
    static const char *const names[FIELD_BITS] = {
        "name",       "code", "description",         "expires_at",   "modules",      "allow_list",
        "rate_limit", NULL,   "access_token_life_s", "token_format", "redirect_uris"};
    size_t n = 0;
    for (unsigned i = 0; i < FIELD_BITS; i++)
        if (step->fields >> i & 1)
            parts->fields[n++] = names[i] ? names[i] : reference_name (step->noun);
    if (step->fault == FIELDS_TWICE)
        parts->fields[n++] = parts->fields[0];
    else if (step->fault == FIELDS_UNKNOWN)
        parts->fields[n++] = "status";
    message_set_list (message, "fields", n, parts->fields);
    message_set_number (message, "revision", step->revision);
    set_fields (message, step, step->fields, parts);
}

static void
set_list (union message *message, const struct step *step, const char *account, const char *cursor,
          struct parts *parts)
{
    jeton__v1__page_request__init (&parts->page);
    parts->page.size = (uint32_t) step->size;
    parts->page.cursor = (char *) cursor;
    message_set_message (message, "page", &parts->page);
    message_set_text (message, "account_id", account);
    if (message_has (message, "status"))
        message_set_number (message, "status", step->status);
    if (step->noun != TOKEN)
        return;
    message_set_number (message, "kind", step->kind);
    message_set_number (message, "count", true);
    if (step->module != MODULE_UNKNOWN)
        message_set_text (message, "module", input_modules[step->module]);
}

static void
set_request (union message *message, const struct step *step, const char *account,
             const char *cursor, struct parts *parts)
{
    if (step->verb == CREATE) {
        set_create (message, step, account, parts);
        return;
    }
    if (step->verb == LIST) {
        set_list (message, step, account, cursor, parts);
        return;
    }
    if (step->verb == MODULE_ON || step->verb == MODULE_OFF) {
        message_set_text (message, "account_id", step->object->id);
        message_set_text (message, "module", input_modules[step->module]);
        return;
    }
    message_set_text (message, "id", step->object->id);
    if (step->verb == SET_LOGO) {
        message_set_number (message, "revision", step->revision);
        message_set_bytes (message, "logo", step->wanted.logo->data, step->wanted.logo->size);
    }
    if (step->verb == EDIT)
        set_edit (message, step, parts);
    if (step->verb != ROTATE)
        return;
    message_set_number (message, "revision", step->revision);
    if (step->grace == GRACE_NONE)
        return;
    jeton__v1__period__init (&parts->grace);
    parts->grace.seconds = step->grace;
    message_set_message (message, "grace", &parts->grace);
}

void
call_send (struct run *run, const struct step *step, const char *account, const char *cursor,
           const char *key, rpc_callback *callback, void *context)
{
    const ProtobufCServiceDescriptor *admin = &jeton__v1__admin__descriptor;
    const char *method = step_method (step);
    const ProtobufCMethodDescriptor *descriptor =
        protobuf_c_service_descriptor_get_method_by_name (admin, method);
    assert (descriptor);
    const char *const metadata[] = {"idempotency-key", key, NULL};
    struct rpc_call_options options = {.timeout_ms = TIMEOUT_MS,
                                       .idempotent = step->verb == GET || step->verb == LIST,
                                       .metadata = key ? metadata : NULL};
    union message message;
    struct parts parts = {0};
    message_init (&message, descriptor->input);
    set_request (&message, step, account, cursor ? cursor : "", &parts);
    rpc_client_call (run->admin, admin, method, &message.base, &options, callback, context);
}

// What stands for a mistyped value. Never the value itself, wherever it ends up.
static void
value_of (const struct step *step, char value_r[TOKEN_VALUE_LENGTH + 1])
{
    const struct object *token = step->object;
    memcpy (value_r, token->values[token->n_values - 1 - step->age], TOKEN_VALUE_LENGTH + 1);
    if (step->typo)
        value_r[TOKEN_VALUE_LENGTH - 1 - step->module] ^= 1;
}

void
call_validate (struct run *run, const struct step *steps, size_t n, rpc_callback *callback,
               void *context)
{
    Jeton__V1__ValidateBatchRequest batch = JETON__V1__VALIDATE_BATCH_REQUEST__INIT;
    Jeton__V1__ValidateRequest requests[BATCH_MAX], *list[BATCH_MAX];
    char values[BATCH_MAX][TOKEN_VALUE_LENGTH + 1];
    struct rpc_call_options options = {
        .key = values[0], .key_size = TOKEN_VALUE_LENGTH, .idempotent = true};
    options.timeout_ms = TIMEOUT_MS;
    assert (n >= 1 && n <= BATCH_MAX);
    for (size_t i = 0; i < n; i++) {
        value_of (&steps[i], values[i]);
        jeton__v1__validate_request__init (&requests[i]);
        requests[i].token = values[i];
        requests[i].module = (char *) input_modules[steps[i].module];
        requests[i].access = (Jeton__V1__Access) steps[i].access;
        requests[i].environment = steps[i].sandbox ? JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                                                   : JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
        requests[i].client_address = (char *) input_addresses[steps[i].address];
        list[i] = &requests[i];
    }
    batch.n_requests = n;
    batch.requests = list;
    rpc_client_call (run->validator, &jeton__v1__validator__descriptor,
                     n == 1 ? "Validate" : "ValidateBatch",
                     n == 1 ? &requests[0].base : &batch.base, &options, callback, context);
}

const void *
call_object (const struct step *step, const void *reply)
{
    return message_inner (reply, step_noun (step->noun));
}
