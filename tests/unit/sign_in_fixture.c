#include "tests/unit/sign_in_fixture.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct exchange it;
struct gateway gateway;

void
fixture_put (struct pair *pairs, size_t max, const char *name, const char *value)
{
    size_t i = 0;
    while (i < max && pairs[i].name)
        i++;
    ck_assert_uint_lt (i, max);
    pairs[i] = (struct pair){xstrdup (name), xstrdup (value)};
}

const char *
fixture_get (const struct pair *pairs, size_t max, const char *name)
{
    for (size_t i = 0; i < max && pairs[i].name; i++)
        if (strcasecmp (pairs[i].name, name) == 0)
            return pairs[i].value;
    return NULL;
}

static bool
each_pair (const struct pair *pairs, exchange_each *each, void *context)
{
    for (size_t i = 0; i < PAIRS && pairs[i].name; i++)
        if (!each (context, pairs[i].name, pairs[i].value))
            return false;
    return true;
}

bool
exchange_query_each (struct exchange *exchange, exchange_each *each, void *context)
{
    return each_pair (exchange->query, each, context);
}

bool
exchange_form (struct exchange *exchange, exchange_each *each, void *context, struct error *error_r)
{
    error_set (error_r, "twice");
    return each_pair (exchange->form, each, context);
}

const char *
exchange_header (const struct exchange *exchange, const char *name)
{
    return fixture_get (exchange->headers, HEADERS, name);
}

const char *
exchange_content_type (struct exchange *exchange)
{
    return exchange->content_type;
}

struct arena *
exchange_arena (struct exchange *exchange)
{
    return exchange->arena;
}

void *
exchange_owner (const struct exchange *exchange)
{
    (void) exchange;
    return &gateway;
}

void *
exchange_context (const struct exchange *exchange)
{
    return exchange->context;
}

void
exchange_context_set (struct exchange *exchange, void *context)
{
    exchange->context = context;
}

const char *
exchange_correlation (struct exchange *exchange)
{
    (void) exchange;
    return "0af7651916cd43dd8448eb211c80319c";
}

void
exchange_set (struct exchange *exchange, const char *name, const char *value)
{
    for (const char *c = value; *c; c++)
        ck_assert_msg ((unsigned char) *c >= ' ', "a control character in %s", name);
    for (size_t i = 0; i < HEADERS && exchange->set[i].name; i++) {
        if (strcasecmp (exchange->set[i].name, name) != 0)
            continue;
        free (exchange->set[i].name);
        free (exchange->set[i].value);
        exchange->set[i] = (struct pair){xstrdup (name), xstrdup (value)};
        return;
    }
    fixture_put (exchange->set, HEADERS, name, value);
}

void
exchange_end (struct exchange *exchange, int status, const char *content_type, const void *body,
              size_t size)
{
    ck_assert_int_eq (exchange->status, 0);
    ck_assert (!exchange->callback);
    exchange->status = status;
    exchange->body = xcalloc (1, size + 1);
    if (size > 0)
        memcpy (exchange->body, body, size);
    ck_assert ((content_type != NULL) == (size > 0));
}

void
gateway_call (struct exchange *exchange, const struct gateway_call *call, rpc_callback *callback)
{
    ck_assert (!exchange->callback);
    ck_assert_int_eq (call->upstream, UPSTREAM_ISSUER);
    exchange->call = *call;
    exchange->callback = callback;
    if (strcmp (call->method, "Authorize") == 0)
        exchange->asked = *(const Jeton__V1__AuthorizeRequest *) call->message;
    else
        exchange->login = *(const Jeton__V1__LoginRequest *) call->message;
}

static void
clear_pairs (struct pair *pairs, size_t max)
{
    for (size_t i = 0; i < max; i++) {
        free (pairs[i].name);
        free (pairs[i].value);
        pairs[i] = (struct pair){NULL, NULL};
    }
}

void
fixture_fresh (void)
{
    clear_pairs (it.query, PAIRS);
    clear_pairs (it.form, PAIRS);
    clear_pairs (it.headers, HEADERS);
    clear_pairs (it.set, HEADERS);
    free (it.body);
    arena_destroy (&it.arena);
    it = (struct exchange){.arena = arena_new (1 << 20),
                           .content_type = "application/x-www-form-urlencoded"};
}

// ---- the browser and the issuer -------------------------------------------------------------------------------------

void
setup (void)
{
    gateway.settings.public_url = (char *) "https://jeton.example";
    fixture_fresh ();
}

void
good_query (void)
{
    fixture_fresh ();
    fixture_put (it.query, PAIRS, "response_type", "code");
    fixture_put (it.query, PAIRS, "client_id", "CLI-0000-0001");
    fixture_put (it.query, PAIRS, "redirect_uri", BACK);
    fixture_put (it.query, PAIRS, "state", "s&1");
    fixture_put (it.query, PAIRS, "unknown", "ignored");
    fixture_put (it.query, PAIRS, "unknown", "twice");
}

