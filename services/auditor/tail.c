// TailRecords: each record as it is appended. All tails share one look at the end of the trail.
#include "common/log/log.h"
#include "envelope.pb-c.h"
#include "services/auditor/auditor.h"

static void tail_step (struct stream *stream);

// tail_send (stream, row): False: no credit, or the stream has ended.
static bool
tail_send (struct stream **stream, const struct store_row *row)
{
    Jeton__V1__TailRecordsReply reply = JETON__V1__TAIL_RECORDS_REPLY__INIT;
    struct arena *arena = arena_new ((size_t) (*stream)->auditor->settings.process.arena_limit);
    bool sent = false;
    reply.record = entry_record (arena, row);
    if (reply.record == NULL)
        stream_end (stream, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                    "a record is larger than this process may unpack (arena_limit)");
    else
        sent = stream_send (*stream, &reply.base);
    arena_destroy (&arena);
    return sent;
}

static void
tail_rows (void *context, enum db_outcome outcome, int64_t dropped, const struct store_row *rows,
           size_t n)
{
    struct stream *stream = context;
    size_t sent = 0;
    if (!stream_arrived (stream, outcome))
        return;
    // Whoever has seen nothing begins with what there is; others would not see the gap.
    if (stream->span.entry > 0 && stream->span.entry < dropped) {
        stream_dropped (&stream, dropped);
        return;
    }
    for (; sent < n; sent++) {
        if (!tail_send (&stream, &rows[sent]))
            break;
        stream->span.entry = rows[sent].number;
    }
    if (stream == NULL)
        return;
    if (sent == n && n < stream->limit)
        stream->span.entry = stream->span.entry_end; // there is no more of this account up to there
    stream_sent (stream, sent);
    tail_step (stream);
}

static void
tail_step (struct stream *stream)
{
    struct auditor *auditor = stream->auditor;
    if (stream->reading || stream->blocked || stream->span.entry < 0 ||
        stream->span.entry >= auditor->head)
        return;
    stream->span.entry_end = auditor->head;
    stream_begin (stream);
    store_follow (auditor->process.db, stream->span.entry, stream->span.entry_end,
                  stream->account_id, stream->private, stream->limit, tail_rows, stream);
}

static void
tail_step_all (struct auditor *auditor)
{
    // A step may end its stream, never another one.
    for (struct stream *stream = zlistx_first (auditor->streams), *next; stream != NULL;
         stream = next) {
        next = zlistx_next (auditor->streams);
        if (stream->tail && !stream->use)
            stream->step (stream);
    }
}

void
tail_advance (struct auditor *auditor, int64_t head)
{
    auditor->head = head;
    tail_step_all (auditor);
}

static void
tail_head (void *context, enum db_outcome outcome, const struct store_head *head)
{
    struct auditor *auditor = context;
    auditor->head_reading = false;
    if (outcome == DB_OK)
        tail_advance (auditor, head->sequence);
}

void
tail_poll (struct auditor *auditor)
{
    bool any = false;
    for (struct stream *stream = zlistx_first (auditor->streams); stream != NULL && !any;
         stream = zlistx_next (auditor->streams))
        any = stream->tail && !stream->use;
    if (!any || auditor->head_reading)
        return;
    auditor->head_reading = true;
    store_head (auditor->process.db, tail_head, auditor);
}

// "From now on": the head as it is after the request has come, not as the last poll saw it.
static void
tail_start (void *context, enum db_outcome outcome, const struct store_head *head)
{
    struct stream *stream = context;
    if (!stream_arrived (stream, outcome))
        return;
    stream->span.entry = head->sequence;
    tail_step (stream);
}

static void
tail_start_step (struct stream *stream)
{
    if (stream->span.entry >= 0) {
        tail_step (stream);
    } else if (!stream->reading) {
        stream_begin (stream);
        store_head (stream->auditor->process.db, tail_start, stream);
    }
}

void
auditor_tail_records (struct request *request)
{
    const Jeton__V1__TailRecordsRequest *message = request_message (request);
    struct stream *stream;
    if (message->after < -1) {
        request_fail_field (request, "after", "must be a sequence number, 0 or -1 (from now on)");
        return;
    }
    if (strlen (message->account_id) > ENTRY_TEXT_MAX) {
        request_fail_field (request, "account_id", "is longer than an id");
        return;
    }
    stream = stream_new (request, true, tail_start_step);
    if (stream == NULL)
        return;
    free (stream->account_id);
    stream->account_id = xstrdup (message->account_id);
    stream->private = auditor_private (request);
    stream->span.entry = message->after;
    log_debug ("tail", "request", request_correlation (request), "peer",
               request_peer (request)->name, NULL);
    tail_start_step (stream);
    tail_poll (stream->auditor);
}
