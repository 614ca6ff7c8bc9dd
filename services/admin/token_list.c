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

// What is listed, and how.
struct list {
    struct store_token_filter filter;
    enum store_token_sort sort;
    bool descending;
};

// The lowest or the highest of names: more of the highest character than a name can have.
static char *
extreme_name (struct request *request, bool highest)
{
    enum { CHARACTERS = CHECK_NAME_MAX + 1, SIZE = 4 };
    size_t n = highest ? CHARACTERS : 0;
    char *name = arena_alloc (request_arena (request), n * SIZE + 1);
    for (size_t i = 0; name && i < n; i++)
        memcpy (name + SIZE * i, "\xf4\x8f\xbf\xbf", SIZE);
    return name;
}

// Of the expiries that are listed. A minute for clocks that differ.
static char *
extreme_expiry (struct request *request, const struct store_token_filter *filter, bool highest)
{
    enum { MICROSECONDS = 1000000, DIFFERENCE_S = 60 };
    int64_t seconds = highest ? filter->expires_before : time (NULL) - DIFFERENCE_S;
    if (filter->expires_before != 0)
        return arena_printf (request_arena (request), "%lld", (long long) seconds * MICROSECONDS);
    return arena_strdup (request_arena (request), highest ? "" : "0");
}

// Where the list begins or ends: before or behind all that there is.
static bool
extreme (struct request *request, const struct list *list, bool highest, int64_t *number_r,
         char **key_r)
{
    *number_r = highest ? INT64_MAX : 0;
    switch (list->sort) {
    case STORE_SORT_CREATED:
        *key_r = NULL;
        return true;
    case STORE_SORT_NAME:
        *key_r = extreme_name (request, highest);
        break;
    case STORE_SORT_ACCESS: // the year 10,000
        *key_r = arena_strdup (request_arena (request), highest ? "253402300800000000" : "");
        break;
    case STORE_SORT_EXPIRY:
        *key_r = extreme_expiry (request, &list->filter, highest);
        break;
    }
    if (!*key_r)
        change_no_memory (request);
    return *key_r;
}

// The part of the list from the request's cursor on. False: the request was answered.
static bool
list_from (struct request *request, const struct list *list, struct page *page)
{
    if (!page->first && !check_key (page, list->sort)) {
        page_refuse (request);
        return false;
    }
    // Of one token there is no next page.
    page->key_column =
        list->sort == STORE_SORT_CREATED || list->filter.number != 0 ? 0 : STORE_TOKEN_KEY_COLUMN;
    return (!page->first || extreme (request, list, list->descending, &page->after, &page->key)) &&
           extreme (request, list, !list->descending, &page->until, &page->until_key);
}

// Does every row pass?
static bool
unfiltered (const struct store_token_filter *filter)
{
    return filter->status == 0 && filter->kind == 0 && !*filter->module && !*filter->created_by &&
           !*filter->text && filter->expires_before == 0 && filter->rotated_before == 0;
}

static void admin_list_tokens_bounded (void *context, enum db_outcome outcome,
                                       PGresult *const *results, const struct db_error *error);
static void admin_list_tokens_done (void *context, enum db_outcome outcome,
                                    PGresult *const *results, const struct db_error *error);

// A page of a filter that few pass looks at so many rows and no more, and the next page goes on there.
void
admin_list_tokens (struct request *request)
{
    const Jeton__V1__ListTokensRequest *message = request_message (request);
    const struct admin *admin = request_owner (request);
    struct list list = {.descending = message->descending};
    if (!check_filter (request, message, &list.filter))
        return;
    list.sort = message->sort ? (enum store_token_sort) (message->sort - 1) : STORE_SORT_CREATED;
    struct page *page = page_begin (request);
    if (!page || !list_from (request, &list, page))
        return;
    page->own = arena_memdup (request_arena (request), &list, sizeof list);
    if (!page->own)
        change_no_memory (request);
    else if (list.filter.number != 0 || unfiltered (&list.filter))
        store_token_list (request, page, &list.filter, list.sort, list.descending, message->count,
                          admin_list_tokens_done);
    else
        store_token_bound (request, page, &list.filter, list.sort, list.descending,
                           admin->settings.list_scan, admin_list_tokens_bounded);
}

static void
admin_list_tokens_bounded (void *context, enum db_outcome outcome, PGresult *const *results,
                           const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__ListTokensRequest *message = request_message (request);
    struct page *page = request_context (request);
    const struct list *list = page->own;
    if (!change_read (request, outcome, error))
        return;
    page->more = PQntuples (results[0]) == 1;
    if (page->more) {
        struct row row = row_of (request_arena (request), results[0], 0);
        page->until = row_number (&row);
        if (list->sort != STORE_SORT_CREATED)
            page->until_key = row_text (&row);
        if (!row_good (request, &row))
            return;
    }
    store_token_list (request, page, &list->filter, list->sort, list->descending, message->count,
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
    Jeton__V1__ListTokensReply rest = JETON__V1__LIST_TOKENS_REPLY__INIT;
    if (message->count) {
        struct row row = row_of (request_arena (request), results[1], 0);
        rest.total = row_int (&row);
        if (!row_good (request, &row))
            return;
    }
    page_reply (request, results[0], view_token, &rest.base);
}
