// Audit records as JSON, with the objects that they hold.
#ifndef JETON_CLI_RECORD_H
#define JETON_CLI_RECORD_H

#include "audit.pb-c.h"
#include <jansson.h>

// record_decode (record): In the JSON form of an AuditRecord, replace the packed bytes `before` and `after` by the objects in them,
// null where there is none. What is not known, or cannot be unpacked, stays as base64.
void record_decode (json_t *record);

// record_json (record): A record's JSON form, decoded. The caller releases it.
json_t *record_json (const Jeton__V1__AuditRecord *record);

#endif
