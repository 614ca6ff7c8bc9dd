#include "services/issuer/refresh.h"

#include "common/audit/record.h"
#include "common/memory/memory.h"
#include "common/net/alarm.h"
#include "common/token/id.h"
#include "services/issuer/asking_scope.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct refresh_pair *
refresh_pair_make (struct asking *asking)
{
    struct refresh_pair *pair = arena_alloc (request_arena (asking->request), sizeof *pair);
    if (!pair) {
        token_no_memory (asking);
        return NULL;
    }
    if (!token_sign (asking, pair->jti, &pair->reply))
        return NULL;
    random_text_make (REFRESH_PREFIX, pair->value);
    pair->reply.refresh_token = pair->value;
    token_value_digest (pair->value, strlen (pair->value), pair->stored.digest);
    pair->stored.jti = pair->jti;
    pair->stored.opaque = asking->opaque;
    pair->stored.access_expires_at = time (NULL) + pair->reply.expires_in;
    return pair;
}

// ---- families begin ------------------------------------------------------------------------------------------------

struct beginning {
    struct asking *asking;
    struct refresh_pair *pair;
};

static void
refresh_begun (void *context, enum store_outcome outcome)
{
    struct beginning *beginning = context;
    // Where the outcome is not known, nobody knows the token, and it expires.
    if (outcome == STORE_OK)
        token_answer (beginning->asking, beginning->pair->jti, &beginning->pair->reply);
    else
        token_refuse (beginning->asking, TOKEN_UNAVAILABLE,
                      "the refresh token could not be written down: the database is not available");
}

void
refresh_begin (struct asking *asking)
{
    struct issuer *issuer = request_owner (asking->request);
    struct beginning *beginning = arena_alloc (request_arena (asking->request), sizeof *beginning);
    const struct store_refresh family = {
        .customer = asking->customer,
        .environment = asking->environment,
        .scope = asking->scope->text,
        .generation = asking->client.generation,
    };
    if (!beginning) {
        token_no_memory (asking);
        return;
    }
    beginning->asking = asking;
    beginning->pair = refresh_pair_make (asking);
    if (beginning->pair)
        store_refresh_begin (issuer->process.db, &asking->client, &family, &beginning->pair->stored,
                             refresh_begun, beginning);
}

// For whom, why: the last of an event's name, and the summary.
static const struct {
    const char *object_type, *event, *summary;
} endings[][2] = {
    [REFRESH_END_REVOKED] =
        {{"customer", "platform.customers.refresh_token.revoked",
          "A client revoked a refresh token: all that came of the customer's sign-in"},
         {"user", "platform.users.refresh_token.revoked",
          "A client revoked a refresh token: all that came of the user's consent"}},
    [REFRESH_END_REUSED] =
        {{"customer", "platform.customers.refresh_token.reused",
          "A refresh token was used a second time: all that came of the customer's sign-in was "
          "revoked"},
         {"user", "platform.users.refresh_token.reused",
          "A refresh token was used a second time: all that came of the user's consent was "
          "revoked"}},
    // Customers have no codes.
    [REFRESH_END_CODE_REUSED] = {{NULL, NULL, NULL},
                                 {"user", "platform.users.authorization_code.reused",
                                  "An authorization code was used a second time: all that came of "
                                  "the user's consent was revoked"}},
};

void
refresh_end_family (struct asking *asking, const struct store_refresh *refresh,
                    enum refresh_end why, store_done_callback *callback, void *context)
{
    const struct issuer *issuer = request_owner (asking->request);
    const bool of_user = refresh->user != 0;
    char subject[ID_SIZE], account[ID_SIZE];
    id_format (of_user ? "USR" : "CUS", of_user ? refresh->user : refresh->customer, subject);
    id_format ("ACC", asking->client.account, account);
    size_t size;
    uint8_t *record = audit_pack (asking->request,
                                  &(struct audit_change){
                                      .event = endings[why][of_user].event,
                                      .summary = endings[why][of_user].summary,
                                      .object_type = endings[why][of_user].object_type,
                                      .object_id = subject,
                                      .object_name = refresh->name,
                                      .account_id = account,
                                      .revision = refresh->revision,
                                  },
                                  &size);
    if (record)
        store_refresh_revoke (issuer->process.db, refresh->family, record, size, callback, context);
    else
        token_no_memory (asking);
}

struct feed_change
refresh_end_change (const struct asking *asking, const struct store_refresh *refresh)
{
    return (struct feed_change){JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT,
                                refresh->user ? refresh->user : refresh->customer,
                                asking->client.account};
}

// ---- replies are forgotten -----------------------------------------------------------------------------------------

enum { ERASE_AT_ONCE = 1000 };

struct refresh_eraser {
    struct issuer *issuer;
    struct alarm *alarm;
};

static void
refresh_erased (void *context, enum store_outcome outcome, int64_t n)
{
    struct refresh_eraser *eraser = context;
    int64_t wait_ms = eraser->issuer->settings.refresh_replay_s * 1000;
    if (!eraser->alarm)
        return; // the process ends
    bool more = outcome == STORE_OK && n == ERASE_AT_ONCE;
    alarm_by (eraser->alarm, zclock_mono () + (more ? 0 : wait_ms > 1000 ? wait_ms : 1000));
}

static void
refresh_erase (void *context)
{
    struct refresh_eraser *eraser = context;
    struct issuer *issuer = eraser->issuer;
    store_refresh_erase (issuer->process.db, issuer->settings.refresh_replay_s, ERASE_AT_ONCE,
                         refresh_erased, eraser);
}

struct refresh_eraser *
refresh_eraser_new (struct issuer *issuer)
{
    struct refresh_eraser *eraser = xcalloc (1, sizeof *eraser);
    eraser->issuer = issuer;
    eraser->alarm = alarm_new (issuer->process.loop, refresh_erase, eraser);
    alarm_by (eraser->alarm, zclock_mono () + 1000);
    return eraser;
}

void
refresh_eraser_stop (struct refresh_eraser *eraser)
{
    alarm_destroy (&eraser->alarm);
}

void
refresh_eraser_destroy (struct refresh_eraser **eraser)
{
    if (!*eraser)
        return;
    alarm_destroy (&(*eraser)->alarm);
    free (*eraser);
    *eraser = NULL;
}
