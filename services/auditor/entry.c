#include "common/audit/record.h"
#include "common/rpc/server.h"
#include "common/token/id.h"
#include "services/auditor/auditor.h"
#include <assert.h>
#include <string.h>

// Unpacked, a message takes a multiple of its size; unknown fields of two bytes each are the worst.
enum { UNPACKED_FACTOR = 64, UNPACKED_BASE = 64 * 1024 };

// unpack (arena, data, size): NULL when it is no well-formed record, or the arena is full.
static Jeton__V1__AuditRecord *
unpack (struct arena *arena, const uint8_t *data, size_t size)
{
    if (!rpc_wire_check (&jeton__v1__audit_record__descriptor, data, size, NULL))
        return NULL;
    return jeton__v1__audit_record__unpack (arena_protobuf (arena), size, data);
}

// The texts of a record that are columns of the trail.
struct columns {
    const char *event, *object_id, *actor_id, *account_id;
};

static struct columns
columns_of (const Jeton__V1__AuditRecord *record)
{
    return (struct columns){
        .event = record->event,
        .object_id = record->object != NULL ? record->object->id : "",
        .actor_id = record->actor != NULL ? record->actor->id : "",
        .account_id = record->object != NULL ? record->object->account_id : "",
    };
}

static bool
columns_fit (const Jeton__V1__AuditRecord *record)
{
    struct columns columns = columns_of (record);
    return strlen (columns.event) <= ENTRY_TEXT_MAX &&
           strlen (columns.object_id) <= ENTRY_TEXT_MAX &&
           strlen (columns.actor_id) <= ENTRY_TEXT_MAX &&
           strlen (columns.account_id) <= ENTRY_TEXT_MAX &&
           record->visibility >= JETON__V1__VISIBILITY__VISIBILITY_UNSPECIFIED &&
           record->visibility <= JETON__V1__VISIBILITY__VISIBILITY_PRIVATE;
}

// What the auditor alone may tell: whoever verifies goes by it.
static bool
is_ours (const Jeton__V1__AuditRecord *record)
{
    return strcmp (record->event, CHAIN_DROPPED) == 0 ||
           strcmp (record->event, ENTRY_UNREADABLE) == 0;
}

static void
unreadable_init (Jeton__V1__AuditRecord *record_r, Jeton__V1__Actor *actor_r, const uint8_t *data,
                 size_t size)
{
    jeton__v1__audit_record__init (record_r);
    jeton__v1__actor__init (actor_r);
    actor_r->id = actor_r->name = (char *) "auditor";
    actor_r->type = (char *) "service";
    record_r->event = (char *) ENTRY_UNREADABLE;
    record_r->summary = (char *) "A record could not be read; its bytes are kept in `after`.";
    record_r->actor = actor_r;
    record_r->visibility = JETON__V1__VISIBILITY__VISIBILITY_PRIVATE;
    record_r->after = (ProtobufCBinaryData){.data = (uint8_t *) data, .len = size};
}

static void
entry_fill (int64_t sequence, const uint8_t previous[CHAIN_DIGEST_SIZE],
            Jeton__V1__AuditRecord *record, Jeton__V1__TrailEntry *entry_r)
{
    char id[ID_AUDIT_SIZE];
    struct columns columns = columns_of (record);
    id_audit_format (sequence, id);
    record->id = id;
    record->sequence = sequence;
    jeton__v1__trail_entry__init (entry_r);
    entry_r->sequence = sequence;
    entry_r->record.len = jeton__v1__audit_record__get_packed_size (record);
    entry_r->record.data = xcalloc (1, entry_r->record.len + 1);
    jeton__v1__audit_record__pack (record, entry_r->record.data);
    entry_r->digest.len = CHAIN_DIGEST_SIZE;
    entry_r->digest.data = xcalloc (1, CHAIN_DIGEST_SIZE);
    chain_digest (previous, entry_r->record.data, entry_r->record.len, entry_r->digest.data);
    entry_r->event = xstrdup (columns.event);
    entry_r->object_id = xstrdup (columns.object_id);
    entry_r->actor_id = xstrdup (columns.actor_id);
    entry_r->account_id = xstrdup (columns.account_id);
    entry_r->time_us = record->time_us;
    entry_r->visibility = record->visibility;
    record->id = (char *) protobuf_c_empty_string; // ours ends here
}

