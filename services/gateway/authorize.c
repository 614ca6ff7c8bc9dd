#include "services/gateway/authorize.h"

#include "envelope.pb-c.h"
#include "services/gateway/sign_in.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { FORM_LIMIT = 32768 }; // bytes: the longest user name, password and scope, each byte as %XX

static http_handler authorize_get, authorize_post;
static void authorize_looked (void *context, const struct rpc_result *result);
static void authorize_consented (void *context, const struct rpc_result *result);

// `lists`: of parameters that come twice this says so itself, on a page.
const struct http_route sign_in_routes[] = {
    {.listeners = HTTP_TLS,
     .methods = HTTP_GET,
     .path = AUTHORIZE_PATH,
     .handler = authorize_get,
     .lists = true},
    {.listeners = HTTP_TLS,
     .methods = HTTP_POST,
     .path = AUTHORIZE_PATH,
     .handler = authorize_post,
     .body_limit = FORM_LIMIT,
     .lists = true},
    {.path = NULL},
};

// ---- the request ----------------------------------------------------------------------------------------------------

// The parameters that mean something; others are ignored (RFC 6749 section 3.1).
static const struct {
    const char *name;
    size_t offset;
} parameters[] = {
#define PARAMETER(name)                                                                            \
    {                                                                                              \
#name, offsetof(struct authorization, name)                                                \
    }
    PARAMETER (response_type), PARAMETER (client_id),
    PARAMETER (redirect_uri),  PARAMETER (scope),
    PARAMETER (state),         PARAMETER (code_challenge),
    PARAMETER (environment),   PARAMETER (code_challenge_method),
#undef PARAMETER
};
enum { PARAMETERS = sizeof parameters / sizeof *parameters };

static const char none[] = ""; // what did not come

static const char **
parameter (struct authorization *authorization, size_t i)
{
    return (const char **) ((char *) authorization + parameters[i].offset);
}

// One that came twice ends it (section 3.1), with or without a value.
static bool
read_parameter (void *context, const char *name, const char *value)
{
    struct authorization *authorization = context;
    for (size_t i = 0; i < PARAMETERS; i++) {
        if (strcmp (parameters[i].name, name) != 0)
            continue;
        if (*parameter (authorization, i) != none)
            return false;
        *parameter (authorization, i) = value;
    }
    return true;
}

static char *
path_of (struct authorization *authorization, struct arena *arena)
{
    cleanup_markup struct markup path = {0};
    markup_add (&path, AUTHORIZE_PATH);
    char before = '?';
    for (size_t i = 0; i < PARAMETERS; i++) {
        const char *value = *parameter (authorization, i);
        if (!*value)
            continue;
        markup_raw (&path, &before, 1);
        markup_add (&path, "%s=", parameters[i].name);
        markup_uri (&path, value);
        before = '&';
    }
    return arena_strdup (arena, path.data);
}

// What is wrong with the parameters by themselves; NULL: nothing. The rest is for the issuer to say.
static const char *
parameters_wrong (struct exchange *exchange, struct authorization *authorization)
{
    for (size_t i = 0; i < PARAMETERS; i++)
        *parameter (authorization, i) = none;
    if (!exchange_query_each (exchange, read_parameter, authorization))
        return "A part of the request is there twice, so that nobody can tell which one is meant.";
    const char *environment = authorization->environment;
    if (*environment && strcmp (environment, "live") != 0 && strcmp (environment, "test") != 0)
        return "The request has an environment that is neither live nor test.";
    return NULL;
}

// The exchange's context from now on. NULL: it has been answered.
static struct authorization *
authorize_read (struct exchange *exchange)
{
    struct arena *arena = exchange_arena (exchange);
    struct authorization *authorization = arena_alloc (arena, sizeof *authorization);
    const char *wrong = authorization ? parameters_wrong (exchange, authorization) : NULL;
    if (wrong) {
        page_message (exchange, 400, "This link does not work", wrong, NULL);
        return NULL;
    }
    if (!authorization || !(authorization->path = path_of (authorization, arena)) ||
        !sign_in_read (exchange, authorization)) {
        page_message (exchange, 431, "This link does not work", "The request is too long.", NULL);
        return NULL;
    }
    exchange_context_set (exchange, authorization);
    return authorization;
}

static void
redirect (struct exchange *exchange, const char *location)
{
    exchange_set (exchange, "Location", location);
    exchange_set (exchange, "Referrer-Policy", "no-referrer");
    exchange_end (exchange, 303, NULL, NULL, 0);
}

