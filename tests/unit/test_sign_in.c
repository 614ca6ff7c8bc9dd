// The pages of /oauth/authorize (R17, R23, R46), with a browser and an issuer that the test plays: which form is taken, what is asked for, what is told to whom.
// objects: services/gateway/authorize.o services/gateway/consent.o services/gateway/markup.o services/gateway/page.o services/gateway/page_style.o services/gateway/sign_in.o
#include "envelope.pb-c.h"
#include "services/gateway/sign_in.h"

#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BACK "https://desk.example/back"
#define JWT  "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"

enum { HEADERS = 16, PAIRS = 16 };

struct pair {
    char *name, *value;
};

// What http.c has of an exchange, as far as the pages look.
struct exchange {
    struct arena *arena;
    void *context;
    struct pair query[PAIRS], form[PAIRS], headers[HEADERS], set[HEADERS];
    const char *content_type;
    int status; // 0: not ended
    char *body;
    // The call that is out.
    struct gateway_call call;
    rpc_callback *callback;
    Jeton__V1__AuthorizeRequest asked;
    Jeton__V1__LoginRequest login;
};

static struct exchange it;
static struct gateway gateway;

static void
put (struct pair *pairs, size_t max, const char *name, const char *value)
{
    size_t i = 0;
    while (i < max && pairs[i].name)
        i++;
    ck_assert_uint_lt (i, max);
    pairs[i] = (struct pair){xstrdup (name), xstrdup (value)};
}

static const char *
get (const struct pair *pairs, size_t max, const char *name)
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
    return get (exchange->headers, HEADERS, name);
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
exchange_correlation (const struct exchange *exchange)
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
    put (exchange->set, HEADERS, name, value);
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

// ---- the browser and the issuer -------------------------------------------------------------------------------------

static void
clear_pairs (struct pair *pairs, size_t max)
{
    for (size_t i = 0; i < max; i++) {
        free (pairs[i].name);
        free (pairs[i].value);
        pairs[i] = (struct pair){NULL, NULL};
    }
}

// A new exchange; nothing was sent yet.
static void
fresh (void)
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

static void
setup (void)
{
    gateway.settings.public_url = (char *) "https://jeton.example";
    fresh ();
}

static void
good_query (void)
{
    fresh ();
    put (it.query, PAIRS, "response_type", "code");
    put (it.query, PAIRS, "client_id", "CLI-0000-0001");
    put (it.query, PAIRS, "redirect_uri", BACK);
    put (it.query, PAIRS, "state", "s&1");
    put (it.query, PAIRS, "unknown", "ignored");
    put (it.query, PAIRS, "unknown", "twice");
}

static void
play (enum http_method method)
{
    for (const struct http_route *route = sign_in_routes; route->path; route++) {
        ck_assert_str_eq (route->path, AUTHORIZE_PATH);
        ck_assert_uint_eq (route->listeners, HTTP_TLS);
        if (route->methods == method)
            route->handler (&it);
    }
}

static void
answer_code (int code, const char *message, const void *reply)
{
    rpc_callback *callback = it.callback;
    struct rpc_result result = {.code = code, .message = message, .reply = reply};
    ck_assert_msg (callback != NULL, "nothing was asked");
    it.callback = NULL;
    callback (&it, &result);
}

static Jeton__V1__AuthorizeReply
look (void)
{
    Jeton__V1__AuthorizeReply reply = JETON__V1__AUTHORIZE_REPLY__INIT;
    reply.status = 200;
    reply.redirect = true;
    reply.iss = (char *) "https://jeton.example";
    reply.client_name = (char *) "desk";
    reply.account = (char *) "ACC-0000-0001";
    reply.scope = (char *) "market:12 module:orders:write module:stock:read";
    return reply;
}

static void
answer (Jeton__V1__AuthorizeReply reply)
{
    answer_code (JETON__V1__CODE__CODE_OK, "", &reply);
}

// The value of the form's hidden field, on the page with the action.
static char *
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

static char login_cookie[256], form_cookie[128];

