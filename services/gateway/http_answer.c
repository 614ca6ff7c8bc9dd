// Responses: whole ones, problems, and those that come bit by bit.
#include "services/gateway/http_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    STREAM_BLOCK = 16384,
    AGAIN_TEXT = 2048, // bytes of an answer that is kept
    ALL_SIZE = 512,    // of the status line, and of what all responses have
};

static bool
clean (const char *text)
{
    for (; *text; text++)
        if ((unsigned char) *text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static bool
is_set (const struct exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->nset; i++)
        if (strcasecmp (exchange->set[i].name, name) == 0)
            return true;
    return false;
}

// For its own headers: what the request has left of the connection's memory. MHD would close the connection without a word.
static size_t
set_room (const struct exchange *exchange)
{
    size_t size = exchange->http->pool_size, used = exchange->pool_used + ALL_SIZE;
    return used < size ? size - used : 0;
}

void
exchange_set (struct exchange *exchange, const char *name, const char *value)
{
    assert (exchange->magic == EXCHANGE_MAGIC && exchange->state < EXCHANGE_STREAM);
    assert (clean (name) && clean (value) && exchange->nset < SET_MAX);
    const char *copy = arena_strdup (exchange->arena, value);
    const char *name_copy = arena_strdup (exchange->arena, name);
    exchange->set_size += strlen (name) + strlen (value) + strlen (": \r\n");
    exchange->starved |= !copy || !name_copy || exchange->set_size > set_room (exchange);
    if (!exchange->starved)
        exchange->set[exchange->nset++] = (struct header_pair){name_copy, copy};
}

static void
header_add (struct MHD_Response *response, const struct exchange *exchange, const char *name,
            const char *value)
{
    if (!is_set (exchange, name))
        MHD_add_response_header (response, name, value);
}

// What all have.
static void
all_add (struct MHD_Response *response, const struct exchange *exchange)
{
    header_add (response, exchange, "Cache-Control", "no-store");
    if (exchange->listener == HTTP_TLS)
        header_add (response, exchange, "Strict-Transport-Security", "max-age=31536000");
    if (exchange->close || exchange->http->draining)
        MHD_add_response_header (response, "Connection", "close");
}

static void
headers_add (struct MHD_Response *response, struct exchange *exchange, const char *content_type)
{
    if (content_type)
        MHD_add_response_header (response, "Content-Type", content_type);
    for (size_t i = 0; i < exchange->nset; i++)
        MHD_add_response_header (response, exchange->set[i].name, exchange->set[i].value);
    if (content_type)
        header_add (response, exchange, "X-Content-Type-Options", "nosniff");
    header_add (response, exchange, "X-Request-Id", exchange_correlation (exchange));
    all_add (response, exchange);
}

void
exchange_resume (struct exchange *exchange)
{
    struct server *server = exchange->connection->server;
    node_remove (&exchange->link);
    if (!exchange->held)
        MHD_resume_connection (exchange->mhd);
    server->held -= exchange->held;
    exchange->held = false;
    server->again = true;
    http_run_soon (server);
}

void
response_drop (struct exchange *exchange)
{
    if (exchange->kept)
        kept_give (&exchange->kept);
    else if (exchange->response)
        MHD_destroy_response (exchange->response);
    exchange->response = NULL;
}

void
response_tell (struct exchange *exchange)
{
    // Fails when MHD has given the connection up: it sees to the rest.
    MHD_queue_response (exchange->mhd, (unsigned) exchange->status, exchange->response);
    response_drop (exchange);
    exchange->sending = true;
    exchange->connection->server->sending++;
    exchange->connection->server->again = true;
}

// The handler has said its last word: nobody works for it any more.
static void
exchange_over_now (struct exchange *exchange)
{
    void (*over) (void *context) = exchange->over;
    exchange->gone = exchange->over = NULL;
    if (over)
        over (exchange->over_context);
}

static void
response_queue (struct exchange *exchange, int status, struct MHD_Response *response)
{
    bool waited = exchange->state == EXCHANGE_WAITING;
    assert (exchange->state != EXCHANGE_ENDED && exchange->state != EXCHANGE_STREAM);
    exchange->state = EXCHANGE_ENDED;
    if (exchange->stream == NULL)
        connection_wait (exchange->connection, WAIT_TAKEN, false);
    exchange->http->stats.responses[status / 100 < 6 ? status / 100 : 5]++;
    exchange->response = response;
    exchange->status = status;
    if (waited)
        exchange_resume (exchange);
    else
        response_tell (exchange);
}

void
exchange_end (struct exchange *exchange, int status, const char *content_type, const void *body,
              size_t size)
{
    assert (exchange->magic == EXCHANGE_MAGIC && status >= 200 && status <= 599);
    if (exchange->starved) {
        exchange->nset = 0;
        status = 503;
        content_type = NULL;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer (
        content_type ? size : 0, (void *) body, MHD_RESPMEM_MUST_COPY);
    headers_add (response, exchange, content_type);
    exchange_over_now (exchange);
    response_queue (exchange, status, response);
}

// What such an answer consists of, as text. 0: it is made as any other, being too long, or the connection's last.
static size_t
again_text (const struct exchange *exchange, int status, const struct header_pair *headers,
            size_t n, char text_r[AGAIN_TEXT])
{
    size_t size = 0;
    text_r[size++] = (char) (status / 100);
    text_r[size++] = (char) (status % 100);
    text_r[size++] = exchange->listener == HTTP_TLS;
    for (size_t i = 0; i < 2 * n; i++) {
        const char *part = i % 2 == 0 ? headers[i / 2].name : headers[i / 2].value;
        size_t length = strlen (part) + 1;
        if (length > AGAIN_TEXT - size)
            return 0;
        memcpy (text_r + size, part, length);
        size += length;
    }
    bool last = exchange->close || exchange->http->draining;
    return last || size + 2 * n > set_room (exchange) ? 0 : size;
}

static struct MHD_Response *
again_response (const struct exchange *exchange, const struct header_pair *headers, size_t n)
{
    static char empty[] = "";
    struct MHD_Response *response =
        MHD_create_response_from_buffer (0, empty, MHD_RESPMEM_PERSISTENT);
    for (size_t i = 0; i < n; i++) {
        assert (clean (headers[i].name) && clean (headers[i].value));
        MHD_add_response_header (response, headers[i].name, headers[i].value);
    }
    all_add (response, exchange);
    return response;
}

void
exchange_end_again (struct exchange *exchange, int status, const struct header_pair *headers,
                    size_t n)
{
    assert (exchange->magic == EXCHANGE_MAGIC && exchange->nset == 0);
    struct http *http = exchange->http;
    char text[AGAIN_TEXT];
    bool keep;
    size_t size = again_text (exchange, status, headers, n, text);
    if (size == 0) {
        for (size_t i = 0; i < n; i++)
            exchange_set (exchange, headers[i].name, headers[i].value);
        exchange_end (exchange, status, NULL, NULL, 0);
        return;
    }
    exchange->kept = kept_find (http->kept, text, size, &keep);
    http->stats.answers_kept += exchange->kept != NULL;
    struct MHD_Response *response =
        exchange->kept ? exchange->kept->response : again_response (exchange, headers, n);
    if (keep)
        exchange->kept = kept_put (http->kept, text, size, response);
    exchange_over_now (exchange);
    response_queue (exchange, status, response);
}

static void
end_json (struct exchange *exchange, int status, const char *content_type, json_t *value)
{
    char *text = json_dumps (value, JSON_COMPACT);
    json_decref (value);
    assert (text);
    exchange_end (exchange, status, content_type, text, strlen (text));
    free (text);
}

void
exchange_end_json (struct exchange *exchange, int status, json_t *value)
{
    end_json (exchange, status, "application/json", value);
}

void
exchange_problem (struct exchange *exchange, int status, const char *type, const char *detail,
                  const struct http_violation *violations, size_t n)
{
    char urn[128];
    snprintf (urn, sizeof urn, "urn:jeton:problem:%s", type);
    json_t *problem = json_object ();
    json_object_set_new (problem, "type", json_string (urn));
    json_object_set_new (problem, "title",
                         json_string (MHD_get_reason_phrase_for ((unsigned) status)));
    json_object_set_new (problem, "status", json_integer (status));
    json_t *text = json_string (detail);
    json_object_set_new (problem, "detail", text ? text : json_string ("it is not UTF-8"));
    if (n > 0) {
        json_t *errors = json_array ();
        for (size_t i = 0; i < n; i++)
            json_array_append_new (errors, json_pack ("{s:s*, s:s*}", "field", violations[i].field,
                                                      "description", violations[i].description));
        json_object_set_new (problem, "errors", errors);
    }
    json_object_set_new (problem, "request", json_string (exchange_correlation (exchange)));
    end_json (exchange, status, "application/problem+json", problem);
}

void
exchange_refuse (struct exchange *exchange, int status, const char *type, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    exchange_problem (exchange, status, type, text, NULL, 0);
}

// ---- bit by bit ------------------------------------------------------------------------------------------------------

void
stream_free (struct exchange *exchange)
{
    if (exchange->stream) {
        free (exchange->stream->data);
        free (exchange->stream);
        exchange->stream = NULL;
    }
}

static size_t
stream_waits (const struct stream *stream)
{
    return stream->size - stream->taken;
}

// MHD wants more of the body. With nothing there it waits, suspended, until something is written.
static ssize_t
stream_read (void *context, uint64_t position, char *data_r, size_t size)
{
    (void) position;
    struct exchange *exchange = context;
    struct stream *stream = exchange->stream;
    if (stream_waits (stream) == 0 && !stream->finished && !stream->broken && stream->more) {
        connection_wait (exchange->connection, WAIT_NONE, false);
        stream->more (stream->context);
    }
    if (stream->broken)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (stream_waits (stream) > 0) {
        size_t n = stream_waits (stream) < size ? stream_waits (stream) : size;
        memcpy (data_r, stream->data + stream->taken, n);
        stream->taken += n;
        return (ssize_t) n;
    }
    if (stream->finished)
        return stream->cut ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    stream->suspended = true;
    list_append (&exchange->http->waiting, &exchange->link);
    http_look (exchange->http);
    MHD_suspend_connection (exchange->mhd);
    return 0;
}

static void
stream_go_on (struct exchange *exchange)
{
    if (!exchange->stream->suspended)
        return;
    exchange->stream->suspended = false;
    exchange_resume (exchange);
}

void
stream_break (struct exchange *exchange)
{
    // One that has been finished may still give what waits.
    exchange->stream->broken = !exchange->stream->finished;
    stream_go_on (exchange);
}

void
exchange_stream (struct exchange *exchange, const char *content_type, void (*more) (void *context),
                 void *context)
{
    assert (exchange->magic == EXCHANGE_MAGIC);
    exchange->stream = xcalloc (1, sizeof *exchange->stream);
    exchange->stream->more = more;
    exchange->stream->context = context;
    struct MHD_Response *response = MHD_create_response_from_callback (
        MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, exchange, NULL);
    headers_add (response, exchange, content_type);
    response_queue (exchange, 200, response);
    exchange->state = EXCHANGE_STREAM;
}

bool
exchange_write (struct exchange *exchange, const void *data, size_t size)
{
    struct stream *stream = exchange->stream;
    assert (exchange->magic == EXCHANGE_MAGIC && stream && !stream->finished);
    if (!stream->more &&
        stream_waits (stream) + size > (size_t) exchange->http->settings->stream_limit)
        return false;
    if (stream->more)
        connection_wait (exchange->connection, WAIT_TAKEN, false);
    if (stream->taken > 0) {
        memmove (stream->data, stream->data + stream->taken, stream_waits (stream));
        stream->size -= stream->taken;
        stream->taken = 0;
    }
    if (stream->size + size > stream->room) {
        stream->room = 2 * (stream->size + size);
        stream->data = xrealloc (stream->data, stream->room);
    }
    memcpy (stream->data + stream->size, data, size);
    stream->size += size;
    stream_go_on (exchange);
    return true;
}

void
exchange_finish (struct exchange *exchange)
{
    assert (exchange->magic == EXCHANGE_MAGIC && exchange->stream);
    exchange_over_now (exchange);
    exchange->state = EXCHANGE_ENDED;
    exchange->stream->finished = true;
    stream_go_on (exchange);
}

void
exchange_cut (struct exchange *exchange)
{
    exchange->stream->cut = true;
    exchange_finish (exchange);
}

bool
exchange_chunked (const struct exchange *exchange)
{
    return exchange->chunked;
}
