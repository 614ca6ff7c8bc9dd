// What comes before libmicrohttpd's parser: is this well-formed HTTP/1.x, and is there one way only to read it?
//
// Smuggling lives on what two parsers read differently. libmicrohttpd accepts two Content-Length, a bare LF, NUL in a header, a space before the colon, a header that is
// continued on the next line, Transfer-Encoding beside Content-Length. The guard looks at each byte before it does, and stops the connection at the first request that
// is not in the strict grammar of RFC 9112. It also says where requests end: after a head come as many bytes of body as Content-Length says, which it does not look at.
// A body of unknown length (Transfer-Encoding) is refused (RFC 9112 section 6.3: 411), so that there is one way only to say where it ends.
#ifndef JETON_GATEWAY_GUARD_H
#define JETON_GATEWAY_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum guard_phase {
    GUARD_IDLE, // between two requests
    GUARD_HEAD, // in the first line and the headers
    GUARD_BODY,
};

enum {
    GUARD_FIELDS = 128,
    GUARD_ELEMENT =
        64, // bytes that libmicrohttpd takes for each header and each parameter of the query, besides their text; without them, it lets a request hang
    GUARD_NAME = 20
};

struct guard {
    enum guard_phase phase;
    int status; // 0: all is well; else what the request is refused with: 400, 408, 411, 414, 431, 505
    const char *why; // for people
    // private
    uint8_t state, then, version, hosts, lengths, digits, escape;
    uint8_t field; // which of those that are looked at
    uint8_t name_size;
    char name[GUARD_NAME]; // of a header, in lower case, or the version
    uint16_t fields;
    uint32_t parameters;  // of the query
    uint32_t head, limit; // bytes of this head, and at most
    uint64_t body;        // bytes that are still to come
    bool filled;          // the header has a value
};

// guard_begin (guard, limit): A new connection; heads may have so many bytes.
void guard_begin (struct guard *guard, size_t limit);

// guard_feed (guard, data, size): Look at what has come. Returns how many of these bytes may be passed on: all of them; or, when guard->status has been set, those before the
// request that is refused (none of it, as far as it is in `data`: what was passed on of it before is a head without its end, of which nothing has come). Nothing is fed afterwards.
size_t guard_feed (struct guard *guard, const char *data, size_t size);

// guard_refuse (guard, status, why): Refuse what comes now for a reason of one's own: it takes too long.
void guard_refuse (struct guard *guard, int status, const char *why);

// guard_answer (guard, text_r, size): The whole response for guard->status, with which the connection ends. Returns its length.
enum { GUARD_ANSWER = 640 };
size_t guard_answer (const struct guard *guard, char text_r[GUARD_ANSWER]);

#endif