void
play (enum http_method method)
{
    for (const struct http_route *route = sign_in_routes; route->path; route++) {
        ck_assert_str_eq (route->path, AUTHORIZE_PATH);
        ck_assert_uint_eq (route->listeners, HTTP_TLS);
        if (route->methods == method)
            route->handler (&it);
    }
}

uint32_t retry_after;

void
answer_code (int code, const char *message, const void *reply)
{
    rpc_callback *callback = it.callback;
    struct rpc_result result = {
        .code = code, .message = message, .reply = reply, .retry_after = retry_after};
    ck_assert_msg (callback != NULL, "nothing was asked");
    it.callback = NULL;
    callback (&it, &result);
}

Jeton__V1__AuthorizeReply
look (void)
{
    Jeton__V1__AuthorizeReply reply = JETON__V1__AUTHORIZE_REPLY__INIT;
    reply.status = 200;
    reply.redirect = true;
    reply.iss = (char *) "https://jeton.example";
    reply.client_name = (char *) "desk";
    reply.account = (char *) "ACC-0000-0001";
    reply.account_name = (char *) "Acme";
    reply.scope = (char *) "market:12 module:orders:write module:stock:read";
    return reply;
}

void
answer (Jeton__V1__AuthorizeReply reply)
{
    answer_code (JETON__V1__CODE__CODE_OK, "", &reply);
}

char *
field_of (const char *action)
{
    static char value[64];
    char mark[64];
    snprintf (mark, sizeof mark, "name=\"action\" value=\"%s\">", action);
    const char *at = strstr (it.body, mark);
    ck_assert_msg (at != NULL, "no form %s in %s", action, it.body);
    at = strstr (at, "name=\"form\" value=\"");
    ck_assert_int_eq (sscanf (at, "name=\"form\" value=\"%63[^\"]\"", value), 1);
    return value;
}

char login_cookie[256], form_cookie[128];

void
send_cookies (bool signed_in)
{
    char header[512];
    snprintf (header, sizeof header, "theme=dark; %s%s%s", form_cookie, signed_in ? "; " : "",
              signed_in ? login_cookie : "");
    fixture_put (it.headers, HEADERS, "Cookie", header);
}

void
keep_cookie (char *cookie, size_t size)
{
    const char *set = fixture_get (it.set, HEADERS, "Set-Cookie");
    ck_assert (set != NULL);
    ck_assert_msg (strstr (set, "; Path=/; Secure; HttpOnly; SameSite=Lax") != NULL, "%s", set);
    ck_assert_int_eq (strncmp (set, "__Host-", 7), 0);
    snprintf (cookie, size, "%.*s", (int) strcspn (set, ";"), set);
}

void
at_sign_in (char form_r[64])
{
    good_query ();
    play (HTTP_GET);
    answer (look ());
    ck_assert_int_eq (it.status, 200);
    keep_cookie (form_cookie, sizeof form_cookie);
    snprintf (form_r, 64, "%s", field_of ("sign-in"));
}

void
post (const char *action, const char *form, const char *scope, bool signed_in)
{
    good_query ();
    send_cookies (signed_in);
    fixture_put (it.headers, HEADERS, "Sec-Fetch-Site", "same-origin");
    fixture_put (it.headers, HEADERS, "Origin", "https://jeton.example");
    fixture_put (it.form, PAIRS, "action", action);
    fixture_put (it.form, PAIRS, "form", form);
    if (scope)
        fixture_put (it.form, PAIRS, "scope", scope);
    if (strcmp (action, "sign-in") == 0) {
        fixture_put (it.form, PAIRS, "username", "Ada");
        fixture_put (it.form, PAIRS, "password", "correct horse");
    }
}

Jeton__V1__LoginReply
login_reply (void)
{
    Jeton__V1__LoginReply reply = JETON__V1__LOGIN_REPLY__INIT;
    reply.access_token = (char *) JWT;
    reply.username = (char *) "ada";
    reply.expires_in = 3600;
    return reply;
}

void
at_consent (char form_r[64])
{
    char form[64];
    Jeton__V1__LoginReply reply = login_reply ();
    at_sign_in (form);
    post ("sign-in", form, NULL, false);
    play (HTTP_POST);
    answer_code (JETON__V1__CODE__CODE_OK, "", &reply);
    ck_assert_int_eq (it.status, 303);
    keep_cookie (login_cookie, sizeof login_cookie);
    good_query ();
    send_cookies (true);
    play (HTTP_GET);
    ck_assert_str_eq (it.call.bearer, JWT);
    answer (look ());
    ck_assert_int_eq (it.status, 200);
    snprintf (form_r, 64, "%s", field_of ("allow"));
}

void
says (const char *text)
{
    ck_assert_msg (it.body && strstr (it.body, text), "no \"%s\" in: %s", text, it.body);
}

void
leads_to (const char *location)
{
    ck_assert_int_eq (it.status, 303);
    ck_assert_str_eq (fixture_get (it.set, HEADERS, "Location"), location);
}
