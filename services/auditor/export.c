// ExportTrail: the entries as they are stored, with the checkpoints, for whoever verifies.
#include "common/log/log.h"
#include "envelope.pb-c.h"
#include "services/auditor/auditor.h"

static void export_step (struct stream *stream);

static void
export_items (void *context, enum db_outcome outcome, const Jeton__V1__ExportTrailReply *items,
              size_t n)
{
    struct stream *stream = context;
    size_t sent = 0;
    if (!stream_arrived (stream, outcome))
        return;
    for (; sent < n; sent++) {
        // Dropped since it began: a gap that the receiver could not tell from one that somebody has made.
        if (items[sent].drop != NULL && items[sent].drop->last > stream->dropped) {
            stream_dropped (&stream, items[sent].drop->last);
            return;
        }
        if (!stream_send (stream, &items[sent].base))
            break;
        if (items[sent].entry != NULL)
            stream->span.entry = items[sent].entry->sequence;
        else if (items[sent].drop != NULL)
            stream->span.entry = items[sent].drop->last;
        else
            stream->span.checkpoint = items[sent].checkpoint->sequence;
    }
    if (sent == n && n < stream->limit) {
        stream_end (&stream, JETON__V1__CODE__CODE_OK, NULL);
        return;
    }
    stream_sent (stream, sent);
    export_step (stream);
}

// The ends as of the start, both from one snapshot: a checkpoint beyond the last entry then means that the trail was cut, and never
// that it has grown while it was read.
static void
export_start (void *context, enum db_outcome outcome, const struct store_head *head)
{
    struct stream *stream = context;
    if (!stream_arrived (stream, outcome))
        return;
    if (stream->span.entry > 0 && stream->span.entry < head->dropped) {
        stream_dropped (&stream, head->dropped);
        return;
    }
    stream->dropped = head->dropped;
    stream->span.entry_end = head->sequence;
    stream->span.checkpoint_end = head->covered;
    export_step (stream);
}

static void
export_step (struct stream *stream)
{
    struct db *db = stream->auditor->process.db;
    if (stream->reading || stream->blocked)
        return;
    stream_begin (stream);
    if (stream->span.entry_end < 0)
        store_head (db, export_start, stream);
    else
        store_export (db, &stream->span, stream->limit, export_items, stream);
}

void
auditor_export_trail (struct request *request)
{
    const Jeton__V1__ExportTrailRequest *message = request_message (request);
    struct stream *stream;
    if (message->after < 0) {
        request_fail_field (request, "after", "must be a sequence number, or 0");
        return;
    }
    stream = stream_new (request, false, export_step);
    if (stream == NULL)
        return;
    stream->span = (struct store_span){message->after, -1, message->after, -1};
    log_info ("trail exported", "request", request_correlation (request), "peer",
              request_peer (request)->name, NULL);
    export_step (stream);
}
