// Redaction errs on the side of hiding too much: a line that hides a word costs little, one that shows a secret costs a token.
#include "common/log/log.h"
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char blanks[] = " \t\r\n";

// jtn_live_…, jtn_test_…, jtn_access_live_… and so on: the prefix stays, as scanners and people go by it.
static size_t
token_value (char *text)
{
    static const char *const prefixes[] = {"jtn_live_",        "jtn_test_",   "jtn_access_live_",
                                           "jtn_access_test_", "jtn_client_", "jtn_refresh_",
                                           "jtn_code_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t prefix = strlen (prefixes[i]);
        if (strncmp (text, prefixes[i], prefix) == 0) {
            size_t length = strspn (text + prefix, base64url);
            memset (text + prefix, '*', length);
            return prefix + length;
        }
    }
    return 0;
}

// eyJ is {" in base64: what every JWT begins with. One that lost its end is hidden as well.
static size_t
jwt (char *text)
{
    if (strncmp (text, "eyJ", 3) != 0)
        return 0;
    size_t length = 3 + strspn (text + 3, base64url);
    if (length < 12)
        return 0;
    while (text[length] == '.')
        length += 1 + strspn (text + length + 1, base64url);
    memset (text, '*', length);
    return length;
}

static size_t
bearer (char *text)
{
    if (strncasecmp (text, "bearer", 6) != 0)
        return 0;
    size_t start = 6 + strspn (text + 6, blanks);
    if (start == 6)
        return 0;
    size_t length = strcspn (text + start, " \t\r\n\"',;");
    memset (text + start, '*', length);
    return start + length;
}

// password=… as libpq has it (quotes, backslashes) and in a query string; "password":"…" as JSON has it.
static size_t
password (char *text)
{
    if (strncasecmp (text, "password", 8) != 0)
        return 0;
    size_t at = 8;
    at += text[at] == '"' || text[at] == '\'';
    at += strspn (text + at, blanks);
    if (text[at] != '=' && !(text[at] == ':' && at > 8))
        return 0;
    at++;
    at += strspn (text + at, blanks);
    char quote = text[at] == '"' || text[at] == '\'' ? text[at++] : 0;
    for (; text[at] && (quote ? text[at] != quote : !strchr (blanks, text[at])); at++) {
        if (text[at] == '\\' && text[at + 1])
            text[at++] = '*';
        text[at] = '*';
    }
    return at;
}

// ://user:password@: up to the last @ of the word, since a password that was not encoded may hold @ and / itself.
static size_t
user_information (char *text)
{
    if (strncmp (text, "://", 3) != 0)
        return 0;
    char *end = text + strcspn (text, " \t\r\n\"'");
    char *at = NULL;
    for (char *p = text + 3; p < end; p++)
        if (*p == '@')
            at = p;
    char *colon = at ? memchr (text + 3, ':', (size_t) (at - text - 3)) : NULL;
    if (!colon)
        return 0;
    memset (colon + 1, '*', (size_t) (at - colon - 1));
    return 3;
}

void
log_redact (char *text)
{
    // No two begin with the same letters: the order does not matter.
    static size_t (*const patterns[]) (char *) = {token_value, jwt, bearer, password,
                                                  user_information};
    static const char first_letters[] = "jebBpP:"; // of each: most of a line has no look at all
    while (*(text += strcspn (text, first_letters))) {
        size_t length = 0;
        for (size_t i = 0; i < sizeof patterns / sizeof *patterns && length == 0; i++)
            length = patterns[i](text);
        text += length ? length : 1;
    }
}