void
authorize_again (struct exchange *exchange)
{
    const struct authorization *authorization = exchange_context (exchange);
    redirect (exchange, authorization->path);
}

void
authorize_location (const struct authorization *authorization, const char *iss, const char *name,
                    const char *value, const char *description, struct markup *location_r)
{
    const struct {
        const char *name, *value;
    } told[] = {{name, value},
                {"error_description", description},
                {"state", authorization->state},
                {"iss", iss}};
    const char *uri = authorization->redirect_uri;
    const char *before = !strchr (uri, '?') ? "?" : uri[strlen (uri) - 1] == '?' ? "" : "&";
    markup_raw (location_r, uri, strlen (uri));
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        if (!*told[i].value)
            continue;
        markup_raw (location_r, before, strlen (before));
        markup_raw (location_r, told[i].name, strlen (told[i].name));
        markup_raw (location_r, "=", 1);
        markup_uri (location_r, told[i].value);
        before = "&";
    }
}

// The issuer says what is wrong, and whether the client may be told: a redirect URI that it has not found good is never followed.
static void
refuse (struct exchange *exchange, const Jeton__V1__AuthorizeReply *reply)
{
    const struct authorization *authorization = exchange_context (exchange);
    cleanup_markup struct markup location = {0};
    char seconds[16];
    if (reply->redirect) {
        authorize_location (authorization, reply->iss, "error", reply->error,
                            reply->error_description, &location);
        redirect (exchange, location.data);
        return;
    }
    if (reply->status == 503) {
        page_unavailable (exchange, authorization->path);
        return;
    }
    if (reply->retry_after > 0) {
        snprintf (seconds, sizeof seconds, "%u", reply->retry_after);
        exchange_set (exchange, "Retry-After", seconds);
    }
    if (reply->status == 429) {
        page_message (exchange, 429, "Too many requests",
                      "Too many people ask for this from your network at the moment. Try again in "
                      "a few seconds.",
                      authorization->path);
        return;
    }
    const char *text = arena_printf (exchange_arena (exchange),
                                     "The application that sent you here made a mistake, or "
                                     "somebody else made this link. Nothing has been given away. "
                                     "For its developer: %s: %s",
                                     reply->error, reply->error_description);
    page_message (exchange, reply->status >= 400 && reply->status < 500 ? reply->status : 400,
                  "This link does not work", text ? text : reply->error, NULL);
}

// ---- looking --------------------------------------------------------------------------------------------------------

static void
ask_issuer (struct exchange *exchange, const char *scope, bool consent, rpc_callback *callback)
{
    const struct authorization *authorization = exchange_context (exchange);
    Jeton__V1__AuthorizeRequest message = JETON__V1__AUTHORIZE_REQUEST__INIT;
    message.response_type = (char *) authorization->response_type;
    message.client_id = (char *) authorization->client_id;
    message.redirect_uri = (char *) authorization->redirect_uri;
    message.scope = (char *) scope;
    message.code_challenge = (char *) authorization->code_challenge;
    message.code_challenge_method = (char *) authorization->code_challenge_method;
    message.environment = strcmp (authorization->environment, "test") == 0
                              ? JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                              : JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    message.consent = consent;
    gateway_call (
        exchange,
        &(struct gateway_call){.upstream = UPSTREAM_ISSUER,
                               .method = "Authorize",
                               .message = &message.base,
                               .home = authorization->client_id,
                               .bearer = authorization->nobody ? NULL : authorization->login,
                               .write = consent},
        callback);
}

static void
authorize_get (struct exchange *exchange)
{
    if (authorize_read (exchange))
        authorize_look (exchange);
}

void
authorize_look (struct exchange *exchange)
{
    struct authorization *authorization = exchange_context (exchange);
    if (!authorization->login)
        authorization->nobody = true;
    ask_issuer (exchange, authorization->scope, false, authorize_looked);
}

// The request may be good, though not for who is signed in: whoever sits there may be somebody else, too.
static void
look_for_another (struct exchange *exchange, const char *notice)
{
    struct authorization *authorization = exchange_context (exchange);
    authorization->nobody = true;
    authorization->notice = notice;
    authorization->status = 403;
    authorize_look (exchange);
}

