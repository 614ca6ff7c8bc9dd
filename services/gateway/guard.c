#include "services/gateway/guard.h"

#include <stdio.h>
#include <string.h>

// Where in a head it is; after each byte another.
enum state {
    METHOD,
    TARGET_FIRST,
    TARGET,
    TARGET_QUERY,
    TARGET_STAR,
    VERSION,
    LINE_END, // LF, and `then`
    FIELD_FIRST,
    FIELD_NAME,
    FIELD_SPACE, // before the value
    FIELD_VALUE,
    HEAD_END, // the last LF
};

// Headers that say where the request ends, or for whom it is.
enum field { FIELD_OTHER, FIELD_LENGTH, FIELD_HOST };

enum {
    TOKEN = 1, // tchar (RFC 9110 section 5.6.2)
    PATH = 2,  // of a target in origin form (RFC 3986), but %
    VALUE = 4, // of a header's value: visible, space, tab, obs-text
    DIGIT = 8,
    HEX = 16,
    HOST = 32, // uri-host and port (RFC 3986 section 3.2), but %
    METHOD_MAX = 16,
    DIGITS_MAX = 15,
};

#define ALPHANUMERIC TOKEN | PATH | VALUE | HOST
static const uint8_t classes[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
    ['!'] = TOKEN | PATH | VALUE | HOST,
    ['"'] = VALUE,
    ['#'] = TOKEN | VALUE,
    ['$'] = TOKEN | PATH | VALUE | HOST,
    ['%'] = TOKEN | VALUE,
    ['&'] = TOKEN | PATH | VALUE | HOST,
    ['\''] = TOKEN | PATH | VALUE | HOST,
    ['('] = PATH | VALUE | HOST,
    [')'] = PATH | VALUE | HOST,
    ['*'] = TOKEN | PATH | VALUE | HOST,
    ['+'] = TOKEN | PATH | VALUE | HOST,
    [','] = PATH | VALUE,
    ['-'] = TOKEN | PATH | VALUE | HOST,
    ['.'] = TOKEN | PATH | VALUE | HOST,
    ['/'] = PATH | VALUE,
    ['0' ... '9'] = ALPHANUMERIC | DIGIT | HEX,
    [':'] = PATH | VALUE | HOST,
    [';'] = PATH | VALUE | HOST,
    ['<'] = VALUE,
    ['='] = PATH | VALUE | HOST,
    ['>'] = VALUE,
    ['?'] = VALUE,
    ['@'] = PATH | VALUE,
    ['A' ... 'F'] = ALPHANUMERIC | HEX,
    ['G' ... 'Z'] = ALPHANUMERIC,
    ['['] = VALUE | HOST,
    ['\\'] = VALUE,
    [']'] = VALUE | HOST,
    ['^'] = TOKEN | VALUE,
    ['_'] = TOKEN | PATH | VALUE | HOST,
    ['`'] = TOKEN | VALUE,
    ['a' ... 'f'] = ALPHANUMERIC | HEX,
    ['g' ... 'z'] = ALPHANUMERIC,
    ['{'] = VALUE,
    ['|'] = TOKEN | VALUE,
    ['}'] = VALUE,
    ['~'] = TOKEN | PATH | VALUE | HOST,
    [0x80 ... 0xff] = VALUE,
};

static bool
is (char c, int class)
{
    return classes[(unsigned char) c] & class;
}

void
guard_begin (struct guard *guard, size_t limit)
{
    *guard = (struct guard){.limit = (uint32_t) limit};
}

void
guard_refuse (struct guard *guard, int status, const char *why)
{
    guard->status = status;
    guard->why = why;
}

static bool
refuse (struct guard *guard, int status, const char *why)
{
    guard_refuse (guard, status, why);
    return false;
}

static bool
go (struct guard *guard, enum state state)
{
    guard->state = (uint8_t) state;
    return true;
}

static bool
line_ends (struct guard *guard, enum state then)
{
    guard->then = (uint8_t) then;
    return go (guard, LINE_END);
}

static void
request_begins (struct guard *guard)
{
    *guard = (struct guard){.phase = GUARD_HEAD, .limit = guard->limit};
}

// ---- the first line --------------------------------------------------------------------------------------------------

static bool
on_method (struct guard *guard, char c)
{
    if (c == ' ' && guard->name_size > 0)
        return go (guard, TARGET_FIRST);
    if (!is (c, TOKEN))
        return refuse (guard, 400, "the first line does not begin with a method");
    if (++guard->name_size > METHOD_MAX)
        return refuse (guard, 400, "the method is too long");
    return true;
}

// As many headers as there may be in as long a head: what parameters of the query take is taken from them.
static bool
elements_fit (const struct guard *guard)
{
    return guard->head + ((uint64_t) guard->fields + guard->parameters) * GUARD_ELEMENT <=
           guard->limit + GUARD_FIELDS * GUARD_ELEMENT;
}

static bool
version_begins (struct guard *guard)
{
    if (!elements_fit (guard))
        return refuse (guard, 414, "the target of the request has too many parameters");
    guard->name_size = 0;
    return go (guard, VERSION);
}

