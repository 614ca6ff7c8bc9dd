// The page that asks a user whether a client may act for it, and what the client would get, in words.
#include "common/scope/module.h"
#include "services/gateway/sign_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// A scope, taken apart: too large for a stack that somebody else counts on.
struct words {
    struct scope_modules modules;
    struct scope resources;
    char rest[SCOPE_TEXT_MAX + 1];
};

static void
add_modules (struct page *page, const struct scope_modules *modules)
{
    markup_add (&page->content, "<h2>What it may do</h2>\n<ul>\n");
    for (size_t i = 0; i < modules->n; i++)
        markup_add (&page->content, "<li><bdi>%s</bdi> <span>%s</span></li>\n",
                    modules->modules[i].name,
                    modules->modules[i].access == 1 ? "read" : "read and change");
    if (modules->n == 0)
        markup_add (&page->content, "<li>Nothing yet <span>no module</span></li>\n");
    markup_add (&page->content, "</ul>\n");
}

static void
add_resources (struct page *page, const struct scope *resources)
{
    char number[24];
    markup_add (&page->content, "<h2>Where</h2>\n<ul>\n");
    for (size_t i = 0; i < resources->n; i++) {
        snprintf (number, sizeof number, "%" PRId64, resources->entries[i].number);
        markup_add (&page->content, "<li>%s <span>%s</span></li>\n",
                    resources->entries[i].kind == SCOPE_MARKET ? "Market" : "Stock location",
                    number);
    }
    if (resources->n == 0)
        markup_add (&page->content, "<li>All markets and stock locations</li>\n");
    markup_add (&page->content, "</ul>\n");
}

static void
add_forms (struct page *page, const struct authorization *authorization,
           const Jeton__V1__AuthorizeReply *reply)
{
    cleanup_markup struct markup deny = {0};
    char host[MARKUP_HOST_SIZE];
    markup_host (authorization->redirect_uri, host);
    authorize_location (authorization, reply->iss, "error", "access_denied", "", &deny);
    sign_in_form_open (page, authorization, "allow", reply->scope);
    markup_add (&page->content,
                "<button class=\"button main\">Allow</button>\n</form>\n"
                "<a class=\"button\" href=\"%s\">Deny</a>\n",
                deny.data);
    markup_add (&page->content,
                "<p class=\"small after\">Either way you go on to <strong>%s</strong>. An "
                "administrator of your account can end what you allow at any time.</p>\n",
                host);
    sign_in_form_open (page, authorization, "switch", "");
    markup_add (&page->content,
                "<div class=\"who small\"><span>Signed in as <bdi>%s</bdi></span>"
                "<button class=\"link\">Use another user</button></div>\n</form>\n",
                authorization->username);
}

void
consent_page (struct exchange *exchange, const Jeton__V1__AuthorizeReply *reply)
{
    const struct authorization *authorization = exchange_context (exchange);
    struct words words;
    struct error error;
    struct page page;
    char form_action[MARKUP_SOURCE_SIZE];
    // Nobody is asked for what cannot be told.
    if (!scope_modules_parse (reply->scope, strlen (reply->scope), &words.modules, words.rest,
                              &error) ||
        !scope_parse (words.rest, strlen (words.rest), &words.resources, &error)) {
        page_unavailable (exchange, authorization->path);
        return;
    }
    sign_in_remember (exchange);
    page_begin (&page, exchange, "Allow access");
    markup_add (&page.content,
                "<h1><bdi>%s</bdi> wants to act for you</h1>\n"
                "<p>Allow the application <strong><bdi>%s</bdi></strong> (%s) to use the account "
                "<strong><bdi>%s</bdi></strong> (%s) in your name, as "
                "<strong><bdi>%s</bdi></strong>?</p>\n",
                reply->client_name, reply->client_name, authorization->client_id,
                reply->account_name, reply->account, authorization->username);
    add_modules (&page, &words.modules);
    add_resources (&page, &words.resources);
    if (strcmp (authorization->environment, "test") == 0)
        markup_add (&page.content, "<h2>Sandbox only</h2>\n<p>It reaches test data, nothing "
                                   "live.</p>\n");
    add_forms (&page, authorization, reply);
    markup_form_action (authorization->redirect_uri, form_action);
    page_end (&page, 200, form_action);
}
