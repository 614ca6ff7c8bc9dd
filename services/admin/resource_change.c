// Changes of what resource.h is about: read, guard, write, reply.
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/resource_kind.h"
#include "services/admin/secret.h"
#include "services/admin/store.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// A change under way: the change's own.
struct resource_job {
    const struct resource_kind *kind;
    enum resource resource;
    enum resource_verb { CREATE, EDIT, ACTIVATE, DEACTIVATE, DELETE } verb;
    const char *id; // of the object, or, when it is made, of its account
    const char *unique, *reference;
    int64_t reference_number; // 0: none
    int64_t revision;         // that the caller of an edit has seen
    resource_fill *fill;
    request_callback *again;
    size_t n_fields; // of an edit: names of what is set
    char *const *fields;
    ProtobufCMessage *before; // NULL when it is made
};

static const char *const done[] = {[CREATE] = "created",
                                   [EDIT] = "edited",
                                   [ACTIVATE] = "activated",
                                   [DEACTIVATE] = "deactivated",
                                   [DELETE] = "deleted"};

static int64_t *
revision_of (const ProtobufCMessage *message)
{
    return resource_member (message, "revision");
}

static Jeton__V1__ResourceStatus *
status_of (const ProtobufCMessage *message)
{
    return resource_member (message, "status");
}

static void resource_change_read (void *context, enum db_outcome outcome, PGresult *const *results,
                                  const struct db_error *error);
static void resource_change_written (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);

// The change's job, for this attempt. NULL: the request was answered.
static struct resource_job *
job_begin (struct request *request, const struct resource_job *job, char *password)
{
    struct change *change = change_begin (request);
    if (!change || !secret_begin (request, password))
        return NULL;
    change->own = arena_memdup (request_arena (request), job, sizeof *job);
    if (!change->own)
        change_no_memory (request);
    return change->own;
}

// The number of what the object will refer to.
static bool
check_reference (struct request *request, struct resource_job *job)
{
    const struct resource_kind *kind = job->kind;
    if (!job->reference || (!*job->reference && !kind->reference_required))
        return true;
    return check_id (request, kind->reference, kind->reference_prefix, job->reference,
                     &job->reference_number);
}

void
resource_create (struct request *request, enum resource resource, const struct resource_new *new,
                 resource_fill *fill, request_callback *again)
{
    const struct resource_kind *kind = &resource_kinds[resource];
    struct resource_job job = {.kind = kind,
                               .resource = resource,
                               .verb = CREATE,
                               .id = new->account_id,
                               .unique = new->unique,
                               .reference = new->reference,
                               .fill = fill,
                               .again = again};
    int64_t account;
    if (!check_id (request, "account_id", "ACC", new->account_id, &account) ||
        !check_reference (request, &job))
        return;
    if (!job_begin (request, &job, new->password))
        return;
    ((struct change *) request_context (request))->account = account;
    store_resource_prepare (request, resource, account, job.unique, job.reference_number,
                            resource_change_read);
}

bool
resource_sets (size_t n_fields, char *const *fields, const char *field)
{
    for (size_t i = 0; i < n_fields; i++)
        if (strcmp (fields[i], field) == 0)
            return true;
    return false;
}

bool
resource_check (struct request *request, const struct resource_edit *edit, const char *code,
                const char *name)
{
    return ((edit && !resource_sets (edit->n_fields, edit->fields, "code")) ||
            check_code (request, "code", code)) &&
           ((edit && !resource_sets (edit->n_fields, edit->fields, "name")) ||
            check_name (request, "name", name));
}

bool
resource_check_fields (struct request *request, const char *noun, const char *const *known,
                       size_t n_fields, char *const *fields)
{
    if (n_fields == 0) {
        request_fail_field (request, "fields", "must name at least one field that is to be set");
        return false;
    }
    for (size_t i = 0; i < n_fields; i++) {
        size_t k = 0;
        while (known[k] && strcmp (known[k], fields[i]) != 0)
            k++;
        char field[32];
        snprintf (field, sizeof field, "fields[%zu]", i);
        if (resource_sets (i, fields, fields[i])) {
            request_fail_field (request, field, "is there twice");
            return false;
        }
        if (!known[k]) {
            request_fail_field (request, field, "is not a field of a %s that can be edited", noun);
            return false;
        }
    }
    return true;
}

