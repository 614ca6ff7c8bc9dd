// Networks in CIDR notation (RFC 4632, RFC 4291), and the addresses in them.
#ifndef JETON_CIDR_H
#define JETON_CIDR_H

#include <stdbool.h>
#include <stdint.h>

enum { CIDR_TEXT_SIZE = 50 }; // of the longest, with its NUL

// An address, or a network: then the bits after its prefix are 0. IPv4 is in the first four bytes.
struct cidr {
    uint8_t family; // 4 or 6; 0: none
    uint8_t bits;   // length of the prefix; 32 or 128 of an address
    uint8_t bytes[16];
};

// cidr_parse (text, cidr_r): "192.0.2.0/24", "2001:db8::/32". Bits after the prefix are cleared. False: it is no CIDR notation; IPv4 in
// IPv6 (::ffff:0:0/96 and its parts) is none: there would be two names for one network.
bool cidr_parse (const char *text, struct cidr *cidr_r) __attribute__ ((warn_unused_result));
// cidr_address (text, cidr_r): An address alone. IPv4 in IPv6 (::ffff:192.0.2.1) becomes IPv4.
bool cidr_address (const char *text, struct cidr *cidr_r) __attribute__ ((warn_unused_result));
// cidr_format (cidr, text_r): In canonical form, as PostgreSQL's cidr writes it (RFC 5952).
void cidr_format (const struct cidr *cidr, char text_r[CIDR_TEXT_SIZE]);
// cidr_place (text, place_r): An address as it is counted, where what comes from one place has a limit: IPv6 by its /64, of whose addresses anybody has 2^64. It is a key and nothing to be
// shown: the network's bytes, "c0000201/32", "20010db800010002/64". What is no address, as it is; what is longer than any is cut off.
enum { CIDR_PLACE_SIZE = 272 };
void cidr_place (const char *text, char place_r[CIDR_PLACE_SIZE]);
// cidr_contains (network, other): Is the other network or address part of this one?
bool cidr_contains (const struct cidr *network, const struct cidr *other);

#endif
