// Audit records as JSON, with the objects that they hold; lines of an export of the trail.
#ifndef JETON_JSON_RECORD_H
#define JETON_JSON_RECORD_H

#include "audit.pb-c.h"
#include <jansson.h>

// json_record_decode (record): In the JSON form of an AuditRecord, replace the packed bytes `before` and `after` by the objects in them,
// null where there is none. What is not known, or cannot be unpacked, stays as base64.
void json_record_decode (json_t *record);

// json_from_record (record): A record's JSON form, decoded. The caller releases it.
json_t *json_from_record (const Jeton__V1__AuditRecord *record);

// json_from_stored (bytes): The same of a record as it is stored, packed; null when it cannot be unpacked.
json_t *json_from_stored (const ProtobufCBinaryData *bytes);

// json_trail_line (item): A line of an export, as `jeton audit export` writes it and `jeton audit verify` reads it: an entry with its record as it was stored, and decoded beside it; {"checkpoint": …}; or
// {"dropped": …}. NULL: an item of a later version. The caller releases it.
json_t *json_trail_line (const Jeton__V1__ExportTrailReply *item);

#endif