static void
authorize_looked (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    const struct authorization *authorization = exchange_context (exchange);
    const Jeton__V1__AuthorizeReply *reply = result->reply;
    bool somebody = !authorization->nobody;
    if (result->code == JETON__V1__CODE__CODE_OK && reply) {
        if (!*reply->error && somebody)
            consent_page (exchange, reply);
        else if (!*reply->error)
            sign_in_page (exchange, reply);
        else if (somebody && strcmp (reply->error, "access_denied") == 0)
            look_for_another (exchange, "You are signed in as a user of another account than the "
                                        "application's. Sign in as one of its account.");
        else
            refuse (exchange, reply);
    } else if (result->code == JETON__V1__CODE__CODE_UNAUTHENTICATED && somebody) {
        look_for_another (exchange, NULL); // it was long ago
    } else if (result->code == JETON__V1__CODE__CODE_PERMISSION_DENIED && somebody) {
        look_for_another (exchange, "The user who is signed in here may do nothing at the moment.");
    } else if (result->code == JETON__V1__CODE__CODE_INVALID_ARGUMENT) {
        page_message (exchange, 400, "This link does not work",
                      "A part of the request is not valid.", NULL);
    } else {
        page_unavailable (exchange, authorization->path);
    }
}

// ---- what comes from our forms --------------------------------------------------------------------------------------

struct form {
    const char *action, *form, *scope, *username, *password;
};

static bool
read_field (void *context, const char *name, const char *value)
{
    struct form *form = context;
    const struct {
        const char *name, **value;
    } fields[] = {{"action", &form->action},
                  {"form", &form->form},
                  {"scope", &form->scope},
                  {"username", &form->username},
                  {"password", &form->password}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp (fields[i].name, name) != 0)
            continue;
        if (*fields[i].value != none)
            return false;
        *fields[i].value = value;
    }
    return true;
}

// It was made by us, for this browser, this request and who is signed in.
static bool
form_is_ours (const struct exchange *exchange, const struct authorization *authorization,
              const struct form *form)
{
    const struct gateway *gateway = exchange_owner (exchange);
    char wanted[SIGN_IN_FORM_SIZE];
    sign_in_form (authorization, form->action, form->scope, wanted);
    return sign_in_ours (exchange, gateway->settings.public_url) && !authorization->form_key_new &&
           strlen (form->form) == sizeof wanted - 1 &&
           sodium_memcmp (form->form, wanted, sizeof wanted - 1) == 0;
}

static void
authorize_post (struct exchange *exchange)
{
    struct authorization *authorization = authorize_read (exchange);
    struct form form = {none, none, none, none, none};
    struct error error;
    if (!authorization)
        return;
    if (strcmp (exchange_content_type (exchange), "application/x-www-form-urlencoded") != 0 ||
        !exchange_form (exchange, read_field, &form, &error)) {
        page_message (exchange, 400, "This did not work",
                      "What was sent is not one of the forms of this page.", authorization->path);
        return;
    }
    if (!form_is_ours (exchange, authorization, &form)) {
        page_message (exchange, 403, "This did not work",
                      "The form came from another site, is of a page that was open for too long, "
                      "or your browser keeps no cookies. Nothing has been done.",
                      authorization->path);
    } else if (strcmp (form.action, "sign-in") == 0) {
        sign_in_submit (exchange, form.username, form.password);
    } else if (strcmp (form.action, "switch") == 0) {
        sign_in_forget (exchange);
    } else if (strcmp (form.action, "allow") == 0 && authorization->login) {
        // What the user has seen is what is asked for, whatever it was that the client asked for.
        authorization->shown = form.scope;
        ask_issuer (exchange, form.scope, true, authorize_consented);
    } else {
        authorize_again (exchange);
    }
}

// A code for anything else than what was shown is never told, and expires.
static void
authorize_consented (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    const struct authorization *authorization = exchange_context (exchange);
    const Jeton__V1__AuthorizeReply *reply = result->reply;
    cleanup_markup struct markup location = {0};
    if (result->code == JETON__V1__CODE__CODE_UNAUTHENTICATED ||
        result->code == JETON__V1__CODE__CODE_PERMISSION_DENIED) {
        authorize_again (exchange); // which says why
    } else if (result->code != JETON__V1__CODE__CODE_OK || !reply) {
        page_unavailable (exchange, authorization->path);
    } else if (*reply->error) {
        refuse (exchange, reply);
    } else if (!reply->redirect || !*reply->code ||
               strcmp (reply->scope, authorization->shown) != 0) {
        authorize_again (exchange);
    } else {
        authorize_location (authorization, reply->iss, "code", reply->code, "", &location);
        redirect (exchange, location.data);
    }
}
