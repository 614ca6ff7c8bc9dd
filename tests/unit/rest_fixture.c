#include "tests/unit/rest_fixture.h"
#include "common/json/json.h"
#include "common/memory/memory.h"
#include "envelope.pb-c.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA = 1 << 20 };

// ---- the request ----------------------------------------------------------------------------------------------------

// A route's path against the one that was sent; segments as they are.
static bool
fits (struct exchange *exchange, const char *route)
{
    const char *path = exchange->path;
    for (size_t n = 0; *route; route++) {
        if (*route != '{') {
            if (*route != *path++)
                return false;
            continue;
        }
        size_t size = strcspn (path, "/");
        snprintf (exchange->segments[n++], sizeof *exchange->segments, "%.*s", (int) size, path);
        path += size;
        route = strchr (route, '}');
    }
    return *path == '\0';
}

void
fixture_run (struct exchange *exchange)
{
    exchange->arena = arena_new (ARENA);
    if (exchange->body && exchange->size == 0)
        exchange->size = strlen (exchange->body);
    for (exchange->row = rest_routes; exchange->row->path; exchange->row++)
        if ((exchange->row->methods & exchange->method) && fits (exchange, exchange->row->path))
            break;
    assert (exchange->row->path);
    exchange->row->handler (exchange);
    assert (exchange->ended || exchange->calls > 0);
}

void
fixture_end (struct exchange *exchange)
{
    arena_destroy (&exchange->arena);
    json_decref (exchange->json);
    json_decref (exchange->message);
    for (size_t i = 0; i < 8 && exchange->set[i].name; i++)
        free ((void *) exchange->set[i].value);
    free (exchange->text);
}

enum http_method
exchange_method (const struct exchange *exchange)
{
    return exchange->method;
}

const char *
exchange_path (const struct exchange *exchange)
{
    return exchange->path;
}

const char *
exchange_segment (const struct exchange *exchange, const char *name)
{
    char segment[64];
    size_t n = 0;
    for (const char *path = exchange->row->path; rest_segment (&path, segment, sizeof segment); n++)
        if (strcmp (segment, name) == 0)
            return exchange->segments[n];
    return NULL;
}

bool
exchange_query_each (struct exchange *exchange, exchange_each *each, void *context)
{
    for (const struct fixture_pair *pair = exchange->query; pair->name; pair++)
        if (!each (context, pair->name, pair->value))
            return false;
    return true;
}

const char *
exchange_header (const struct exchange *exchange, const char *name)
{
    for (const struct fixture_pair *pair = exchange->headers; pair->name; pair++)
        if (strcmp (pair->name, name) == 0)
            return pair->value;
    return NULL;
}

bool
exchange_bearer (const struct exchange *exchange, const char **token_r)
{
    *token_r = exchange->bearer;
    return exchange->bearer != NULL;
}

const char *
exchange_body (const struct exchange *exchange, size_t *size_r)
{
    *size_r = exchange->size;
    return exchange->body;
}

const char *
exchange_content_type (struct exchange *exchange)
{
    return exchange->content_type ? exchange->content_type : "";
}

const json_t *
exchange_json (struct exchange *exchange)
{
    exchange->json = json_loadb (exchange->body, exchange->size, JSON_REJECT_DUPLICATES, NULL);
    assert (exchange->json);
    return exchange->json;
}

struct arena *
exchange_arena (struct exchange *exchange)
{
    return exchange->arena;
}

void *
exchange_owner (const struct exchange *exchange)
{
    return exchange->gateway;
}

const void *
exchange_route (const struct exchange *exchange)
{
    return exchange->row->context;
}

void *
exchange_context (const struct exchange *exchange)
{
    return exchange->context;
}

void
exchange_context_set (struct exchange *exchange, void *context)
{
    exchange->context = context;
}

void
exchange_gone (struct exchange *exchange, void (*gone) (void *context), void *context)
{
    exchange->gone = gone;
    exchange->gone_context = context;
}

// ---- the response ---------------------------------------------------------------------------------------------------

