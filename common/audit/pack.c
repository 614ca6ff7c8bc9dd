// Packing audit records: what needs no request.
#include "common/audit/record.h"
#include "common/memory/memory.h"
#include <time.h>

static char *
text (const char *text_or_null)
{
    return (char *) (text_or_null ? text_or_null : "");
}

static bool
pack (struct arena *arena, const ProtobufCMessage *message, ProtobufCBinaryData *bytes_r)
{
    *bytes_r = (ProtobufCBinaryData){0};
    if (!message)
        return true;
    bytes_r->len = protobuf_c_message_get_packed_size (message);
    bytes_r->data = arena_alloc (arena, bytes_r->len);
    if (!bytes_r->data)
        return false;
    protobuf_c_message_pack (message, bytes_r->data);
    return true;
}

static int64_t
now_us (void)
{
    struct timespec now;
    clock_gettime (CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint8_t *
audit_pack_as (struct arena *arena, const struct audit_change *change, Jeton__V1__Actor *actor,
               Jeton__V1__AuditRequest *call, size_t *size_r)
{
    const ProtobufCMessage *shown = change->after ? change->after : change->before;

    Jeton__V1__AuditObject object = JETON__V1__AUDIT_OBJECT__INIT;
    object.id = text (change->object_id);
    object.name = text (change->object_name);
    object.type = text (change->object_type);
    object.revision = change->revision;
    object.account_id = text (change->account_id);

    Jeton__V1__AuditRecord record = JETON__V1__AUDIT_RECORD__INIT;
    record.event = text (change->event);
    record.summary = text (change->summary);
    record.object = &object;
    record.actor = actor;
    record.time_us = now_us ();
    record.visibility = change->visibility == JETON__V1__VISIBILITY__VISIBILITY_UNSPECIFIED
                            ? JETON__V1__VISIBILITY__VISIBILITY_PUBLIC
                            : change->visibility;
    record.request = call;
    record.type = change->type == JETON__V1__AUDIT_TYPE__AUDIT_TYPE_UNSPECIFIED
                      ? JETON__V1__AUDIT_TYPE__AUDIT_TYPE_ACTION
                      : change->type;
    record.object_message = text (shown ? shown->descriptor->name : NULL);
    ProtobufCBinaryData packed;
    if (!pack (arena, change->before, &record.before) ||
        !pack (arena, change->after, &record.after) || !pack (arena, &record.base, &packed))
        return NULL;
    *size_r = packed.len;
    return packed.data;
}

uint8_t *
audit_pack_service (struct arena *arena, const char *service, const struct audit_change *change,
                    size_t *size_r)
{
    Jeton__V1__Actor actor = JETON__V1__ACTOR__INIT;
    actor.id = actor.name = text (service);
    actor.type = text ("service");
    return audit_pack_as (arena, change, &actor, NULL, size_r);
}
