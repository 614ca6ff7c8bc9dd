#include "services/issuer/asking_scope.h"

#include "common/log/log.h"

#include <stdio.h>
#include <string.h>

// A scope on its way: asking_scope and what it is made of.
struct resolving {
    struct asking *asking;
    void (*done) (struct asking *asking);
    struct scope_modules may; // have, as the client is set
    struct scope resources;   // as they were asked for
    // Of a refresh token: what was granted first. resources.n == 0: it was not restricted.
    struct scope_modules granted;
    struct scope granted_resources;
    struct asking_scope scope;
    char rest[SCOPE_TEXT_MAX + 1], text[SCOPE_FORMAT_SIZE];
    char modules[SCOPE_MODULES_FORMAT_SIZE];
};

static void resolving_found (void *context, enum store_outcome outcome, const PGresult *rows);

static void
refuse (struct asking *asking, const char *text)
{
    token_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_SCOPE, TOKEN_INVALID_SCOPE, 0, "%s",
                text);
}

// What the client asks for is among what it may; asks it for no module, it gets all. False: the request was answered.
static bool
modules_allowed (struct resolving *resolving)
{
    struct scope_modules *asked = &resolving->scope.modules;
    if (asked->n == 0 && !resolving->asking->granted)
        *asked = resolving->may;
    for (size_t i = 0; i < asked->n; i++) {
        const struct scope_module *module = &asked->modules[i];
        const struct scope_module *may = scope_modules_find (&resolving->may, module->name);
        const struct scope_module *granted =
            resolving->asking->granted ? scope_modules_find (&resolving->granted, module->name)
                                       : may;
        if (may && module->access <= may->access && granted && module->access <= granted->access)
            continue;
        char text[160];
        snprintf (text, sizeof text, "\"module:%s:%s\" is more than %s", module->name,
                  module->access == 1 ? "read" : "write",
                  !may || module->access > may->access ? "the client may have"
                                                       : "the refresh token was given for");
        refuse (resolving->asking, text);
        return false;
    }
    return true;
}

// All is known: the scope as one text. The arrays of numbers in the token are bounded by it.
static void
resolving_end (struct resolving *resolving)
{
    struct asking_scope *scope = &resolving->scope;
    scope_format (&scope->resources, resolving->text);
    scope_modules_format (&scope->modules, resolving->modules);
    int length = snprintf (scope->text, sizeof scope->text, "%s%s%s", resolving->text,
                           *resolving->text && *resolving->modules ? " " : "", resolving->modules);
    if (length < 0 || (size_t) length >= sizeof scope->text) {
        refuse (resolving->asking, "the scope has more parts than a token has room for");
        return;
    }
    resolving->asking->scope = scope;
    resolving->done (resolving->asking);
}

// What a refresh token was given for is the most (RFC 6749 section 6), and what is meant where nothing is asked for: of modules, and of resources. False: it makes no sense.
static bool
granted_read (struct resolving *resolving)
{
    const char *granted = resolving->asking->granted;
    struct error error;
    if (!granted)
        return true;
    if (!scope_modules_parse (granted, strlen (granted), &resolving->granted, resolving->rest,
                              &error) ||
        !scope_parse (resolving->rest, strlen (resolving->rest), &resolving->granted_resources,
                      &error))
        return false;
    if (resolving->scope.modules.n == 0)
        resolving->scope.modules = resolving->granted;
    if (resolving->resources.n == 0)
        resolving->resources = resolving->granted_resources;
    return true;
}

