#include "services/validator/follow.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "common/net/alarm.h"
#include "common/rpc/client.h"
#include "envelope.pb-c.h"
#include "feed.pb-c.h"
#include "services/validator/cache.h"
#include "services/validator/truth.h"
#include <stdlib.h>
#include <string.h>

enum {
    AGAIN_MS = 200, // after a feed has ended
    WORD_MS = 1000, // a word that takes longer is asked for again
    UNSURE_MAX = 4096,
    CREDIT = 256,
};

struct unsure {
    Jeton__V1__ChangeKind kind;
    int64_t object, account;
};

struct follow {
    struct validator *validator;
    char *endpoint, *server_key;
    uint64_t instance;
    struct rpc_client *client;
    struct alarm *again;
    uint64_t call;        // Follow
    bool following;       // the first item has come
    bool refused;         // it has ended before, or never begun
    uint64_t heard;       // the sequence number of the last item
    bool read_sent, read; // a reading of the table was sent, and came back, since it follows
    size_t nunsure;
    bool overflowed; // not each of them is blocked by itself
    struct unsure unsure[UNSURE_MAX];
    bool asking;
    int64_t asked_at;
    int64_t word_at; // 0: none, or it does not count
    int64_t word_generation;
    uint64_t word_sequence;
};

static void follow_start (struct follow *follow);

// ---- what changes mean for the cache -------------------------------------------------------------------------------

// False: there was no room for it, and everything is blocked in its place.
static bool
change_block (struct cache *cache, const struct unsure *unsure)
{
    switch (unsure->kind) {
    case JETON__V1__CHANGE_KIND__CHANGE_KIND_TOKEN:
        return cache_block_token (cache, unsure->object);
    case JETON__V1__CHANGE_KIND__CHANGE_KIND_ACCOUNT:
        return cache_block_account (cache, unsure->account);
    case JETON__V1__CHANGE_KIND__CHANGE_KIND_KEYS:
        cache_block_keys (cache);
        return true;
    case JETON__V1__CHANGE_KIND__CHANGE_KIND_NONE:
        return true;
    case JETON__V1__CHANGE_KIND__CHANGE_KIND_UNSPECIFIED:
    case _JETON__V1__CHANGE_KIND_IS_INT_SIZE:
        break;
    }
    cache_block_all (cache);
    return true;
}

void
follow_block (struct follow *follow)
{
    for (size_t i = 0; i < follow->nunsure; i++)
        if (!change_block (follow->validator->cache, &follow->unsure[i]))
            follow->overflowed = true;
}

bool
follow_unsure_of_keys (const struct follow *follow)
{
    for (size_t i = 0; i < follow->nunsure; i++)
        if (follow->unsure[i].kind == JETON__V1__CHANGE_KIND__CHANGE_KIND_KEYS ||
            follow->unsure[i].kind == JETON__V1__CHANGE_KIND__CHANGE_KIND_UNSPECIFIED)
            return true;
    return false;
}

static void
unsure_add (struct follow *follow, Jeton__V1__Change *const *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool full = follow->nunsure >= UNSURE_MAX - 1;
        struct unsure unsure = {changes[i]->kind, changes[i]->object, changes[i]->account};
        if (full) // the last place is for everything
            unsure = (struct unsure){0};
        follow->unsure[full ? UNSURE_MAX - 1 : follow->nunsure] = unsure;
        if (follow->nunsure < UNSURE_MAX)
            follow->nunsure++;
        if (!change_block (follow->validator->cache, &unsure))
            follow->overflowed = true;
    }
}

// Whatever it was not sure about has an outcome now, and is read again. What others are not sure about stays blocked.
static void
unsure_settle (struct follow *follow)
{
    size_t n = follow->nunsure;
    follow->nunsure = 0;
    // With it ends what was blocked because there was no room to block one by one.
    if (follow->overflowed)
        truth_change (follow->validator->truth, JETON__V1__CHANGE_KIND__CHANGE_KIND_UNSPECIFIED, 0,
                      0, (struct truth_status){0});
    follow->overflowed = false;
    for (size_t i = 0; i < n; i++)
        truth_change (follow->validator->truth, follow->unsure[i].kind, follow->unsure[i].object,
                      follow->unsure[i].account, (struct truth_status){0});
}

// ---- the feed ------------------------------------------------------------------------------------------------------

static void
feed_over (struct follow *follow, const char *why)
{
    if (follow->following)
        log_warn ("a writer's feed ended", "writer", follow->endpoint, "reason", why, NULL);
    follow->following = follow->read = follow->read_sent = false;
    follow->refused = true;
    follow->word_at = 0;
    alarm_by (follow->again, zclock_mono () + AGAIN_MS);
}

