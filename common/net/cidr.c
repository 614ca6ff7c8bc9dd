#include "common/net/cidr.h"
#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Is it in ::ffff:0:0/96 (RFC 4291 section 2.5.5.2)?
static bool
is_mapped (const struct cidr *cidr)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return cidr->family == 6 && memcmp (cidr->bytes, prefix, sizeof prefix) == 0;
}

static bool
parse_bytes (const char *text, struct cidr *cidr_r)
{
    memset (cidr_r, 0, sizeof *cidr_r);
    if (inet_pton (AF_INET, text, cidr_r->bytes) == 1)
        cidr_r->family = 4;
    else if (inet_pton (AF_INET6, text, cidr_r->bytes) == 1)
        cidr_r->family = 6;
    cidr_r->bits = cidr_r->family == 4 ? 32 : 128;
    return cidr_r->family != 0;
}

bool
cidr_parse (const char *text, struct cidr *cidr_r)
{
    char address[CIDR_TEXT_SIZE];
    const char *slash = strchr (text, '/');
    if (!slash || (size_t) (slash - text) >= sizeof address)
        return false;
    memcpy (address, text, (size_t) (slash - text));
    address[slash - text] = '\0';
    size_t digits = strspn (slash + 1, "0123456789");
    if (digits < 1 || digits > 3 || slash[1 + digits] || (digits > 1 && slash[1] == '0') ||
        !parse_bytes (address, cidr_r))
        return false;
    long bits = strtol (slash + 1, NULL, 10);
    if (bits > cidr_r->bits)
        return false;
    cidr_r->bits = (uint8_t) bits;
    for (long i = bits; i < 128; i++)
        cidr_r->bytes[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
    return !(bits >= 96 && is_mapped (cidr_r));
}

bool
cidr_address (const char *text, struct cidr *cidr_r)
{
    if (!parse_bytes (text, cidr_r))
        return false;
    if (is_mapped (cidr_r)) {
        memmove (cidr_r->bytes, cidr_r->bytes + 12, 4);
        memset (cidr_r->bytes + 4, 0, 12);
        cidr_r->family = 4;
        cidr_r->bits = 32;
    }
    return true;
}

void
cidr_format (const struct cidr *cidr, char text_r[CIDR_TEXT_SIZE])
{
    char address[INET6_ADDRSTRLEN] = "";
    inet_ntop (cidr->family == 4 ? AF_INET : AF_INET6, cidr->bytes, address, sizeof address);
    snprintf (text_r, CIDR_TEXT_SIZE, "%s/%d", address, cidr->bits);
}

void
cidr_place (const char *text, char place_r[CIDR_PLACE_SIZE])
{
    struct cidr cidr;
    if (!cidr_address (text, &cidr)) {
        snprintf (place_r, CIDR_PLACE_SIZE, "%s", text);
        return;
    }
    size_t size = cidr.family == 4 ? 4 : 8;
    sodium_bin2hex (place_r, CIDR_PLACE_SIZE, cidr.bytes, size);
    memcpy (place_r + 2 * size, size == 4 ? "/32" : "/64", sizeof "/64");
}

bool
cidr_contains (const struct cidr *network, const struct cidr *other)
{
    if (network->family != other->family || network->bits > other->bits)
        return false;
    size_t whole = network->bits / 8u;
    if (memcmp (network->bytes, other->bytes, whole) != 0)
        return false;
    unsigned rest = network->bits % 8u;
    return rest == 0 || (network->bytes[whole] ^ other->bytes[whole]) >> (8u - rest) == 0;
}
