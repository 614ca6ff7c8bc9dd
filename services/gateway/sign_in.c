#include "services/gateway/sign_in.h"

#include "common/token/issuer_home.h"
#include "envelope.pb-c.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LOGIN_COOKIE      "__Host-jeton-login"
#define FORM_COOKIE       "__Host-jeton-form"
#define COOKIE_ATTRIBUTES "; Path=/; Secure; HttpOnly; SameSite=Lax"

enum { NAME_MAX_ = 512, TOKEN_MAX = 4096 };

static void sign_in_done (void *context, const struct rpc_result *result);
static void sign_in_forgotten (void *context, const struct rpc_result *result);

static const char wrong[] = "The user name or the password is wrong, or this user may not sign in.";

// ---- cookies --------------------------------------------------------------------------------------------------------

const char *
sign_in_cookie (const char *header, const char *name, size_t *length_r)
{
    size_t size = strlen (name);
    while (header && *header) {
        header += strspn (header, "; ");
        size_t length = strcspn (header, ";");
        if (length > size && header[size] == '=' && memcmp (header, name, size) == 0) {
            *length_r = length - size - 1;
            return header + size + 1;
        }
        header += length;
    }
    return NULL;
}

static bool
made_of (const char *text, size_t length, const char *besides)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c && strchr (besides, c))))
            return false;
    }
    return true;
}

