// ListTokens: filters, orders, pages (R9, R31).
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/page.h"
#include "services/admin/store.h"
#include <string.h>
#include <time.h>

#define ACTIVE   JETON__V1__TOKEN_STATUS__TOKEN_STATUS_ACTIVE
#define DISABLED JETON__V1__TOKEN_STATUS__TOKEN_STATUS_DISABLED

enum { WITHIN_MAX_S = 1000000000 };

static bool
check_numbers (struct request *request, const Jeton__V1__ListTokensRequest *message)
{
    int status = (int) message->status, kind = (int) message->kind, sort = (int) message->sort;
    if (status != 0 && status != ACTIVE && status != DISABLED)
        request_fail_field (request, "status", "must be active or disabled, or none for both");
    else if (kind < 0 || kind > JETON__V1__TOKEN_KIND__TOKEN_KIND_TEST)
        request_fail_field (request, "kind", "must be a kind of token, or none for all");
    else if (message->expiring_within_s < 0 || message->expiring_within_s > WITHIN_MAX_S)
        request_fail_field (request, "expiring_within_s", "must be 0 to %d seconds", WITHIN_MAX_S);
    else if (sort < 0 || sort > JETON__V1__TOKEN_SORT__TOKEN_SORT_EXPIRY)
        request_fail_field (request, "sort", "must be created, name, last access or expiry");
    else if (sort > JETON__V1__TOKEN_SORT__TOKEN_SORT_CREATED && !*message->account_id)
        request_fail_field (request, "sort", "tokens of all accounts are sorted by creation only");
    else
        return true;
    return false;
}

static bool
check_filter (struct request *request, const Jeton__V1__ListTokensRequest *message,
              struct store_token_filter *filter)
{
    int64_t now = time (NULL);
    if ((*message->account_id &&
         !check_id (request, "account_id", "ACC", message->account_id, &filter->account)) ||
        !check_numbers (request, message) ||
        (*message->module && !check_module_name (request, "module", message->module)) ||
        (*message->created_by && !check_name (request, "created_by", message->created_by)) ||
        (*message->text && !check_name (request, "text", message->text)))
        return false;
    filter->status = message->status;
    filter->kind = message->kind;
    filter->module = message->module;
    filter->created_by = message->created_by;
    filter->text = id_parse ("TKN", message->text, &filter->number) ? "" : message->text;
    if (message->expiring_within_s != 0)
        filter->expires_before = now + message->expiring_within_s;
    if (message->unrotated)
        filter->rotated_before = now - VIEW_UNROTATED_S;
    return true;
}

// A cursor's key is input like any other.
static bool
check_key (const struct page *page, enum store_token_sort sort)
{
    const char *key = page->key;
    if (sort == STORE_SORT_CREATED || !key)
        return sort == STORE_SORT_CREATED && !key;
    if (sort == STORE_SORT_NAME)
        return check_characters (key).valid;
    size_t digits = strspn (key, "0123456789");
    return digits <= 18 && !key[digits];
}

// Where the first page begins: before all there is.
static bool
page_first (struct request *request, struct page *page, enum store_token_sort sort, bool descending)
{
    enum { CHARACTERS = CHECK_NAME_MAX + 1 };
    static char lowest[] = "", epoch[] = "0", year_10000[] = "253402300800000000";
    page->after = descending ? INT64_MAX : 0;
    switch (sort) {
    case STORE_SORT_CREATED:
        return true;
    case STORE_SORT_NAME:
        page->key = lowest;
        if (descending) { // more of the highest character than a name can have
            page->key = arena_alloc (request_arena (request), CHARACTERS * 4 + 1);
            for (size_t i = 0; page->key && i < CHARACTERS; i++)
                memcpy (page->key + 4 * i, "\xf4\x8f\xbf\xbf", 4);
        }
        break;
    case STORE_SORT_ACCESS:
        page->key = descending ? year_10000 : lowest;
        break;
    case STORE_SORT_EXPIRY:
        page->key = descending ? lowest : epoch;
        break;
    }
    if (!page->key)
        change_no_memory (request);
    return page->key;
}

static void admin_list_tokens_of_account (void *context, enum db_outcome outcome,
                                          PGresult *const *results, const struct db_error *error);
static void admin_list_tokens_done (void *context, enum db_outcome outcome,
                                    PGresult *const *results, const struct db_error *error);

void
admin_list_tokens (struct request *request)
{
    const Jeton__V1__ListTokensRequest *message = request_message (request);
    struct store_token_filter filter = {0};
    if (!check_filter (request, message, &filter))
        return;
    struct page *page = page_begin (request);
    if (!page)
        return;
    enum store_token_sort sort =
        message->sort ? (enum store_token_sort) (message->sort - 1) : STORE_SORT_CREATED;
    bool first = !message->page || !*message->page->cursor;
    if (first && !page_first (request, page, sort, message->descending))
        return;
    if (!first && !check_key (page, sort)) {
        page_refuse (request);
        return;
    }
    // Of one token there is no next page.
    page->key_column =
        sort == STORE_SORT_CREATED || filter.number != 0 ? 0 : STORE_TOKEN_KEY_COLUMN;
    store_token_list (request, page, &filter, sort, message->descending, message->count,
                      admin_list_tokens_done);
}

static void
admin_list_tokens_done (void *context, enum db_outcome outcome, PGresult *const *results,
                        const struct db_error *error)
{
    struct request *request = context;
    if (!change_read (request, outcome, error))
        return;
    const Jeton__V1__ListTokensRequest *message = request_message (request);
    Jeton__V1__ListTokensReply reply = JETON__V1__LIST_TOKENS_REPLY__INIT;
    int64_t account;
    if (PQntuples (results[0]) == 0 && (!message->page || !*message->page->cursor) &&
        id_parse ("ACC", message->account_id, &account)) {
        store_account_get (request, account, admin_list_tokens_of_account);
        return;
    }
    if (message->count) {
        struct row row = row_of (request_arena (request), results[1], 0);
        reply.total = row_int (&row);
        if (!row_good (request, &row))
            return;
    }
    reply.tokens = (Jeton__V1__Token **) page_read (request, results[0], view_token,
                                                    &reply.n_tokens, &reply.next_cursor);
    if (reply.tokens)
        request_reply (request, &reply.base);
}

// Nothing was listed: because the account has none, or because there is no such account?
static void
admin_list_tokens_of_account (void *context, enum db_outcome outcome, PGresult *const *results,
                              const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__ListTokensRequest *message = request_message (request);
    Jeton__V1__ListTokensReply reply = JETON__V1__LIST_TOKENS_REPLY__INIT;
    if (!change_read (request, outcome, error))
        return;
    if (PQntuples (results[0]) == 0)
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no account %s",
                      message->account_id);
    else
        request_reply (request, &reply.base);
}
