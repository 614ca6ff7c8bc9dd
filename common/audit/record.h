// Audit records as the services that make changes write them into the outbox.
#ifndef JETON_AUDIT_RECORD_H
#define JETON_AUDIT_RECORD_H

#include "audit.pb-c.h"
#include "common/rpc/request.h"
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

// What a service knows of a change. Texts are borrowed.
struct audit_change {
    Jeton__V1__AuditType type; // 0: action
    const char *event;         // "platform.tokens.token.disabled"
    const char *summary;       // one sentence
    const char *object_type;   // "token"
    const char *object_id;
    const char *object_name;
    const char *account_id;           // of the object; "" where there is none
    int64_t revision;                 // of the object, afterwards
    const ProtobufCMessage *before;   // NULL: it did not exist
    const ProtobufCMessage *after;    // NULL: it does not exist any more
    Jeton__V1__Visibility visibility; // 0: public
};

// audit_actor (request, actor_r): Who the request acts for: a user, or the peer itself, as operator or service. Texts live as long as the request.
void audit_actor (struct request *request, Jeton__V1__Actor *actor_r);

// audit_pack (request, change, &size_r): The packed AuditRecord for the outbox, without id and sequence, with actor, time, address
// and user agent (metadata), correlation id and method from the request. In the request's arena; NULL when it is full.
uint8_t *audit_pack (struct request *request, const struct audit_change *change, size_t *size_r)
    __attribute__ ((warn_unused_result));

// audit_pack_service (arena, service, change, &size_r): The same for what a process does by itself, without a request.
uint8_t *audit_pack_service (struct arena *arena, const char *service,
                             const struct audit_change *change, size_t *size_r)
    __attribute__ ((warn_unused_result));

// audit_pack_as (arena, change, actor, call, &size_r): What both stand on. NULL for `call`: there was none.
uint8_t *audit_pack_as (struct arena *arena, const struct audit_change *change,
                        Jeton__V1__Actor *actor, Jeton__V1__AuditRequest *call, size_t *size_r)
    __attribute__ ((warn_unused_result));

#endif
