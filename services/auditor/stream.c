// What tails and exports have in common.
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/auditor/auditor.h"
#include <inttypes.h>

static void
stream_free (struct stream **stream)
{
    free ((*stream)->account_id);
    free (*stream);
    *stream = NULL;
}

// Once nothing is in flight for it.
static void
stream_forget (struct stream **stream)
{
    if (!(*stream)->reading && !(*stream)->looking)
        stream_free (stream);
}

// leave (stream): It counts no more. What is in flight for it comes back to nobody.
static void
leave (struct stream *stream)
{
    zlistx_delete (stream->auditor->streams, stream->handle);
    stream->auditor->stats.streams = zlistx_size (stream->auditor->streams);
    stream->request = NULL;
    stream_forget (&stream);
}

static void
stream_credit (struct request *request)
{
    struct stream *stream = request_context (request);
    stream->blocked = false;
    stream->step (stream);
}

static void
stream_ended (struct request *request)
{
    leave (request_context (request));
    request_reply (request, NULL);
}

struct stream *
stream_new (struct request *request, bool tail, void (*step) (struct stream *stream))
{
    struct auditor *auditor = request_owner (request);
    if (zlistx_size (auditor->streams) >= (size_t) auditor->settings.tail_limit) {
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "%" PRId64 " tails and exports are open (tail_limit): try later",
                      auditor->settings.tail_limit);
        return NULL;
    }
    struct stream *stream = xcalloc (1, sizeof *stream);
    stream->auditor = auditor;
    stream->request = request;
    stream->tail = tail;
    stream->limit = STREAM_BATCH;
    stream->account_id = xstrdup ("");
    stream->step = step;
    stream->handle = zlistx_add_end (auditor->streams, stream);
    auditor->stats.streams = zlistx_size (auditor->streams);
    request_context_set (request, stream);
    request_stream (request, stream_credit, stream_ended);
    return stream;
}

void
stream_begin (struct stream *stream)
{
    stream->reading = true;
}

bool
stream_arrived (struct stream *stream, enum db_outcome outcome)
{
    stream->reading = false;
    if (stream->request == NULL) {
        stream_forget (&stream);
        return false;
    }
    if (outcome == DB_OK)
        return true;
    // A tail outlives a restart of the database: it goes on at the next poll. An export says that it could not go on.
    if (!stream->tail || outcome == DB_FAILED || outcome == DB_CONFLICT) {
        struct request *request = stream->request;
        leave (stream);
        auditor_fail (request, outcome);
    }
    return false;
}

bool
stream_send (struct stream *stream, const ProtobufCMessage *item)
{
    if (!request_send (stream->request, item)) {
        stream->blocked = true;
        return false;
    }
    stream->auditor->stats.streamed++;
    return true;
}

// A client that grants credit one by one should not cost a batch each time.
void
stream_sent (struct stream *stream, size_t n)
{
    if (stream->blocked)
        stream->limit = n + 1 < STREAM_BATCH ? n + 1 : STREAM_BATCH;
    else
        stream->limit = 2 * stream->limit < STREAM_BATCH ? 2 * stream->limit : STREAM_BATCH;
}

void
stream_dropped (struct stream **stream, int64_t dropped)
{
    char first[ID_AUDIT_SIZE] = "";
    if (dropped >= 0 && dropped < ID_AUDIT_MAX)
        id_audit_format (dropped + 1, first);
    cleanup_free char *text = xasprintf ("records up to number %" PRId64
                                         " were dropped (retention); the first one kept is %s",
                                         dropped, first);
    stream_end (stream, JETON__V1__CODE__CODE_OUT_OF_RANGE, text);
}

void
stream_end (struct stream **stream, int code, const char *text)
{
    struct request *request = (*stream)->request;
    leave (*stream);
    *stream = NULL;
    if (code == JETON__V1__CODE__CODE_OK)
        request_reply (request, NULL);
    else
        request_fail (request, code, "%s", text);
}

static void
stream_looked (void *context, const char *why)
{
    struct stream *stream = context;
    stream->looking = false;
    if (stream->request == NULL) {
        stream_forget (&stream);
    } else if (why != NULL) {
        cleanup_free char *text = xasprintf ("%s: sign in again", why);
        stream->auditor->stats.shut++;
        stream_end (&stream, JETON__V1__CODE__CODE_UNAUTHENTICATED, text);
    }
}

void
stream_look_all (struct auditor *auditor)
{
    // A look may end its stream, never another one.
    for (struct stream *stream = zlistx_first (auditor->streams), *next; stream != NULL;
         stream = next) {
        next = zlistx_next (auditor->streams);
        if (stream->looking || request_caller (stream->request) == NULL)
            continue;
        stream->looking = true;
        stream->look = (struct caller_look){.callback = stream_looked, .context = stream};
        caller_look (stream->request, &auditor->callers, &stream->look);
    }
}

void
stream_free_all (zlistx_t *streams)
{
    for (struct stream *stream = zlistx_first (streams); stream != NULL;
         stream = zlistx_next (streams))
        stream_free (&stream);
}
