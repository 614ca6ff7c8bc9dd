// Scopes, tried out (R13-R15): common/scope has the rules.
#include "common/scope/scope.h"
#include "common/log/log.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/resource.h"
#include "services/admin/store.h"
#include <string.h>

// A resolution under way: the request's context.
struct resolution {
    int64_t account;
    int64_t customer; // 0: none
    struct scope_use use;
    struct scope scope;
    struct scope_resources resources;
    char text[SCOPE_FORMAT_SIZE]; // of the reply
};

static void admin_resolve_scope_account (void *context, enum db_outcome outcome,
                                         PGresult *const *results, const struct db_error *error);
static void admin_resolve_scope_customer (void *context, enum db_outcome outcome,
                                          PGresult *const *results, const struct db_error *error);
static void admin_resolve_scope_done (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);

void
admin_resolve_scope (struct request *request)
{
    const Jeton__V1__ResolveScopeRequest *message = request_message (request);
    struct resolution *resolution = arena_alloc (request_arena (request), sizeof *resolution);
    struct error error;
    if (!resolution) {
        change_no_memory (request);
        return;
    }
    if (!check_id (request, "account_id", "ACC", message->account_id, &resolution->account) ||
        (*message->customer_id &&
         !check_id (request, "customer_id", "CUS", message->customer_id, &resolution->customer)))
        return;
    if (!scope_parse (message->scope, strlen (message->scope), &resolution->scope, &error)) {
        request_fail_field (request, "scope", "invalid_scope: %s", error.text);
        return;
    }
    resolution->use.again = message->again;
    request_context_set (request, resolution);
    store_account_get (request, resolution->account, admin_resolve_scope_account);
}

static void
admin_resolve_scope_account (void *context, enum db_outcome outcome, PGresult *const *results,
                             const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__ResolveScopeRequest *message = request_message (request);
    const struct resolution *resolution = request_context (request);
    if (!change_read (request, outcome, error))
        return;
    if (PQntuples (results[0]) == 0)
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no account %s",
                      message->account_id);
    else if (resolution->customer)
        store_resource_read (request, RESOURCE_CUSTOMER, resolution->customer, "", 0,
                             admin_resolve_scope_customer);
    else
        store_scope_find (request, resolution->account, &resolution->scope,
                          admin_resolve_scope_done);
}

// Who is not active cannot sign in, and so gets no token for any scope.
static void
admin_resolve_scope_customer (void *context, enum db_outcome outcome, PGresult *const *results,
                              const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__ResolveScopeRequest *message = request_message (request);
    struct resolution *resolution = request_context (request);
    if (!change_read (request, outcome, error))
        return;
    const Jeton__V1__Customer *customer = NULL;
    if (PQntuples (results[0]) == 1) {
        struct row row = row_of (request_arena (request), results[0], 0);
        customer = (const Jeton__V1__Customer *) view_customer (&row);
        if (!row_good (request, &row))
            return;
    }
    if (!customer || strcmp (customer->account_id, message->account_id) != 0)
        request_fail_field (request, "customer_id", "is not a customer of account %s",
                            message->account_id);
    else if (customer->status != RESOURCE_ACTIVE)
        request_fail_field (request, "customer_id", "is inactive: gets no token");
    else if (*customer->customer_group_id &&
             !id_parse ("CGR", customer->customer_group_id, &resolution->use.customer_group))
        change_no_memory (request); // cannot be: the view has made it
    else
        store_scope_find (request, resolution->account, &resolution->scope,
                          admin_resolve_scope_done);
}

static bool
resource_view (struct arena *arena, const struct scope_resource *resource,
               Jeton__V1__ScopeResource **view_r)
{
    bool location = resource->kind == SCOPE_STOCK_LOCATION;
    Jeton__V1__ScopeResource *view = *view_r = arena_alloc (arena, sizeof *view);
    char *id = arena_alloc (arena, ID_SIZE), *market = arena_alloc (arena, ID_SIZE);
    if (!view || !id || !market)
        return false;
    id_format (location ? "STL" : "MKT", resource->number, id);
    jeton__v1__scope_resource__init (view);
    view->kind = location ? JETON__V1__SCOPE_KIND__SCOPE_KIND_STOCK_LOCATION
                          : JETON__V1__SCOPE_KIND__SCOPE_KIND_MARKET;
    view->id = id;
    view->number = resource->number;
    view->code = (char *) resource->code;
    if (location) {
        id_format ("MKT", resource->market, market);
        view->market_id = market;
    }
    return true;
}

static void
resolution_reply (struct request *request, struct resolution *resolution)
{
    struct arena *arena = request_arena (request);
    Jeton__V1__ResolveScopeReply reply = JETON__V1__RESOLVE_SCOPE_REPLY__INIT;
    size_t n = resolution->resources.n;
    reply.resources = arena_alloc (arena, (n + 1) * sizeof (Jeton__V1__ScopeResource *));
    bool good = reply.resources;
    for (; good && reply.n_resources < n; reply.n_resources++)
        good = resource_view (arena, &resolution->resources.resources[reply.n_resources],
                              &reply.resources[reply.n_resources]);
    if (!good) {
        change_no_memory (request);
        return;
    }
    scope_format (&resolution->resources, resolution->text);
    reply.scope = resolution->text;
    request_reply (request, &reply.base);
}

static void
admin_resolve_scope_done (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *db_error)
{
    struct request *request = context;
    struct resolution *resolution = request_context (request);
    struct error error;
    if (!change_read (request, outcome, db_error))
        return;
    switch (scope_resolve (&resolution->scope, results[0], &resolution->use, &resolution->resources,
                           &error)) {
    case SCOPE_OK:
        resolution_reply (request, resolution);
        break;
    case SCOPE_INVALID:
        request_fail_field (request, "scope", "invalid_scope: %s", error.text);
        break;
    case SCOPE_WRONG:
        log_error ("stored row is not of the form it should have", "request",
                   request_correlation (request), "error", error.text, NULL);
        request_fail (request, JETON__V1__CODE__CODE_DATA_LOSS,
                      "what is stored does not hold together: the log of jeton-admin tells more "
                      "under request %s",
                      request_correlation (request));
        break;
    }
}
