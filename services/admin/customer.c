// Customers of an account's shops (R15, R17, R22), who sign in with email and password.
#include "services/admin/admin.h"
#include "services/admin/check.h"
#include "services/admin/resource.h"
#include "services/admin/secret.h"
#include <string.h>

enum { EMAIL_MIN = 3, EMAIL_MAX = 254 }; // characters (RFC 5321 section 4.5.3.1.3)

static bool
printable (const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return !*text;
}

// One @ between two texts: whether there is such a mailbox is not for us to know. ASCII only, so that no two look the same that are not.
static bool
check_email (struct request *request, const char *email)
{
    size_t length = strlen (email);
    const char *at = strchr (email, '@');
    if (length >= EMAIL_MIN && length <= EMAIL_MAX && printable (email) && !strchr (email, ' ') &&
        at && at > email && at[1] && !strchr (at + 1, '@'))
        return true;
    request_fail_field (request, "email",
                        "must be an email address: %d to %d characters of ASCII, one of them @",
                        EMAIL_MIN, EMAIL_MAX);
    return false;
}

static bool
customer_new (struct request *request, ProtobufCMessage *object)
{
    const Jeton__V1__CreateCustomerRequest *message = request_message (request);
    Jeton__V1__Customer *customer = (Jeton__V1__Customer *) object;
    customer->email = message->email;
    customer->customer_group_id = message->customer_group_id;
    customer->can_sign_in = secret_hash (request_context (request)) != NULL;
    return true;
}

void
admin_create_customer (struct request *request)
{
    const Jeton__V1__CreateCustomerRequest *message = request_message (request);
    struct resource_new new = {.account_id = message->account_id,
                               .unique = message->email,
                               .reference = message->customer_group_id,
                               .password = message->password};
    if (check_email (request, message->email) &&
        check_password (request, "password", message->password))
        resource_create (request, RESOURCE_CUSTOMER, &new, customer_new, admin_create_customer);
}

static bool
customer_set (struct request *request, ProtobufCMessage *object)
{
    const Jeton__V1__EditCustomerRequest *message = request_message (request);
    Jeton__V1__Customer *customer = (Jeton__V1__Customer *) object;
    if (resource_sets (message->n_fields, message->fields, "email"))
        customer->email = message->email;
    if (resource_sets (message->n_fields, message->fields, "customer_group_id"))
        customer->customer_group_id = message->customer_group_id;
    if (resource_sets (message->n_fields, message->fields, "password"))
        customer->can_sign_in = secret_hash (request_context (request)) != NULL;
    return true;
}

void
admin_edit_customer (struct request *request)
{
    const Jeton__V1__EditCustomerRequest *message = request_message (request);
    bool password = resource_sets (message->n_fields, message->fields, "password");
    struct resource_edit edit = {.id = message->id,
                                 .revision = message->revision,
                                 .n_fields = message->n_fields,
                                 .fields = message->fields,
                                 .unique = message->email,
                                 .reference = message->customer_group_id,
                                 .password = password ? message->password : NULL};
    if ((!resource_sets (message->n_fields, message->fields, "email") ||
         check_email (request, message->email)) &&
        (!password || check_password (request, "password", message->password)))
        resource_edit (request, RESOURCE_CUSTOMER, &edit, customer_set, admin_edit_customer);
}

void
admin_get_customer (struct request *request)
{
    const Jeton__V1__GetCustomerRequest *message = request_message (request);
    resource_get (request, RESOURCE_CUSTOMER, message->id);
}

void
admin_list_customers (struct request *request)
{
    const Jeton__V1__ListCustomersRequest *message = request_message (request);
    int sort = (int) message->sort;
    struct resource_list list = {.account_id = message->account_id,
                                 .status = message->status,
                                 .reference = message->customer_group_id,
                                 .text = message->text,
                                 .by_email = sort == JETON__V1__CUSTOMER_SORT__CUSTOMER_SORT_EMAIL,
                                 .descending = message->descending};
    if (strlen (message->text) > EMAIL_MAX || !printable (message->text))
        request_fail_field (request, "text", "must be 1 to %d characters of ASCII, or none",
                            EMAIL_MAX);
    else if (sort < 0 || sort > JETON__V1__CUSTOMER_SORT__CUSTOMER_SORT_EMAIL)
        request_fail_field (request, "sort", "must be created or email");
    else
        resource_list (request, RESOURCE_CUSTOMER, &list);
}

void
admin_activate_customer (struct request *request)
{
    const Jeton__V1__ActivateCustomerRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_CUSTOMER, message->id, RESOURCE_ACTIVE,
                         admin_activate_customer);
}

void
admin_deactivate_customer (struct request *request)
{
    const Jeton__V1__DeactivateCustomerRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_CUSTOMER, message->id, RESOURCE_INACTIVE,
                         admin_deactivate_customer);
}

void
admin_delete_customer (struct request *request)
{
    const Jeton__V1__DeleteCustomerRequest *message = request_message (request);
    resource_set_status (request, RESOURCE_CUSTOMER, message->id, RESOURCE_DELETED,
                         admin_delete_customer);
}
