// The pages of /oauth/authorize without a server: an exchange as a test says it is, which remembers what was called and what was answered; a browser, and an issuer.
#ifndef JETON_TESTS_SIGN_IN_FIXTURE_H
#define JETON_TESTS_SIGN_IN_FIXTURE_H

#include "services/gateway/sign_in.h"

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

// The one exchange that there is, and whose it is.
extern struct exchange it;
extern struct gateway gateway;

// fixture_fresh (): A new exchange; nothing was sent yet.
void fixture_fresh (void);
// fixture_put (pairs, max, name, value): One more of `max` that there may be. fixture_get (pairs, max, name): The first of that name, or NULL.
void fixture_put (struct pair *pairs, size_t max, const char *name, const char *value);
const char *fixture_get (const struct pair *pairs, size_t max, const char *name);

// ---- the browser: it has the cookies that it was given, as headers say them, and asks for BACK of "desk" ----------------------

extern char login_cookie[256], form_cookie[128];

// setup (): Before each test. good_query (): A new exchange, with a request that is as it should be. play (method): The handler of the page runs.
void setup (void);
void good_query (void);
void play (enum http_method method);
// at_sign_in (form_r), at_consent (form_r): The browser has come to the page to sign in, or, signed in, to consent; `form_r` gets the form's hidden field.
void at_sign_in (char form_r[64]);
void at_consent (char form_r[64]);
// post (action, form, scope, signed_in): The exchange is what the page's form sends, ready to be played; `scope` NULL: none.
void post (const char *action, const char *form, const char *scope, bool signed_in);
// field_of (action): The value of the form's hidden field, on the page with the action.
char *field_of (const char *action);
void send_cookies (bool signed_in);
void keep_cookie (char *cookie, size_t size);
// says (text), leads_to (location): What was answered must.
void says (const char *text);
void leads_to (const char *location);

// ---- the issuer -------------------------------------------------------------------------------------------------------------

// retry_after: what answer_code says besides.
extern uint32_t retry_after;
// look (), login_reply (): What it says when all is well. answer (reply), answer_code (code, message, reply): It answers to the call that is out.
Jeton__V1__AuthorizeReply look (void);
Jeton__V1__LoginReply login_reply (void);
void answer (Jeton__V1__AuthorizeReply reply);
void answer_code (int code, const char *message, const void *reply);

#endif
