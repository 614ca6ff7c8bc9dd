// The tokens' part of store.h.
#include "services/admin/statements.h"
#include "services/admin/store.h"

void
store_token_get (struct request *request, int64_t number, db_callback *callback)
{
    store_get (request, TOKEN_GET, number, callback);
}

static void
param_filter (struct db_params *params, const struct store_token_filter *filter)
{
    db_param_int (params, filter->account);
    db_param_int (params, filter->status);
    db_param_int (params, filter->kind);
    db_param_text (params, filter->module);
    db_param_text (params, filter->created_by);
    db_param_text (params, filter->text);
    db_param_int (params, filter->expires_before);
    db_param_int (params, filter->rotated_before);
}

// Which of the statements of a kind it is.
static int
list_of (const struct store_token_filter *filter, enum store_token_sort sort, bool descending)
{
    return (filter->account == 0 ? 0 : 2 + 2 * (int) sort) + descending;
}

static void
param_keys (struct db_params *params, const struct page *page, enum store_token_sort sort)
{
    if (sort == STORE_SORT_CREATED)
        return;
    db_param_text (params, page->key);
    db_param_text (params, page->until_key);
}

void
store_token_bound (struct request *request, const struct page *page,
                   const struct store_token_filter *filter, enum store_token_sort sort,
                   bool descending, int64_t rows, db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, filter->account);
    db_param_int (&params, page->after);
    db_param_int (&params, page->until);
    db_param_int (&params, rows);
    param_keys (&params, page, sort);
    db_call (store_db (request), TOKEN_BOUND_ALL + list_of (filter, sort, descending), &params,
             callback, request);
}

void
store_token_list (struct request *request, const struct page *page,
                  const struct store_token_filter *filter, enum store_token_sort sort,
                  bool descending, bool count, db_callback *callback)
{
    struct db_params list = {0}, counted = {0};
    enum statement statement = TOKEN_LIST_ALL + list_of (filter, sort, descending);
    param_filter (&list, filter);
    param_filter (&counted, filter);
    db_param_int (&counted, filter->number);
    if (filter->number != 0) {
        statement = TOKEN_LIST_ONE;
        db_param_int (&list, filter->number);
    } else {
        db_param_int (&list, page->after);
        db_param_int (&list, page->limit);
        db_param_int (&list, page->until);
        param_keys (&list, page, sort);
    }
    struct db_step steps[] = {{(int) statement, &list}, {TOKEN_COUNT, &counted}};
    db_transaction (store_db (request), steps, count ? 2 : 1, callback, request);
}

void
store_token_export (struct request *request, const struct page *page, int64_t account,
                    db_callback *callback)
{
    struct db_params params = {0};
    store_param_page (&params, page);
    db_param_int (&params, account);
    db_call (store_db (request), EXPORT, &params, callback, request);
}

void
store_token_prepare (struct request *request, int64_t account, int64_t owner, const char *modules,
                     db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, account);
    db_param_int (&params, owner);
    db_param_text (&params, modules);
    db_call (store_db (request), TOKEN_PREPARE, &params, callback, request);
}

static void
param_sealed (struct db_params *params, const uint8_t *sealed)
{
    if (sealed)
        db_param_bytes (params, sealed, STORE_SEALED_SIZE);
    else
        db_param_null (params);
}

// What is written with a change, in columns of its own.
static void
param_told (struct db_params *params, const struct request *request, const struct change *change)
{
    const struct idempotency_kept *kept = &change->kept;
    db_param_bytes (params, change->record, change->record_size);
    if (kept->keyed) {
        db_param_bytes (params, kept->hash, sizeof kept->hash);
        db_param_text (params, request_method (request));
        db_param_bytes (params, kept->sealed, kept->size);
    } else {
        for (int i = 0; i < 3; i++)
            db_param_null (params);
    }
}

void
store_token_create (struct request *request, const struct change *change,
                    const Jeton__V1__Token *token, const struct store_token_new *new,
                    db_callback *callback)
{
    struct db_params params = {.lock_order = new->account};
    param_told (&params, request, change);
    db_param_int (&params, change->number);
    db_param_int (&params, new->account);
    db_param_int (&params, new->owner);
    db_param_text (&params, token->name);
    db_param_text (&params, token->description);
    db_param_int (&params, token->kind);
    db_param_int (&params, token->environment);
    db_param_bytes (&params, new->digest, sizeof new->digest);
    db_param_text (&params, change->created_by_id);
    db_param_text (&params, change->created_by_name);
    db_param_text (&params, new->modules);
    db_param_text (&params, new->accesses);
    db_param_int (&params, token->created_at);
    db_param_int (&params, token->expires_at);
    db_param_text (&params, new->allow_list);
    store_param_rate_limit (&params, token->rate_limit);
    param_sealed (&params, new->sealed);
    db_call (store_db (request), TOKEN_CREATE, &params, callback, request);
}

