// A token's life after its creation: token_create.c has that.
#include "services/admin/token.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/reply.h"
#include "services/admin/store.h"
#include <inttypes.h>
#include <stdio.h>

#define ACTIVE   JETON__V1__TOKEN_STATUS__TOKEN_STATUS_ACTIVE
#define DISABLED JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DISABLED
#define DELETED  JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DELETED

Jeton__V1__Token *
token_read (struct request *request, const char *id, enum db_outcome outcome,
            PGresult *const *results, struct row *row_r, const struct db_error *error)
{
    if (!change_read (request, outcome, error))
        return NULL;
    *row_r = row_of (request_arena (request), results[0], 0);
    return row_object (request, "token", id, view_token, row_r);
}

Jeton__V1__Token *
token_after (struct request *request, const Jeton__V1__Token *before)
{
    struct change *change = request_context (request);
    Jeton__V1__Token *after = arena_memdup (request_arena (request), before, sizeof *before);
    if (!after) {
        change_no_memory (request);
        return NULL;
    }
    // The row's own account: formatted a moment ago.
    if (!id_parse ("ACC", before->account_id, &change->account))
        change->account = 0;
    change->revision = before->revision;
    after->updated_at = change->at;
    after->revision++;
    return after;
}

bool
token_check_revision (struct request *request, const Jeton__V1__Token *token, int64_t revision)
{
    if (token->revision == revision)
        return true;
    request_fail (request, JETON__V1__CODE__CODE_ABORTED,
                  "token %s is at revision %" PRId64 ", not %" PRId64
                  ": somebody else has changed it, look at it again",
                  token->id, token->revision, revision);
    return false;
}

bool
token_record (struct request *request, const Jeton__V1__Token *before, Jeton__V1__Token *after,
              const char *verb, const char *what)
{
    char event[64];
    snprintf (event, sizeof event, "platform.tokens.token.%s", verb);
    struct audit_change audit = {.event = event,
                                 .object_type = "token",
                                 .object_id = after->id,
                                 .object_name = after->name,
                                 .account_id = after->account_id,
                                 .revision = after->revision,
                                 .before = &before->base,
                                 .after = &after->base};
    return change_record (request, &audit, "Token %s (%s) was %s.", after->id, after->name, what);
}

static void admin_get_token_done (void *context, enum db_outcome outcome, PGresult *const *results,
                                  const struct db_error *error);

void
admin_get_token (struct request *request)
{
    const Jeton__V1__GetTokenRequest *message = request_message (request);
    int64_t number;
    if (check_id (request, "id", "TKN", message->id, &number))
        store_token_get (request, number, admin_get_token_done);
}

static void
admin_get_token_done (void *context, enum db_outcome outcome, PGresult *const *results,
                      const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__GetTokenRequest *message = request_message (request);
    struct row row;
    const Jeton__V1__Token *token =
        token_read (request, message->id, outcome, results, &row, error);
    if (token)
        reply_object (request, &token->base);
}

// Begins, or begins again, what disable, enable and delete have in common: a read, for the guard.
static void
token_change_begin (struct request *request, const char *id, db_callback *callback)
{
    int64_t number;
    if (!check_id (request, "id", "TKN", id, &number))
        return;
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->number = number;
    store_token_get (request, number, callback);
}

// Writes a token's new status. `verb` is the last part of the event: "disabled".
static void
token_change_write (struct request *request, const Jeton__V1__Token *before,
                    Jeton__V1__TokenStatus status, const char *verb, db_callback *callback)
{
    Jeton__V1__Token *after = token_after (request, before);
    if (!after)
        return;
    ((struct change *) request_context (request))->status = after->status = status;
    if (status == DELETED)
        after->logo = NULL;
    view_flags (after);
    if (token_record (request, before, after, verb, verb))
        store_token_status (request, request_context (request), status, callback);
}

static void admin_disable_token_read (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);
static void admin_disable_token_done (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);

void
admin_disable_token (struct request *request)
{
    const Jeton__V1__DisableTokenRequest *message = request_message (request);
    token_change_begin (request, message->id, admin_disable_token_read);
}

static void
admin_disable_token_read (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__DisableTokenRequest *message = request_message (request);
    struct row row;
    Jeton__V1__Token *token = token_read (request, message->id, outcome, results, &row, error);
    if (!token)
        return;
    if (token->status != ACTIVE)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "token %s is disabled: disable is for an active one", token->id);
    else
        token_change_write (request, token, DISABLED, "disabled", admin_disable_token_done);
}

static void
admin_disable_token_done (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    change_finish (context, outcome, results, error, "token disabled", admin_disable_token);
}

static void admin_enable_token_read (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);
static void admin_enable_token_done (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);

void
admin_enable_token (struct request *request)
{
    const Jeton__V1__EnableTokenRequest *message = request_message (request);
    token_change_begin (request, message->id, admin_enable_token_read);
}

static void
admin_enable_token_read (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__EnableTokenRequest *message = request_message (request);
    struct row row;
    Jeton__V1__Token *token = token_read (request, message->id, outcome, results, &row, error);
    if (!token)
        return;
    if (token->status != DISABLED)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "token %s is active: enable is for a disabled one", token->id);
    else
        token_change_write (request, token, ACTIVE, "enabled", admin_enable_token_done);
}

static void
admin_enable_token_done (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    change_finish (context, outcome, results, error, "token enabled", admin_enable_token);
}

static void admin_delete_token_read (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);
static void admin_delete_token_done (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);

void
admin_delete_token (struct request *request)
{
    const Jeton__V1__DeleteTokenRequest *message = request_message (request);
    token_change_begin (request, message->id, admin_delete_token_read);
}

static void
admin_delete_token_read (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__DeleteTokenRequest *message = request_message (request);
    struct row row;
    Jeton__V1__Token *token = token_read (request, message->id, outcome, results, &row, error);
    if (token)
        token_change_write (request, token, DELETED, "deleted", admin_delete_token_done);
}

static void
admin_delete_token_done (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    change_finish (context, outcome, results, error, "token deleted", admin_delete_token);
}
