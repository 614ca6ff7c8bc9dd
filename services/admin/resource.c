#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/resource_kind.h"
#include "services/admin/store.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const group_fields[] = {"code", "name", NULL};
static const char *const market_fields[] = {"code", "name", "customer_group_id", NULL};
static const char *const location_fields[] = {"code", "name", "market_id", NULL};
static const char *const client_fields[] = {"name",         "market_id",     "access_token_life_s",
                                            "token_format", "redirect_uris", NULL};
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

// An empty reply of the method that is called; NULL: the request was answered.
static ProtobufCMessage *
reply_new (struct request *request)
{
    const ProtobufCServiceDescriptor *service = &jeton__v1__admin__descriptor;
    const ProtobufCMessage *message = request_message (request);
    const ProtobufCMethodDescriptor *descriptor = service->methods;
    const ProtobufCMethodDescriptor *end = descriptor + service->n_methods;
    while (descriptor < end && descriptor->input != message->descriptor)
        descriptor++;
    assert (descriptor < end);
    ProtobufCMessage *reply =
        arena_alloc (request_arena (request), descriptor->output->sizeof_message);
    if (!reply) {
        change_no_memory (request);
        return NULL;
    }
    protobuf_c_message_init (descriptor->output, reply);
    return reply;
}

void
resource_reply (struct request *request, ProtobufCMessage *object)
{
    ProtobufCMessage *reply = reply_new (request);
    if (!reply)
        return;
    *(ProtobufCMessage **) ((char *) reply + reply->descriptor->fields[0].offset) = object;
    request_reply (request, reply);
}

// ---- get and list ------------------------------------------------------------------------------------------------------

ProtobufCMessage *
resource_read (struct request *request, const struct resource_kind *kind, const char *id,
               struct row *row)
{
    if (PQntuples (row->result) == 0) {
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no %s %s", kind->noun, id);
        return NULL;
    }
    ProtobufCMessage *object = kind->view (row);
    return row_good (request, row) ? object : NULL;
}

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
    ProtobufCMessage *object = resource_read (request, got->kind, got->id, &row);
    if (object)
        resource_reply (request, object);
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

// The noun of a list's rows.
static const struct resource_kind *
listed_kind (const ProtobufCFieldDescriptor *rows)
{
    const struct resource_kind *kind = resource_kinds;
    while (kind < resource_kinds + RESOURCES && kind->message != rows->descriptor)
        kind++;
    assert (kind < resource_kinds + RESOURCES);
    return kind;
}

// Nothing was listed: because the account has none, or because there is no such account?
static void
resource_list_of_account (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    struct request *request = context;
    if (!change_read (request, outcome, error))
        return;
    ProtobufCMessage *reply = NULL;
    if (PQntuples (results[0]) == 0)
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no account %s",
                      resource_text (request_message (request), "account_id"));
    else
        reply = reply_new (request);
    if (reply)
        request_reply (request, reply);
}

static void
resource_list_done (void *context, enum db_outcome outcome, PGresult *const *results,
                    const struct db_error *error)
{
    struct request *request = context;
    int64_t account;
    if (!change_read (request, outcome, error))
        return;
    if (PQntuples (results[0]) == 0 &&
        id_parse ("ACC", resource_text (request_message (request), "account_id"), &account)) {
        store_account_get (request, account, resource_list_of_account);
        return;
    }
    ProtobufCMessage *reply = reply_new (request);
    if (!reply)
        return;
    const ProtobufCFieldDescriptor *rows = &reply->descriptor->fields[0];
    size_t *n = (size_t *) ((char *) reply + rows->quantifier_offset);
    ProtobufCMessage **objects = page_read (request, results[0], listed_kind (rows)->view, n,
                                            (char **) resource_member (reply, "next_cursor"));
    if (!objects)
        return;
    *(ProtobufCMessage ***) ((char *) reply + rows->offset) = objects;
    request_reply (request, reply);
}

// Where the page begins in the list's order. False: the request was answered.
static bool
page_order (struct request *request, struct page *page, const struct resource_list *list)
{
    static char lowest[] = "", highest[] = "\x7f"; // emails are of printable ASCII
    bool first = !list->page || !*list->page->cursor;
    if (first && list->by_email)
        page->key = list->descending ? highest : lowest;
    else if (first)
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
    if (page && page_order (request, page, list))
        store_resource_list (request, resource, page, &filter, resource_list_done);
}
