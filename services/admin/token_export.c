// ExportTokens: an account's tokens, as another system's ImportTokens takes them.
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/page.h"
#include "services/admin/store.h"

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
    if (change_read (request, outcome, error))
        page_reply (request, results[0], view_portable_token, NULL);
}
