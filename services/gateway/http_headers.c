// The headers of a request: those that anything here looks at.
#include "services/gateway/http_internal.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

// In the order of their lengths. A list may come several times, and means the same as once, joined by commas (RFC 9110 section 5.3). Anything else that came twice was
// meant to be read once by one, and once by another: it is refused.
static const struct known {
    const char *name;
    bool list;
} known[] = {
    {"host", false},
    {"accept", true},
    {"cookie", false},
    {"expect", false},
    {"origin", false},
    {"referer", false},
    {"if-match", false},
    {"x-real-ip", false},
    {"user-agent", false},
    {"traceparent", false},
    {"content-type", false},
    {"authorization", false},
    {"if-none-match", false},
    {"last-event-id", false},
    {"x-jeton-scope", false},
    {"content-length", false},
    {"sec-fetch-site", false},
    {"x-jeton-access", false},
    {"x-jeton-module", false},
    {"x-original-uri", false},
    {"accept-language", true},
    {"idempotency-key", false},
    {"x-forwarded-for", true},
    {"x-forwarded-uri", false},
    {"x-original-host", false},
    {"x-forwarded-host", false},
    {"x-forwarded-proto", false},
    {"x-original-method", false},
    {"x-forwarded-method", false},
    {"x-jeton-environment", false},
    {"x-envoy-original-path", false},
    {"x-jeton-customer-token", false},
};
enum { KNOWN = sizeof known / sizeof *known };
_Static_assert((int) KNOWN <= (int) HEADERS, "each has its place in an exchange");

void
headers_begin (struct http *http)
{
    for (int i = 1; i < KNOWN; i++)
        assert (strlen (known[i - 1].name) <= strlen (known[i].name));
    assert (strlen (known[KNOWN - 1].name) == HEADER_NAME_MAX);
    for (size_t size = 0, i = 0; size < sizeof http->headers_of; size++) {
        while (i < KNOWN && strlen (known[i].name) < size)
            i++;
        http->headers_of[size] = (uint8_t) i;
    }
}

// Its number, or -1. Case does not matter.
static int
header_number (const struct http *http, const char *name, size_t size)
{
    if (size > HEADER_NAME_MAX)
        return -1;
    for (int i = http->headers_of[size]; i < http->headers_of[size + 1]; i++)
        if (strncasecmp (known[i].name, name, size) == 0)
            return i;
    return -1;
}

static enum MHD_Result
header_take (void *context, enum MHD_ValueKind kind, const char *name, size_t name_size,
             const char *value, size_t value_size)
{
    struct exchange *exchange = context;
    exchange->pool_used += GUARD_ELEMENT;
    if (kind != MHD_HEADER_KIND)
        return MHD_YES;
    int number = header_number (exchange->http, name, name_size);
    if (number < 0)
        return MHD_YES;
    if (strcmp (known[number].name, "cookie") == 0)
        exchange->pool_used += value_size; // MHD has taken a copy of it apart
    const char **place = &exchange->headers[number];
    if (*place == NULL) {
        *place = value ? value : "";
        return MHD_YES;
    }
    const char *joined =
        known[number].list ? arena_printf (exchange->arena, "%s, %s", *place, value) : NULL;
    if (joined)
        *place = joined;
    else
        exchange->repeated = known[number].name;
    return MHD_YES;
}

void
headers_read (struct exchange *exchange)
{
    exchange->pool_used =
        MHD_get_connection_info (exchange->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
            ->header_size;
    MHD_get_connection_values_n (exchange->mhd,
                                 MHD_HEADER_KIND | MHD_GET_ARGUMENT_KIND | MHD_COOKIE_KIND,
                                 header_take, exchange);
}

const char *
exchange_header (const struct exchange *exchange, const char *name)
{
    size_t size = strlen (name);
    assert (size <= HEADER_NAME_MAX);
    int number = exchange->http->headers_of[size], end = exchange->http->headers_of[size + 1];
    while (number < end && memcmp (known[number].name, name, size) != 0)
        number++;
    assert (number < end); // add it to the table
    return exchange->headers[number];
}