void
resource_edit (struct request *request, enum resource resource, const struct resource_edit *edit,
               resource_fill *fill, request_callback *again)
{
    const struct resource_kind *kind = &resource_kinds[resource];
    struct resource_job job = {.kind = kind,
                               .resource = resource,
                               .verb = EDIT,
                               .id = edit->id,
                               .unique = "",
                               .revision = edit->revision,
                               .n_fields = edit->n_fields,
                               .fields = edit->fields,
                               .fill = fill,
                               .again = again};
    int64_t number;
    if (!check_id (request, "id", kind->prefix, edit->id, &number) ||
        !resource_check_fields (request, kind->noun, kind->fields, edit->n_fields, edit->fields))
        return;
    if (edit->revision < 1) {
        request_fail_field (request, "revision",
                            "must be that of the %s as it was read, so that no change is lost",
                            kind->noun);
        return;
    }
    if (kind->unique && resource_sets (edit->n_fields, edit->fields, kind->unique))
        job.unique = edit->unique;
    if (kind->reference && resource_sets (edit->n_fields, edit->fields, kind->reference))
        job.reference = edit->reference;
    if (!check_reference (request, &job) || !job_begin (request, &job, edit->password))
        return;
    ((struct change *) request_context (request))->number = number;
    store_resource_read (request, resource, number, job.unique, job.reference_number,
                         resource_change_read);
}

void
resource_set_status (struct request *request, enum resource resource, const char *id,
                     Jeton__V1__ResourceStatus status, request_callback *again)
{
    struct resource_job job = {.kind = &resource_kinds[resource],
                               .resource = resource,
                               .verb = status == RESOURCE_ACTIVE     ? ACTIVATE
                                       : status == RESOURCE_INACTIVE ? DEACTIVATE
                                                                     : DELETE,
                               .id = id,
                               .again = again};
    int64_t number;
    if (!check_id (request, "id", job.kind->prefix, id, &number) ||
        !job_begin (request, &job, NULL))
        return;
    ((struct change *) request_context (request))->number = number;
    store_resource_read (request, resource, number, "", 0, resource_change_read);
}

// The object as it will be, before the request's fields. `before` is NULL when it is made. NULL: the request was answered.
static ProtobufCMessage *
object_after (struct request *request, const ProtobufCMessage *before)
{
    struct change *change = request_context (request);
    const struct resource_job *job = change->own;
    ProtobufCMessage *after =
        before ? arena_memdup (request_arena (request), before, before->descriptor->sizeof_message)
               : arena_alloc (request_arena (request), job->kind->message->sizeof_message);
    char *id =
        before ? resource_text (before, "id") : arena_alloc (request_arena (request), ID_SIZE);
    if (!after || !id) {
        change_no_memory (request);
        return NULL;
    }
    if (!before) {
        protobuf_c_message_init (job->kind->message, after);
        id_format (job->kind->prefix, change->number, id);
        *(char **) resource_member (after, "id") = id;
        *(const char **) resource_member (after, "account_id") = job->id;
        if (protobuf_c_message_descriptor_get_field_by_name (after->descriptor, "number"))
            *(int64_t *) resource_member (after, "number") = change->number;
        *(int64_t *) resource_member (after, "created_at") = change->at;
    }
    *(int64_t *) resource_member (after, "updated_at") = change->at;
    change->revision = *revision_of (after);
    ++*revision_of (after);
    if (job->verb != EDIT)
        *status_of (after) = job->verb == DELETE       ? RESOURCE_DELETED
                             : job->verb == DEACTIVATE ? RESOURCE_INACTIVE
                                                       : RESOURCE_ACTIVE;
    if (job->verb == DELETE &&
        protobuf_c_message_descriptor_get_field_by_name (after->descriptor, "can_sign_in"))
        *(protobuf_c_boolean *) resource_member (after, "can_sign_in") = false;
    return !job->fill || job->fill (request, after) ? after : NULL;
}

// "edited: code, name", with what the request sets.
static void
what_was_done (const struct resource_job *job, char *text, size_t size)
{
    size_t n = (size_t) snprintf (text, size, "%s", done[job->verb]);
    for (size_t i = 0; i < job->n_fields && n < size; i++)
        n += (size_t) snprintf (text + n, size - n, "%s %s", i == 0 ? ":" : ",", job->fields[i]);
}

