#include "common/json/record.h"
#include "audit.pb-c.h"
#include "common/json/json.h"
#include "common/memory/memory.h"
#include "issuer.pb-c.h"
#include "types.pb-c.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const ProtobufCMessageDescriptor *const known[] = {
    &jeton__v1__token__descriptor,          &jeton__v1__account__descriptor,
    &jeton__v1__user__descriptor,           &jeton__v1__module__descriptor,
    &jeton__v1__signing_key__descriptor,    &jeton__v1__customer_group__descriptor,
    &jeton__v1__market__descriptor,         &jeton__v1__client__descriptor,
    &jeton__v1__stock_location__descriptor, &jeton__v1__trail_drop__descriptor,
    &jeton__v1__customer__descriptor,       &jeton__v1__foreign_prefix__descriptor,
};

static const ProtobufCMessageDescriptor *
find_message (const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof known / sizeof *known; i++) {
        if (strcmp (known[i]->name, name) == 0) {
            return known[i];
        }
    }
    return NULL;
}

static void
decode_member (json_t *record, const char *name, const ProtobufCMessageDescriptor *descriptor)
{
    const char *text = json_string_value (json_object_get (record, name));
    size_t length = text != NULL ? strlen (text) : 0, size;
    cleanup_free uint8_t *data = xcalloc (1, length + 1);
    ProtobufCMessage *message;

    if (length == 0) {
        json_object_set_new (record, name, json_null ());
        return;
    }
    if (descriptor == NULL || sodium_base642bin (data, length, text, length, NULL, &size, NULL,
                                                 sodium_base64_VARIANT_ORIGINAL) != 0) {
        return;
    }
    message = protobuf_c_message_unpack (descriptor, NULL, size, data);
    if (message != NULL) {
        json_object_set_new (record, name, json_from_message (message));
        protobuf_c_message_free_unpacked (message, NULL);
    }
}

void
json_record_decode (json_t *record)
{
    const ProtobufCMessageDescriptor *descriptor =
        find_message (json_string_value (json_object_get (record, "object_message")));

    decode_member (record, "before", descriptor);
    decode_member (record, "after", descriptor);
}

json_t *
json_from_record (const Jeton__V1__AuditRecord *record)
{
    json_t *json = json_from_message (&record->base);

    json_record_decode (json);
    return json;
}

// ---- exports

json_t *
json_from_stored (const ProtobufCBinaryData *bytes)
{
    Jeton__V1__AuditRecord *record =
        jeton__v1__audit_record__unpack (NULL, bytes->len, bytes->data);
    json_t *json = record != NULL ? json_from_record (record) : json_null ();

    jeton__v1__audit_record__free_unpacked (record, NULL);
    return json;
}

json_t *
json_trail_line (const Jeton__V1__ExportTrailReply *item)
{
    static const char *const own[] = {"sequence", "record", "digest"};
    json_t *columns, *line = json_object ();

    if (item->checkpoint != NULL) {
        json_object_set_new (line, "checkpoint", json_from_message (&item->checkpoint->base));
        return line;
    }
    if (item->drop != NULL) {
        json_object_set_new (line, "dropped", json_from_message (&item->drop->base));
        return line;
    }
    if (item->entry == NULL) {
        json_decref (line);
        return NULL;
    }
    columns = json_from_message (&item->entry->base);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        json_object_set (line, own[i], json_object_get (columns, own[i]));
        json_object_del (columns, own[i]);
    }
    json_object_set_new (line, "columns", columns);
    json_object_set_new (line, "decoded", json_from_stored (&item->entry->record));
    return line;
}
