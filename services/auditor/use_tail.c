// TailUse: each row of the log of use as it is taken. Rows are numbered in the order of commits, so what was read up to a number is all up to it.
#include "common/log/log.h"
#include "envelope.pb-c.h"
#include "services/auditor/auditor.h"

enum { LOOK = 512 }; // rows that a tail with a filter looks at at once

// The filter's texts are in the request's arena, which lives as long as the stream.
static bool
filtered (const struct store_use_filter *filter)
{
    return filter->token || filter->jti || filter->account || filter->module || filter->decision ||
           filter->kind || filter->user || filter->client;
}

// use_send (stream, row): False: no credit, or the stream has ended.
static bool
use_send (struct stream **stream, const struct store_use *row)
{
    Jeton__V1__TailUseReply reply = JETON__V1__TAIL_USE_REPLY__INIT;
    struct arena *arena = arena_new ((size_t) (*stream)->auditor->settings.process.arena_limit);
    bool sent = false;
    reply.row = use_message (arena, row);
    if (reply.row == NULL)
        stream_end (stream, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                    "a row is larger than this process may unpack (arena_limit)");
    else
        sent = stream_send (*stream, &reply.base);
    arena_destroy (&arena);
    return sent;
}

static void
use_rows (void *context, enum db_outcome outcome, const struct store_use *rows, size_t n,
          int64_t looked)
{
    struct stream *stream = context;
    size_t sent = 0;
    if (!stream_arrived (stream, outcome))
        return;
    for (; sent < n; sent++) {
        if (rows[sent].matches && !use_send (&stream, &rows[sent]))
            break;
        stream->span.entry = rows[sent].id;
    }
    if (stream == NULL)
        return;
    bool more = looked == stream->looked;
    stream_sent (stream, sent);
    if (more)
        stream->step (stream);
}

static void
use_step (struct stream *stream)
{
    if (stream->reading || stream->blocked)
        return;
    stream->looked = filtered (&stream->filter) ? LOOK : (int64_t) stream->limit;
    stream_begin (stream);
    store_use_follow (stream->auditor->process.db, &stream->filter, stream->span.entry,
                      stream->looked, use_rows, stream);
}

static void
use_head (void *context, enum db_outcome outcome, int64_t head)
{
    struct stream *stream = context;
    if (!stream_arrived (stream, outcome))
        return;
    stream->span.entry = head;
}

// "From now on": the head as it is after the request has come.
static void
use_start_step (struct stream *stream)
{
    if (stream->span.entry >= 0) {
        use_step (stream);
    } else if (!stream->reading) {
        stream_begin (stream);
        store_use_head (stream->auditor->process.db, use_head, stream);
    }
}

void
use_tail_poll (struct auditor *auditor)
{
    for (struct stream *stream = zlistx_first (auditor->streams), *next; stream != NULL;
         stream = next) {
        next = zlistx_next (auditor->streams);
        if (stream->use)
            stream->step (stream);
    }
}

void
auditor_tail_use (struct request *request)
{
    const Jeton__V1__TailUseRequest *message = request_message (request);
    struct store_use_filter filter;
    struct stream *stream;
    if (message->after < -1) {
        request_fail_field (request, "after", "must be an id, 0 or -1 (from now on)");
        return;
    }
    if (!use_filter (request,
                     &(struct use_wanted){.token = message->token,
                                          .account_id = message->account_id,
                                          .module = message->module,
                                          .user = message->user,
                                          .client = message->client,
                                          .decision = (int) message->decision,
                                          .kind = (int) message->kind},
                     &filter))
        return;
    stream = stream_new (request, true, use_start_step);
    if (stream == NULL)
        return;
    stream->use = true;
    stream->filter = filter;
    stream->span.entry = message->after;
    log_debug ("tail of use", "request", request_correlation (request), "peer",
               request_peer (request)->name, NULL);
    use_start_step (stream);
}
