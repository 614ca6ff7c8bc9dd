// Refresh tokens (R17-R19): what they look like, and how families begin, end and are forgotten. How one is used: grant_refresh.c.
//
//     "jtn_refresh_" base64url (32 random bytes)     55 characters
//
// The last character has two bits that are not of the value: there is one spelling of each, that with zeros.
#ifndef JETON_ISSUER_REFRESH_H
#define JETON_ISSUER_REFRESH_H

#include "services/issuer/store_refresh.h"
#include "services/issuer/token.h"

#define REFRESH_PREFIX "jtn_refresh_"
enum {
    REFRESH_RANDOM_SIZE = 32,
    REFRESH_VALUE_SIZE =
        sizeof REFRESH_PREFIX - 1 +
        sodium_base64_ENCODED_LEN (REFRESH_RANDOM_SIZE, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
};

// refresh_looks_right (text): May it be one? Anybody can make one up that looks so.
bool refresh_looks_right (const char *text);

// What is given: in the request's arena.
struct refresh_pair {
    char value[REFRESH_VALUE_SIZE], jti[ACCESS_JTI_SIZE];
    struct store_refresh_pair stored;
    Jeton__V1__TokenReply reply;
};
// refresh_pair_make (asking): A new refresh token and an access token of the asking's client, customer and scope. NULL: the request has been answered.
struct refresh_pair *refresh_pair_make (struct asking *asking) __attribute__ ((warn_unused_result));

// refresh_begin (asking): Both, for a customer who has signed in: ends the request with them.
void refresh_begin (struct asking *asking);

// refresh_end_family (asking, refresh, event, summary, callback, context): Revokes the family of `refresh`, which is the asking's client's, with a trail record of its customer.
// The callback is store_refresh_revoke's; without memory there is none, and the request has been answered.
void refresh_end_family (struct asking *asking, const struct store_refresh *refresh,
                         const char *event, const char *summary, store_done_callback *callback,
                         void *context);

// What keeps replies no longer than the setting refresh_replay_s says: it erases them, whichever issuer wrote them.
struct refresh_eraser;
struct refresh_eraser *refresh_eraser_new (struct issuer *issuer) __attribute__ ((returns_nonnull));
// refresh_eraser_stop (eraser): Before the process's loop goes; the last answers of the database come later.
void refresh_eraser_stop (struct refresh_eraser *eraser);
void refresh_eraser_destroy (struct refresh_eraser **eraser); // NULL-safe

#endif
