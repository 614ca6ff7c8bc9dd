#include "common/feed/internal.h"
#include "common/log/log.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t
feed_now (void)
{
    struct timespec now;
    clock_gettime (CLOCK_BOOTTIME, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- items ---------------------------------------------------------------------------------------------------------

// A message of changes, for the stack.
struct item {
    Jeton__V1__FollowReply reply;
    Jeton__V1__Change changes[FEED_ITEM_CHANGES], *pointers[FEED_ITEM_CHANGES];
};

static size_t
item_fill (struct item *item, const struct feed_change *changes, size_t n)
{
    // Too many to name: everything.
    static const struct feed_change everything;
    if (n > FEED_ITEM_CHANGES) {
        changes = &everything;
        n = 1;
    }
    for (size_t i = 0; i < n; i++) {
        jeton__v1__change__init (&item->changes[i]);
        item->changes[i].kind = changes[i].kind;
        item->changes[i].object = changes[i].object;
        item->changes[i].account = changes[i].account;
        item->pointers[i] = &item->changes[i];
    }
    return n;
}

static void
follower_end (struct feed *feed, struct request *request, int code, const char *why)
{
    zlistx_delete (feed->followers, request_context (request));
    request_fail (request, code, "%s", why);
}

// To all that follow. Who cannot take it now has a gap, and begins anew.
static void
item_send (struct feed *feed, struct item *item)
{
    item->reply.instance = feed->instance;
    item->reply.sequence = ++feed->sequence;
    for (struct request *request = zlistx_first (feed->followers), *next; request; request = next) {
        next = zlistx_next (feed->followers);
        if (!request_send (request, &item->reply.base) && !request_answered (request))
            follower_end (feed, request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                          "the follower is too slow: follow again");
    }
}

void
feed_tell (struct feed *feed, const struct feed_change *change)
{
    feed_tell_status (feed, change, 0, JETON__V1__TOKEN_STATUS__TOKEN_STATUS_UNSPECIFIED);
}

void
feed_tell_status (struct feed *feed, const struct feed_change *change, int64_t revision,
                  Jeton__V1__TokenStatus status)
{
    if (change->kind == JETON__V1__CHANGE_KIND__CHANGE_KIND_NONE)
        return;
    // At once: it is on its way before the answer to who asked for the change.
    struct item item = {.reply = JETON__V1__FOLLOW_REPLY__INIT};
    item.reply.n_changes = item_fill (&item, change, 1);
    item.reply.changes = item.pointers;
    item.changes[0].revision = revision;
    item.changes[0].status = status;
    item_send (feed, &item);
}

void
feed_tell_unsure (struct feed *feed, const struct feed_change *change)
{
    if (change->kind == JETON__V1__CHANGE_KIND__CHANGE_KIND_NONE)
        return;
    // The last place is for everything.
    if (feed->nunsure >= FEED_UNSURE_MAX - 1)
        feed->unsure[FEED_UNSURE_MAX - 1] = (struct feed_change){0};
    if (feed->nunsure < FEED_UNSURE_MAX - 1)
        feed->unsure[feed->nunsure] = *change;
    if (feed->nunsure < FEED_UNSURE_MAX)
        feed->nunsure++;
    feed->alone = false;
    feed->losses++;
    struct item item = {.reply = JETON__V1__FOLLOW_REPLY__INIT};
    item.reply.n_unsure = item_fill (&item, &feed->unsure[feed->nunsure - 1], 1);
    item.reply.unsure = item.pointers;
    item_send (feed, &item);
}

void
feed_settled (struct feed *feed)
{
    if (feed->nunsure == 0)
        return;
    feed->nunsure = 0;
    struct item item = {.reply = JETON__V1__FOLLOW_REPLY__INIT};
    item.reply.sure = true;
    item_send (feed, &item);
}

void
feed_dismiss (struct feed *feed)
{
    for (struct request *request; (request = zlistx_first (feed->followers));)
        follower_end (feed, request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "this process is not admitted as a writer any more");
}

// ---- the service ---------------------------------------------------------------------------------------------------

static void
follow_credit (struct request *request)
{
    (void) request; // what could not be sent has ended the stream
}

static void
follow_ended (struct request *request)
{
    struct feed *feed = request_owner (request);
    zlistx_delete (feed->followers, request_context (request));
    request_reply (request, NULL);
}

static bool
admitted (struct feed *feed, struct request *request)
{
    struct error why;
    if (feed_admitted (feed, &why))
        return true;
    request_fail (request, JETON__V1__CODE__CODE_UNAVAILABLE, "%s", why.text);
    return false;
}

static void
feed_follow (struct request *request)
{
    struct feed *feed = request_owner (request);
    if (!admitted (feed, request))
        return;
    request_context_set (request, zlistx_add_end (feed->followers, request));
    request_stream (request, follow_credit, follow_ended);
    struct item item = {.reply = JETON__V1__FOLLOW_REPLY__INIT};
    item.reply.instance = feed->instance;
    item.reply.sequence = feed->sequence;
    item.reply.n_unsure = item_fill (&item, feed->unsure, feed->nunsure);
    item.reply.unsure = item.pointers;
    if (!request_send (request, &item.reply.base) && !request_answered (request))
        follower_end (feed, request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "a follower gives credit for the first item at least");
}

static void
feed_vouch (struct request *request)
{
    struct feed *feed = request_owner (request);
    if (!feed->admitted) {
        request_fail (request, JETON__V1__CODE__CODE_UNAVAILABLE, "%s", feed->why.text);
        return;
    }
    struct error error;
    Jeton__V1__VouchReply reply = JETON__V1__VOUCH_REPLY__INIT;
    reply.instance = feed->instance;
    reply.sequence = feed->sequence;
    reply.generation = feed->known;
    reply.database_lost = !db_ready (feed->process->db, &error) &&
                          feed_now () - feed->renewed_at < feed_outage_ms (feed);
    request_reply (request, &reply.base);
}

static const struct rpc_method methods[] = {
    {"Follow", feed_follow, ROLE_SERVICE, RPC_STREAM | RPC_INTERNAL, 0, 0},
    {"Vouch", feed_vouch, ROLE_SERVICE, RPC_IDEMPOTENT | RPC_INTERNAL, 0, 0},
    {NULL, NULL, 0, 0, 0, 0},
};

// ---- figures -------------------------------------------------------------------------------------------------------

#define ROW(kind, member, help) STAT_##kind (struct feed_stats, member, "feed." #member, help)
static const struct stat_row rows[] = {
    ROW (GAUGE, admitted, "1 when this process may write"),
    ROW (GAUGE, followers, "Validators that follow this process"),
    ROW (COUNTER, told, "Items told to those that follow"),
    ROW (GAUGE, unsure, "Changes of which it is not known whether they were committed"),
    ROW (GAUGE, renewed_age_ms, "Since its row among the writers was last renewed"),
    STAT_END,
};

static void
refresh (void *context)
{
    struct feed *feed = context;
    feed->stats = (struct feed_stats){
        .admitted = feed->admitted,
        .followers = zlistx_size (feed->followers),
        .told = feed->sequence,
        .unsure = feed->nunsure,
        .renewed_age_ms = feed->renewed_at ? (uint64_t) (feed_now () - feed->renewed_at) : 0,
    };
}

// ---- beginning and end ---------------------------------------------------------------------------------------------

// Where validators reach it: what it binds, with the host's name where that is no address of its own.
static void
endpoint_find (struct feed *feed)
{
    const char *bound = rpc_server_endpoint (feed->process->server);
    const char *port = strrchr (bound, ':');
    char host[128] = "localhost";
    if (*feed->settings->advertise) {
        snprintf (feed->endpoint, sizeof feed->endpoint, "%s", feed->settings->advertise);
    } else if (port &&
               (strncmp (bound, "tcp://0.0.0.0:", 14) == 0 ||
                strncmp (bound, "tcp://[::]:", 11) == 0 || strncmp (bound, "tcp://*:", 8) == 0)) {
        if (gethostname (host, sizeof host - 1) != 0)
            log_warn ("the host has no name", "setting", "feed_advertise", NULL);
        snprintf (feed->endpoint, sizeof feed->endpoint, "tcp://%s%s", host, port);
    } else {
        snprintf (feed->endpoint, sizeof feed->endpoint, "%s", bound);
    }
}

struct feed *
feed_new (struct process *process, const struct feed_settings *settings, int first,
          void (*changed) (struct process *process))
{
    struct feed *feed = xcalloc (1, sizeof *feed);
    feed->process = process;
    feed->settings = settings;
    feed->first = first;
    feed->changed = changed;
    feed->instance = process->instance;
    feed->followers = zlistx_new ();
    endpoint_find (feed);
    snprintf (feed->server_key, sizeof feed->server_key, "%s",
              zcert_public_txt (process->certificate));
    feed->service = (struct rpc_service){&jeton__v1__feed__descriptor, methods, feed};
    rpc_server_add (process->server, &feed->service);
    rpc_server_stats (process->server,
                      &(struct stat_source){
                          .rows = rows, .base = &feed->stats, .refresh = refresh, .context = feed});
    writers_start (feed);
    return feed;
}

void
feed_stop (struct feed *feed)
{
    if (feed)
        writers_stop (feed);
}

void
feed_destroy (struct feed **feed)
{
    if (!*feed)
        return;
    zlistx_destroy (&(*feed)->followers);
    free (*feed);
    *feed = NULL;
}