void
asking_scope_resolve (struct asking *asking, void (*done) (struct asking *asking))
{
    struct issuer *issuer = request_owner (asking->request);
    const char *text = asking->message->scope, *may = asking->client.scopes;
    struct resolving *resolving = arena_alloc (request_arena (asking->request), sizeof *resolving);
    struct error error;
    if (!resolving) {
        token_no_memory (asking);
        return;
    }
    resolving->asking = asking;
    resolving->done = done;
    if (!scope_modules_parse (may, strlen (may), &resolving->may, resolving->rest, &error) ||
        *resolving->rest) {
        log_error ("a client's scopes make no sense", "client", asking->message->client_id, NULL);
        token_refuse (asking, TOKEN_UNAVAILABLE, "what the client may have cannot be told");
        return;
    }
    struct asking_scope *scope = &resolving->scope;
    if (!scope_modules_parse (text, strlen (text), &scope->modules, resolving->rest, &error) ||
        !scope_parse (resolving->rest, strlen (resolving->rest), &resolving->resources, &error)) {
        refuse (asking, error.text);
        return;
    }
    if (!granted_read (resolving)) {
        log_error ("a refresh token's scope makes no sense", "client", asking->message->client_id,
                   NULL);
        token_refuse (asking, TOKEN_UNAVAILABLE, "what the refresh token is for cannot be told");
        return;
    }
    if (!modules_allowed (resolving))
        return;
    // Without a word of resources a client that is bound to a market means that.
    if (resolving->resources.n == 0 && asking->client.market != 0) {
        struct scope_entry *entry = &resolving->resources.entries[resolving->resources.n++];
        *entry = (struct scope_entry){.kind = SCOPE_MARKET, .number = asking->client.market};
        snprintf (entry->part, sizeof entry->part, "market:%lld",
                  (long long) asking->client.market);
    }
    scope->restricted = resolving->resources.n > 0;
    if (scope->restricted)
        store_scope (issuer->process.db, asking->client.account, &resolving->resources,
                     resolving_found, resolving);
    else
        resolving_end (resolving);
}

// A client that is bound to a market gets tokens for no other. NULL: so it is; otherwise the other.
static const struct scope_resource *
other_market (const struct resolving *resolving)
{
    int64_t market = resolving->asking->client.market;
    const struct scope_resources *resources = &resolving->scope.resources;
    for (size_t i = 0; market != 0 && i < resources->n; i++)
        if (resources->resources[i].kind == SCOPE_MARKET &&
            resources->resources[i].number != market)
            return &resources->resources[i];
    return NULL;
}

// NULL: all that is asked for was granted; otherwise what was not. What was granted is written by number.
static const struct scope_resource *
not_granted (const struct resolving *resolving)
{
    const struct scope *granted = &resolving->granted_resources;
    const struct scope_resources *resources = &resolving->scope.resources;
    for (size_t i = 0; granted->n > 0 && i < resources->n; i++) {
        size_t j = 0;
        while (j < granted->n && (granted->entries[j].kind != resources->resources[i].kind ||
                                  granted->entries[j].number != resources->resources[i].number))
            j++;
        if (j == granted->n)
            return &resources->resources[i];
    }
    return NULL;
}

static void
resolving_found (void *context, enum store_outcome outcome, const PGresult *rows)
{
    struct resolving *resolving = context;
    struct asking *asking = resolving->asking;
    const struct scope_use use = {.customer_group = asking->customer_group};
    struct error error;
    if (outcome != STORE_OK) {
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the scope could not be looked up: the database is not available");
        return;
    }
    switch (
        scope_resolve (&resolving->resources, rows, &use, &resolving->scope.resources, &error)) {
    case SCOPE_OK:
        break;
    case SCOPE_INVALID:
        refuse (asking, error.text);
        return;
    case SCOPE_WRONG:
        log_error ("the rows of a scope make no sense", "request",
                   request_correlation (asking->request), "error", error.text, NULL);
        token_refuse (asking, TOKEN_UNAVAILABLE, "what the scope names cannot be told");
        return;
    }
    const struct scope_resource *other = other_market (resolving);
    if (other) {
        char text[96];
        snprintf (text, sizeof text, "\"market:%lld\" is not the client's market",
                  (long long) other->number);
        refuse (asking, text);
        return;
    }
    other = not_granted (resolving);
    if (other) {
        char text[128];
        snprintf (text, sizeof text, "\"%s:%lld\" is more than the refresh token was given for",
                  other->kind == SCOPE_MARKET ? "market" : "stock_location",
                  (long long) other->number);
        refuse (asking, text);
        return;
    }
    resolving_end (resolving);
}