static void
send_cookies (bool signed_in)
{
    char header[512];
    snprintf (header, sizeof header, "theme=dark; %s%s%s", form_cookie, signed_in ? "; " : "",
              signed_in ? login_cookie : "");
    put (it.headers, HEADERS, "Cookie", header);
}

static void
keep_cookie (char *cookie, size_t size)
{
    const char *set = get (it.set, HEADERS, "Set-Cookie");
    ck_assert (set != NULL);
    ck_assert_msg (strstr (set, "; Path=/; Secure; HttpOnly; SameSite=Lax") != NULL, "%s", set);
    ck_assert_int_eq (strncmp (set, "__Host-", 7), 0);
    snprintf (cookie, size, "%.*s", (int) strcspn (set, ";"), set);
}

// The browser has come to the page to sign in; `form` is its field.
static void
at_sign_in (char form_r[64])
{
    good_query ();
    play (HTTP_GET);
    answer (look ());
    ck_assert_int_eq (it.status, 200);
    keep_cookie (form_cookie, sizeof form_cookie);
    snprintf (form_r, 64, "%s", field_of ("sign-in"));
}

static void
post (const char *action, const char *form, const char *scope, bool signed_in)
{
    good_query ();
    send_cookies (signed_in);
    put (it.headers, HEADERS, "Sec-Fetch-Site", "same-origin");
    put (it.headers, HEADERS, "Origin", "https://jeton.example");
    put (it.form, PAIRS, "action", action);
    put (it.form, PAIRS, "form", form);
    if (scope)
        put (it.form, PAIRS, "scope", scope);
    if (strcmp (action, "sign-in") == 0) {
        put (it.form, PAIRS, "username", "Ada");
        put (it.form, PAIRS, "password", "correct horse");
    }
}

static Jeton__V1__LoginReply
login_reply (void)
{
    Jeton__V1__LoginReply reply = JETON__V1__LOGIN_REPLY__INIT;
    reply.access_token = (char *) JWT;
    reply.username = (char *) "ada";
    reply.expires_in = 3600;
    return reply;
}

// The browser has come to the page to consent.
static void
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

static void
says (const char *text)
{
    ck_assert_msg (it.body && strstr (it.body, text), "no \"%s\" in: %s", text, it.body);
}

static void
leads_to (const char *location)
{
    ck_assert_int_eq (it.status, 303);
    ck_assert_str_eq (get (it.set, HEADERS, "Location"), location);
}

// ---- what is written ------------------------------------------------------------------------------------------------

START_TEST (escaped)
{
    cleanup_markup struct markup markup = {0};
    markup_add (&markup, "<p title=\"%s\">100%%</p>", "<&>\"'\n\x7fé");
    ck_assert_str_eq (markup.data,
                      "<p title=\"&lt;&amp;&gt;&quot;&#39;\xef\xbf\xbd\xef\xbf\xbdé\">100%</p>");
    for (int c = 1; c < 256; c++) {
        cleanup_markup struct markup one = {0}, uri = {0};
        char text[2] = {(char) c, '\0'}, wanted[4];
        markup_text (&one, text);
        ck_assert_msg (c == '&' || !strpbrk (one.data, "<>\"'\n\r\t"), "%d", c);
        markup_uri (&uri, text);
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     strchr ("-._~", c);
        snprintf (wanted, sizeof wanted, plain ? "%c" : "%%%02X", c);
        ck_assert_str_eq (uri.data, wanted);
    }
}
END_TEST

