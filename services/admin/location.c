// Stock locations: warehouses, each of one market (R14).
#include "services/admin/admin.h"
#include "services/admin/resource.h"

static bool
stock_location_new (struct request *request, ProtobufCMessage *object)
{
    const Jeton__V1__CreateStockLocationRequest *message = request_message (request);
    Jeton__V1__StockLocation *stock_location = (Jeton__V1__StockLocation *) object;
    stock_location->code = message->code;
    stock_location->name = message->name;
    stock_location->market_id = message->market_id;
    return true;
}

void
admin_create_stock_location (struct request *request)
{
    const Jeton__V1__CreateStockLocationRequest *message = request_message (request);
    struct resource_new new = {.account_id = message->account_id,
                               .unique = message->code,
                               .reference = message->market_id};
    if (resource_check (request, NULL, message->code, message->name))
        resource_create (request, RESOURCE_STOCK_LOCATION, &new, stock_location_new,
                         admin_create_stock_location);
}

static bool
stock_location_set (struct request *request, ProtobufCMessage *object)
{
    const Jeton__V1__EditStockLocationRequest *message = request_message (request);
    Jeton__V1__StockLocation *stock_location = (Jeton__V1__StockLocation *) object;
    if (resource_sets (message->n_fields, message->fields, "code"))
        stock_location->code = message->code;
    if (resource_sets (message->n_fields, message->fields, "name"))
        stock_location->name = message->name;
    if (resource_sets (message->n_fields, message->fields, "market_id"))
        stock_location->market_id = message->market_id;
    return true;
}

void
admin_edit_stock_location (struct request *request)
{
    const Jeton__V1__EditStockLocationRequest *message = request_message (request);
    struct resource_edit edit = {.id = message->id,
                                 .revision = message->revision,
                                 .n_fields = message->n_fields,
                                 .fields = message->fields,
                                 .unique = message->code,
                                 .reference = message->market_id};
    if (resource_check (request, &edit, message->code, message->name))
        resource_edit (request, RESOURCE_STOCK_LOCATION, &edit, stock_location_set,
                       admin_edit_stock_location);
}

void
admin_get_stock_location (struct request *request)
{
    const Jeton__V1__GetStockLocationRequest *message = request_message (request);
    resource_get (request, RESOURCE_STOCK_LOCATION, message->id);
}

void
admin_list_stock_locations (struct request *request)
{
    const Jeton__V1__ListStockLocationsRequest *message = request_message (request);
    struct resource_list list = {.account_id = message->account_id,
                                 .status = message->status,
                                 .reference = message->market_id};
    resource_list (request, RESOURCE_STOCK_LOCATION, &list);
}

void
admin_activate_stock_location (struct request *request)
{
    const Jeton__V1__ActivateStockLocationRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_STOCK_LOCATION, message->id, RESOURCE_ACTIVE,
                         admin_activate_stock_location);
}

void
admin_deactivate_stock_location (struct request *request)
{
    const Jeton__V1__DeactivateStockLocationRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_STOCK_LOCATION, message->id, RESOURCE_INACTIVE,
                         admin_deactivate_stock_location);
}

void
admin_delete_stock_location (struct request *request)
{
    const Jeton__V1__DeleteStockLocationRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_STOCK_LOCATION, message->id, RESOURCE_DELETED,
                         admin_delete_stock_location);
}
