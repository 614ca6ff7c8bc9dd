// ListForeignPrefixes, RemoveForeignPrefix: what values of imported tokens begin with. ImportTokens registers them.
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/reply.h"
#include "services/admin/store.h"
#include "services/admin/view.h"
#include <inttypes.h>

enum { COUNTED_MAX = 1000 };

static void admin_list_foreign_prefixes_done (void *context, enum db_outcome outcome,
                                              PGresult *const *results,
                                              const struct db_error *error);

void
admin_list_foreign_prefixes (struct request *request)
{
    store_prefix_list (request, admin_list_foreign_prefixes_done);
}

static void
admin_list_foreign_prefixes_done (void *context, enum db_outcome outcome, PGresult *const *results,
                                  const struct db_error *error)
{
    struct request *request = context;
    Jeton__V1__ListForeignPrefixesReply reply = JETON__V1__LIST_FOREIGN_PREFIXES_REPLY__INIT;
    if (!change_read (request, outcome, error))
        return;
    size_t n = (size_t) PQntuples (results[0]);
    reply.prefixes = arena_alloc (request_arena (request), (n + 1) * sizeof *reply.prefixes);
    if (!reply.prefixes) {
        change_no_memory (request);
        return;
    }
    for (; reply.n_prefixes < n; reply.n_prefixes++) {
        struct row row = row_of (request_arena (request), results[0], (int) reply.n_prefixes);
        reply.prefixes[reply.n_prefixes] = (Jeton__V1__ForeignPrefix *) view_foreign_prefix (&row);
        if (!row_good (request, &row))
            return;
    }
    request_reply (request, &reply.base);
}

static void admin_remove_foreign_prefix_read (void *context, enum db_outcome outcome,
                                              PGresult *const *results,
                                              const struct db_error *error);
static void admin_remove_foreign_prefix_released (void *context, enum db_outcome outcome,
                                                  PGresult *const *results,
                                                  const struct db_error *error);
static void admin_remove_foreign_prefix_done (void *context, enum db_outcome outcome,
                                              PGresult *const *results,
                                              const struct db_error *error);

void
admin_remove_foreign_prefix (struct request *request)
{
    const Jeton__V1__RemoveForeignPrefixRequest *message = request_message (request);
    if (check_name (request, "prefix", message->prefix) && change_begin (request))
        store_prefix_get (request, message->prefix, admin_remove_foreign_prefix_read);
}

static void
admin_remove_foreign_prefix_read (void *context, enum db_outcome outcome, PGresult *const *results,
                                  const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__RemoveForeignPrefixRequest *message = request_message (request);
    struct change *change = request_context (request);
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    Jeton__V1__ForeignPrefix *prefix =
        row_object (request, "prefix", message->prefix, view_foreign_prefix, &row);
    change->own = prefix;
    if (!prefix)
        return;
    if (prefix->tokens > 0)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "%s%" PRId64
                      " token%s a value that begins with %s: delete or rotate %s first",
                      prefix->tokens < COUNTED_MAX ? "" : "at least ", prefix->tokens,
                      prefix->tokens == 1 ? " has" : "s have", prefix->prefix,
                      prefix->tokens == 1 ? "it" : "them");
    else
        store_prefix_release (request, prefix->prefix, admin_remove_foreign_prefix_released);
}

// That a token lets go of a prefix which none of its values has changes nothing that anybody is told: so there is no record of it, and it may be many calls.
static void
admin_remove_foreign_prefix_released (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error)
{
    struct request *request = context;
    struct change *change = request_context (request);
    const Jeton__V1__ForeignPrefix *prefix = change->own;
    int64_t released = 0;
    if (!change_read (request, outcome, error))
        return;
    if (db_get_int (results[0], 0, 0, &released) && released == STORE_RELEASE_MAX) {
        store_prefix_release (request, prefix->prefix, admin_remove_foreign_prefix_released);
        return;
    }
    struct audit_change audit = {.event = "platform.tokens.prefix.removed",
                                 .object_type = "foreign_prefix",
                                 .object_id = prefix->prefix,
                                 .object_name = prefix->prefix,
                                 .account_id = "",
                                 .visibility = JETON__V1__VISIBILITY__VISIBILITY_PRIVATE,
                                 .before = &prefix->base};
    change->reply = reply_of (request, &prefix->base, NULL);
    if (change->reply &&
        change_record (request, &audit, "Values that begin with %s are malformed from now on.",
                       prefix->prefix))
        store_prefix_remove (request, change, prefix->prefix, admin_remove_foreign_prefix_done);
}

static void
admin_remove_foreign_prefix_done (void *context, enum db_outcome outcome, PGresult *const *results,
                                  const struct db_error *error)
{
    change_finish (context, outcome, results, error, "prefix removed", admin_remove_foreign_prefix);
}
