// Exchanges: what libmicrohttpd calls, from a request's first line until its response is out.
#include "services/gateway/http_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    enum http_method method;
} methods[] = {{"GET", HTTP_GET},        {"HEAD", HTTP_HEAD},   {"POST", HTTP_POST},
               {"PUT", HTTP_PUT},        {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE},
               {"OPTIONS", HTTP_OPTIONS}};

static const struct exchange *
checked (const struct exchange *exchange)
{
    assert (exchange && exchange->magic == EXCHANGE_MAGIC);
    return exchange;
}

// ---- beginning and end -----------------------------------------------------------------------------------------------

static struct exchange *
exchange_take (struct http *http)
{
    struct exchange *exchange;
    if (list_empty (&http->spare)) {
        exchange = xcalloc (1, sizeof *exchange);
        exchange->arena = arena_new (ARENA_LIMIT);
        node_init (&exchange->link);
    } else {
        exchange = NODE_OWNER (http->spare.next, struct exchange, link);
        node_remove (&exchange->link);
        http->nspare--;
    }
    exchange->magic = EXCHANGE_MAGIC;
    exchange->http = http;
    return exchange;
}

static void
exchange_clear (struct exchange *exchange)
{
    struct arena *arena = exchange->arena;
    if (exchange->body)
        explicit_bzero (exchange->body, exchange->size);
    free (exchange->body);
    exchange->http->bodies -= exchange->room;
    json_decref (exchange->json);
    stream_free (exchange);
    arena_reset (arena);
    memset (exchange, 0, offsetof (struct exchange, set)); // the rest is as long as nset says
    exchange->arena = arena;
    node_init (&exchange->link);
}

void
exchange_free (struct exchange *exchange)
{
    arena_destroy (&exchange->arena);
    free (exchange);
}

static void
exchange_give (struct exchange *exchange)
{
    struct http *http = exchange->http;
    node_remove (&exchange->link);
    exchange_clear (exchange);
    if (http->nspare == SPARE_MAX) {
        exchange_free (exchange);
        return;
    }
    list_append (&http->spare, &exchange->link);
    http->nspare++;
}

// One of 2^128 that has not been before, and is not before or after any other: the numbers' order is hidden by SplitMix64, which is a permutation.
static void
correlation_make (struct exchange *exchange)
{
    uint64_t *state = exchange->http->correlation, z = ++state[1];
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    uint64_t halves[2] = {state[0], z ^ (z >> 31)};
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++)
        exchange->correlation[i] = digits[halves[i / 16] >> (60 - 4 * (i % 16)) & 15];
}

// W3C Trace Context: version, trace id, parent id, flags.
static void
correlation_read (struct exchange *exchange, const char *trace)
{
    static const char zeros[] = "00000000000000000000000000000000";
    if (trace == NULL || strlen (trace) != 55 || strncmp (trace, "00-", 3) != 0 ||
        strspn (trace + 3, "0123456789abcdef") != 32 || trace[35] != '-' ||
        memcmp (trace + 3, zeros, 32) == 0)
        return;
    memcpy (exchange->correlation, trace + 3, 32);
}

