// The headers of a request: those that anything here looks at.
#include "services/gateway/http_internal.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

// In the order of their names. A list may come several times, and means the same as once, joined by commas (RFC 9110 section 5.3). Anything else that came twice was
// meant to be read once by one, and once by another: it is refused.
static const struct known {
    const char *name;
    bool list;
} known[] = {
    {"accept", true},
    {"accept-language", true},
    {"authorization", false},
    {"content-length", false},
    {"content-type", false},
    {"cookie", false},
    {"expect", false},
    {"host", false},
    {"idempotency-key", false},
    {"if-match", false},
    {"if-none-match", false},
    {"last-event-id", false},
    {"origin", false},
    {"referer", false},
    {"sec-fetch-site", false},
    {"traceparent", false},
    {"user-agent", false},
    {"x-envoy-original-path", false},
    {"x-forwarded-for", true},
    {"x-forwarded-host", false},
    {"x-forwarded-method", false},
    {"x-forwarded-proto", false},
    {"x-forwarded-uri", false},
    {"x-jeton-access", false},
    {"x-jeton-customer-token", false},
    {"x-jeton-environment", false},
    {"x-jeton-module", false},
    {"x-jeton-scope", false},
    {"x-original-host", false},
    {"x-original-method", false},
    {"x-original-uri", false},
    {"x-real-ip", false},
};
enum { KNOWN = sizeof known / sizeof *known };
_Static_assert((int) KNOWN <= (int) HEADERS, "each has its place in an exchange");

// Its number, or -1. Case does not matter.
static int
header_number (const char *name, size_t size)
{
    for (int i = 0; i < KNOWN; i++)
        if (known[i].name[0] == (name[0] | 0x20) && strncasecmp (known[i].name, name, size) == 0 &&
            known[i].name[size] == '\0')
            return i;
    return -1;
}

static enum MHD_Result
header_take (void *context, enum MHD_ValueKind kind, const char *name, size_t name_size,
             const char *value, size_t value_size)
{
    (void) kind;
    (void) value_size;
    struct exchange *exchange = context;
    int number = header_number (name, name_size);
    if (number < 0)
        return MHD_YES;
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
    MHD_get_connection_values_n (exchange->mhd, MHD_HEADER_KIND, header_take, exchange);
}

const char *
exchange_header (const struct exchange *exchange, const char *name)
{
    int number = header_number (name, strlen (name));
    assert (number >= 0); // add it to the table
    return exchange->headers[number];
}
