// Text that is written as HTML or as part of a URI: what comes from outside is escaped on its way in, by one function each.
#ifndef JETON_GATEWAY_MARKUP_H
#define JETON_GATEWAY_MARKUP_H

#include <stddef.h>

// Begin with zeroes. `data` ends in NUL once something was added; NULL before.
struct markup {
    char *data;
    size_t length, size;
};

// markup_add (markup, template, …): The template as it is, and for each %s in it a text, escaped (markup_text); %% is a percent sign. Another conversion is a bug.
void markup_add (struct markup *markup, const char *template, ...)
    __attribute__ ((format (printf, 2, 3)));
// markup_text (markup, text): Good in the content of an element and in a quoted attribute, whatever it is: & < > " ' are written as references, and what no text has (control characters) as U+FFFD.
void markup_text (struct markup *markup, const char *text);
// markup_uri (markup, text): As a part of a URI's query (RFC 3986 section 2.1): all but its unreserved characters in percent-encoding.
void markup_uri (struct markup *markup, const char *text);
// markup_raw (markup, data, size): As it is: only for what was escaped before.
void markup_raw (struct markup *markup, const char *data, size_t size);
// markup_destroy (markup): Wiped, and as at the beginning. For cleanup_markup.
void markup_destroy (struct markup *markup);
#define cleanup_markup __attribute__ ((cleanup (markup_destroy)))

// markup_form_action (uri, source_r): Where a form may lead that ends in a redirect to this URI, as sources of CSP's form-action besides 'self'. Chromium looks at every step of the way: at the
// URI, and at where its owner sends the browser from there, which nobody here knows. So: https in general, and of another URI (http, of a loopback address) its scheme and port.
enum { MARKUP_SOURCE_SIZE = 96 };
void markup_form_action (const char *uri, char source_r[MARKUP_SOURCE_SIZE]);
// markup_host (uri, host_r): Whom a URI belongs to, for people: "desk.example", "localhost:8080"; what is longer is cut off at the front, where who made it has the say, with "…".
enum { MARKUP_HOST_SIZE = 272 };
void markup_host (const char *uri, char host_r[MARKUP_HOST_SIZE]);

#endif
