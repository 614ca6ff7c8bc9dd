#include "services/cli/trail.h"
#include "common/json/json.h"
#include "common/json/record.h"
#include "common/memory/memory.h"
#include "services/cli/connect.h"
#include "services/cli/print.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

// ---- from the auditor

struct reading {
    trail_item *item;
    void *context;
    int64_t last, last_checkpoint, last_drop; // sequence numbers of what was handed over
    int64_t again; // after a lost connection: the entry that is sent once more; 0 when it has come
};

static bool
on_item (void *context, const ProtobufCMessage *message)
{
    const Jeton__V1__ExportTrailReply *reply = (const Jeton__V1__ExportTrailReply *) message;
    struct reading *reading = context;

    if (reading->again > 0) {
        // What came before the connection was lost comes again: that entry, and perhaps its checkpoint.
        if (reply->entry != NULL && reply->entry->sequence == reading->again) {
            return true;
        }
        if (reply->checkpoint != NULL && reply->checkpoint->sequence <= reading->last_checkpoint) {
            return true;
        }
        reading->again = 0;
    }
    if (reply->entry != NULL) {
        reading->last = reply->entry->sequence;
    } else if (reply->checkpoint != NULL) {
        reading->last_checkpoint = reply->checkpoint->sequence;
    } else if (reply->drop == NULL) {
        return true; // of a later version
    } else if (reading->last_drop >= reply->drop->last) {
        return true; // again, after a lost connection before the first entry
    } else {
        reading->last_drop = reply->drop->last;
    }
    return reading->item (reading->context, reply);
}

// A stream waits long for its server, a call does not.
static int
is_there (struct cli *cli)
{
    Jeton__V1__GetCheckpointKeyRequest request = JETON__V1__GET_CHECKPOINT_KEY_REQUEST__INIT;
    json_t *reply;
    int status = connect_call (
        cli, &(struct call){SERVICE_AUDITOR, "GetCheckpointKey", &request.base, NULL, NULL},
        &reply);

    json_decref (reply);
    return status;
}

int
trail_read (struct cli *cli, trail_item *item, void *context)
{
    Jeton__V1__ExportTrailRequest request = JETON__V1__EXPORT_TRAIL_REQUEST__INIT;
    struct reading reading = {.item = item, .context = context};
    int status = is_there (cli);

    while (status == EX_OK) {
        int64_t before = reading.last;
        struct error error;
        // From the entry before: its checkpoint may be what was lost.
        reading.again = reading.last;
        request.after = reading.last > 0 ? reading.last - 1 : 0;
        switch (connect_stream (
            cli, &(struct call){SERVICE_AUDITOR, "ExportTrail", &request.base, NULL, NULL}, on_item,
            &reading, &status, &error)) {
        case STREAM_DONE:
            return EX_OK;
        case STREAM_STOPPED:
            return status == EX_OK ? EX_OK : print_fail (cli, status, "CANCELLED", "interrupted");
        case STREAM_FAILED:
            return status;
        case STREAM_BROKEN:
            if (reading.last == before) {
                return print_fail (cli, status, "UNAVAILABLE", "the auditor: %s", error.text);
            }
            status = is_there (cli);
        }
    }
    return status;
}

// ---- lines

static bool
take_number (const json_t *object, const char *name, int64_t *number_r, struct error *error_r)
{
    const json_t *value = json_object_get (object, name);

    *number_r = json_integer_value (value);
    if (!json_is_integer (value)) {
        error_set (error_r, "\"%s\" is not an integer", name);
        return false;
    }
    return true;
}

static bool
take_text (const json_t *object, const char *name, char **text_r, struct error *error_r)
{
    // Borrowed: the message does not live longer than the line.
    *text_r = (char *) json_string_value (json_object_get (object, name));
    if (*text_r == NULL) {
        error_set (error_r, "\"%s\" is not a text", name);
        return false;
    }
    return true;
}

// The caller frees the data, also after false.
static bool
take_bytes (const json_t *object, const char *name, ProtobufCBinaryData *bytes_r,
            struct error *error_r)
{
    const char *text = json_string_value (json_object_get (object, name));
    size_t length = text != NULL ? strlen (text) : 0;

    bytes_r->data = xcalloc (1, length + 1);
    bytes_r->len = 0;
    if (text == NULL ||
        sodium_base642bin (bytes_r->data, length + 1, text, length, NULL, &bytes_r->len, NULL,
                           sodium_base64_VARIANT_ORIGINAL) != 0) {
        error_set (error_r, "\"%s\" is not base64", name);
        return false;
    }
    return true;
}

static bool
take_visibility (const json_t *object, Jeton__V1__Visibility *visibility_r, struct error *error_r)
{
    const json_t *value = json_object_get (object, "visibility");
    int number = (int) json_integer_value (value);

    if (json_is_string (value) &&
        !json_enum_value (&jeton__v1__visibility__descriptor, json_string_value (value), &number)) {
        error_set (error_r, "\"visibility\" is none");
        return false;
    }
    *visibility_r = (Jeton__V1__Visibility) number;
    return true;
}

// Does `ours` say what `given` says? Members that a later version adds are in ours only.
static bool
says_the_same (const json_t *given, const json_t *ours)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_object (given) && json_is_object (ours)) {
        json_object_foreach ((json_t *) given, key, value)
        {
            if (!says_the_same (value, json_object_get (ours, key))) {
                return false;
            }
        }
        return true;
    }
    if (json_is_array (given) && json_is_array (ours) &&
        json_array_size (given) == json_array_size (ours)) {
        json_array_foreach (given, i, value)
        {
            if (!says_the_same (value, json_array_get (ours, i))) {
                return false;
            }
        }
        return true;
    }
    return json_equal ((json_t *) given, (json_t *) ours);
}

