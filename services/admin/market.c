// Markets: sales areas, which scopes name (R13, R14); private ones are bound to a customer group (R15).
#include "services/admin/admin.h"
#include "services/admin/resource.h"

static bool
market_new (struct request *request, ProtobufCMessage *object)
{
    const Jeton__V1__CreateMarketRequest *message = request_message (request);
    Jeton__V1__Market *market = (Jeton__V1__Market *) object;
    market->code = message->code;
    market->name = message->name;
    market->customer_group_id = message->customer_group_id;
    return true;
}

void
admin_create_market (struct request *request)
{
    const Jeton__V1__CreateMarketRequest *message = request_message (request);
    struct resource_new new = {.account_id = message->account_id,
                               .unique = message->code,
                               .reference = message->customer_group_id};
    if (resource_check (request, NULL, message->code, message->name))
        resource_create (request, RESOURCE_MARKET, &new, market_new, admin_create_market);
}

static bool
market_set (struct request *request, ProtobufCMessage *object)
{
    const Jeton__V1__EditMarketRequest *message = request_message (request);
    Jeton__V1__Market *market = (Jeton__V1__Market *) object;
    if (resource_sets (message->n_fields, message->fields, "code"))
        market->code = message->code;
    if (resource_sets (message->n_fields, message->fields, "name"))
        market->name = message->name;
    if (resource_sets (message->n_fields, message->fields, "customer_group_id"))
        market->customer_group_id = message->customer_group_id;
    return true;
}

void
admin_edit_market (struct request *request)
{
    const Jeton__V1__EditMarketRequest *message = request_message (request);
    struct resource_edit edit = {.id = message->id,
                                 .revision = message->revision,
                                 .n_fields = message->n_fields,
                                 .fields = message->fields,
                                 .unique = message->code,
                                 .reference = message->customer_group_id};
    if (resource_check (request, &edit, message->code, message->name))
        resource_edit (request, RESOURCE_MARKET, &edit, market_set, admin_edit_market);
}

void
admin_get_market (struct request *request)
{
    const Jeton__V1__GetMarketRequest *message = request_message (request);
    resource_get (request, RESOURCE_MARKET, message->id);
}

void
admin_list_markets (struct request *request)
{
    const Jeton__V1__ListMarketsRequest *message = request_message (request);
    struct resource_list list = {.account_id = message->account_id,
                                 .status = message->status,
                                 .reference = message->customer_group_id};
    resource_list (request, RESOURCE_MARKET, &list);
}

void
admin_activate_market (struct request *request)
{
    const Jeton__V1__ActivateMarketRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_MARKET, message->id, RESOURCE_ACTIVE,
                         admin_activate_market);
}

void
admin_deactivate_market (struct request *request)
{
    const Jeton__V1__DeactivateMarketRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_MARKET, message->id, RESOURCE_INACTIVE,
                         admin_deactivate_market);
}

void
admin_delete_market (struct request *request)
{
    const Jeton__V1__DeleteMarketRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_MARKET, message->id, RESOURCE_DELETED,
                         admin_delete_market);
}
