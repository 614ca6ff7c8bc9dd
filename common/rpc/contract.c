#include "common/rpc/contract.h"
#include "admin.pb-c.h"
#include "audit.pb-c.h"
#include "feed.pb-c.h"
#include "health.pb-c.h"
#include "issuer.pb-c.h"
#include "limits.pb-c.h"
#include "validator.pb-c.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct contract_service contract_services[] = {
    {&jeton__v1__admin__descriptor, {"admin", NULL}},
    {&jeton__v1__issuer__descriptor, {"issuer", NULL}},
    {&jeton__v1__validator__descriptor, {"validator", NULL}},
    {&jeton__v1__audit_logger__descriptor, {"auditor", NULL}},
    {&jeton__v1__health__descriptor, {"admin", "issuer", "validator", "auditor", "gateway", NULL}},
    {&jeton__v1__stats__descriptor, {"admin", "issuer", "validator", "auditor", "gateway", NULL}},
    {&jeton__v1__feed__descriptor, {"admin", "issuer", NULL}},
    {&jeton__v1__limits__descriptor, {"validator", NULL}},
    {.descriptor = NULL},
};

bool
contract_is_called (const char *name, const char *full, const char *package)
{
    size_t length = strlen (package);
    if (strcasecmp (name, full) == 0)
        return true;
    return strncmp (full, package, length) == 0 && full[length] == '.' &&
           strcasecmp (name, full + length + 1) == 0;
}

const struct contract_service *
contract_service (const char *name)
{
    for (const struct contract_service *row = contract_services; row->descriptor; row++)
        if (contract_is_called (name, row->descriptor->name, row->descriptor->package))
            return row;
    for (const struct contract_service *row = contract_services; row->descriptor; row++)
        if (strcasecmp (name, row->processes[0]) == 0)
            return row;
    return NULL;
}

// ---- methods --------------------------------------------------------------------------------------------------------

// protobuf-c's descriptors do not tell which methods stream: they are these. s13_call compares with proto/.
static bool
streams (const char *method)
{
    static const char *const names[] = {"TailRecords", "ExportTrail", "TailUse", "Follow"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp (method, names[i]) == 0)
            return true;
    return false;
}

bool
contract_reads (const char *method)
{
    static const char *const beginnings[] = {"Get", "List", "Check", "Validate", "Tail", "Export"};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncmp (method, beginnings[i], strlen (beginnings[i])) == 0)
            return true;
    return false;
}

bool
contract_method_at (const struct contract_service *service, unsigned i,
                    struct contract_method *method_r)
{
    if (i >= service->descriptor->n_methods)
        return false;
    const ProtobufCMethodDescriptor *method = &service->descriptor->methods[i];
    *method_r = (struct contract_method){.service = service,
                                         .method = method,
                                         .stream = streams (method->name),
                                         .reads = contract_reads (method->name)};
    return true;
}

static bool
of_service (const struct contract_service *service, const char *name,
            struct contract_method *method_r)
{
    for (unsigned i = 0; contract_method_at (service, i, method_r); i++)
        if (strcasecmp (method_r->method->name, name) == 0)
            return true;
    return false;
}

bool
contract_method (const char *name, struct contract_method *method_r)
{
    char of[CONTRACT_NAME_MAX + 1];
    const char *cut = strrchr (name, '/');
    if (!cut)
        cut = strrchr (name, '.');
    if (cut) {
        if (cut - name > CONTRACT_NAME_MAX)
            return false;
        snprintf (of, sizeof of, "%.*s", (int) (cut - name), name);
        const struct contract_service *service = contract_service (of);
        return service && of_service (service, cut + 1, method_r);
    }
    for (const struct contract_service *row = contract_services; row->descriptor; row++)
        if (of_service (row, name, method_r))
            return true;
    return false;
}

// ---- messages -------------------------------------------------------------------------------------------------------

// What has been seen of messages and enums. That there is room for all of them is a matter of proto/, not of input.
struct walk {
    contract_message *message;
    contract_enum *enumeration;
    void *context;
    const void *seen[1024];
    size_t n;
    bool ended;
};

static bool
is_new (struct walk *walk, const void *descriptor)
{
    for (size_t i = 0; i < walk->n; i++)
        if (walk->seen[i] == descriptor)
            return false;
    assert (walk->n < sizeof walk->seen / sizeof *walk->seen);
    walk->seen[walk->n++] = descriptor;
    return true;
}

static void
walk_message (struct walk *walk, const ProtobufCMessageDescriptor *message)
{
    if (walk->ended || !is_new (walk, message))
        return;
    if (walk->message && !walk->message (walk->context, message))
        walk->ended = true;
    for (unsigned i = 0; i < message->n_fields && !walk->ended; i++) {
        const ProtobufCFieldDescriptor *field = &message->fields[i];
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            walk_message (walk, field->descriptor);
        else if (field->type == PROTOBUF_C_TYPE_ENUM && is_new (walk, field->descriptor) &&
                 walk->enumeration && !walk->enumeration (walk->context, field->descriptor))
            walk->ended = true;
    }
}

void
contract_each (contract_message *message, contract_enum *enumeration, void *context)
{
    struct walk walk = {.message = message, .enumeration = enumeration, .context = context};
    for (const struct contract_service *row = contract_services; row->descriptor; row++)
        for (unsigned i = 0; i < row->descriptor->n_methods; i++) {
            walk_message (&walk, row->descriptor->methods[i].input);
            walk_message (&walk, row->descriptor->methods[i].output);
        }
}
