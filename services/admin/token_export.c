// ExportTokens: an account's tokens, as another system's ImportTokens takes them.
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/page.h"
#include "services/admin/store.h"

static void admin_export_tokens_of_account (void *context, enum db_outcome outcome,
                                            PGresult *const *results, const struct db_error *error);
static void admin_export_tokens_done (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);

void
admin_export_tokens (struct request *request)
{
    const Jeton__V1__ExportTokensRequest *message = request_message (request);
    int64_t account;
    if (!check_id (request, "account_id", "ACC", message->account_id, &account))
        return;
    struct page *page = page_begin (request);
    if (page)
        store_token_export (request, page, account, admin_export_tokens_done);
}

static void
admin_export_tokens_done (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__ExportTokensRequest *message = request_message (request);
    Jeton__V1__ExportTokensReply reply = JETON__V1__EXPORT_TOKENS_REPLY__INIT;
    int64_t account;
    if (!change_read (request, outcome, error))
        return;
    // Nothing is there: because the account has none, or because there is no such account?
    if (PQntuples (results[0]) == 0 &&
        check_id (request, "account_id", "ACC", message->account_id, &account)) {
        store_account_get (request, account, admin_export_tokens_of_account);
        return;
    }
    reply.tokens = (Jeton__V1__PortableToken **) page_read (
        request, results[0], view_portable_token, &reply.n_tokens, &reply.next_cursor);
    if (reply.tokens)
        request_reply (request, &reply.base);
}

static void
admin_export_tokens_of_account (void *context, enum db_outcome outcome, PGresult *const *results,
                                const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__ExportTokensRequest *message = request_message (request);
    Jeton__V1__ExportTokensReply reply = JETON__V1__EXPORT_TOKENS_REPLY__INIT;
    if (!change_read (request, outcome, error))
        return;
    if (PQntuples (results[0]) == 0)
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no account %s",
                      message->account_id);
    else
        request_reply (request, &reply.base);
}
