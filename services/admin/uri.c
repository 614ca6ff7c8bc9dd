#include "services/admin/uri.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// ":" and 1 to 65535, or nothing.
static bool
port_good (const char *port, size_t length)
{
    if (length == 0)
        return true;
    if (*port != ':' || length < 2 || length > 6 || port[1] == '0' ||
        strspn (port + 1, "0123456789") < length - 1)
        return false;
    return strtol (port + 1, NULL, 10) <= 65535;
}

// The length of a host at the beginning of an authority; 0: it is none. Names and IPv4 addresses, or an address in brackets.
static size_t
host_length (const char *authority, size_t length)
{
    static const char address[] = "0123456789abcdefABCDEF:.";
    static const char name[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.";
    size_t n = 0;
    if (length > 0 && *authority == '[') {
        n = 1 + strspn (authority + 1, address);
        return n > 1 && n < length && authority[n] == ']' ? n + 1 : 0;
    }
    n = strspn (authority, name);
    return *authority == '.' || *authority == '-' ? 0 : n;
}

static bool
host_is (const char *host, size_t length, const char *name)
{
    return strlen (name) == length && memcmp (host, name, length) == 0;
}

const char *
uri_redirect_wrong (const char *uri)
{
    static const char form[] = "must be an https URI, or an http URI of 127.0.0.1, [::1] or "
                               "localhost, without user name and fragment";
    size_t size = strlen (uri);
    if (size > URI_LENGTH_MAX)
        return "must have 2048 characters at most";
    for (size_t i = 0; i < size; i++)
        if (uri[i] <= ' ' || uri[i] >= 0x7f || strchr ("#\\\"<>^`{|}", uri[i]))
            return "must be of printable ASCII characters that a URI may have, without a fragment";
    bool https = strncmp (uri, "https://", 8) == 0;
    if (!https && strncmp (uri, "http://", 7) != 0)
        return form;
    const char *authority = uri + (https ? 8 : 7);
    size_t length = strcspn (authority, "/?");
    size_t host = host_length (authority, length);
    if (host == 0 || host > length || !port_good (authority + host, length - host))
        return form;
    if (https || host_is (authority, host, "127.0.0.1") || host_is (authority, host, "[::1]") ||
        host_is (authority, host, "localhost"))
        return NULL;
    return form;
}
