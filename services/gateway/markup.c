#include "services/gateway/markup.h"

#include "common/memory/memory.h"

#include <assert.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
markup_raw (struct markup *markup, const char *data, size_t size)
{
    if (markup->size - markup->length <= size) {
        markup->size = (markup->length + size) * 2 + 1024;
        markup->data = xrealloc (markup->data, markup->size);
    }
    memcpy (markup->data + markup->length, data, size);
    markup->length += size;
    markup->data[markup->length] = '\0';
}

static void
add (struct markup *markup, const char *text)
{
    markup_raw (markup, text, strlen (text));
}

void
markup_text (struct markup *markup, const char *text)
{
    for (const char *c = text; *c; c++) {
        switch (*c) {
        case '&':
            add (markup, "&amp;");
            break;
        case '<':
            add (markup, "&lt;");
            break;
        case '>':
            add (markup, "&gt;");
            break;
        case '"':
            add (markup, "&quot;");
            break;
        case '\'':
            add (markup, "&#39;");
            break;
        default:
            if ((unsigned char) *c < ' ' || *c == 0x7f)
                add (markup, "\xef\xbf\xbd");
            else
                markup_raw (markup, c, 1);
        }
    }
}

void
markup_uri (struct markup *markup, const char *text)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char *c = text; *c; c++) {
        char encoded[4];
        if (strchr (unreserved, *c)) {
            markup_raw (markup, c, 1);
            continue;
        }
        snprintf (encoded, sizeof encoded, "%%%02X", (unsigned char) *c);
        add (markup, encoded);
    }
}

void
markup_add (struct markup *markup, const char *template, ...)
{
    va_list values;
    va_start (values, template);
    for (;;) {
        size_t plain = strcspn (template, "%");
        markup_raw (markup, template, plain);
        template += plain;
        if (!*template)
            break;
        assert (template[1] == 's' || template[1] == '%');
        if (template[1] == 's')
            markup_text (markup, va_arg (values, const char *));
        else
            add (markup, "%");
        template += 2;
    }
    va_end (values);
}

void
markup_destroy (struct markup *markup)
{
    if (markup->data)
        sodium_memzero (markup->data, markup->size);
    free (markup->data);
    *markup = (struct markup){0};
}

// The host and port of an http or https URI.
static const char *
authority (const char *uri, size_t *length_r)
{
    const char *colon = strstr (uri, "://");
    const char *begin = colon ? colon + 3 : uri;
    *length_r = strcspn (begin, "/?#");
    return begin;
}

void
markup_form_action (const char *uri, char source_r[MARKUP_SOURCE_SIZE])
{
    static const char host[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:";
    size_t length;
    const char *begin = authority (uri, &length);
    if (strncmp (uri, "https://", 8) == 0)
        snprintf (source_r, MARKUP_SOURCE_SIZE, "https:");
    else if (length < 64 && strspn (begin, host) >= length)
        snprintf (source_r, MARKUP_SOURCE_SIZE, "https: http://%.*s", (int) length, begin);
    else // CSP has no way to write an IPv6 address
        snprintf (source_r, MARKUP_SOURCE_SIZE, "https: http:");
}

void
markup_host (const char *uri, char host_r[MARKUP_HOST_SIZE])
{
    size_t length, room = MARKUP_HOST_SIZE - sizeof "…";
    const char *begin = authority (uri, &length);
    if (length <= room)
        snprintf (host_r, MARKUP_HOST_SIZE, "%.*s", (int) length, begin);
    else
        snprintf (host_r, MARKUP_HOST_SIZE, "…%.*s", (int) room, begin + length - room);
}