static bool
is_query (char c)
{
    return c > ' ' && c < 0x7f && c != '#';
}

static bool
on_target (struct guard *guard, char c)
{
    if (guard->state == TARGET_FIRST && (c == '/' || c == '*'))
        return go (guard, c == '/' ? TARGET : TARGET_STAR);
    if (guard->state != TARGET_FIRST && c == ' ' && guard->escape == 0)
        return version_begins (guard);
    // What a query means is its reader's matter; behind a proxy that asks about it, it may be anything that clients send.
    guard->parameters += c == '&' || c == '?';
    if (guard->state == TARGET_QUERY)
        return is_query (c) ||
               refuse (guard, 400, "the query has a character that must be percent-encoded");
    if (guard->state != TARGET)
        return refuse (guard, 400, "the target of a request begins with a slash here");
    if (guard->escape > 0) {
        guard->escape--;
        return is (c, HEX) ||
               refuse (guard, 400, "a % in the target is not followed by two hexadecimal digits");
    }
    if (c == '?')
        return go (guard, TARGET_QUERY);
    if (c == '%')
        guard->escape = 2;
    return c == '%' || is (c, PATH) ||
           refuse (guard, 400, "the target has a character that must be percent-encoded");
}

static bool
on_version (struct guard *guard, char c)
{
    static const char form[] = "HTTP/d.d\r";
    char wanted = form[guard->name_size];
    if (wanted == 'd' ? !is (c, DIGIT) : c != wanted)
        return refuse (guard, 400, "the first line does not end with a version of HTTP");
    if (wanted != '\r') {
        guard->name[guard->name_size++] = c;
        return true;
    }
    if (guard->name[5] != '1' || guard->name[7] > '1')
        return refuse (guard, 505, "HTTP/1.1 and HTTP/1.0 are spoken here");
    guard->version = (uint8_t) (guard->name[7] - '0');
    return line_ends (guard, FIELD_FIRST);
}

// ---- headers ---------------------------------------------------------------------------------------------------------

static bool
on_field_first (struct guard *guard, char c)
{
    if (c == '\r')
        return go (guard, HEAD_END);
    if (c == ' ' || c == '\t')
        return refuse (guard, 400, "a header goes on in the next line");
    if (!is (c, TOKEN))
        return refuse (guard, 400, "a header does not begin with a name");
    if (++guard->fields > GUARD_FIELDS || !elements_fit (guard))
        return refuse (guard, 431, "the request has too many headers");
    guard->name[0] = c;
    guard->name_size = 1;
    return go (guard, FIELD_NAME);
}

