// Which route serves a request.
#include "services/gateway/http_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const method_names[] = {"GET",   "HEAD",   "POST",   "PUT",
                                           "PATCH", "DELETE", "OPTIONS"};

void
http_routes (struct http *http, const struct http_route *routes, void *owner)
{
    assert (http->ntables < TABLES_MAX);
    http->tables[http->ntables++] = (struct http_table){routes, owner};
}

// Segments of the path where the route has {names}, and what stands for its *; as they were sent.
struct fit {
    const char *text[SEGMENTS_MAX];
    size_t size[SEGMENTS_MAX];
    size_t n;
};

static bool
fits (const char *route, const char *path, struct fit *fit)
{
    fit->n = 0;
    for (; *route; route++) {
        if (*route == '*') {
            fit->text[fit->n] = path;
            fit->size[fit->n++] = strlen (path);
            return true;
        }
        if (*route != '{') {
            if (*route != *path++)
                return false;
            continue;
        }
        assert (fit->n < SEGMENTS_MAX - 1);
        size_t size = strcspn (path, "/");
        if (size == 0)
            return false;
        fit->text[fit->n] = path;
        fit->size[fit->n++] = size;
        path += size;
        route = strchr (route, '}');
        assert (route);
    }
    return *path == '\0';
}

static bool
segments_decode (struct exchange *exchange, const struct fit *fit)
{
    for (size_t i = 0; i < fit->n; i++) {
        char *text = arena_alloc (exchange->arena, fit->size[i] + 1);
        if (text == NULL || !percent_decode (fit->text[i], fit->size[i], false, text))
            return false;
        exchange->segments[i] = text;
    }
    return true;
}

static bool
refused (struct exchange *exchange, int status, const char *type, const char *detail)
{
    exchange->refused = status;
    exchange->refused_type = type;
    exchange->refused_detail = detail;
    return false;
}

// There are routes for this path, but not with this method.
static bool
method_refused (struct exchange *exchange, unsigned allowed)
{
    char text[64] = "";
    size_t length = 0;
    if (allowed & HTTP_GET)
        allowed |= HTTP_HEAD;
    allowed |= HTTP_OPTIONS;
    for (unsigned i = 0; i < sizeof method_names / sizeof *method_names; i++)
        if (allowed & 1U << i)
            length += (size_t) snprintf (text + length, sizeof text - length, "%s%s",
                                         length ? ", " : "", method_names[i]);
    exchange_set (exchange, "Allow", text);
    if (exchange->method == HTTP_OPTIONS)
        return refused (exchange, 204, "", "");
    return refused (exchange, 405, "method-not-allowed",
                    "this method is not served here: the header Allow says which are");
}

static bool
takes (const struct http_route *route, enum http_method method)
{
    return route->methods & method || (method == HTTP_HEAD && route->methods & HTTP_GET);
}

static bool
route_take (struct exchange *exchange, const struct http_route *route, void *owner,
            const struct fit *fit)
{
    exchange->route = route;
    exchange->owner = owner;
    if (!segments_decode (exchange, fit))
        return refused (exchange, 400, "path-malformed",
                        "the path is not UTF-8 without control characters, percent-encoded");
    return true;
}

bool
route_find (struct exchange *exchange)
{
    const struct http *http = exchange->http;
    unsigned allowed = 0;
    struct fit fit;
    for (size_t i = 0; i < http->ntables; i++)
        for (const struct http_route *route = http->tables[i].routes; route->path; route++) {
            if (!(route->listeners & exchange->listener) ||
                !fits (route->path, exchange->path, &fit))
                continue;
            if (takes (route, exchange->method))
                return route_take (exchange, route, http->tables[i].owner, &fit);
            allowed |= route->methods;
        }
    if (allowed)
        return method_refused (exchange, allowed);
    return refused (exchange, 404, "not-found", "there is nothing at this path");
}

const char *
exchange_segment (const struct exchange *exchange, const char *name)
{
    size_t n = 0, size = strlen (name);
    for (const char *at = exchange->route->path; (at = strpbrk (at, "{*")); at++, n++)
        if (*at == '*' ? strcmp (name, "*") == 0
                       : strncmp (at + 1, name, size) == 0 && at[1 + size] == '}')
            return exchange->segments[n];
    assert (!"the route has a segment of this name");
    return NULL;
}
