// What things are called.
#include "tests/property/step.h"
#include <inttypes.h>
#include <stdio.h>

#define RESOURCE(noun)                                                                             \
    {                                                                                              \
        [CREATE] = ("Create" noun), [EDIT] = ("Edit" noun), [ENABLE] = ("Activate" noun),          \
        [DISABLE] = ("Deactivate" noun), [DELETE] = ("Delete" noun), [GET] = ("Get" noun),         \
        [LIST] = ("List" noun "s"),                                                                \
    }
static const char *const methods[NOUNS][VERBS] = {
    [ACCOUNT] = {[CREATE] = "CreateAccount",
                 [ENABLE] = "ResumeAccount",
                 [DISABLE] = "SuspendAccount",
                 [MODULE_ON] = "EnableModule",
                 [MODULE_OFF] = "DisableModule",
                 [GET] = "GetAccount"},
    [USER] = {[CREATE] = "CreateUser",
              [ENABLE] = "EnableUser",
              [DISABLE] = "DisableUser",
              [GET] = "GetUser",
              [LIST] = "ListUsers"},
    [TOKEN] = {[CREATE] = "CreateToken",
               [EDIT] = "EditToken",
               [ENABLE] = "EnableToken",
               [DISABLE] = "DisableToken",
               [DELETE] = "DeleteToken",
               [ROTATE] = "RotateToken",
               [SET_LOGO] = "SetTokenLogo",
               [REVEAL] = "RevealToken",
               [GET] = "GetToken",
               [LIST] = "ListTokens",
               [VALIDATE] = "Validate"},
    [GROUP] = RESOURCE ("CustomerGroup"),
    [MARKET] = RESOURCE ("Market"),
    [LOCATION] = RESOURCE ("StockLocation"),
    [CLIENT] = RESOURCE ("Client"),
};

#define EVENTS(noun, on, off)                                                                      \
    {                                                                                              \
        [CREATE] = (noun ".created"), [EDIT] = (noun ".edited"), [ENABLE] = (noun on),             \
        [DISABLE] = (noun off), [DELETE] = (noun ".deleted"), [ROTATE] = (noun ".rotated"),        \
        [SET_LOGO] = (noun ".logo_changed"), [MODULE_ON] = "platform.accounts.module.enabled",     \
        [MODULE_OFF] = "platform.accounts.module.disabled", [REVEAL] = (noun ".revealed"),         \
    }
static const char *const events[NOUNS][REVEAL + 1] = {
    [ACCOUNT] = EVENTS ("platform.accounts.account", ".resumed", ".suspended"),
    [USER] = EVENTS ("platform.users.user", ".enabled", ".disabled"),
    [TOKEN] = EVENTS ("platform.tokens.token", ".enabled", ".disabled"),
    [GROUP] = EVENTS ("platform.customers.customer_group", ".activated", ".deactivated"),
    [MARKET] = EVENTS ("platform.markets.market", ".activated", ".deactivated"),
    [LOCATION] = EVENTS ("platform.stock_locations.stock_location", ".activated", ".deactivated"),
    [CLIENT] = EVENTS ("platform.clients.client", ".activated", ".deactivated"),
};

const char *
step_method (const struct step *step)
{
    return methods[step->noun][step->verb];
}

const char *
step_event (enum noun noun, enum verb verb)
{
    return events[noun][verb];
}

const char *
step_noun (enum noun noun)
{
    static const char *const nouns[NOUNS] = {"account", "user",           "token", "customer_group",
                                             "market",  "stock_location", "client"};
    return nouns[noun];
}

void
step_print (const struct step *step, char text_r[STEP_TEXT_SIZE])
{
    int length = snprintf (text_r, STEP_TEXT_SIZE, "%s %s", step_method (step),
                           step->object ? step->object->id : "");
    char *end = text_r + length;
    size_t room = STEP_TEXT_SIZE - (size_t) length;
    if (step->verb == SET_LOGO)
        snprintf (end, room, " of revision %" PRId64 ", %zu bytes", step->revision,
                  step->wanted.logo->size);
    else if (step->verb == EDIT)
        snprintf (end, room, " of revision %" PRId64 ", fields 0x%x (fault %d)", step->revision,
                  step->fields, (int) step->fault);
    else if (step->verb == ROTATE)
        snprintf (end, room, " of revision %" PRId64 ", grace %" PRId64, step->revision,
                  step->grace);
    else if (step->verb == VALIDATE)
        snprintf (end, room, " age %zu%s: %s %s from \"%s\"%s", step->age,
                  step->typo ? " mistyped" : "", step->access == WRITE ? "write" : "read",
                  input_modules[step->module], input_addresses[step->address],
                  step->sandbox ? " in the sandbox" : "");
    else if (step->verb == MODULE_ON || step->verb == MODULE_OFF)
        snprintf (end, room, " %s", input_modules[step->module]);
    else if (step->verb == LIST)
        snprintf (end, room, " %zu after the %zuth: status %d, kind %d, module %s", step->size,
                  step->after, step->status, step->kind, input_modules[step->module]);
    else if (step->verb == CREATE)
        snprintf (end, room, " kind %d, refers to \"%s\", %zu modules, expires %" PRId64,
                  step->wanted.kind, step->wanted.reference, step->wanted.n_grants,
                  step->wanted.expires_at);
}
