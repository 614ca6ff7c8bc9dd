#include "common/error/error.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// What is longer than the buffer is cut before the character that does not fit whole.
static void
cut (struct error *error, int length)
{
    if (length < 0) {
        error->text[0] = 0;
        return;
    }
    if ((size_t) length < sizeof error->text)
        return;
    size_t end = sizeof error->text - 1;
    size_t start = end;
    while (start > 0 && ((unsigned char) error->text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char) error->text[start - 1];
    size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (end - (start - 1) < need)
        error->text[start - 1] = 0;
}

void
error_set (struct error *error_r, const char *format, ...)
{
    if (!error_r)
        return;
    // Formatted apart: an argument may be the text that is being replaced.
    struct error fresh;
    va_list arguments;
    va_start (arguments, format);
    cut (&fresh, vsnprintf (fresh.text, sizeof fresh.text, format, arguments));
    va_end (arguments);
    memcpy (error_r->text, fresh.text, strlen (fresh.text) + 1);
}

void
error_prefix (struct error *error, const char *format, ...)
{
    if (!error)
        return;
    struct error prefix, whole;
    va_list arguments;
    va_start (arguments, format);
    cut (&prefix, vsnprintf (prefix.text, sizeof prefix.text, format, arguments));
    va_end (arguments);
    cut (&whole, snprintf (whole.text, sizeof whole.text, "%s: %s", prefix.text, error->text));
    memcpy (error->text, whole.text, strlen (whole.text) + 1);
}
