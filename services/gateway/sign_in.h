// Who is signed in at the pages, and which forms are theirs. Without any memory here, and without a key that gateways share:
//
//     __Host-jeton-login  base64url (user name) "." login token      as long as the token is good
//     __Host-jeton-form   base64url (32 random bytes)                as long as the browser runs
//
// Both are Secure, HttpOnly and SameSite=Lax: a link or redirect of a client's site to /oauth/authorize has to bring them (Strict: everybody would sign in each time), a form that another site posts
// does not. The prefix __Host- keeps other hosts of the same domain from planting them. The user name is for the page alone: what counts is what the issuer says of the token.
//
// A form's field `form` is HMAC-SHA-256, under the second cookie, of its action, the request, the scope that it shows, and the first cookie's token: another site can neither read nor make one,
// one for another request or user is none, and one that was sent before the user signed out is none either.
#ifndef JETON_GATEWAY_SIGN_IN_H
#define JETON_GATEWAY_SIGN_IN_H

#include "services/gateway/authorize.h"
#include "services/gateway/page.h"

// sign_in_read (exchange, authorization): What the cookies say, into authorization. False: the exchange's arena is full.
bool sign_in_read (struct exchange *exchange, struct authorization *authorization)
    __attribute__ ((warn_unused_result));

// sign_in_form (authorization, action, scope, form_r): The field `form` of a form with this action. scope: that it shows, or "".
enum { SIGN_IN_FORM_SIZE = 44 };
void sign_in_form (const struct authorization *authorization, const char *action, const char *scope,
                   char form_r[SIGN_IN_FORM_SIZE]);
// sign_in_form_open (page, authorization, action, scope): Begin such a form, with its hidden fields, on a page that is remembered.
void sign_in_form_open (struct page *page, const struct authorization *authorization,
                        const char *action, const char *scope);

// sign_in_remember (exchange): Of a page with forms: the cookie that they need comes with it, if the browser has none yet.
void sign_in_remember (struct exchange *exchange);

// sign_in_ours (exchange, public_url): The browser says nothing to the contrary: Sec-Fetch-Site, if it came, is same-origin, and Origin, if it came, is ours, by our public URL or by Host.
bool sign_in_ours (const struct exchange *exchange, const char *public_url);

// sign_in_page (exchange, reply): The page to sign in; of a look that found nothing wrong, for the client's name.
void sign_in_page (struct exchange *exchange, const Jeton__V1__AuthorizeReply *reply);
// sign_in_submit (exchange, username, password): Sign the user in, and go on with the request; or the page again, with what went wrong.
void sign_in_submit (struct exchange *exchange, const char *username, const char *password);
// sign_in_forget (exchange): Have the browser forget who is signed in, and the issuer revoke the login token; then begin the request anew, or say that the token could not be revoked.
void sign_in_forget (struct exchange *exchange);

// sign_in_cookie (header, name, length_r): The value in a Cookie header (RFC 6265 section 4.2.1) of the cookie of that name, the first of several; NULL: there is none. header may be NULL.
const char *sign_in_cookie (const char *header, const char *name, size_t *length_r);

#endif