// False: the item does not follow the one before.
static bool
item_take (struct follow *follow, const Jeton__V1__FollowReply *item)
{
    if (item->instance != follow->instance)
        return false;
    if (!follow->following) {
        follow->following = true;
        follow->heard = item->sequence;
        log_info ("following a writer", "writer", follow->endpoint, NULL);
        unsure_settle (follow);
        unsure_add (follow, item->unsure, item->n_unsure);
        truth_soon (follow->validator->truth); // its word counts when the table was read after this
        return true;
    }
    if (item->sequence != follow->heard + 1)
        return false;
    follow->heard = item->sequence;
    follow->validator->stats.heard += item->n_changes;
    for (size_t i = 0; i < item->n_changes; i++) {
        const Jeton__V1__Change *change = item->changes[i];
        truth_change (follow->validator->truth, change->kind, change->object, change->account,
                      (struct truth_status){change->revision, change->status});
    }
    unsure_add (follow, item->unsure, item->n_unsure);
    if (item->sure)
        unsure_settle (follow);
    return true;
}

static void
on_item (void *context, const struct rpc_result *result)
{
    struct follow *follow = context;
    if (result->more && result->reply && item_take (follow, result->reply))
        return;
    if (result->more) {
        // Another life of the writer, which the table does not tell of yet; or a gap.
        rpc_client_cancel (follow->client, follow->call);
        feed_over (follow, "an item is missing, or it is another process");
    } else {
        feed_over (follow, result->message);
    }
}

static void
follow_start (struct follow *follow)
{
    Jeton__V1__FollowRequest request = JETON__V1__FOLLOW_REQUEST__INIT;
    const struct rpc_call_options options = {.credit = CREDIT};
    follow->call = rpc_client_call (follow->client, &jeton__v1__feed__descriptor, "Follow",
                                    &request.base, &options, on_item, follow);
}

static void
on_again (void *context)
{
    follow_start (context);
}

// ---- its word ------------------------------------------------------------------------------------------------------

static void
on_word (void *context, const struct rpc_result *result)
{
    struct follow *follow = context;
    const Jeton__V1__VouchReply *word = result->reply;
    follow->asking = false;
    follow->word_at = 0;
    if (!word || !word->database_lost || word->instance != follow->instance || !follow->following)
        return;
    follow->word_at = follow->asked_at;
    follow->word_generation = word->generation;
    follow->word_sequence = word->sequence;
    truth_word (follow->validator->truth);
}

void
follow_hear (struct follow *follow)
{
    rpc_client_receive (follow->client);
}

void
follow_ask (struct follow *follow)
{
    if (follow->asking)
        return;
    Jeton__V1__VouchRequest request = JETON__V1__VOUCH_REQUEST__INIT;
    const struct rpc_call_options options = {.timeout_ms = WORD_MS};
    follow->asking = true;
    follow->asked_at = truth_now ();
    rpc_client_call (follow->client, &jeton__v1__feed__descriptor, "Vouch", &request.base, &options,
                     on_word, follow);
}

int64_t
follow_word (const struct follow *follow, int64_t generation)
{
    bool counts = follow->following && follow->read && follow->word_sequence == follow->heard &&
                  follow->word_generation <= generation;
    return counts ? follow->word_at : 0;
}

// ---- beginning and end ---------------------------------------------------------------------------------------------

bool
follow_is (const struct follow *follow, const struct writer_row *row)
{
    return follow->instance == row->instance && strcmp (follow->endpoint, row->endpoint) == 0 &&
           strcmp (follow->server_key, row->server_key) == 0;
}

bool
follow_is_heard (const struct follow *follow)
{
    return follow->following;
}

bool
follow_settled (const struct follow *follow)
{
    return follow->refused || (follow->following && follow->read);
}

void
follow_reading_sent (struct follow *follow)
{
    follow->read_sent = follow->following;
}

void
follow_reading_done (struct follow *follow)
{
    follow->read |= follow->read_sent;
}

struct follow *
follow_new (struct validator *validator, const struct writer_row *row)
{
    struct follow *follow = xcalloc (1, sizeof *follow);
    struct error error;
    const struct rpc_client_options options = {
        .endpoints = row->endpoint,
        .server_key = row->server_key,
        .certificate = validator->process.certificate,
        .timeout_ms = WORD_MS,
        .in_flight_limit = 4,
        .urgent = true,
    };
    follow->validator = validator;
    follow->endpoint = xstrdup (row->endpoint);
    follow->server_key = xstrdup (row->server_key);
    follow->instance = row->instance;
    follow->client =
        rpc_client_new (validator->process.loop, validator->process.resolver, &options, &error);
    if (!follow->client) {
        log_error ("a writer cannot be followed", "writer", row->endpoint, "error", error.text,
                   NULL);
        follow_destroy (&follow);
        return NULL;
    }
    follow->again = alarm_new (validator->process.loop, on_again, follow);
    follow_start (follow);
    return follow;
}

void
follow_destroy (struct follow **follow)
{
    if (!*follow)
        return;
    rpc_client_destroy (&(*follow)->client);
    alarm_destroy (&(*follow)->again);
    if ((*follow)->validator->cache)
        unsure_settle (*follow);
    free ((*follow)->endpoint);
    free ((*follow)->server_key);
    free (*follow);
    *follow = NULL;
}