static bool
parse_entry (const json_t *line, trail_item *item, void *context, bool *more_r,
             struct error *error_r)
{
    Jeton__V1__ExportTrailReply reply = JETON__V1__EXPORT_TRAIL_REPLY__INIT;
    Jeton__V1__TrailEntry entry = JETON__V1__TRAIL_ENTRY__INIT;
    const json_t *columns = json_object_get (line, "columns"),
                 *decoded = json_object_get (line, "decoded");
    bool ok = take_number (line, "sequence", &entry.sequence, error_r) &&
              take_bytes (line, "record", &entry.record, error_r) &&
              take_bytes (line, "digest", &entry.digest, error_r) &&
              take_text (columns, "event", &entry.event, error_r) &&
              take_text (columns, "object_id", &entry.object_id, error_r) &&
              take_text (columns, "actor_id", &entry.actor_id, error_r) &&
              take_text (columns, "account_id", &entry.account_id, error_r) &&
              take_number (columns, "time_us", &entry.time_us, error_r) &&
              take_visibility (columns, &entry.visibility, error_r);

    if (ok) {
        reply.entry = &entry;
        *more_r = item (context, &reply);
    }
    // What people read in the file must be what was recorded.
    if (ok && *more_r && decoded != NULL) {
        json_t *ours = json_from_stored (&entry.record);
        ok = says_the_same (decoded, ours);
        json_decref (ours);
        if (!ok) {
            error_set (error_r, "record %lld: \"decoded\" does not say what the record says",
                       (long long) entry.sequence);
        }
    }
    free (entry.record.data);
    free (entry.digest.data);
    return ok;
}

// The caller clears the checkpoint, also after false.
static bool
take_checkpoint (const json_t *json, Jeton__V1__Checkpoint *checkpoint_r, struct error *error_r)
{
    return take_number (json, "sequence", &checkpoint_r->sequence, error_r) &&
           take_number (json, "time_us", &checkpoint_r->time_us, error_r) &&
           take_bytes (json, "digest", &checkpoint_r->digest, error_r) &&
           take_bytes (json, "key_id", &checkpoint_r->key_id, error_r) &&
           take_bytes (json, "signature", &checkpoint_r->signature, error_r);
}

static void
clear_checkpoint (const Jeton__V1__Checkpoint *checkpoint)
{
    free (checkpoint->digest.data);
    free (checkpoint->key_id.data);
    free (checkpoint->signature.data);
}

static bool
parse_checkpoint (const json_t *json, trail_item *item, void *context, bool *more_r,
                  struct error *error_r)
{
    Jeton__V1__ExportTrailReply reply = JETON__V1__EXPORT_TRAIL_REPLY__INIT;
    Jeton__V1__Checkpoint checkpoint = JETON__V1__CHECKPOINT__INIT;
    bool ok = take_checkpoint (json, &checkpoint, error_r);

    if (ok) {
        reply.checkpoint = &checkpoint;
        *more_r = item (context, &reply);
    }
    clear_checkpoint (&checkpoint);
    return ok;
}

static bool
parse_drop (const json_t *json, trail_item *item, void *context, bool *more_r,
            struct error *error_r)
{
    Jeton__V1__ExportTrailReply reply = JETON__V1__EXPORT_TRAIL_REPLY__INIT;
    Jeton__V1__TrailDrop drop = JETON__V1__TRAIL_DROP__INIT;
    Jeton__V1__Checkpoint checkpoint = JETON__V1__CHECKPOINT__INIT;
    const json_t *of = json_object_get (json, "checkpoint");
    bool ok = take_number (json, "first", &drop.first, error_r) &&
              take_number (json, "last", &drop.last, error_r) &&
              take_number (json, "record", &drop.record, error_r) &&
              take_bytes (json, "digest_before", &drop.digest_before, error_r) &&
              (!json_is_object (of) || take_checkpoint (of, &checkpoint, error_r));

    if (ok) {
        drop.checkpoint = json_is_object (of) ? &checkpoint : NULL;
        reply.drop = &drop;
        *more_r = item (context, &reply);
    }
    free (drop.digest_before.data);
    clear_checkpoint (&checkpoint);
    return ok;
}

bool
trail_parse (const char *line, size_t size, trail_item *item, void *context, bool *more_r,
             struct error *error_r)
{
    json_error_t why;
    json_t *json = json_loadb (line, size, JSON_REJECT_DUPLICATES, &why);
    const json_t *checkpoint = json_object_get (json, "checkpoint"),
                 *drop = json_object_get (json, "dropped"), *cut = json_object_get (json, "cut");
    bool ok;

    *more_r = true;
    if (json == NULL) {
        error_set (error_r, "not JSON: %s", why.text);
        return false;
    }
    if (!json_is_object (json)) {
        error_set (error_r, "not an object");
        json_decref (json);
        return false;
    }
    if (cut != NULL) {
        const char *detail = json_string_value (json_object_get (cut, "detail"));
        error_set (error_r, "the export was cut off here: %s", detail != NULL ? detail : "");
        ok = false;
    } else if (checkpoint != NULL) {
        ok = parse_checkpoint (checkpoint, item, context, more_r, error_r);
    } else if (drop != NULL) {
        ok = parse_drop (drop, item, context, more_r, error_r);
    } else {
        ok = parse_entry (json, item, context, more_r, error_r);
    }
    json_decref (json);
    return ok;
}
