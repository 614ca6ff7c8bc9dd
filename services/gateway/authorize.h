// /oauth/authorize (RFC 6749 section 4.1, RFC 7636, RFC 9207): a user, sent here by a client, signs in and consents, and is sent back with a code.
//
//     GET   the request is looked at by the issuer: shown or told to the client what is wrong with it; or the page to sign in; or the one to consent
//     POST  one of our own forms, by its field `action`: "sign-in", "allow", "switch" (another user). Answered with 303, to the same request or to the client; what failed, with the page again
//
// The gateway keeps nothing in between. The request itself stays in the query of the forms' action, and each step is judged by the issuer anew. Who is signed in is in a cookie, with the
// user's own login token; a form is ours, and meant by who sees it, when its field `form` is made of a second, random cookie, of what the form is about, and of who is signed in (sign_in.h).
#ifndef JETON_GATEWAY_AUTHORIZE_H
#define JETON_GATEWAY_AUTHORIZE_H

#include "issuer.pb-c.h"
#include "services/gateway/gateway.h"
#include "services/gateway/markup.h"

#define AUTHORIZE_PATH "/oauth/authorize"

enum { AUTHORIZE_FORM_KEY = 43 }; // base64url of 32 random bytes

// A request on its way: the exchange's context, in its arena. Texts are never NULL unless it says so.
struct authorization {
    // Its parameters; "" for one that did not come.
    const char *response_type, *client_id, *redirect_uri, *scope, *state, *code_challenge,
        *code_challenge_method, *environment;
    char *path; // to this request: AUTHORIZE_PATH, and the parameters that came
    // Who is signed in, by the cookie; NULL: nobody. The issuer has to say whether it is still so.
    const char *login, *username;
    char form_key[AUTHORIZE_FORM_KEY + 1]; // of the cookie, or new
    bool form_key_new;
    // What the page to sign in has to say, and with which status; NULL: nothing, 200.
    const char *notice;
    int status;
    const char *retry_after; // seconds, or NULL
    const char *typed;       // the user name, so that it need not be typed again; or NULL
    bool nobody;             // look at the request without the user
    const char *shown;       // the scope that the user consents to: the form's
};

// authorize_look (exchange): Ask the issuer what is to be said of the exchange's authorization, and answer with the page for it.
void authorize_look (struct exchange *exchange);
// authorize_again (exchange): Send the browser to the same request, from the beginning (303).
void authorize_again (struct exchange *exchange);
// authorize_location (authorization, iss, name, value, description, location_r): The redirect URI with what the client is told there: `name` ("code", "error") and its value, error_description ("":
// none), state and iss. Only for a request that the issuer lets be redirected.
void authorize_location (const struct authorization *authorization, const char *iss,
                         const char *name, const char *value, const char *description,
                         struct markup *location_r);

// consent_page (exchange, reply): The page that asks the user; of a look that found nothing wrong.
void consent_page (struct exchange *exchange, const Jeton__V1__AuthorizeReply *reply);

#endif
