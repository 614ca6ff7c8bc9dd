// The contract of proto/ as programs see it that go by descriptors, not by the names of one service: which services there are, which process
// serves them, their methods by any of the names that people give them, and the messages that these take and give.
#ifndef JETON_RPC_CONTRACT_H
#define JETON_RPC_CONTRACT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

enum { CONTRACT_PROCESSES = 5, CONTRACT_NAME_MAX = 128 };

// A service, and the processes that serve it: names of peers ("admin"), ended by NULL. Where there are several, each answers for itself.
struct contract_service {
    const ProtobufCServiceDescriptor *descriptor;
    const char *processes[CONTRACT_PROCESSES + 1];
};

// The services that callers may be let in to, ended by a row without descriptor. A process's own service is the first row that names it first.
extern const struct contract_service contract_services[];

// contract_service (name): "Admin", "jeton.v1.Admin", or the process that it is the own service of: "admin"; without case. NULL: there is none.
const struct contract_service *contract_service (const char *name);

struct contract_method {
    const struct contract_service *service;
    const ProtobufCMethodDescriptor *method;
    bool stream; // of replies
    bool reads;  // changes nothing: may be repeated
};

// contract_method (name, &method_r): "Admin/GetToken", "jeton.v1.Admin/GetToken", "admin.GetToken", or "GetToken", as no two services have methods of one
// name; without case. False: there is none.
bool contract_method (const char *name, struct contract_method *method_r)
    __attribute__ ((warn_unused_result));
// contract_method_at (service, i, &method_r): The i-th method of a service. False: it has no more.
bool contract_method_at (const struct contract_service *service, unsigned i,
                         struct contract_method *method_r) __attribute__ ((warn_unused_result));
// contract_reads (method): By its name alone ("GetToken"), of whatever service.
bool contract_reads (const char *method);

// contract_each (message, enumeration, context): Every message and every enum that the methods take and give, and what these hold, each once; either may be
// NULL. False from one ends it.
typedef bool contract_message (void *context, const ProtobufCMessageDescriptor *message);
typedef bool contract_enum (void *context, const ProtobufCEnumDescriptor *enumeration);
void contract_each (contract_message *message, contract_enum *enumeration, void *context);

// contract_is_called (name, full, package): Is `name` the full name ("jeton.v1.Token"), or that without its package? Without case.
bool contract_is_called (const char *name, const char *full, const char *package);

#endif
