// Refresh tokens (R17-R19): what they look like, and how families begin, end and are forgotten. How one is used: grant_refresh.c.
//
//     "jtn_refresh_" base64url (32 random bytes)     55 characters
#ifndef JETON_ISSUER_REFRESH_H
#define JETON_ISSUER_REFRESH_H

#include "services/issuer/random_text.h"
#include "services/issuer/store_refresh.h"
#include "services/issuer/token.h"

#define REFRESH_PREFIX "jtn_refresh_"

// What is given: in the request's arena.
struct refresh_pair {
    char value[RANDOM_TEXT_SIZE (REFRESH_PREFIX)], jti[ACCESS_JTI_SIZE];
    struct store_refresh_pair stored;
    Jeton__V1__TokenReply reply;
};
// refresh_pair_make (asking): A new refresh token and an access token of the asking's client, customer or user, and scope. NULL: the request has been answered.
struct refresh_pair *refresh_pair_make (struct asking *asking) __attribute__ ((warn_unused_result));

// refresh_begin (asking): Both, for a customer who has signed in: ends the request with them.
void refresh_begin (struct asking *asking);

// Why a family ends.
enum refresh_end { REFRESH_END_REVOKED, REFRESH_END_REUSED, REFRESH_END_CODE_REUSED };

// refresh_end_family (asking, refresh, why, callback, context): Revokes the family of `refresh`, which is the asking's client's, with a trail record of its customer or user. Of `refresh`
// family, customer or user, name and revision count. The callback is store_refresh_revoke's; without memory there is none, and the request has been answered.
void refresh_end_family (struct asking *asking, const struct store_refresh *refresh,
                         enum refresh_end why, store_done_callback *callback, void *context);
// refresh_end_change (asking, refresh): What validators are told of it.
struct feed_change refresh_end_change (const struct asking *asking,
                                       const struct store_refresh *refresh);

// What keeps replies no longer than the setting refresh_replay_s says: it erases them, whichever issuer wrote them.
struct refresh_eraser;
struct refresh_eraser *refresh_eraser_new (struct issuer *issuer) __attribute__ ((returns_nonnull));
// refresh_eraser_stop (eraser): Before the process's loop goes; the last answers of the database come later.
void refresh_eraser_stop (struct refresh_eraser *eraser);
void refresh_eraser_destroy (struct refresh_eraser **eraser); // NULL-safe

#endif