void
store_token_edit_prepare (struct request *request, int64_t number, const char *modules,
                          const char *accesses, db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, number);
    db_param_text (&params, modules);
    db_param_text (&params, accesses);
    db_call (store_db (request), TOKEN_EDIT_PREPARE, &params, callback, request);
}

void
store_token_edit (struct request *request, const struct change *change,
                  const Jeton__V1__Token *token, const struct store_token_edit *edit,
                  db_callback *callback)
{
    struct db_params params = {0};
    store_param_change (&params, change);
    db_param_text (&params, token->name);
    db_param_text (&params, token->description);
    db_param_int (&params, token->expires_at);
    db_param_int (&params, token->updated_at);
    db_param_bool (&params, edit->grants);
    db_param_text (&params, edit->modules);
    db_param_text (&params, edit->accesses);
    db_param_text (&params, edit->allow_list);
    store_param_rate_limit (&params, token->rate_limit);
    db_call (store_db (request), TOKEN_EDIT, &params, callback, request);
}

void
store_token_logo_set (struct request *request, const struct change *change,
                      const struct store_token_logo *logo, db_callback *callback)
{
    struct db_params params = {0};
    store_param_change (&params, change);
    db_param_int (&params, change->at);
    db_param_text (&params, logo ? logo->content_type : "");
    if (logo) {
        db_param_bytes (&params, logo->digest, sizeof logo->digest);
        db_param_bytes (&params, logo->data, logo->size);
    } else {
        db_param_null (&params);
        db_param_null (&params);
    }
    db_call (store_db (request), TOKEN_LOGO_SET, &params, callback, request);
}

void
store_token_logo_get (struct request *request, int64_t number, const char *digest,
                      db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, number);
    db_param_text (&params, digest);
    db_call (store_db (request), TOKEN_LOGO_GET, &params, callback, request);
}

void
store_token_rotate (struct request *request, const struct change *change,
                    const uint8_t digest[TOKEN_DIGEST_SIZE], const uint8_t *sealed,
                    int64_t grace_until, db_callback *callback)
{
    struct db_params params = {0};
    store_param_change (&params, change);
    db_param_bytes (&params, digest, TOKEN_DIGEST_SIZE);
    db_param_int (&params, grace_until);
    db_param_int (&params, change->at);
    param_sealed (&params, sealed);
    db_call (store_db (request), TOKEN_ROTATE, &params, callback, request);
}

void
store_token_get_sealed (struct request *request, int64_t number, db_callback *callback)
{
    store_get (request, TOKEN_GET_SEALED, number, callback);
}

void
store_token_reveal (struct request *request, const struct change *change, db_callback *callback)
{
    struct db_params params = {0};
    store_param_change (&params, change);
    db_call (store_db (request), TOKEN_REVEAL, &params, callback, request);
}

void
store_token_reseal_list (struct request *request, int64_t after, uint32_t version, int64_t limit,
                         db_callback *callback)
{
    const uint8_t begin[] = {(uint8_t) (version >> 24), (uint8_t) (version >> 16),
                             (uint8_t) (version >> 8), (uint8_t) version};
    struct db_params params = {0};
    db_param_int (&params, after);
    db_param_bytes (&params, begin, sizeof begin);
    db_param_int (&params, limit);
    db_call (store_db (request), TOKEN_RESEAL_LIST, &params, callback, request);
}

void
store_token_reseal (struct request *request, const struct change *change, char *const lists[3],
                    db_callback *callback)
{
    struct db_params params = {0};
    db_param_bytes (&params, change->told, change->told_size);
    for (int i = 0; i < 3; i++)
        db_param_text (&params, lists[i]);
    db_call (store_db (request), TOKEN_RESEAL, &params, callback, request);
}

void
store_token_status (struct request *request, const struct change *change,
                    Jeton__V1__TokenStatus status, db_callback *callback)
{
    struct db_params params = {0};
    store_param_change (&params, change);
    db_param_int (&params, (int) status);
    db_param_int (&params, change->at);
    db_call (store_db (request), TOKEN_STATUS, &params, callback, request);
}

void
store_token_notice_list (struct admin *asking, int64_t limit, db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, limit);
    db_call (asking->process.db, TOKEN_NOTICE_LIST, &params, callback, asking);
}

void
store_token_notice (struct admin *asking, char *const lists[STORE_NOTICE_LISTS],
                    db_callback *callback)
{
    // After all that changes of the same group lock; it waits for no lock itself.
    struct db_params params = {.lock_order = INT64_MAX};
    for (int i = 0; i < STORE_NOTICE_LISTS; i++)
        db_param_text (&params, lists[i]);
    db_call (asking->process.db, TOKEN_NOTICE, &params, callback, asking);
}
