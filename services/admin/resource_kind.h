// For resource.c and resource_change.c only.
#ifndef JETON_ADMIN_RESOURCE_KIND_H
#define JETON_ADMIN_RESOURCE_KIND_H

#include "services/admin/page.h"
#include "services/admin/resource.h"

// What tells one noun from another. `unique` and `reference` are fields of its messages.
struct resource_kind {
    const char *noun;   // in texts
    const char *type;   // of its audit records
    const char *event;  // the beginning of their events
    const char *prefix; // of its ids
    const char *name;   // the field that names it in the trail
    const char *unique; // NULL: nothing must be
    const char *reference, *reference_prefix, *reference_noun; // NULL: it refers to nothing
    bool reference_required;
    const char *const *fields; // that an edit may name
    const ProtobufCMessageDescriptor *message;
    row_view *view;
};

extern const struct resource_kind resource_kinds[];

// resource_member (message, name): Where a member is that the messages of all nouns have (asserted).
void *resource_member (const ProtobufCMessage *message, const char *name);
// resource_text (message, name): A text of those.
char *resource_text (const ProtobufCMessage *message, const char *name);

#endif