void *
exchange_begin (void *context, const char *target, struct MHD_Connection *mhd)
{
    (void) context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info (mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *connection = info->socket_context;
    struct exchange *exchange = exchange_take (connection->http);
    exchange->connection = connection;
    exchange->mhd = mhd;
    exchange->listener = connection->listener;
    // MHD takes the target apart in place.
    exchange->target = arena_strdup (exchange->arena, target);
    connection->exchange = exchange;
    return exchange;
}

void
exchange_lose (struct exchange *exchange)
{
    void (*gone) (void *context) = exchange->gone, (*over) (void *context) = exchange->over;
    exchange->gone = exchange->over = NULL;
    exchange->state = EXCHANGE_ENDED;
    exchange->close = true;
    if (over)
        over (exchange->over_context);
    if (gone)
        gone (exchange->gone_context);
}

void
exchange_completed (void *context, struct MHD_Connection *mhd, void **exchange_p,
                    enum MHD_RequestTerminationCode how)
{
    (void) context;
    (void) mhd;
    (void) how;
    struct exchange *exchange = *exchange_p;
    if (exchange == NULL)
        return;
    checked (exchange);
    if (exchange->state != EXCHANGE_ENDED)
        exchange_lose (exchange);
    struct connection *connection = exchange->connection;
    enum guard_phase phase = connection->socket.guard.phase;
    connection->exchange = NULL;
    connection->server->held -= exchange->held;
    connection->server->sending -= exchange->sending;
    response_drop (exchange);
    connection_wait (connection,
                     phase == GUARD_IDLE   ? WAIT_IDLE
                     : phase == GUARD_HEAD ? WAIT_HEAD
                                           : WAIT_BODY,
                     true);
    http_look (connection->http);
    exchange_give (exchange);
    *exchange_p = NULL;
}

// ---- the request comes -----------------------------------------------------------------------------------------------

static bool
refused (struct exchange *exchange, int status, const char *type, const char *detail)
{
    exchange->refused = status;
    exchange->refused_type = type;
    exchange->refused_detail = detail;
    return true;
}

static bool
body_refused (struct exchange *exchange)
{
    const char *length = exchange_header (exchange, "content-length");
    exchange->length = length ? strtoull (length, NULL, 10) : 0;
    if (exchange->refused || exchange->length <= exchange->route->body_limit)
        return false;
    return refused (exchange, 413, "too-large",
                    exchange->route->body_limit
                        ? arena_printf (exchange->arena, "the body may have %zu bytes at most here",
                                        exchange->route->body_limit)
                        : "no body is taken here");
}

static bool
head_refused (struct exchange *exchange)
{
    const struct http *http = exchange->http;
    if (exchange->target == NULL)
        return refused (exchange, 414, "too-long", "the target of the request is too long");
    if (exchange->pool_used > http->pool_size - RESPONSE_ROOM)
        return refused (exchange, 431, "headers-too-large",
                        "the request has too many cookies for their size");
    if (exchange->repeated)
        return refused (exchange, 400, "header-repeated",
                        arena_printf (exchange->arena, "the header \"%s\" came more than once",
                                      exchange->repeated));
    if (exchange->method == 0)
        return refused (exchange, 501, "method-unknown",
                        "GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS are known here");
    if (!http->serving)
        return refused (exchange, 503, "starting", http->why);
    char *query = strchrnul (exchange->target, '?');
    exchange->path =
        arena_memdup (exchange->arena, exchange->target, (size_t) (query - exchange->target) + 1);
    if (exchange->path == NULL)
        return refused (exchange, 414, "too-long", "the target of the request is too long");
    exchange->path[query - exchange->target] = '\0';
    exchange->query = *query ? query + 1 : query;
    if (!route_find (exchange))
        return true;
    if (exchange->route->methods & HTTP_QUERY_UNREAD)
        return false;
    const char *wrong = query_read (exchange);
    return wrong && refused (exchange, 400, "query-malformed", wrong);
}

// What can be known before the body is there. Who sends a small one that nobody wants keeps the connection; a large one is not waited for.
static void
head_take (struct exchange *exchange, const char *method, const char *version)
{
    exchange->method_name = method;
    exchange->chunked = strcmp (version, "HTTP/1.1") == 0;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp (method, methods[i].name) == 0)
            exchange->method = methods[i].method;
    exchange->http->stats.requests++;
    exchange->state = EXCHANGE_BODY;
    if (exchange->listener == HTTP_PLAIN) {
        exchange->close = exchange->connection->linger = true;
        exchange_refuse (exchange, 403, "https-required",
                         "this is served over HTTPS only; a token that was sent here has been seen "
                         "by others, perhaps: rotate it");
        return;
    }
    headers_read (exchange);
    correlation_read (exchange, exchange_header (exchange, "traceparent"));
    head_refused (exchange);
    body_refused (exchange);
    if (exchange->refused && exchange->length > DISCARD_MAX) {
        exchange->close = exchange->connection->linger = true;
        exchange_refuse (exchange, exchange->refused, exchange->refused_type, "%s",
                         exchange->refused_detail);
    }
}

static void
body_take (struct exchange *exchange, const char *data, size_t size)
{
    struct http *http = exchange->http;
    if (exchange->refused)
        return;
    size_t needed = exchange->size + size + 1;
    if (needed > exchange->room) {
        size_t room = exchange->room ? exchange->room * 2 : 1024;
        while (room < needed)
            room *= 2;
        if (http->bodies + room - exchange->room > (size_t) http->settings->body_memory) {
            refused (exchange, 503, "busy",
                     "there are too many large requests at the moment: try again later");
            return;
        }
        exchange->body = xrealloc (exchange->body, room);
        http->bodies += room - exchange->room;
        exchange->room = room;
    }
    memcpy (exchange->body + exchange->size, data, size);
    exchange->size += size;
    exchange->body[exchange->size] = '\0';
}