void
exchange_set (struct exchange *exchange, const char *name, const char *value)
{
    struct fixture_pair *pair = exchange->set;
    while (pair->name)
        pair++;
    *pair = (struct fixture_pair){name, xstrdup (value)};
}

const char *
fixture_header (const struct exchange *exchange, const char *name)
{
    for (const struct fixture_pair *pair = exchange->set; pair->name; pair++)
        if (strcmp (pair->name, name) == 0)
            return pair->value;
    return NULL;
}

void
exchange_end (struct exchange *exchange, int status, const char *content_type, const void *body,
              size_t size)
{
    assert (!exchange->ended && !exchange->text);
    exchange->ended = true;
    exchange->status = status;
    exchange->text = xasprintf ("%.*s", content_type ? (int) size : 0, (const char *) body);
}

void
exchange_end_json (struct exchange *exchange, int status, json_t *value)
{
    char *text = json_dumps (value, JSON_COMPACT);
    assert (text);
    exchange_end (exchange, status, "application/json", text, strlen (text));
    free (text);
    json_decref (value);
}

// "TYPE FIELD: DESCRIPTION", or "TYPE: DETAIL".
void
exchange_problem (struct exchange *exchange, int status, const char *type, const char *detail,
                  const struct http_violation *violations, size_t n)
{
    char *text = n ? xasprintf ("%s %s: %s", type, violations->field, violations->description)
                   : xasprintf ("%s: %s", type, detail);
    exchange_end (exchange, status, "application/problem+json", text, strlen (text));
    free (text);
}

void
exchange_refuse (struct exchange *exchange, int status, const char *type, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start (arguments, format);
    vsnprintf (text, sizeof text, format, arguments);
    va_end (arguments);
    exchange_problem (exchange, status, type, text, NULL, 0);
}

void
exchange_stream (struct exchange *exchange, const char *content_type, void (*more) (void *context),
                 void *context)
{
    exchange->more = more;
    exchange->more_context = context;
    exchange->status = 200;
    exchange->text = xstrdup ("");
    exchange_set (exchange, "Content-Type", content_type);
}

bool
exchange_write (struct exchange *exchange, const void *data, size_t size)
{
    assert (!exchange->finished);
    if (exchange->limit && strlen (exchange->text) + size > exchange->limit)
        return false;
    char *text = xasprintf ("%s%.*s", exchange->text, (int) size, (const char *) data);
    free (exchange->text);
    exchange->text = text;
    return true;
}

void
exchange_finish (struct exchange *exchange)
{
    assert (!exchange->finished);
    exchange->finished = exchange->ended = true;
}

void
exchange_cut (struct exchange *exchange)
{
    exchange->cut = true;
    exchange_finish (exchange);
}

bool
exchange_chunked (const struct exchange *exchange)
{
    return !exchange->old;
}

// ---- calls ----------------------------------------------------------------------------------------------------------

void
gateway_call (struct exchange *exchange, const struct gateway_call *call, rpc_callback *callback)
{
    assert (!exchange->ended);
    exchange->call = *call;
    exchange->callback = callback;
    exchange->calls++;
    json_decref (exchange->message);
    exchange->message = json_from_message (call->message);
}

void
gateway_taken (struct exchange *exchange, enum upstream upstream, uint64_t id)
{
    (void) upstream;
    (void) id;
    exchange->taken++;
}

void
fixture_reply (struct exchange *exchange, int code, const char *message, const void *reply,
               bool more)
{
    struct rpc_result result = {.code = code, .message = message, .reply = reply, .more = more};
    exchange->callback (exchange, &result);
}

struct gateway_status
gateway_status (int code)
{
    (void) code;
    return (struct gateway_status){401, "unauthenticated"};
}

void
gateway_fail (struct exchange *exchange, const struct rpc_result *result)
{
    struct http_violation violation = {result->details[0].field, result->details[0].description};
    exchange_problem (exchange, 400 + result->code, "failed", result->message, &violation,
                      result->ndetails);
}
