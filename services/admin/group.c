// Customer groups, for which private markets are (R15).
#include "services/admin/admin.h"
#include "services/admin/resource.h"

static bool
customer_group_new (struct request *request, ProtobufCMessage *object)
{
    const Jeton__V1__CreateCustomerGroupRequest *message = request_message (request);
    Jeton__V1__CustomerGroup *customer_group = (Jeton__V1__CustomerGroup *) object;
    customer_group->code = message->code;
    customer_group->name = message->name;
    return true;
}

void
admin_create_customer_group (struct request *request)
{
    const Jeton__V1__CreateCustomerGroupRequest *message = request_message (request);
    struct resource_new new = {.account_id = message->account_id, .unique = message->code};
    if (resource_check (request, NULL, message->code, message->name))
        resource_create (request, RESOURCE_CUSTOMER_GROUP, &new, customer_group_new,
                         admin_create_customer_group);
}

static bool
customer_group_set (struct request *request, ProtobufCMessage *object)
{
    const Jeton__V1__EditCustomerGroupRequest *message = request_message (request);
    Jeton__V1__CustomerGroup *customer_group = (Jeton__V1__CustomerGroup *) object;
    if (resource_sets (message->n_fields, message->fields, "code"))
        customer_group->code = message->code;
    if (resource_sets (message->n_fields, message->fields, "name"))
        customer_group->name = message->name;
    return true;
}

void
admin_edit_customer_group (struct request *request)
{
    const Jeton__V1__EditCustomerGroupRequest *message = request_message (request);
    struct resource_edit edit = {.id = message->id,
                                 .revision = message->revision,
                                 .n_fields = message->n_fields,
                                 .fields = message->fields,
                                 .unique = message->code};
    if (resource_check (request, &edit, message->code, message->name))
        resource_edit (request, RESOURCE_CUSTOMER_GROUP, &edit, customer_group_set,
                       admin_edit_customer_group);
}

void
admin_get_customer_group (struct request *request)
{
    const Jeton__V1__GetCustomerGroupRequest *message = request_message (request);
    resource_get (request, RESOURCE_CUSTOMER_GROUP, message->id);
}

void
admin_list_customer_groups (struct request *request)
{
    const Jeton__V1__ListCustomerGroupsRequest *message = request_message (request);
    struct resource_list list = {.account_id = message->account_id, .status = message->status};
    resource_list (request, RESOURCE_CUSTOMER_GROUP, &list);
}

void
admin_activate_customer_group (struct request *request)
{
    const Jeton__V1__ActivateCustomerGroupRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_CUSTOMER_GROUP, message->id, RESOURCE_ACTIVE,
                         admin_activate_customer_group);
}

void
admin_deactivate_customer_group (struct request *request)
{
    const Jeton__V1__DeactivateCustomerGroupRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_CUSTOMER_GROUP, message->id, RESOURCE_INACTIVE,
                         admin_deactivate_customer_group);
}

void
admin_delete_customer_group (struct request *request)
{
    const Jeton__V1__DeleteCustomerGroupRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_CUSTOMER_GROUP, message->id, RESOURCE_DELETED,
                         admin_delete_customer_group);
}