// To suspend a connection, and to resume it, costs a system call each and a look for what may have come meanwhile. Most answers are there in a fraction of a
// millisecond: for so long it is held, which is to say that MHD has no response yet and asks for it each time that it is run.
static void
exchange_wait (struct exchange *exchange)
{
    struct server *server = exchange->connection->server;
    exchange->state = EXCHANGE_WAITING;
    exchange->since = server->run_ms;
    list_append (&exchange->http->waiting, &exchange->link);
    http_look (exchange->http);
    exchange->held = server->held < HELD_MAX;
    server->held += exchange->held;
    if (!exchange->held)
        MHD_suspend_connection (exchange->mhd);
}

static void
exchange_asked (struct exchange *exchange)
{
    struct server *server = exchange->connection->server;
    if (server->run_ms - exchange->since < HELD_MS)
        return;
    exchange->held = false;
    server->held--;
    MHD_suspend_connection (exchange->mhd);
}

static void
exchange_handle (struct exchange *exchange)
{
    exchange->state = EXCHANGE_HANDLING;
    connection_wait (exchange->connection, WAIT_NONE, false);
    if (exchange->refused)
        exchange_refuse (exchange, exchange->refused, exchange->refused_type, "%s",
                         exchange->refused_detail);
    else
        exchange->route->handler (exchange);
    if (exchange->state == EXCHANGE_HANDLING)
        exchange_wait (exchange);
}

enum MHD_Result
exchange_access (void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                 const char *version, const char *data, size_t *size, void **exchange_p)
{
    (void) context;
    (void) mhd;
    (void) url;
    struct exchange *exchange = *exchange_p;
    checked (exchange);
    if (exchange->response) {
        response_tell (exchange);
        return MHD_YES;
    }
    switch (exchange->state) {
    case EXCHANGE_LINE:
        head_take (exchange, method, version);
        return MHD_YES;
    case EXCHANGE_BODY:
        if (*size > 0)
            body_take (exchange, data, *size);
        else
            exchange_handle (exchange);
        *size = 0;
        return MHD_YES;
    case EXCHANGE_WAITING:
        exchange_asked (exchange);
        return MHD_YES;
    case EXCHANGE_ENDED: // with its client gone; what has a response does not come here
    case EXCHANGE_HANDLING:
    case EXCHANGE_STREAM:
        break;
    }
    return MHD_NO;
}

// ---- what handlers ask -----------------------------------------------------------------------------------------------

enum http_method
exchange_method (const struct exchange *exchange)
{
    return checked (exchange)->method;
}

const char *
exchange_method_name (const struct exchange *exchange)
{
    return checked (exchange)->method_name;
}

const char *
exchange_path (const struct exchange *exchange)
{
    return checked (exchange)->path;
}

const char *
exchange_target (const struct exchange *exchange)
{
    return checked (exchange)->target;
}

bool
exchange_bearer (const struct exchange *exchange, const char **token_r)
{
    const char *value = exchange_header (exchange, "authorization");
    if (value == NULL || strncasecmp (value, "Bearer ", 7) != 0)
        return false;
    value += 6;
    value += strspn (value, " ");
    *token_r = value;
    return *value != '\0';
}

const char *
exchange_body (const struct exchange *exchange, size_t *size_r)
{
    *size_r = checked (exchange)->size;
    return exchange->body ? exchange->body : "";
}

enum http_listener
exchange_listener (const struct exchange *exchange)
{
    return checked (exchange)->listener;
}

const char *
exchange_correlation (struct exchange *exchange)
{
    checked (exchange);
    if (exchange->correlation[0] == '\0') // most are not asked for
        correlation_make (exchange);
    return exchange->correlation;
}

struct arena *
exchange_arena (struct exchange *exchange)
{
    return checked (exchange)->arena;
}

void *
exchange_owner (const struct exchange *exchange)
{
    return checked (exchange)->owner;
}

const void *
exchange_route (const struct exchange *exchange)
{
    return checked (exchange)->route->context;
}

void *
exchange_context (const struct exchange *exchange)
{
    return checked (exchange)->context;
}

void
exchange_context_set (struct exchange *exchange, void *context)
{
    checked (exchange);
    exchange->context = context;
}

void
exchange_gone (struct exchange *exchange, void (*gone) (void *context), void *context)
{
    checked (exchange);
    exchange->gone = gone;
    exchange->gone_context = context;
}

void
exchange_over (struct exchange *exchange, void (*over) (void *context), void *context)
{
    checked (exchange);
    exchange->over = over;
    exchange->over_context = context;
}
