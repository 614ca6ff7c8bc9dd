#include "services/issuer/asking_scope.h"

#include "common/log/log.h"

#include <stdio.h>
#include <string.h>

// What a scope is made of, on its way: large, and looked at in one turn.
struct parsed {
    struct scope_modules modules; // asked for
    struct scope_modules may;     // have, as the client is set
    struct scope resources;       // asked for
    // Of a refresh token or a code: what was granted first. granted_resources.n == 0: it was not restricted.
    struct scope_modules granted;
    struct scope granted_resources;
    char rest[SCOPE_TEXT_MAX + 1];
};

// What is left of it while the database is asked, in the request's arena.
struct resolving {
    struct asking *asking;
    void (*done) (struct asking *asking);
    const char *modules;           // of the scope, as text
    const struct scope *resources; // asked for: as many entries as it says, and no room for more
    const struct scope *granted;   // by the refresh token or code: the same
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
modules_allowed (struct asking *asking, struct parsed *parsed)
{
    struct scope_modules *asked = &parsed->modules;
    for (size_t i = 0; i < asked->n; i++) {
        const struct scope_module *module = &asked->modules[i];
        const struct scope_module *may = scope_modules_find (&parsed->may, module->name);
        const struct scope_module *granted =
            asking->granted ? scope_modules_find (&parsed->granted, module->name) : may;
        if (may && module->access <= may->access && granted && module->access <= granted->access)
            continue;
        char text[160];
        snprintf (text, sizeof text, "\"module:%s:%s\" is more than %s", module->name,
                  module->access == 1 ? "read" : "write",
                  !may || module->access > may->access ? "the client may have"
                                                       : "was granted first");
        refuse (asking, text);
        return false;
    }
    return true;
}

// All is known: the scope as one text. The arrays of numbers in the token are bounded by it.
static void
scope_end (struct asking *asking, void (*done) (struct asking *asking), const char *modules,
           const struct scope_resources *resources)
{
    struct arena *arena = request_arena (asking->request);
    size_t n = resources ? resources->n : 0;
    char text[SCOPE_FORMAT_SIZE] = "";
    if (resources)
        scope_format (resources, text);
    size_t length = strlen (text) + strlen (modules) + (*text && *modules);
    if (length > SCOPE_TEXT_MAX) {
        refuse (asking, "the scope has more parts than a token has room for");
        return;
    }
    struct asking_scope scope = {
        .restricted = resources != NULL,
        .n = n,
        .resources =
            n > 0 ? arena_memdup (arena, resources->resources, n * sizeof *resources->resources)
                  : NULL,
        .text = *text ? arena_printf (arena, "%s%s%s", text, *modules ? " " : "", modules)
                      : arena_strdup (arena, modules),
    };
    asking->scope = arena_memdup (arena, &scope, sizeof scope);
    if (!asking->scope || !scope.text || (n > 0 && !scope.resources))
        token_no_memory (asking);
    else
        done (asking);
}

// What a refresh token or a code was given for is the most (RFC 6749 section 6), and what is meant where nothing is asked for: of modules, and of resources. False: it makes no sense.
static bool
granted_read (const struct asking *asking, struct parsed *parsed)
{
    const char *granted = asking->granted;
    struct error error;
    if (!scope_modules_parse (granted, strlen (granted), &parsed->granted, parsed->rest, &error) ||
        !scope_parse (parsed->rest, strlen (parsed->rest), &parsed->granted_resources, &error))
        return false;
    if (parsed->modules.n == 0)
        parsed->modules = parsed->granted;
    if (parsed->resources.n == 0)
        parsed->resources = parsed->granted_resources;
    return true;
}

// Into `parsed`. False: the request was answered.
static bool
scope_read (struct asking *asking, struct parsed *parsed)
{
    const char *text = asking->message->scope, *may = asking->client.scopes;
    struct error error;
    parsed->granted.n = parsed->granted_resources.n = 0;
    if (!scope_modules_parse (may, strlen (may), &parsed->may, parsed->rest, &error) ||
        *parsed->rest) {
        log_error ("a client's scopes make no sense", "client", asking->message->client_id, NULL);
        token_refuse (asking, TOKEN_UNAVAILABLE, "what the client may have cannot be told");
        return false;
    }
    if (!scope_modules_parse (text, strlen (text), &parsed->modules, parsed->rest, &error) ||
        !scope_parse (parsed->rest, strlen (parsed->rest), &parsed->resources, &error)) {
        refuse (asking, error.text);
        return false;
    }
    if (asking->granted && !granted_read (asking, parsed)) {
        log_error ("a scope that was granted makes no sense", "client", asking->message->client_id,
                   NULL);
        token_refuse (asking, TOKEN_UNAVAILABLE, "what was granted first cannot be told");
        return false;
    }
    return true;
}

// Without a word of resources a client that is bound to a market means that.
static void
market_meant (const struct asking *asking, struct scope *resources)
{
    if (resources->n > 0 || asking->client.market == 0)
        return;
    struct scope_entry *entry = &resources->entries[resources->n++];
    *entry = (struct scope_entry){.kind = SCOPE_MARKET, .number = asking->client.market};
    snprintf (entry->part, sizeof entry->part, "market:%lld", (long long) asking->client.market);
}

// As much of it as is used.
static const struct scope *
scope_keep (struct arena *arena, const struct scope *scope)
{
    return arena_memdup (arena, scope,
                         offsetof (struct scope, entries) + scope->n * sizeof *scope->entries);
}

void
asking_scope_resolve (struct asking *asking, void (*done) (struct asking *asking))
{
    struct issuer *issuer = request_owner (asking->request);
    struct arena *arena = request_arena (asking->request);
    struct parsed parsed;
    char modules[SCOPE_MODULES_FORMAT_SIZE];
    if (!scope_read (asking, &parsed))
        return;
    bool all = parsed.modules.n == 0 && !asking->granted;
    if (!all && !modules_allowed (asking, &parsed))
        return;
    scope_modules_format (all ? &parsed.may : &parsed.modules, modules);
    market_meant (asking, &parsed.resources);
    if (parsed.resources.n == 0) {
        scope_end (asking, done, modules, NULL);
        return;
    }
    struct resolving kept = {
        .asking = asking,
        .done = done,
        .modules = arena_strdup (arena, modules),
        .resources = scope_keep (arena, &parsed.resources),
        .granted = scope_keep (arena, &parsed.granted_resources),
    };
    struct resolving *resolving = arena_memdup (arena, &kept, sizeof kept);
    if (!resolving || !kept.modules || !kept.resources || !kept.granted)
        token_no_memory (asking);
    else
        store_scope (issuer->process.db, asking->client.account, resolving->resources,
                     resolving_found, resolving);
}

// A client that is bound to a market gets tokens for no other. NULL: so it is; otherwise the other.
static const struct scope_resource *
other_market (const struct asking *asking, const struct scope_resources *resources)
{
    int64_t market = asking->client.market;
    for (size_t i = 0; market != 0 && i < resources->n; i++)
        if (resources->resources[i].kind == SCOPE_MARKET &&
            resources->resources[i].number != market)
            return &resources->resources[i];
    return NULL;
}

// NULL: all that is asked for was granted; otherwise what was not. What was granted is written by number.
static const struct scope_resource *
not_granted (const struct scope *granted, const struct scope_resources *resources)
{
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

// False: the request was answered.
static bool
resources_allowed (const struct resolving *resolving, const struct scope_resources *resources)
{
    struct asking *asking = resolving->asking;
    const struct scope_resource *other = other_market (asking, resources);
    char text[128];
    if (other) {
        snprintf (text, sizeof text, "\"market:%lld\" is not the client's market",
                  (long long) other->number);
        refuse (asking, text);
        return false;
    }
    other = not_granted (resolving->granted, resources);
    if (other) {
        snprintf (text, sizeof text, "\"%s:%lld\" is more than was granted first",
                  other->kind == SCOPE_MARKET ? "market" : "stock_location",
                  (long long) other->number);
        refuse (asking, text);
    }
    return !other;
}

static void
resolving_found (void *context, enum store_outcome outcome, const PGresult *rows)
{
    struct resolving *resolving = context;
    struct asking *asking = resolving->asking;
    const struct scope_use use = {.customer_group = asking->customer_group};
    struct scope_resources resources;
    struct error error;
    if (outcome != STORE_OK) {
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the scope could not be looked up: the database is not available");
        return;
    }
    switch (scope_resolve (resolving->resources, rows, &use, &resources, &error)) {
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
    if (resources_allowed (resolving, &resources))
        scope_end (asking, resolving->done, resolving->modules, &resources);
}
