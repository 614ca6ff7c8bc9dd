#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/reply.h"
#include "services/admin/resource_kind.h"
#include "services/admin/store.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const group_fields[] = {"code", "name", NULL};
static const char *const market_fields[] = {"code", "name", "customer_group_id", NULL};
static const char *const location_fields[] = {"code", "name", "market_id", NULL};
static const char *const client_fields[] = {
    "name", "market_id", "access_token_life_s", "token_format", "redirect_uris", "scopes",
    "jwks", NULL};
static const char *const customer_fields[] = {"email", "customer_group_id", "password", NULL};

const struct resource_kind resource_kinds[] = {
    [RESOURCE_CUSTOMER_GROUP] = {"customer group", "customer_group",
                                 "platform.customers.customer_group", "CGR", "code", "code", NULL,
                                 NULL, NULL, false, group_fields,
                                 &jeton__v1__customer_group__descriptor, view_customer_group},
    [RESOURCE_MARKET] = {"market", "market", "platform.markets.market", "MKT", "code", "code",
                         "customer_group_id", "CGR", "customer group", false, market_fields,
                         &jeton__v1__market__descriptor, view_market},
    [RESOURCE_STOCK_LOCATION] = {"stock location", "stock_location",
                                 "platform.stock_locations.stock_location", "STL", "code", "code",
                                 "market_id", "MKT", "market", true, location_fields,
                                 &jeton__v1__stock_location__descriptor, view_stock_location},
    [RESOURCE_CLIENT] = {"client", "client", "platform.clients.client", "CLI", "name", NULL,
                         "market_id", "MKT", "market", false, client_fields,
                         &jeton__v1__client__descriptor, view_client},
    [RESOURCE_CUSTOMER] = {"customer", "customer", "platform.customers.customer", "CUS", "email",
                           "email", "customer_group_id", "CGR", "customer group", false,
                           customer_fields, &jeton__v1__customer__descriptor, view_customer},
};

// ---- messages of any noun ----------------------------------------------------------------------------------------------

void *
resource_member (const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name (message->descriptor, name);
    assert (field);
    return (char *) message + field->offset;
}

char *
resource_text (const ProtobufCMessage *message, const char *name)
{
    return *(char **) resource_member (message, name);
}

// ---- get and list ------------------------------------------------------------------------------------------------------

// What is asked for: the context of a read.
struct resource_got {
    const struct resource_kind *kind;
    const char *id;
};

static void
resource_get_done (void *context, enum db_outcome outcome, PGresult *const *results,
                   const struct db_error *error)
{
    struct request *request = context;
    const struct resource_got *got = request_context (request);
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    const ProtobufCMessage *object =
        row_object (request, got->kind->noun, got->id, got->kind->view, &row);
    if (object)
        reply_object (request, object);
}

void
resource_get (struct request *request, enum resource resource, const char *id)
{
    int64_t number;
    if (!check_id (request, "id", resource_kinds[resource].prefix, id, &number))
        return;
    struct resource_got *got = arena_alloc (request_arena (request), sizeof *got);
    if (!got) {
        change_no_memory (request);
        return;
    }
    *got = (struct resource_got){&resource_kinds[resource], id};
    request_context_set (request, got);
    store_resource_read (request, resource, number, "", 0, resource_get_done);
}

static void
resource_list_done (void *context, enum db_outcome outcome, PGresult *const *results,
                    const struct db_error *error)
{
    struct request *request = context;
    const struct page *page = request_context (request);
    const struct resource_kind *kind = page->own;
    if (change_read (request, outcome, error))
        page_reply (request, results[0], kind->view, NULL);
}

// Where the page begins in the list's order. False: the request was answered.
static bool
page_order (struct request *request, struct page *page, const struct resource_list *list)
{
    static char lowest[] = "", highest[] = "\x7f"; // emails are of printable ASCII
    if (page->first && list->by_email)
        page->key = list->descending ? highest : lowest;
    else if (page->first)
        page->after = list->descending ? INT64_MAX : 0;
    if (list->by_email != (page->key != NULL) ||
        (page->key && !check_characters (page->key).valid)) {
        page_refuse (request);
        return false;
    }
    page->key_column = list->by_email ? STORE_CUSTOMER_KEY_COLUMN : 0;
    return true;
}

void
resource_list (struct request *request, enum resource resource, const struct resource_list *list)
{
    const struct resource_kind *kind = &resource_kinds[resource];
    struct store_resource_filter filter = {.status = list->status,
                                           .text = list->text ? list->text : "",
                                           .by_email = list->by_email,
                                           .descending = list->descending};
    if (!check_id (request, "account_id", "ACC", list->account_id, &filter.account) ||
        (kind->reference && *list->reference &&
         !check_id (request, kind->reference, kind->reference_prefix, list->reference,
                    &filter.reference)))
        return;
    if (filter.status != 0 && filter.status != RESOURCE_ACTIVE &&
        filter.status != RESOURCE_INACTIVE) {
        request_fail_field (request, "status", "must be active or inactive, or none for both");
        return;
    }
    struct page *page = page_begin (request);
    if (!page || !page_order (request, page, list))
        return;
    page->own = kind;
    store_resource_list (request, resource, page, &filter, resource_list_done);
}
