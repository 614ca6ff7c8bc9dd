// RevokeAccessTokens: signed tokens (JWTs) are good no longer, one or all of somebody's (R25).
#include "common/caller/revoked.h"
#include "common/token/id.h"
#include "common/token/jwt.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/store.h"

#include <string.h>

enum { JTI_MAX = 256 };

static const struct {
    const char *prefix, *object_type, *event;
    enum jwt_owner owner;
} owners[] = {
    {"ACC", "account", "platform.accounts.account.tokens_revoked", JWT_OF_ACCOUNT},
    {"CLI", "client", "platform.clients.client.tokens_revoked", JWT_OF_CLIENT},
    {"USR", "user", "platform.users.user.tokens_revoked", JWT_OF_USER},
    {"CUS", "customer", "platform.customers.customer.tokens_revoked", JWT_OF_CUSTOMER},
};
enum { OWNERS = sizeof owners / sizeof *owners };

static void admin_revoke_access_tokens_read (void *context, enum db_outcome outcome,
                                             PGresult *const *results,
                                             const struct db_error *error);
static void admin_revoke_access_tokens_done (void *context, enum db_outcome outcome,
                                             PGresult *const *results,
                                             const struct db_error *error);

// The row of whose tokens they are: OWNERS: of a single one's. False: the request was answered.
static bool
owner_of (struct request *request, size_t *row_r, int64_t *number_r)
{
    const Jeton__V1__RevokeAccessTokensRequest *message = request_message (request);
    *number_r = 0;
    *row_r = OWNERS;
    if (!*message->id == !*message->jti)
        request_fail_field (request, "id",
                            "either id or jti is required: all tokens of one, or one token");
    else if (strlen (message->jti) > JTI_MAX)
        request_fail_field (request, "jti", "has more than %d bytes", JTI_MAX);
    else if (*message->jti)
        return true;
    else {
        for (size_t i = 0; i < OWNERS; i++)
            if (id_parse (owners[i].prefix, message->id, number_r)) {
                *row_r = i;
                return true;
            }
        request_fail_field (request, "id",
                            "must be the id of an account, client, user or customer: "
                            "CLI-0123-4567");
    }
    return false;
}

void
admin_revoke_access_tokens (struct request *request)
{
    const Jeton__V1__RevokeAccessTokensRequest *message = request_message (request);
    int64_t account, number;
    size_t row;
    if (!check_id (request, "account_id", "ACC", message->account_id, &account) ||
        !owner_of (request, &row, &number))
        return;
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->account = account;
    change->number = *message->jti ? jwt_number (message->jti) : number;
    store_jwt_owner (request, account, row < OWNERS ? owners[row].owner : 0, number,
                     admin_revoke_access_tokens_read);
}

// The record of it. False: the request was answered.
static bool
revoke_record (struct request *request, size_t row, const char *name)
{
    const Jeton__V1__RevokeAccessTokensRequest *message = request_message (request);
    struct change *change = request_context (request);
    static const Jeton__V1__RevokeAccessTokensReply reply =
        JETON__V1__REVOKE_ACCESS_TOKENS_REPLY__INIT;
    struct audit_change audit = {.account_id = message->account_id, .object_name = name};
    change->reply = &reply.base;
    if (row == OWNERS) {
        audit.event = "platform.tokens.jwt.revoked";
        audit.object_type = "jwt";
        audit.object_id = message->jti;
        return change_record (request, &audit, "Access token %s was revoked.", message->jti);
    }
    audit.event = owners[row].event;
    audit.object_type = owners[row].object_type;
    audit.object_id = message->id;
    return change_record (request, &audit, "All access tokens of %s (%s) were revoked.",
                          message->id, name);
}

static void
admin_revoke_access_tokens_read (void *context, enum db_outcome outcome, PGresult *const *results,
                                 const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__RevokeAccessTokensRequest *message = request_message (request);
    const struct change *change = request_context (request);
    const char *name;
    int64_t number;
    size_t row;
    if (!owner_of (request, &row, &number) || !change_read (request, outcome, error))
        return;
    if (PQntuples (results[0]) == 0)
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no account %s",
                      message->account_id);
    else if (!db_get_text (results[0], 0, 0, &name))
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "account %s has no %s %s",
                      message->account_id, owners[row].object_type, message->id);
    else if (!revoke_record (request, row, name))
        return;
    else if (row == OWNERS)
        store_jwt_revoke (request, change, message->jti, admin_revoke_access_tokens_done);
    else
        store_jwt_generation (request, change, owners[row].owner, admin_revoke_access_tokens_done);
}

static void
admin_revoke_access_tokens_done (void *context, enum db_outcome outcome, PGresult *const *results,
                                 const struct db_error *error)
{
    change_finish (context, outcome, results, error, "access tokens revoked",
                   admin_revoke_access_tokens);
}
