// What a journal holds, sent to the auditor (AuditLogger/TakeSegment), segment after segment, until each is acknowledged.
#ifndef JETON_JOURNAL_DELIVER_H
#define JETON_JOURNAL_DELIVER_H

#include "common/journal/journal.h"
#include "common/net/resolver.h"
#include <czmq.h>

struct delivery_options {
    const char *endpoints; // of the auditors, comma-separated
    const char *peers;     // the peers file, with the auditor's public key
    zcert_t *certificate;  // our key pair; borrowed
    int64_t late_ms;       // how long what was sealed may give way to calls; 0: not at all
};

struct delivery;

// delivery_new (loop, resolver, journal, options): Ticks the journal ten times a second, and sends what is sealed: one segment at a time, in order. While the
// auditor does not answer it tries again, for ever, after 0.1 to 5 s; the peers file is read again then. A segment that is refused as wrong is set aside.
// `options` is copied.
struct delivery *delivery_new (struct loop *loop, struct resolver *resolver,
                               struct journal *journal, const struct delivery_options *options)
    __attribute__ ((returns_nonnull));
// While calls wait for a processor, it rests between segments (common/journal/pace.h), unless what waits is late, or takes half of the journal's room.
// delivery_hurry (delivery): It does not rest any more.
void delivery_hurry (struct delivery *delivery);
// delivery_failing (delivery): The last try has failed.
bool delivery_failing (const struct delivery *delivery) __attribute__ ((warn_unused_result));
// delivery_destroy (&delivery): What is on its way is sent again by the next one. NULL-safe. The journal stays.
void delivery_destroy (struct delivery **delivery);

#endif
