#include "services/gateway/page.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

void
page_begin (struct page *page, struct exchange *exchange, const char *title)
{
    *page = (struct page){.exchange = exchange};
    markup_add (&page->content,
                "<!DOCTYPE html>\n"
                "<html lang=\"en\">\n"
                "<head>\n"
                "<meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n"
                "<meta name=\"robots\" content=\"noindex\">\n"
                "<title>%s – Jeton</title>\n"
                "<style>",
                title);
    markup_raw (&page->content, page_style, strlen (page_style));
    markup_add (
        &page->content,
        "</style>\n"
        "</head>\n"
        "<body>\n"
        "<header><svg width=\"28\" height=\"28\" viewBox=\"0 0 28 28\" aria-hidden=\"true\">"
        "<circle cx=\"14\" cy=\"14\" r=\"13\"/><circle class=\"rim\" cx=\"14\" cy=\"14\" "
        "r=\"9.5\"/><path d=\"M16.5 8v8.5a3.2 3.2 0 0 1-6.4 0\"/></svg>Jeton</header>\n"
        "<main>\n");
}

void
page_alert (struct page *page, const char *text)
{
    if (text)
        markup_add (&page->content, "<p class=\"alert\" role=\"alert\" id=\"alert\">%s</p>\n",
                    text);
}

// Of `same-origin` and no stricter: with `no-referrer` a browser tells us "null" for the origin of our own forms. To others it tells as little.
static void
set_policy (struct exchange *exchange, const char *form_action)
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN (sizeof digest, sodium_base64_VARIANT_ORIGINAL)];
    char policy[384];
    crypto_hash_sha256 (digest, (const uint8_t *) page_style, strlen (page_style));
    sodium_bin2base64 (text, sizeof text, digest, sizeof digest, sodium_base64_VARIANT_ORIGINAL);
    snprintf (policy, sizeof policy,
              "default-src 'none'; style-src 'sha256-%s'; form-action 'self'%s%s; base-uri 'none'; "
              "frame-ancestors 'none'",
              text, *form_action ? " " : "", form_action);
    exchange_set (exchange, "Content-Security-Policy", policy);
    exchange_set (exchange, "X-Frame-Options", "DENY");
    exchange_set (exchange, "Referrer-Policy", "same-origin");
}

void
page_end (struct page *page, int status, const char *form_action)
{
    markup_add (&page->content, "</main>\n</body>\n</html>\n");
    set_policy (page->exchange, form_action);
    exchange_end (page->exchange, status, "text/html; charset=utf-8", page->content.data,
                  page->content.length);
    markup_destroy (&page->content);
}

void
page_message (struct exchange *exchange, int status, const char *title, const char *text,
              const char *again)
{
    struct page page;
    page_begin (&page, exchange, title);
    markup_add (&page.content, "<h1>%s</h1>\n", title);
    page_alert (&page, text);
    if (again)
        markup_add (&page.content, "<p><a class=\"button\" href=\"%s\">Try again</a></p>\n", again);
    markup_add (&page.content, "<p class=\"small\">Whoever helps you will ask for this: %s</p>\n",
                exchange_correlation (exchange));
    page_end (&page, status, "");
}

void
page_unavailable (struct exchange *exchange, const char *again)
{
    exchange_set (exchange, "Retry-After", "5");
    page_message (exchange, 503, "Not possible now",
                  "This cannot be answered at the moment. Try again in a few seconds.", again);
}