// A cookie that is not as we make them is as if it had not come. False: the arena is full.
static bool
login_read (struct authorization *authorization, struct arena *arena, const char *value,
            size_t length)
{
    const char *point = memchr (value, '.', length);
    uint8_t name[NAME_MAX_ + 1];
    size_t size, head = point ? (size_t) (point - value) : 0;
    if (!point || length > NAME_MAX_ * 2 + TOKEN_MAX ||
        sodium_base642bin (name, NAME_MAX_, value, head, NULL, &size, NULL,
                           sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        size == 0 || memchr (name, '\0', size) || length - head < 2 ||
        !made_of (point + 1, length - head - 1, "-_."))
        return true;
    name[size] = '\0';
    char *token = arena_memdup (arena, point + 1, length - head);
    authorization->username = arena_strdup (arena, (const char *) name);
    authorization->login = token;
    if (!token || !authorization->username)
        return false;
    token[length - head - 1] = '\0';
    return true;
}

bool
sign_in_read (struct exchange *exchange, struct authorization *authorization)
{
    const char *header = exchange_header (exchange, "cookie");
    size_t length;
    const char *value = sign_in_cookie (header, FORM_COOKIE, &length);
    if (value && length == AUTHORIZE_FORM_KEY && made_of (value, length, "-_")) {
        memcpy (authorization->form_key, value, length);
    } else {
        uint8_t random[32];
        randombytes_buf (random, sizeof random);
        sodium_bin2base64 (authorization->form_key, sizeof authorization->form_key, random,
                           sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        authorization->form_key_new = true;
    }
    value = sign_in_cookie (header, LOGIN_COOKIE, &length);
    return !value || login_read (authorization, exchange_arena (exchange), value, length);
}

static void
login_set (struct exchange *exchange, const Jeton__V1__LoginReply *reply)
{
    char name[sodium_base64_ENCODED_LEN (NAME_MAX_, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    size_t size = strlen (reply->username);
    cleanup_markup struct markup cookie = {0};
    char life[64];
    sodium_bin2base64 (name, sizeof name, (const uint8_t *) reply->username,
                       size < NAME_MAX_ ? size : NAME_MAX_,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf (life, sizeof life, "; Max-Age=%" PRId64, reply->expires_in);
    markup_add (&cookie, LOGIN_COOKIE "=%s.%s%s" COOKIE_ATTRIBUTES, name, reply->access_token,
                life);
    exchange_set (exchange, "Set-Cookie", cookie.data);
}

void
sign_in_forget (struct exchange *exchange)
{
    const struct authorization *authorization = exchange_context (exchange);
    Jeton__V1__RevokeRequest message = JETON__V1__REVOKE_REQUEST__INIT;
    exchange_set (exchange, "Set-Cookie", LOGIN_COOKIE "=; Max-Age=0" COOKIE_ATTRIBUTES);
    if (!authorization->login) {
        authorize_again (exchange);
        return;
    }
    gateway_call (exchange,
                  &(struct gateway_call){.upstream = UPSTREAM_ISSUER,
                                         .method = "Revoke",
                                         .message = &message.base,
                                         .home = authorization->client_id,
                                         .bearer = authorization->login},
                  sign_in_forgotten);
}

// A token that is good no longer anyway needs no revoking.
static void
sign_in_forgotten (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    const struct authorization *authorization = exchange_context (exchange);
    const Jeton__V1__RevokeReply *reply = result->reply;
    if (result->code == JETON__V1__CODE__CODE_UNAUTHENTICATED || (reply && reply->status == 200))
        authorize_again (exchange);
    else
        page_message (exchange, 503, "Signed out here only",
                      "This browser has forgotten who was signed in. The sign-in itself could not "
                      "be ended at the moment: until it expires, it is good for whoever has a copy "
                      "of it. An administrator of your account can end it.",
                      authorization->path);
}

// ---- forms ----------------------------------------------------------------------------------------------------------

void
sign_in_form (const struct authorization *authorization, const char *action, const char *scope,
              char form_r[SIGN_IN_FORM_SIZE])
{
    const char *parts[] = {"jeton form", action, authorization->path, scope,
                           authorization->login ? authorization->login : ""};
    uint8_t digest[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init (&state, (const uint8_t *) authorization->form_key,
                                 AUTHORIZE_FORM_KEY);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) // with the NUL that ends each
        crypto_auth_hmacsha256_update (&state, (const uint8_t *) parts[i], strlen (parts[i]) + 1);
    crypto_auth_hmacsha256_final (&state, digest);
    sodium_bin2base64 (form_r, SIGN_IN_FORM_SIZE, digest, sizeof digest,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void
sign_in_form_open (struct page *page, const struct authorization *authorization, const char *action,
                   const char *scope)
{
    char form[SIGN_IN_FORM_SIZE];
    sign_in_form (authorization, action, scope, form);
    markup_add (&page->content,
                "<form method=\"post\" action=\"%s\">\n"
                "<input type=\"hidden\" name=\"action\" value=\"%s\">\n"
                "<input type=\"hidden\" name=\"form\" value=\"%s\">\n",
                authorization->path, action, form);
    if (*scope)
        markup_add (&page->content, "<input type=\"hidden\" name=\"scope\" value=\"%s\">\n", scope);
}

void
sign_in_remember (struct exchange *exchange)
{
    const struct authorization *authorization = exchange_context (exchange);
    char cookie[sizeof FORM_COOKIE COOKIE_ATTRIBUTES + AUTHORIZE_FORM_KEY + 1];
    if (!authorization->form_key_new)
        return;
    snprintf (cookie, sizeof cookie, FORM_COOKIE "=%s" COOKIE_ATTRIBUTES, authorization->form_key);
    exchange_set (exchange, "Set-Cookie", cookie);
}

// "https://jeton.example" of "https://jeton.example/…".
static bool
origin_is (const char *origin, const char *url)
{
    size_t size = strlen (origin);
    return *origin && strncasecmp (origin, url, size) == 0 && (!url[size] || url[size] == '/');
}

bool
sign_in_ours (const struct exchange *exchange, const char *public_url)
{
    const char *site = exchange_header (exchange, "sec-fetch-site");
    const char *origin = exchange_header (exchange, "origin");
    const char *host = exchange_header (exchange, "host");
    if (site && strcmp (site, "same-origin") != 0)
        return false;
    return !origin || origin_is (origin, public_url) ||
           (host && strncmp (origin, "https://", 8) == 0 && origin_is (origin + 8, host));
}

// ---- signing in -----------------------------------------------------------------------------------------------------

void
sign_in_page (struct exchange *exchange, const Jeton__V1__AuthorizeReply *reply)
{
    const struct authorization *authorization = exchange_context (exchange);
    bool again = authorization->typed != NULL;
    cleanup_markup struct markup cancel = {0};
    struct page page;
    sign_in_remember (exchange);
    page_begin (&page, exchange, authorization->notice ? "Error: Sign in" : "Sign in");
    markup_add (&page.content,
                "<h1>Sign in</h1>\n<p>to go on to <strong><bdi>%s</bdi></strong></p>\n",
                reply->client_name);
    page_alert (&page, authorization->notice);
    sign_in_form_open (&page, authorization, "sign-in", "");
    markup_add (&page.content,
                "<label for=\"username\">User name</label>\n"
                "<input id=\"username\" name=\"username\" value=\"%s\" autocomplete=\"username\" "
                "autocapitalize=\"none\" autocorrect=\"off\" spellcheck=\"false\" "
                "maxlength=\"512\" required",
                again ? authorization->typed : "");
    markup_add (&page.content, again ? ">\n" : " autofocus>\n");
    markup_add (&page.content, "<label for=\"password\">Password</label>\n"
                               "<input id=\"password\" name=\"password\" type=\"password\" "
                               "autocomplete=\"current-password\" maxlength=\"1024\" required");
    markup_add (&page.content, again ? " aria-describedby=\"alert\" autofocus>\n" : ">\n");
    markup_add (&page.content, "<button class=\"button main\">Sign in</button>\n</form>\n");
    authorize_location (authorization, reply->iss, "error", "access_denied", "", &cancel);
    markup_add (&page.content, "<a class=\"button\" href=\"%s\">Cancel</a>\n", cancel.data);
    if (authorization->retry_after)
        exchange_set (exchange, "Retry-After", authorization->retry_after);
    page_end (&page, authorization->notice ? authorization->status : 200, "");
}

void
sign_in_submit (struct exchange *exchange, const char *username, const char *password)
{
    struct authorization *authorization = exchange_context (exchange);
    Jeton__V1__LoginRequest message = JETON__V1__LOGIN_REQUEST__INIT;
    char home[ISSUER_HOME_SIZE];
    authorization->typed = username;
    authorization->nobody = true;
    if (!*username || !*password) {
        authorization->notice = "Enter your user name and your password.";
        authorization->status = 400;
        authorize_look (exchange);
        return;
    }
    message.username = (char *) username;
    message.password = (char *) password;
    message.environment = JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    issuer_home_user (username, home);
    gateway_call (exchange,
                  &(struct gateway_call){.upstream = UPSTREAM_ISSUER,
                                         .method = "Login",
                                         .message = &message.base,
                                         .home = home,
                                         .write = true},
                  sign_in_done);
}

// Too many that failed: the issuer says for how long; or too many at once.
static void
throttled (struct exchange *exchange, struct authorization *authorization, uint32_t wait)
{
    struct arena *arena = exchange_arena (exchange);
    authorization->status = 429;
    if (wait > 0)
        authorization->notice = arena_printf (
            arena, "Too many failed sign-ins. Wait %" PRIu32 " seconds, then try again.", wait);
    if (!authorization->notice)
        authorization->notice =
            "Too many people sign in at the moment. Try again in a few seconds.";
    authorization->retry_after = arena_printf (arena, "%" PRIu32, wait > 0 ? wait : 5);
}

// What is wrong with user name and password is told in the same words, whatever it is.
static void
sign_in_done (void *context, const struct rpc_result *result)
{
    struct exchange *exchange = context;
    struct authorization *authorization = exchange_context (exchange);
    switch (result->code) {
    case JETON__V1__CODE__CODE_OK:
        login_set (exchange, result->reply);
        authorize_again (exchange);
        return;
    case JETON__V1__CODE__CODE_UNAUTHENTICATED:
    case JETON__V1__CODE__CODE_INVALID_ARGUMENT:
        authorization->notice = wrong;
        authorization->status = 403;
        break;
    case JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED:
        throttled (exchange, authorization, result->retry_after);
        break;
    default: // codes of the wire, others may come
        authorization->notice = "Signing in is not possible at the moment, whatever was typed. Try "
                                "again in a few seconds.";
        authorization->status = 503;
        authorization->retry_after = "5";
    }
    authorize_look (exchange);
}