START_TEST (places)
{
    static const struct {
        const char *uri, *host, *source;
    } rows[] = {
        {"https://desk.example/back?b=1", "desk.example", "https:"},
        {"https://desk.example:8443", "desk.example:8443", "https:"},
        {"http://127.0.0.1:5000/x", "127.0.0.1:5000", "https: http://127.0.0.1:5000"},
        {"http://localhost?x", "localhost", "https: http://localhost"},
        {"http://[::1]:80/", "[::1]:80", "https: http:"},
        {"http://a;script-src */", "a;script-src *", "https: http:"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char host[MARKUP_HOST_SIZE], source[MARKUP_SOURCE_SIZE];
        markup_host (rows[i].uri, host);
        ck_assert_str_eq (host, rows[i].host);
        markup_form_action (rows[i].uri, source);
        ck_assert_str_eq (source, rows[i].source);
    }
    char uri[600] = "https://", host[MARKUP_HOST_SIZE];
    memset (uri + 8, 'a', 500);
    memcpy (uri + 500, "evil.com", 9);
    markup_host (uri, host);
    ck_assert_uint_eq (strlen (host), MARKUP_HOST_SIZE - 1);
    ck_assert_int_eq (strncmp (host, "…a", 4), 0);
    ck_assert_str_eq (host + strlen (host) - 9, "aevil.com");
}
END_TEST

START_TEST (locations)
{
    static const struct {
        const char *uri, *wanted;
    } rows[] = {
        {"https://a/b", "https://a/b?error=x&error_description=a%20b&state=%26%23&iss=i"},
        {"https://a/b?c=d", "https://a/b?c=d&error=x&error_description=a%20b&state=%26%23&iss=i"},
        {"https://a/b?", "https://a/b?error=x&error_description=a%20b&state=%26%23&iss=i"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct authorization authorization = {.redirect_uri = rows[i].uri, .state = "&#"};
        cleanup_markup struct markup location = {0};
        authorize_location (&authorization, "i", "error", "x", "a b", &location);
        ck_assert_str_eq (location.data, rows[i].wanted);
    }
}
END_TEST

START_TEST (cookies)
{
    static const struct {
        const char *header, *wanted;
    } rows[] = {
        {NULL, NULL},           {"", NULL},    {"a=1", "1"},      {"b=2; a=1", "1"},
        {"b=2;a=1;c=3", "1"},   {"a=", ""},    {"a", NULL},       {"aa=1", NULL},
        {"b=a=1; a=2", "2"},    {"A=1", NULL}, {"a=1; a=2", "1"}, {";;; a=x=y;", "x=y"},
        {"b=\"; a=1\"", "1\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t length = 0;
        const char *value = sign_in_cookie (rows[i].header, "a", &length);
        ck_assert_msg ((value != NULL) == (rows[i].wanted != NULL), "%zu", i);
        if (value) {
            ck_assert_uint_eq (length, strlen (rows[i].wanted));
            ck_assert_int_eq (strncmp (value, rows[i].wanted, length), 0);
        }
    }
    // What we never made is as if it had not come.
    static const char *const bad[] = {
        "x",         ".",        "YWRh.",     "." JWT,          "YWRh",
        "YW!h." JWT, "YWRh.a b", "YWRh.a\"b", "YWRh.a\xc3\xa9", "YQBh." JWT,
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char header[256];
        good_query ();
        snprintf (header, sizeof header, "__Host-jeton-login=%s; __Host-jeton-form=short", bad[i]);
        put (it.headers, HEADERS, "Cookie", header);
        play (HTTP_GET);
        ck_assert_msg (it.call.bearer == NULL, "%s", bad[i]);
        answer (look ());
        keep_cookie (form_cookie, sizeof form_cookie);
    }
}
END_TEST

// ---- the steps ------------------------------------------------------------------------------------------------------

START_TEST (whole)
{
    char form[64];
    at_sign_in (form);
    ck_assert_str_eq (it.asked.client_id, "CLI-0000-0001");
    ck_assert (!it.asked.consent && !it.call.write && !it.call.bearer);
    says ("<strong><bdi>desk</bdi></strong>");
    says ("href=\"" BACK
          "?error=access_denied&amp;state=s%261&amp;iss=https%3A%2F%2Fjeton.example\"");
    ck_assert (strstr (get (it.set, HEADERS, "Content-Security-Policy"), "form-action 'self';"));
    post ("sign-in", form, NULL, false);
    play (HTTP_POST);
    ck_assert_str_eq (it.call.method, "Login");
    ck_assert_str_eq (it.login.username, "Ada");
    ck_assert_str_eq (it.login.password, "correct horse");
    ck_assert (it.call.write && !it.call.bearer);
    Jeton__V1__LoginReply reply = login_reply ();
    answer_code (JETON__V1__CODE__CODE_OK, "", &reply);
    leads_to ("/oauth/authorize?response_type=code&client_id=CLI-0000-0001&redirect_uri="
              "https%3A%2F%2Fdesk.example%2Fback&state=s%261");
    ck_assert_str_eq (get (it.set, HEADERS, "Set-Cookie"),
                      "__Host-jeton-login=YWRh." JWT
                      "; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax");
    at_consent (form);
    says ("<bdi>orders</bdi> <span>read and change</span>");
    says ("<bdi>stock</bdi> <span>read</span>");
    says ("Market <span>12</span>");
    says ("Signed in as <bdi>ada</bdi>");
    ck_assert (!get (it.set, HEADERS, "Set-Cookie"));
    post ("allow", form, look ().scope, true);
    play (HTTP_POST);
    ck_assert (it.asked.consent && it.call.write);
    ck_assert_str_eq (it.asked.scope, look ().scope); // what was shown, not what was asked for
    ck_assert_str_eq (it.call.bearer, JWT);
    Jeton__V1__AuthorizeReply code = look ();
    code.code = (char *) "jtn_code_x";
    answer (code);
    leads_to (BACK "?code=jtn_code_x&state=s%261&iss=https%3A%2F%2Fjeton.example");
    ck_assert_str_eq (it.body, "");
}
END_TEST

START_TEST (forged)
{
    char form[64], other[64];
    static const struct {
        const char *name, *value;
        bool good;
    } rows[] = {
        {"Origin", "https://jeton.example", true},
        {"Origin", "https://gate.internal:8443", true}, // as Host says
        {"Origin", "https://evil.example", false},
        {"Origin", "https://jeton.example.evil.example", false},
        {"Origin", "https://jeton.exampl", false},
        {"Origin", "http://gate.internal:8443", false},
        {"Origin", "null", false},
        {"Origin", "", false},
        {"Sec-Fetch-Site", "same-origin", true},
        {"Sec-Fetch-Site", "same-site", false},
        {"Sec-Fetch-Site", "cross-site", false},
        {"Sec-Fetch-Site", "none", false},
    };
    at_consent (form);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fresh ();
        put (it.headers, HEADERS, "Host", "gate.internal:8443");
        put (it.headers, HEADERS, rows[i].name, rows[i].value);
        ck_assert_msg (sign_in_ours (&it, gateway.settings.public_url) == rows[i].good, "%s: %s",
                       rows[i].name, rows[i].value);
    }
    // For another scope, user, action, request or browser than it was made for.
    for (int what = 0; what < 8; what++) {
        snprintf (other, sizeof other, "%s", form);
        if (what == 4)
            other[0] = other[0] == 'A' ? 'B' : 'A';
        post (what == 1 ? "switch" : "allow", what == 5 ? "" : other,
              what == 0 ? "module:orders:write" : look ().scope, what != 2);
        if (what == 3) {
            free (it.query[2].value);
            it.query[2].value = xstrdup ("https://desk.example/other");
        } else if (what == 6 || what == 7) {
            char *header = it.headers[0].value;
            if (what == 6)
                header[strlen ("theme=dark; __Host-jeton-form=")] ^= 1;
            else
                strstr (header, "jeton-form")[9] = 't';
        }
        play (HTTP_POST);
        ck_assert_msg (!it.callback && it.status == 403, "%d: %d", what, it.status);
        ck_assert (!get (it.set, HEADERS, "Location"));
    }
    post ("allow", form, look ().scope, true);
    put (it.form, PAIRS, "form", form);
    play (HTTP_POST);
    ck_assert_int_eq (it.status, 400);
    post ("allow", form, look ().scope, true);
    it.content_type = "text/plain";
    play (HTTP_POST);
    ck_assert_int_eq (it.status, 400);
}
END_TEST

START_TEST (twice)
{
    static const char *const names[] = {
        "response_type", "client_id",      "redirect_uri", "scope",
        "state",         "code_challenge", "environment",  "code_challenge_method"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (int empty = 0; empty < 2; empty++) {
            fresh ();
            put (it.query, PAIRS, names[i], empty ? "" : "live");
            put (it.query, PAIRS, names[i], empty ? "" : "live");
            play (HTTP_GET);
            ck_assert_int_eq (it.status, 400);
        }
    }
    good_query ();
    put (it.query, PAIRS, "environment", "moon");
    play (HTTP_GET);
    ck_assert_int_eq (it.status, 400);
    good_query ();
    put (it.query, PAIRS, "environment", "test");
    play (HTTP_GET);
    ck_assert_int_eq (it.asked.environment, JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST);
}
END_TEST

START_TEST (sign_in_fails)
{
    static const struct {
        int code;
        const char *message;
        int status;
        const char *says, *retry;
    } rows[] = {
        {JETON__V1__CODE__CODE_UNAUTHENTICATED, "", 403, "The user name or the password is wrong",
         NULL},
        {JETON__V1__CODE__CODE_INVALID_ARGUMENT, "username is required", 403,
         "The user name or the password is wrong", NULL},
        {JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
         "too many failed sign-ins: wait 17 s before the next", 429, "Wait 17 seconds", "17"},
        {JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
         "too many sign-ins at once: try again in a moment", 429, "Too many people", "5"},
        {JETON__V1__CODE__CODE_UNAVAILABLE, "", 503, "not possible at the moment", "5"},
        {JETON__V1__CODE__CODE_UNKNOWN, "", 503, "not possible at the moment", "5"},
    };
    char form[64];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        at_sign_in (form);
        post ("sign-in", form, NULL, false);
        play (HTTP_POST);
        answer_code (rows[i].code, rows[i].message, NULL);
        answer (look ());
        ck_assert_int_eq (it.status, rows[i].status);
        says (rows[i].says);
        says ("role=\"alert\"");
        says ("<title>Error: Sign in");
        says ("value=\"Ada\"");
        ck_assert (!strstr (it.body, "horse"));
        ck_assert (!get (it.set, HEADERS, "Set-Cookie"));
        const char *retry = get (it.set, HEADERS, "Retry-After");
        ck_assert ((retry != NULL) == (rows[i].retry != NULL));
        if (retry)
            ck_assert_str_eq (retry, rows[i].retry);
    }
}
END_TEST

// Who is signed in may not be who is meant.
START_TEST (another)
{
    char form[64];
    Jeton__V1__AuthorizeReply denied = look ();
    denied.status = 403;
    denied.error = (char *) "access_denied";
    at_consent (form);
    for (int what = 0; what < 3; what++) {
        good_query ();
        send_cookies (true);
        play (HTTP_GET);
        if (what == 0)
            answer (denied);
        else
            answer_code (what == 1 ? JETON__V1__CODE__CODE_UNAUTHENTICATED
                                   : JETON__V1__CODE__CODE_PERMISSION_DENIED,
                         "", NULL);
        ck_assert (!it.call.bearer);
        answer (look ());
        ck_assert_int_eq (it.status, what == 1 ? 200 : 403);
        says ("name=\"password\"");
        ck_assert ((strstr (it.body, "role=\"alert\"") != NULL) == (what != 1));
    }
    at_consent (form);
    char *change = field_of ("switch");
    post ("switch", change, NULL, true);
    play (HTTP_POST);
    ck_assert_int_eq (it.status, 303);
    ck_assert (strstr (get (it.set, HEADERS, "Set-Cookie"), "__Host-jeton-login=; Max-Age=0;"));
}
END_TEST

// What the issuer does not let be told to the redirect URI is shown; what it cannot tell is no answer.
START_TEST (refusals)
{
    char form[64];
    Jeton__V1__AuthorizeReply wrong = JETON__V1__AUTHORIZE_REPLY__INIT;
    wrong.status = 400;
    wrong.error = (char *) "invalid_scope";
    wrong.error_description = (char *) "<no>";
    good_query ();
    play (HTTP_GET);
    answer (wrong);
    ck_assert_int_eq (it.status, 400);
    ck_assert (!get (it.set, HEADERS, "Location"));
    says ("invalid_scope: &lt;no&gt;");
    wrong.redirect = true;
    wrong.iss = (char *) "i";
    good_query ();
    play (HTTP_GET);
    answer (wrong);
    leads_to (BACK "?error=invalid_scope&error_description=%3Cno%3E&state=s%261&iss=i");
    static const int codes[] = {JETON__V1__CODE__CODE_UNAVAILABLE, JETON__V1__CODE__CODE_UNKNOWN,
                                JETON__V1__CODE__CODE_DEADLINE_EXCEEDED,
                                JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                                JETON__V1__CODE__CODE_INTERNAL};
    at_consent (form);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        good_query ();
        play (HTTP_GET);
        answer_code (codes[i], "", NULL);
        ck_assert_int_eq (it.status, 503);
        post ("allow", form, look ().scope, true);
        play (HTTP_POST);
        answer_code (codes[i], "", NULL);
        ck_assert_int_eq (it.status, 503);
        ck_assert (!get (it.set, HEADERS, "Location"));
    }
    // Signed out elsewhere meanwhile, or the client may do less than was shown: from the beginning.
    for (int what = 0; what < 3; what++) {
        Jeton__V1__AuthorizeReply code = look ();
        code.code = (char *) "jtn_code_x";
        if (what == 0)
            code.scope = (char *) "market:12 module:orders:write";
        if (what == 1)
            code.redirect = false;
        post ("allow", form, look ().scope, true);
        play (HTTP_POST);
        if (what < 2)
            answer (code);
        else
            answer_code (JETON__V1__CODE__CODE_UNAUTHENTICATED, "", NULL);
        ck_assert_int_eq (it.status, 303);
        ck_assert (strstr (get (it.set, HEADERS, "Location"), AUTHORIZE_PATH "?response_type"));
    }
}
END_TEST

