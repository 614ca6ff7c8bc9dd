#include "common/log/log.h"
#include "common/memory/memory.h"
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// A value takes at most VALUE_MAX bytes of its line, so that one long value does not push out the others.
enum { LINE_MAX_ = 4096, VALUE_MAX = 1500 };

// The log is the one thing of a process that has no owner to hang off: whoever reports a failure must not need one.
static const char *log_service = "jeton";
static _Atomic int log_threshold = LOG_LEVEL_INFO;

void
log_open (const char *service, enum log_level level)
{
    log_service = service;
    log_threshold = (int) level;
}

void
log_level_set (enum log_level level)
{
    log_threshold = (int) level;
}

static const char *
level_name (enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG:
        return "debug";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_WARN:
        return "warn";
    case LOG_LEVEL_ERROR:
        return "error";
    }
    return "error";
}

bool
log_level_parse (const char *name, enum log_level *level_r)
{
    for (enum log_level level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++)
        if (strcmp (name, level_name (level)) == 0) {
            *level_r = level;
            return true;
        }
    return false;
}

// ---- a line under construction --------------------------------------------------------------------------------------

struct line {
    size_t length;
    char text[LINE_MAX_];
};

// Room for a closing quote and the newline is never given away.
static bool
append (struct line *line, const char *text, size_t length)
{
    if (line->length + length > sizeof line->text - 2)
        return false;
    memcpy (line->text + line->length, text, length);
    line->length += length;
    return true;
}

// The length of the well-formed UTF-8 character at `text` (RFC 3629) that may stand in a log as it is; 0 for bytes that must
// be escaped: control characters (C1 and the line separators of Unicode too), and what is not UTF-8.
static size_t
printable (const unsigned char *text)
{
    if (text[0] < 0x80)
        return text[0] >= 0x20 && text[0] != 0x7f;
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    if (text[0] == 0xc2 && text[1] < 0xa0)
        return 0;
    if (text[0] == 0xe2 && text[1] == 0x80 &&
        (text[2] == 0xa8 || text[2] == 0xa9 || (text[2] >= 0xaa && text[2] <= 0xae)))
        return 0;
    return length;
}

static bool
needs_quotes (const char *text)
{
    if (!*text)
        return true;
    for (const unsigned char *p = (const unsigned char *) text; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '"' || *p == '=' || *p == '\\')
            return true;
    return false;
}

// Appends the character at *text_r, escaped where it must be, and moves past it.
static bool
append_character (struct line *line, const char **text_r)
{
    const char *text = *text_r;
    size_t length = printable ((const unsigned char *) text);
    if (length > 0) {
        *text_r = text + length;
        if (text[0] == '"' || text[0] == '\\')
            return append (line, (const char[]){'\\', text[0]}, 2);
        return append (line, text, length);
    }
    *text_r = text + 1;
    if (text[0] == '\n')
        return append (line, "\\n", 2);
    char escaped[5];
    snprintf (escaped, sizeof escaped, "\\x%02x", (unsigned char) text[0]);
    return append (line, escaped, 4);
}

static void
append_redacted (struct line *line, const char *value)
{
    if (!needs_quotes (value) && strlen (value) <= VALUE_MAX &&
        append (line, value, strlen (value)))
        return;
    if (!append (line, "\"", 1))
        return;
    size_t limit = line->length + VALUE_MAX;
    while (*value && line->length < limit && append_character (line, &value))
        ;
    line->text[line->length++] = '"'; // append keeps room for it
}

static void
append_value (struct line *line, const char *value)
{
    // The whole value is looked at, not only what will be shown of it: a secret must not escape by being cut in two.
    char buffer[2048];
    size_t size = strlen (value) + 1;
    char *copy = size <= sizeof buffer ? buffer : xcalloc (1, size);
    memcpy (copy, value, size);
    log_redact (copy);
    append_redacted (line, copy);
    if (copy != buffer)
        free (copy);
}

static void
append_pair (struct line *line, const char *key, const char *value)
{
    // A pair begins only where its key and an empty value fit.
    if (line->length + 1 + strlen (key) + 1 + 2 > sizeof line->text - 2)
        return;
    append (line, " ", line->length > 0);
    append (line, key, strlen (key));
    append (line, "=", 1);
    append_value (line, value ? value : "");
}

static void
append_time (struct line *line)
{
    struct timespec now;
    clock_gettime (CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r (&now.tv_sec, &utc);
    char text[40];
    size_t length = strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf (text + length, sizeof text - length, ".%03ldZ", now.tv_nsec / 1000000);
    append_pair (line, "time", text);
}

void
log_event (enum log_level level, const char *msg, ...)
{
    if ((int) level < log_threshold)
        return;
    struct line line = {0};
    append_time (&line);
    append_pair (&line, "level", level_name (level));
    append_pair (&line, "service", log_service);
    append_pair (&line, "msg", msg);
    va_list fields;
    va_start (fields, msg);
    const char *key;
    while ((key = va_arg (fields, const char *)) != NULL)
        append_pair (&line, key, va_arg (fields, const char *));
    va_end (fields);
    line.text[line.length++] = '\n';
    // One write, so that lines of several threads or processes do not mix. There is nowhere to report a failure to.
    int saved = errno;
    while (write (STDERR_FILENO, line.text, line.length) < 0 && errno == EINTR)
        ;
    errno = saved;
}
