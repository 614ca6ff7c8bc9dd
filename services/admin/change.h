// What handlers that make a change have in common: read, guard, write in one statement, answer.
#ifndef JETON_ADMIN_CHANGE_H
#define JETON_ADMIN_CHANGE_H

#include "common/audit/record.h"
#include "common/db/db.h"
#include "common/feed/feed.h"
#include "common/rpc/request.h"
#include "services/admin/idempotency.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A change under way: the request's context from its first read to its reply.
struct change {
    int64_t number;        // of the object
    int64_t account;       // whose row the write locks; 0: none
    int64_t revision;      // that the object must still have; 0 when it is made
    int64_t at;            // when: seconds since the epoch
    const uint8_t *record; // the packed audit record
    size_t record_size;
    const uint8_t *
        told; // what is written with the change, as PostgreSQL's bytea[]: the record; for a call with an idempotency key also
    size_t told_size;                    // the key's hash, the method, the sealed reply
    struct idempotency_kept kept;        // of those, the last three
    const char *object_type, *object_id; // as the record names it
    const ProtobufCMessage *rest;  // a reply with what it holds beside the object; NULL: nothing
    const ProtobufCMessage *reply; // the whole, made with the record
    char *created_by_id, *created_by_name; // the actor
    struct secret *secret;                 // the password that it sets (secret.h); NULL: none
    void *own;                             // what the handler keeps
    int attempts;                          // reads so far
    struct feed_change told_to_validators; // what of it matters to them
    Jeton__V1__TokenStatus status;         // of a token, when that is all that it changes
};

// change_begin (request): The request's change, made at the first call. Each read counts as an attempt. NULL: the request was answered:
// ABORTED after three attempts, or its arena is full.
struct change *change_begin (struct request *request) __attribute__ ((warn_unused_result));

// change_record (request, audit): Pack the audit record of the change. `audit` tells all of it but the summary, which is made of
// `format`; its object_type and object_id live as long as the request. Make the reply, too, while nothing has been done yet: its first field is
// `audit->after`, `change->rest` has the others; where nothing is left afterwards (NULL), it is the one that the handler has put into `change->reply`, if any. False: the
// request was answered.
bool change_record (struct request *request, struct audit_change *audit, const char *format, ...)
    __attribute__ ((warn_unused_result, format (printf, 3, 4)));

enum change_end {
    CHANGE_DONE, // committed: log and reply
    CHANGE_OVERTAKEN, // nothing was changed, because the object is not any more what was read: begin again
    CHANGE_ANSWERED, // it did not happen, or nobody knows: the request was answered
};

// change_end (request, outcome, results, error): How a write ended. The first of the results has one row when it was done, none when the object
// was not there as it had been read.
enum change_end change_end (struct request *request, enum db_outcome outcome,
                            PGresult *const *results, const struct db_error *error)
    __attribute__ ((warn_unused_result));

// change_read (request, outcome, error): Did a read succeed? If not, the request was answered.
bool change_read (struct request *request, enum db_outcome outcome, const struct db_error *error)
    __attribute__ ((warn_unused_result));

// change_finish (request, outcome, results, error, msg, again): How most writes end. Committed: one line in the log, which says `msg`, and the
// reply that change_record has made. Overtaken: `again`, which is the handler: its next read tells what has become of the object.
void change_finish (struct request *request, enum db_outcome outcome, PGresult *const *results,
                    const struct db_error *error, const char *msg, request_callback *again);

// change_no_memory (request): Answers that the request needs more memory than one may have.
void change_no_memory (struct request *request);

#endif
