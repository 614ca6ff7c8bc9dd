#include "common/memory/memory.h"
#include "common/rpc/client.h"
#include "common/rpc/internal.h"

#include <string.h>

#define ROW(kind, member, help) STAT_##kind (struct rpc_counters, member, "rpc." #member, help)
static const struct stat_row rows[] = {
    ROW (COUNTER, requests, "Requests that came, whatever became of them"),
    ROW (COUNTER, replies, "Replies that were sent, items of streams too"),
    ROW (COUNTER, failures, "Replies that told of an error"),
    ROW (COUNTER, malformed, "Envelopes and bodies that were refused for their form"),
    ROW (COUNTER, denied, "Requests refused because the peer has no role for them"),
    ROW (COUNTER, exhausted, "Requests refused because of a limit"),
    ROW (COUNTER, deadline_exceeded, "Requests that were not answered within their deadline"),
    ROW (COUNTER, cancelled, "Requests that their callers cancelled"),
    ROW (COUNTER, lost, "Replies that nobody was there to take"),
    ROW (COUNTER, cut, "Connections closed because they did not take their replies"),
    ROW (GAUGE, waiting, "Replies that wait for room in the queue of their connection"),
    ROW (GAUGE, in_flight, "Requests in progress"),
    ROW (GAUGE, connections, "Connections of peers"),
    ROW (COUNTER, unknown_keys, "Connections refused because the peers file lacks their key"),
    STAT_END,
};

void
rpc_server_stats (struct rpc_server *server, const struct stat_source *source)
{
    server->sources = xrealloc (server->sources, (server->nsources + 1) * sizeof *server->sources);
    server->sources[server->nsources++] = *source;
}

void
rpc_stats_add (struct rpc_server *server)
{
    rpc_server_stats (server, &(struct stat_source){.rows = rows, .base = &server->counters});
}

// ---- the reply ------------------------------------------------------------------------------------------------------

struct listing {
    struct arena *arena;
    Jeton__V1__GetStatsReply *reply;
    size_t room;
    bool full; // the arena is
};

// NULL: it is full.
static Jeton__V1__Stat *
stat_add (struct listing *listing, const char *name, Jeton__V1__StatKind kind, const char *help)
{
    Jeton__V1__GetStatsReply *reply = listing->reply;
    Jeton__V1__Stat *stat = arena_alloc (listing->arena, sizeof *stat);
    if (reply->n_stats == listing->room) {
        listing->room = listing->room == 0 ? 256 : 2 * listing->room;
        Jeton__V1__Stat **larger = arena_alloc (listing->arena, listing->room * sizeof *larger);
        if (larger != NULL && reply->n_stats > 0)
            memcpy (larger, reply->stats, reply->n_stats * sizeof *larger);
        reply->stats = larger;
    }
    listing->full |= stat == NULL || reply->stats == NULL;
    if (listing->full)
        return NULL;
    jeton__v1__stat__init (stat);
    stat->name = (char *) name;
    stat->kind = kind;
    stat->help = (char *) help;
    reply->stats[reply->n_stats++] = stat;
    return stat;
}

enum { LABELS_MAX = 2 };

static void
label_add (struct listing *listing, Jeton__V1__Stat *stat, const char *name, const char *value)
{
    if (stat == NULL || name == NULL)
        return;
    Jeton__V1__StatLabel *label = arena_alloc (listing->arena, sizeof *label);
    if (stat->labels == NULL)
        stat->labels = arena_alloc (listing->arena, LABELS_MAX * sizeof *stat->labels);
    if (label == NULL || stat->labels == NULL) {
        listing->full = true;
        return;
    }
    jeton__v1__stat_label__init (label);
    label->name = (char *) name;
    label->value = (char *) value;
    stat->labels[stat->n_labels++] = label;
}

static void
timing_show (Jeton__V1__Stat *stat, const struct timing *timing)
{
    if (stat == NULL)
        return;
    stat->value = timing_count (timing);
    stat->sum = timing->sum_us;
    stat->bounds = (uint64_t *) timing_bounds;
    stat->n_bounds = TIMING_BOUNDS;
    stat->buckets = (uint64_t *) timing->buckets;
    stat->n_buckets = TIMING_BUCKETS;
}

static void
source_show (struct listing *listing, const struct stat_source *source)
{
    static const Jeton__V1__StatKind kinds[] = {
        [STAT_COUNTER] = JETON__V1__STAT_KIND__STAT_KIND_COUNTER,
        [STAT_GAUGE] = JETON__V1__STAT_KIND__STAT_KIND_GAUGE,
        [STAT_HISTOGRAM] = JETON__V1__STAT_KIND__STAT_KIND_HISTOGRAM,
    };
    if (source->refresh != NULL)
        source->refresh (source->context);
    for (const struct stat_row *row = source->rows; row->name != NULL; row++) {
        const void *member = (const char *) source->base + row->offset;
        Jeton__V1__Stat *stat = stat_add (listing, row->name, kinds[row->kind], row->help);
        label_add (listing, stat, source->label, source->value);
        if (row->kind == STAT_HISTOGRAM)
            timing_show (stat, member);
        else if (stat != NULL)
            stat->value = *(const uint64_t *) member;
    }
}

// CODE_OK is always shown, so that it can be seen to rise from nothing; what has never happened otherwise is left out.
static void
tally_show (struct listing *listing, const char *method, const struct rpc_tally *tally)
{
    for (int code = 0; code < RPC_CODES; code++) {
        if (tally->codes[code] == 0 && code != JETON__V1__CODE__CODE_OK)
            continue;
        Jeton__V1__Stat *stat =
            stat_add (listing, "rpc.handled", JETON__V1__STAT_KIND__STAT_KIND_COUNTER,
                      "Calls that ended, by method and code");
        label_add (listing, stat, "method", method);
        label_add (listing, stat, "code", rpc_code_name (code));
        if (stat != NULL)
            stat->value = tally->codes[code];
    }
    if (timing_count (&tally->took) == 0)
        return;
    Jeton__V1__Stat *stat = stat_add (
        listing, "rpc.handling_us", JETON__V1__STAT_KIND__STAT_KIND_HISTOGRAM,
        "How long calls took from their dispatch to their answer, by method; not of streams");
    label_add (listing, stat, "method", method);
    timing_show (stat, &tally->took);
}

const Jeton__V1__GetStatsReply *
rpc_server_stats_reply (const struct rpc_server *server, struct arena *arena)
{
    struct listing listing = {.arena = arena};
    listing.reply = arena_alloc (arena, sizeof *listing.reply);
    if (listing.reply == NULL)
        return NULL;
    jeton__v1__get_stats_reply__init (listing.reply);
    for (size_t i = 0; i < server->nsources; i++)
        source_show (&listing, &server->sources[i]);
    for (size_t i = 0; i < server->nroutes; i++)
        tally_show (&listing, server->routes[i].name, server->routes[i].tally);
    tally_show (&listing, "unknown", &server->stray);
    return listing.full ? NULL : listing.reply;
}