static void
resource_change_write (struct request *request)
{
    struct change *change = request_context (request);
    const struct resource_job *job = change->own;
    const ProtobufCMessage *before = job->before;
    ProtobufCMessage *after = object_after (request, before);
    if (!after)
        return;
    char event[96], what[160];
    snprintf (event, sizeof event, "%s.%s", job->kind->event, done[job->verb]);
    what_was_done (job, what, sizeof what);
    struct audit_change audit = {.event = event,
                                 .object_type = job->kind->type,
                                 .object_id = resource_text (after, "id"),
                                 .object_name = resource_text (after, job->kind->name),
                                 .account_id = resource_text (after, "account_id"),
                                 .revision = *revision_of (after),
                                 .before = before,
                                 .after = after};
    if (!id_parse ("ACC", audit.account_id, &change->account) ||
        !change_record (request, &audit, "The %s %s (%s) was %s.", job->kind->noun, audit.object_id,
                        audit.object_name, what))
        return;
    switch (job->verb) {
    case CREATE:
        store_resource_create (request, job->resource, change, after, resource_change_written);
        break;
    case EDIT:
        store_resource_edit (request, job->resource, change, after, resource_change_written);
        break;
    case ACTIVATE:
    case DEACTIVATE:
    case DELETE:
        store_resource_status (request, job->resource, change, *status_of (after),
                               resource_change_written);
        break;
    }
}

// May it become what the request says? Reads the columns that follow the object's.
static bool
guard_fields (struct request *request, const struct resource_job *job, const char *account_id,
              struct row *row)
{
    const struct resource_kind *kind = job->kind;
    bool taken = row_bool (row);
    int64_t reference = row_int (row);
    if (!row_good (request, row))
        return false;
    if (job->unique && *job->unique && taken) {
        request_fail (request, JETON__V1__CODE__CODE_ALREADY_EXISTS,
                      "%s: account %s has a %s \"%s\" already", kind->unique, account_id,
                      kind->noun, job->unique);
        return false;
    }
    if (job->reference_number == 0 || reference == RESOURCE_ACTIVE ||
        reference == RESOURCE_INACTIVE)
        return true;
    request_fail_field (request, kind->reference, "is not a %s of account %s", kind->reference_noun,
                        account_id);
    return false;
}

// Does its state allow it? `users` tells what refers to it.
static bool
guard_state (struct request *request, const struct resource_job *job, ProtobufCMessage *object,
             const char *users)
{
    const char *noun = job->kind->noun;
    switch (job->verb) {
    case CREATE:
        return true;
    case EDIT:
        if (*revision_of (object) == job->revision)
            return true;
        request_fail (request, JETON__V1__CODE__CODE_ABORTED,
                      "%s %s has revision %" PRId64 " by now, not %" PRId64
                      ": another change came first, nothing was done",
                      noun, job->id, *revision_of (object), job->revision);
        return false;
    case ACTIVATE:
        if (*status_of (object) == RESOURCE_INACTIVE)
            return true;
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "%s %s is active: activate is for an inactive one", noun, job->id);
        return false;
    case DEACTIVATE:
        if (*status_of (object) == RESOURCE_ACTIVE)
            return true;
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "%s %s is inactive: deactivate is for an active one", noun, job->id);
        return false;
    case DELETE:
        if (!*users)
            return true;
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "%s %s cannot be deleted: there are %s that refer to it", noun, job->id,
                      users);
        return false;
    }
    return false;
}

static void
resource_change_read (void *context, enum db_outcome outcome, PGresult *const *results,
                      const struct db_error *error)
{
    struct request *request = context;
    struct change *change = request_context (request);
    struct resource_job *job = change->own;
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    ProtobufCMessage *before = NULL;
    if (job->verb == CREATE) {
        if (PQntuples (results[0]) == 0) {
            request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no account %s", job->id);
            return;
        }
        change->number = row_int (&row);
    } else {
        before = row_object (request, job->kind->noun, job->id, job->kind->view, &row);
        if (!before)
            return;
    }
    const char *account_id = before ? resource_text (before, "account_id") : job->id;
    if (!guard_fields (request, job, account_id, &row))
        return;
    const char *users = before ? row_text (&row) : "";
    job->before = before;
    if (row_good (request, &row) && guard_state (request, job, before, users))
        secret_hashed (request, resource_change_write);
}

static void
resource_change_written (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    struct request *request = context;
    const struct change *change = request_context (request);
    const struct resource_job *job = change->own;
    char msg[64];
    snprintf (msg, sizeof msg, "%s %s", job->kind->noun, done[job->verb]);
    change_finish (request, outcome, results, error, msg, job->again);
}
