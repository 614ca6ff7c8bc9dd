#include "services/issuer/refresh.h"

#include "common/audit/record.h"
#include "common/memory/memory.h"
#include "common/net/alarm.h"
#include "common/token/id.h"
#include "services/issuer/asking_scope.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

bool
refresh_looks_right (const char *text)
{
    uint8_t binary[REFRESH_RANDOM_SIZE];
    char again[REFRESH_VALUE_SIZE];
    const size_t prefix = strlen (REFRESH_PREFIX);
    size_t size;
    if (strlen (text) != REFRESH_VALUE_SIZE - 1 || strncmp (text, REFRESH_PREFIX, prefix) != 0 ||
        sodium_base642bin (binary, sizeof binary, text + prefix, strlen (text + prefix), NULL,
                           &size, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        size != sizeof binary)
        return false;
    // libsodium 1.0.18 takes any byte above 127 for an underscore.
    sodium_bin2base64 (again, sizeof again - prefix, binary, sizeof binary,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    bool right = strcmp (again, text + prefix) == 0;
    sodium_memzero (binary, sizeof binary);
    sodium_memzero (again, sizeof again);
    return right;
}

struct refresh_pair *
refresh_pair_make (struct asking *asking)
{
    struct refresh_pair *pair = arena_alloc (request_arena (asking->request), sizeof *pair);
    uint8_t random[REFRESH_RANDOM_SIZE];
    const size_t prefix = strlen (REFRESH_PREFIX);
    if (!pair) {
        token_no_memory (asking);
        return NULL;
    }
    if (!token_sign (asking, pair->jti, &pair->reply))
        return NULL;
    randombytes_buf (random, sizeof random);
    memcpy (pair->value, REFRESH_PREFIX, prefix);
    sodium_bin2base64 (pair->value + prefix, sizeof pair->value - prefix, random, sizeof random,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero (random, sizeof random);
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

void
refresh_end_family (struct asking *asking, const struct store_refresh *refresh, const char *event,
                    const char *summary, store_done_callback *callback, void *context)
{
    const struct issuer *issuer = request_owner (asking->request);
    char customer[ID_SIZE], account[ID_SIZE];
    id_format ("CUS", refresh->customer, customer);
    id_format ("ACC", asking->client.account, account);
    size_t size;
    uint8_t *record = audit_pack (asking->request,
                                  &(struct audit_change){
                                      .event = event,
                                      .summary = summary,
                                      .object_type = "customer",
                                      .object_id = customer,
                                      .object_name = refresh->email,
                                      .account_id = account,
                                      .revision = refresh->revision,
                                  },
                                  &size);
    if (record)
        store_refresh_revoke (issuer->process.db, refresh->family, record, size, callback, context);
    else
        token_no_memory (asking);
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
