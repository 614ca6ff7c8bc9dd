#include "services/admin/check.h"
#include "common/token/id.h"
#include <stdio.h>
#include <string.h>

// Decodes one code point and moves on; 0 at the end, UINT32_MAX where it is no UTF-8 (RFC 3629).
static uint32_t
next_character (const unsigned char **text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = *text;
    size_t length = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
    if (length == 0)
        return UINT32_MAX;
    uint32_t c = length == 1 ? *p : *p & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (p[i] >> 6 != 2) // a NUL ends here too
            return UINT32_MAX;
        c = c << 6 | (p[i] & 0x3fu);
    }
    if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return UINT32_MAX;
    *text = c == 0 ? p : p + length;
    return c;
}

static bool
is_control (uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

// Unicode's White_Space.
static bool
is_blank (uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

struct characters
check_characters (const char *text)
{
    struct characters found = {.valid = true};
    const unsigned char *p = (const unsigned char *) text;
    for (uint32_t c; (c = next_character (&p)) != 0; found.count++) {
        if (c == UINT32_MAX) {
            found.valid = false;
            return found;
        }
        if (is_control (c) && c != '\n' && c != '\r' && c != '\t')
            found.controls = true;
        if (is_blank (c))
            found.blanks = true;
        if (c == '\n' || c == '\r' || c == '\t')
            found.lines = true;
    }
    return found;
}

bool
check_id (struct request *request, const char *field, const char *prefix, const char *text,
          int64_t *number_r)
{
    if (id_parse (prefix, text, number_r))
        return true;
    request_fail_field (request, field, "must be an id of the form %s-dddd-dddd", prefix);
    return false;
}

static bool
check_text (struct request *request, const char *field, const char *text, size_t minimum,
            size_t maximum, bool lines)
{
    struct characters found = check_characters (text);
    if (!found.valid)
        request_fail_field (request, field, "is not UTF-8");
    else if (found.count < minimum || found.count > maximum)
        request_fail_field (request, field, "must have %zu to %zu characters, not %zu", minimum,
                            maximum, found.count);
    else if (found.controls || (found.lines && !lines))
        request_fail_field (request, field, "must not have control characters");
    else
        return true;
    return false;
}

bool
check_name (struct request *request, const char *field, const char *text)
{
    return check_text (request, field, text, 1, CHECK_NAME_MAX, false);
}

bool
check_description (struct request *request, const char *field, const char *text)
{
    return check_text (request, field, text, 0, CHECK_DESCRIPTION_MAX, true);
}

bool
check_username (struct request *request, const char *field, const char *text)
{
    if (!check_name (request, field, text))
        return false;
    if (!check_characters (text).blanks)
        return true;
    request_fail_field (request, field, "must not have blanks");
    return false;
}

bool
check_password (struct request *request, const char *field, const char *text)
{
    size_t length = strlen (text);
    if (length == 0 || (length >= CHECK_PASSWORD_MIN && length <= CHECK_PASSWORD_MAX))
        return true;
    request_fail_field (request, field, "must have %d to %d bytes, or none", CHECK_PASSWORD_MIN,
                        CHECK_PASSWORD_MAX);
    return false;
}

bool
check_module_name (struct request *request, const char *field, const char *text)
{
    size_t length = strlen (text);
    if (length >= 1 && length <= 64 && *text >= 'a' && *text <= 'z' &&
        strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length)
        return true;
    request_fail_field (request, field,
                        "must be a module's name: 1 to 64 of a-z 0-9 _ -, starting with a letter");
    return false;
}

bool
check_code (struct request *request, const char *field, const char *text)
{
    size_t length = strlen (text);
    if (length >= 1 && length <= 64 && *text != '_' && *text != '-' &&
        strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length)
        return true;
    request_fail_field (
        request, field,
        "must be a code: 1 to 64 of a-z 0-9 _ -, starting with a letter or a digit");
    return false;
}

bool
check_module_names (struct request *request, const char *suffix, size_t n, const char *const *names)
{
    if (n > CHECK_MODULES_MAX) {
        request_fail_field (request, "modules", "must be %d at most", CHECK_MODULES_MAX);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char field[64];
        snprintf (field, sizeof field, "modules[%zu]%s", i, suffix);
        if (!check_module_name (request, field, names[i]))
            return false;
        for (size_t j = 0; j < i; j++)
            if (strcmp (names[i], names[j]) == 0) {
                request_fail_field (request, field, "\"%s\" is there twice", names[i]);
                return false;
            }
    }
    return true;
}

bool
check_rate_limit (struct request *request, const char *field, Jeton__V1__RateLimit *limit)
{
    char path[64];
    if (!limit)
        return true;
    if (limit->burst == 0)
        limit->burst = limit->per_minute;
    bool rate = limit->per_minute >= 1 && limit->per_minute <= CHECK_RATE_MAX;
    if (rate && limit->burst <= CHECK_RATE_MAX)
        return true;
    snprintf (path, sizeof path, "%s.%s", field, rate ? "burst" : "per_minute");
    request_fail_field (request, path, "must be 1 to %d", CHECK_RATE_MAX);
    return false;
}
