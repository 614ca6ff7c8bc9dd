// The pages that people see: one frame around each, without script, with a policy (CSP Level 3) that lets nothing in but our own style.
//
// They are for people with a keyboard, a screen reader, a phone or a dark room: each field has its label, each mistake is told in words, and what is told first is in the page's title.
#ifndef JETON_GATEWAY_PAGE_H
#define JETON_GATEWAY_PAGE_H

#include "services/gateway/http.h"
#include "services/gateway/markup.h"

// Begin with page_begin; write what is in it with markup_add (&page->content, …).
struct page {
    struct exchange *exchange;
    struct markup content;
};

// page_begin (page, exchange, title): The title is escaped, as everything.
void page_begin (struct page *page, struct exchange *exchange, const char *title);
// page_alert (page, text): What went wrong, told at once by a screen reader. NULL: nothing.
void page_alert (struct page *page, const char *text);
// page_end (page, status, form_action): Answer with it, and end the exchange. form_action: where its forms may lead besides to us (markup_form_action), or "".
void page_end (struct page *page, int status, const char *form_action);

// page_message (exchange, status, title, text, again): A page that only tells something. again: the path where one can begin anew, or NULL.
void page_message (struct exchange *exchange, int status, const char *title, const char *text,
                   const char *again);
// page_unavailable (exchange, again): What was asked could not be found out: 503.
void page_unavailable (struct exchange *exchange, const char *again);

// The style of all pages; named in the policy by its digest.
extern const char page_style[];

#endif
