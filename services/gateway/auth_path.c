#include "services/gateway/auth_path.h"

#include <jansson.h>
#include <string.h>

static bool
unreserved (unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

// pchar of RFC 3986, but for ";", which some servers cut segments at.
static bool
plain (unsigned char c)
{
    return unreserved (c) || (c != '\0' && strchr ("~!$&'()*+,=:@", c) != NULL);
}

static int
digit (char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The character that the two digits after a "%" stand for. NULL: it may stand there.
static const char *
decode (const char *digits, unsigned char *c_r)
{
    int high = digit (digits[0]), low = high >= 0 ? digit (digits[1]) : -1;
    if (low < 0)
        return "a % without two hexadecimal digits";
    unsigned char c = (unsigned char) (high << 4 | low);
    *c_r = c;
    if (c < ' ' || c == 0x7f)
        return "an encoded control character";
    if (strchr ("/\\;?#", c) != NULL)
        return "an encoded / \\ ; ? or #";
    if (unreserved (c))
        return "an encoded letter, digit, - . or _, which needs no encoding";
    if (c == '%' && digit (digits[2]) >= 0 && digit (digits[3]) >= 0)
        return "what was encoded twice";
    return NULL;
}

// A segment has ended at `end`.
static const char *
segment_check (const char *segment, const char *end)
{
    size_t length = (size_t) (end - segment);
    if (length == 0)
        return "an empty segment";
    if (segment[0] == '.' && (length == 1 || (length == 2 && segment[1] == '.')))
        return "a segment that is . or ..";
    return NULL;
}

static bool
utf8 (const char *text, size_t length)
{
    json_t *value = json_stringn (text, length);
    json_decref (value);
    return value != NULL;
}

// What follows the first slash, up to a query.
static const char *
segments_read (const char *from, char *path, char **end_r)
{
    char *to = path + 1, *segment = to;
    bool wide = false;
    for (; *from != '\0' && *from != '?'; from++) {
        unsigned char c = (unsigned char) *from;
        const char *why = NULL;
        if (to == path + AUTH_PATH_MAX)
            return "a path that is too long";
        if (c == '/') {
            why = segment_check (segment, to);
            segment = to + 1;
        } else if (c == '%') {
            why = decode (from + 1, &c);
            from += 2;
        } else if (!plain (c))
            why = "a character that is not allowed in a path";
        if (why != NULL)
            return why;
        wide = wide || c >= 0x80;
        *to++ = (char) c;
    }
    *end_r = to;
    if (wide && !utf8 (path, (size_t) (to - path)))
        return "a path that is not UTF-8";
    return segment < to ? segment_check (segment, to) : NULL;
}

bool
auth_path_read (const char *target, char path_r[AUTH_PATH_MAX + 1], const char **why_r)
{
    char *end = path_r;
    path_r[0] = '/';
    *why_r = target[0] == '/' ? segments_read (target + 1, path_r, &end)
                              : "a target that does not begin with a slash";
    if (*why_r != NULL)
        return false;
    if (end - path_r > 1 && end[-1] == '/')
        end--;
    *end = '\0';
    return true;
}