bool
entry_make (int64_t sequence, const uint8_t previous[CHAIN_DIGEST_SIZE], const uint8_t *data,
            size_t size, bool trust, Jeton__V1__TrailEntry *entry_r)
{
    struct arena *arena = arena_new (UNPACKED_FACTOR * size + UNPACKED_BASE);
    Jeton__V1__AuditRecord *record = trust ? unpack (arena, data, size) : NULL;
    bool good = record != NULL && columns_fit (record) && !is_ours (record);
    if (good) {
        entry_fill (sequence, previous, record, entry_r);
    } else {
        Jeton__V1__AuditRecord substitute;
        Jeton__V1__Actor actor;
        unreadable_init (&substitute, &actor, data, size);
        substitute.time_us = auditor_now_us ();
        entry_fill (sequence, previous, &substitute, entry_r);
    }
    arena_destroy (&arena);
    return good;
}

void
entry_dropped (int64_t sequence, const uint8_t previous[CHAIN_DIGEST_SIZE],
               Jeton__V1__TrailDrop *drop, Jeton__V1__TrailEntry *entry_r)
{
    struct arena *arena = arena_new (UNPACKED_BASE);
    char first[ID_AUDIT_SIZE], last[ID_AUDIT_SIZE];
    size_t size;
    drop->record = sequence;
    id_audit_format (drop->first, first);
    id_audit_format (drop->last, last);
    cleanup_free char *summary =
        xasprintf ("Records %s to %s were dropped; a checkpoint stands for them.", first, last);
    const struct audit_change change = {
        .event = CHAIN_DROPPED,
        .summary = summary,
        .object_type = "trail",
        .object_id = last,
        .before = &drop->base,
        .visibility = JETON__V1__VISIBILITY__VISIBILITY_PRIVATE,
    };
    const uint8_t *data = audit_pack_service (arena, "auditor", &change, &size);
    assert (data != NULL); // a few hundred bytes
    Jeton__V1__AuditRecord *record = unpack (arena, data, size);
    assert (record != NULL);
    entry_fill (sequence, previous, record, entry_r);
    arena_destroy (&arena);
}

void
entry_clear (Jeton__V1__TrailEntry *entry)
{
    free (entry->record.data);
    free (entry->digest.data);
    // Those of an initialised message are protobuf-c's empty string, which is not ours; ours are all set or none is.
    if (entry->record.data != NULL) {
        free (entry->event);
        free (entry->object_id);
        free (entry->actor_id);
        free (entry->account_id);
    }
    jeton__v1__trail_entry__init (entry);
}

Jeton__V1__AuditRecord *
entry_record (struct arena *arena, const struct store_row *row)
{
    if (rpc_wire_check (&jeton__v1__audit_record__descriptor, row->data, row->size, NULL))
        return jeton__v1__audit_record__unpack (arena_protobuf (arena), row->size, row->data);
    Jeton__V1__AuditRecord *record = arena_alloc (arena, sizeof *record);
    Jeton__V1__Actor *actor = arena_alloc (arena, sizeof *actor);
    uint8_t *bytes = arena_memdup (arena, row->data, row->size);
    char *id = arena_alloc (arena, ID_AUDIT_SIZE);
    if (record == NULL || actor == NULL || bytes == NULL || id == NULL)
        return NULL;
    unreadable_init (record, actor, bytes, row->size);
    record->id = id;
    record->sequence = row->number;
    if (row->number > 0 && row->number <= ID_AUDIT_MAX)
        id_audit_format (row->number, id);
    return record;
}
