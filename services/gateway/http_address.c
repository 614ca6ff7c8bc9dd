// Who is at the other end.
#include "services/gateway/http_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static bool
trusted (const struct http *http, const struct cidr *address)
{
    for (size_t i = 0; i < http->ntrusted; i++)
        if (cidr_contains (&http->trusted[i], address))
            return true;
    return false;
}

bool
trusted_read (struct http *http, struct error *error_r)
{
    struct cidr *networks = NULL;
    size_t n = 0;
    cleanup_free char *text = xstrdup (http->settings->trusted_proxies);
    char *rest = NULL;
    for (char *word = strtok_r (text, ", \t", &rest); word; word = strtok_r (NULL, ", \t", &rest)) {
        networks = xrealloc (networks, (n + 1) * sizeof *networks);
        if (!cidr_parse (word, &networks[n]) && !cidr_address (word, &networks[n])) {
            error_set (error_r, "setting trusted_proxies: \"%s\" is no network in CIDR notation",
                       word);
            free (networks);
            return false;
        }
        n++;
    }
    free (http->trusted);
    http->trusted = networks;
    http->ntrusted = n;
    return true;
}

void
connection_address (struct connection *connection, const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (address->sa_family == AF_INET)
        inet_ntop (AF_INET, &((const struct sockaddr_in *) (const void *) address)->sin_addr, text,
                   sizeof text);
    else if (address->sa_family == AF_INET6)
        inet_ntop (AF_INET6, &((const struct sockaddr_in6 *) (const void *) address)->sin6_addr,
                   text, sizeof text);
    if (cidr_address (text, &connection->peer))
        cidr_format (&connection->peer, connection->address);
    // Without the length of its prefix.
    connection->address[strcspn (connection->address, "/")] = '\0';
    connection->trusted = trusted (connection->http, &connection->peer);
}

// One entry of X-Forwarded-For: an address, perhaps with a port.
static bool
entry_read (const char *text, size_t size, struct cidr *address_r)
{
    char word[64];
    while (size > 0 && (*text == ' ' || *text == '\t'))
        text++, size--;
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    if (size >= sizeof word)
        return false;
    memcpy (word, text, size);
    word[size] = '\0';
    if (cidr_address (word, address_r))
        return true;
    if (word[0] == '[') {
        word[strcspn (word, "]")] = '\0';
        return cidr_address (word + 1, address_r);
    }
    char *colon = strchr (word, ':');
    if (colon == NULL || strchr (colon + 1, ':'))
        return false;
    *colon = '\0';
    return cidr_address (word, address_r);
}

// From the right, what trusted proxies have written: each says who came to it. What the first that is not trusted has written counts for nothing. False: one of them says nothing that is an
// address ("unknown", "unix:"); *found is the last that is known.
static bool
forwarded_read (const struct exchange *exchange, const char *forwarded, struct cidr *found)
{
    size_t end = strlen (forwarded);
    for (;;) {
        size_t begin = end;
        while (begin > 0 && forwarded[begin - 1] != ',')
            begin--;
        struct cidr address;
        if (!entry_read (forwarded + begin, end - begin, &address))
            return false;
        *found = address;
        if (begin == 0 || !trusted (exchange->http, &address))
            return true;
        end = begin - 1;
    }
}

bool
exchange_trusted (const struct exchange *exchange)
{
    return exchange->connection->trusted;
}

const char *
exchange_address (struct exchange *exchange)
{
    const struct connection *connection = exchange->connection;
    if (exchange->address)
        return exchange->address;
    const char *forwarded =
        connection->trusted ? exchange_header (exchange, "x-forwarded-for") : NULL;
    exchange->address = connection->address;
    exchange->told = false;
    if (forwarded) {
        struct cidr found = connection->peer;
        char text[CIDR_TEXT_SIZE];
        exchange->told = forwarded_read (exchange, forwarded, &found);
        cidr_format (&found, text);
        text[strcspn (text, "/")] = '\0';
        const char *copy = arena_strdup (exchange->arena, text);
        exchange->address = copy ? copy : connection->address;
        exchange->told = exchange->told && copy;
    }
    return exchange->address;
}

const char *
exchange_client (struct exchange *exchange)
{
    const char *address = exchange_address (exchange);
    return exchange->told || !exchange->connection->trusted ? address : "";
}