static bool
name_is (const struct guard *guard, const char *name)
{
    size_t size = strlen (name);
    if (guard->name_size != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((guard->name[i] | (name[i] == '-' ? 0 : 0x20)) != name[i])
            return false;
    return true;
}

static bool
field_begins (struct guard *guard)
{
    guard->field = FIELD_OTHER;
    guard->filled = false;
    if (name_is (guard, "transfer-encoding"))
        return guard->lengths
                   ? refuse (guard, 400,
                             "the request has both Content-Length and Transfer-Encoding")
                   : refuse (guard, 411,
                             "a body needs a Content-Length here, not Transfer-Encoding");
    if (name_is (guard, "content-length")) {
        guard->field = FIELD_LENGTH;
        if (++guard->lengths > 1)
            return refuse (guard, 400, "Content-Length came more than once");
    } else if (name_is (guard, "host")) {
        guard->field = FIELD_HOST;
        if (++guard->hosts > 1)
            return refuse (guard, 400, "Host came more than once");
    }
    return go (guard, FIELD_SPACE);
}

// As much of it as is looked at.
static void
name_add (struct guard *guard, const char *text, size_t size)
{
    size_t room = (size_t) (GUARD_NAME - guard->name_size);
    size = size < room ? size : room;
    memcpy (guard->name + guard->name_size, text, size);
    guard->name_size += (uint8_t) size;
}

static bool
on_field_name (struct guard *guard, char c)
{
    if (c == ':')
        return field_begins (guard);
    if (!is (c, TOKEN))
        return refuse (guard, 400,
                       "the name of a header has a character that it may not have, or a space "
                       "before its colon");
    name_add (guard, &c, 1);
    return true;
}

static bool
on_length (struct guard *guard, char c)
{
    if (!is (c, DIGIT) || guard->digits == DIGITS_MAX)
        return refuse (guard, 400, "Content-Length is no number, or too large");
    guard->digits++;
    guard->body = guard->body * 10 + (uint64_t) (c - '0');
    return true;
}

static bool
on_field_value (struct guard *guard, char c)
{
    if (c == '\r') {
        if (guard->field != FIELD_OTHER && !guard->filled)
            return refuse (guard, 400, "Content-Length or Host is empty");
        return line_ends (guard, FIELD_FIRST);
    }
    if (!is (c, VALUE))
        return refuse (guard, 400, "the value of a header has a control character");
    if (c == ' ' || c == '\t') {
        // What is behind it would be a second value.
        if (guard->state == FIELD_VALUE && guard->field != FIELD_OTHER)
            return refuse (guard, 400, "Content-Length or Host has a space");
        return true;
    }
    guard->filled = true;
    guard->state = FIELD_VALUE;
    if (guard->field == FIELD_LENGTH)
        return on_length (guard, c);
    if (guard->field == FIELD_HOST && !is (c, HOST))
        return refuse (guard, 400, "Host is no name or address with a port");
    return true;
}

static bool
on_head_end (struct guard *guard)
{
    if (guard->version == 1 && guard->hosts == 0)
        return refuse (guard, 400, "the request has no Host");
    guard->phase = guard->body > 0 ? GUARD_BODY : GUARD_IDLE;
    return true;
}

static bool
head_step (struct guard *guard, char c)
{
    if (++guard->head > guard->limit)
        return guard->state <= VERSION
                   ? refuse (guard, 414, "the target of the request is too long")
                   : refuse (guard, 431, "the headers of the request are too long");
    switch ((enum state) guard->state) {
    case METHOD:
        return on_method (guard, c);
    case TARGET_FIRST:
    case TARGET:
    case TARGET_QUERY:
    case TARGET_STAR:
        return on_target (guard, c);
    case VERSION:
        return on_version (guard, c);
    case LINE_END:
        return c == '\n' ? go (guard, (enum state) guard->then)
                         : refuse (guard, 400, "a carriage return without a line feed");
    case FIELD_FIRST:
        return on_field_first (guard, c);
    case FIELD_NAME:
        return on_field_name (guard, c);
    case FIELD_SPACE:
    case FIELD_VALUE:
        return on_field_value (guard, c);
    case HEAD_END:
        return c == '\n' ? on_head_end (guard)
                         : refuse (guard, 400, "a carriage return without a line feed");
    }
    return false;
}

static size_t
run (const char *data, size_t size, int class)
{
    size_t n = 0;
    while (n < size && is (data[n], class))
        n++;
    return n;
}

static size_t
query_run (const char *data, size_t size, uint32_t *parameters)
{
    size_t n = 0;
    uint32_t more = 0;
    for (; n < size && is_query (data[n]); n++)
        more += data[n] == '&';
    *parameters += more;
    return n;
}

// How many bytes from here are in the middle of something, where nobody looks at them more closely: most are. At least one more of the head may come.
static size_t
plain_run (struct guard *guard, const char *data, size_t size)
{
    size_t n = 0, room = guard->limit - guard->head;
    size = size < room ? size : room;
    if (guard->state == FIELD_VALUE && guard->field == FIELD_OTHER)
        n = run (data, size, VALUE);
    else if (guard->state == FIELD_VALUE && guard->field == FIELD_HOST)
        n = run (data, size, HOST);
    else if (guard->state == TARGET && guard->escape == 0)
        n = run (data, size, PATH);
    else if (guard->state == TARGET_QUERY)
        n = query_run (data, size, &guard->parameters);
    else if (guard->state == FIELD_NAME) {
        n = run (data, size, TOKEN);
        name_add (guard, data, n);
    }
    guard->head += (uint32_t) n;
    return n;
}

size_t
guard_feed (struct guard *guard, const char *data, size_t size)
{
    size_t request = 0; // where the request begins that is being looked at
    for (size_t i = 0; i < size;) {
        if (guard->phase == GUARD_BODY) {
            size_t n = guard->body < size - i ? (size_t) guard->body : size - i;
            guard->body -= n;
            i += n;
            if (guard->body == 0)
                guard->phase = GUARD_IDLE;
            continue;
        }
        if (guard->phase == GUARD_IDLE) {
            request_begins (guard);
            request = i;
        }
        i += plain_run (guard, data + i, size - i);
        if (i < size && !head_step (guard, data[i++]))
            return request;
    }
    return size;
}

// ---- the answer ------------------------------------------------------------------------------------------------------

static const struct {
    int status;
    const char *title, *type;
} answers[] = {
    {400, "Bad Request", "malformed"},
    {408, "Request Timeout", "timeout"},
    {411, "Length Required", "length-required"},
    {414, "URI Too Long", "too-long"},
    {431, "Request Header Fields Too Large", "headers-too-large"},
    {505, "HTTP Version Not Supported", "version-not-supported"},
};

size_t
guard_answer (const struct guard *guard, char text_r[GUARD_ANSWER])
{
    size_t i = 0;
    while (i < sizeof answers / sizeof *answers - 1 && answers[i].status != guard->status)
        i++;
    char body[320];
    int length = snprintf (body, sizeof body,
                           "{\"type\":\"urn:jeton:problem:%s\",\"title\":\"%s\",\"status\":%d,"
                           "\"detail\":\"%s\"}",
                           answers[i].type, answers[i].title, guard->status, guard->why);
    int size = snprintf (text_r, GUARD_ANSWER,
                         "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
                         "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                         "Connection: close\r\nContent-Length: %d\r\n\r\n%s",
                         guard->status, answers[i].title, length, body);
    return size > 0 && size < GUARD_ANSWER ? (size_t) size : 0;
}