START_TEST (hostile)
{
    static const char attack[] = "\"'><script>alert(1)</script><!--&";
    char form[64];
    at_consent (form);
    for (int page = 0; page < 4; page++) {
        Jeton__V1__AuthorizeReply reply = look ();
        reply.client_name = (char *) attack;
        reply.account = (char *) attack;
        reply.iss = (char *) attack;
        fresh ();
        static const char *const names[] = {
            "response_type", "client_id",      "redirect_uri",         "scope",
            "state",         "code_challenge", "code_challenge_method"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            put (it.query, PAIRS, names[i], attack);
        if (page == 1)
            send_cookies (true);
        if (page == 2) {
            reply.error = reply.error_description = (char *) attack;
            reply.redirect = false;
        }
        if (page == 3)
            reply.scope = (char *) attack;
        play (HTTP_GET);
        answer (reply);
        ck_assert (!strstr (it.body, "<script") && !strstr (it.body, "<!--") &&
                   !strstr (it.body, "\"'"));
        const char *policy = get (it.set, HEADERS, "Content-Security-Policy");
        ck_assert_int_eq (strncmp (policy, "default-src 'none'; style-src 'sha256-", 38), 0);
        ck_assert (!strchr (policy, '<') && strstr (policy, "frame-ancestors 'none'"));
    }
}
END_TEST

int
main (void)
{
    if (sodium_init () < 0)
        return EXIT_FAILURE;
    Suite *suite = suite_create ("sign-in");
    TCase *tcase = tcase_create ("sign-in");
    tcase_add_checked_fixture (tcase, setup, NULL);
    tcase_add_test (tcase, escaped);
    tcase_add_test (tcase, places);
    tcase_add_test (tcase, locations);
    tcase_add_test (tcase, cookies);
    tcase_add_test (tcase, whole);
    tcase_add_test (tcase, forged);
    tcase_add_test (tcase, twice);
    tcase_add_test (tcase, sign_in_fails);
    tcase_add_test (tcase, another);
    tcase_add_test (tcase, refusals);
    tcase_add_test (tcase, hostile);
    suite_add_tcase (suite, tcase);
    SRunner *runner = srunner_create (suite);
    srunner_run_all (runner, CK_NORMAL);
    int failed = srunner_ntests_failed (runner);
    srunner_free (runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
