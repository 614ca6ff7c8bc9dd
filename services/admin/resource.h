// What an account's markets, stock locations, customer groups, clients and customers have in common: they are made, edited, shown, listed, activated,
// deactivated and deleted in the same way. A file a noun says what is its own: the fields.
//
// Each function here handles a request from its beginning to its reply; the caller only returns.
#ifndef JETON_ADMIN_RESOURCE_H
#define JETON_ADMIN_RESOURCE_H

#include "common/rpc/request.h"
#include "services/admin/view.h"
#include "types.pb-c.h"
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Nouns. The order is that of their statements (resource_statements.h).
enum resource {
    RESOURCE_CUSTOMER_GROUP,
    RESOURCE_MARKET,
    RESOURCE_STOCK_LOCATION,
    RESOURCE_CLIENT,
    RESOURCE_CUSTOMER
};
enum { RESOURCES = RESOURCE_CUSTOMER + 1 };

#define RESOURCE_ACTIVE   JETON__V1__RESOURCE_STATUS__RESOURCE_STATUS_ACTIVE
#define RESOURCE_INACTIVE JETON__V1__RESOURCE_STATUS__RESOURCE_STATUS_INACTIVE
#define RESOURCE_DELETED  JETON__V1__RESOURCE_STATUS__RESOURCE_STATUS_DELETED

// What requests hold. Texts are the message's; `reference` is NULL where the noun refers to nothing.
struct resource_new {
    const char *account_id;
    const char
        *unique; // what no other of the account may have: its code; "" where there is no such thing
    const char *reference; // the id of what it refers to; "": none
    char *password;        // that it sets (secret.h); NULL: none
};

struct resource_edit {
    const char *id;
    int64_t revision; // that the caller has seen
    size_t n_fields;  // names of the fields that are to be set
    char **fields;
    const char *unique, *reference;
    char *password; // that it sets; NULL: none
};

struct resource_list {
    const char *account_id;
    Jeton__V1__ResourceStatus status; // 0: all but deleted
    const char *reference;            // those that refer to it; "": all
    // Of customers only:
    const char *text; // those whose email has it in it; NULL and "": all
    bool by_email;    // in its order, not that of creation
    bool descending;
};

// Called once the guards have passed: puts what the request sets into the object as it will be. It may keep pointers into the request's message.
// False: the request asks for what this object cannot become, and was answered.
typedef bool resource_fill (struct request *request, ProtobufCMessage *object);

// resource_create (request, resource, new, fill, again): `again` is the handler: it is called again when another change came first.
void resource_create (struct request *request, enum resource resource,
                      const struct resource_new *new, resource_fill *fill, request_callback *again);
void resource_edit (struct request *request, enum resource resource,
                    const struct resource_edit *edit, resource_fill *fill, request_callback *again);
void resource_get (struct request *request, enum resource resource, const char *id);
void resource_list (struct request *request, enum resource resource,
                    const struct resource_list *list);

// resource_set_status (request, resource, id, status, again): Activate, deactivate or delete.
void resource_set_status (struct request *request, enum resource resource, const char *id,
                          Jeton__V1__ResourceStatus status, request_callback *again);

// resource_sets (n_fields, fields, field): Is the field among those that an edit sets?
bool resource_sets (size_t n_fields, char *const *fields, const char *field);

// resource_check_fields (request, noun, known, n_fields, fields): An edit's fields are some of those known (ended by NULL), none twice. False: the request
// was answered.
bool resource_check_fields (struct request *request, const char *noun, const char *const *known,
                            size_t n_fields, char *const *fields)
    __attribute__ ((warn_unused_result));

// resource_check (request, edit, code, name): What an edit sets of these (of a creation, `edit` NULL: both) is of the right form. False: the
// request was answered.
bool resource_check (struct request *request, const struct resource_edit *edit, const char *code,
                     const char *name) __attribute__ ((warn_unused_result));

#endif
