#include "services/admin/store.h"
#include "services/admin/idempotency.h"
#include "services/admin/secret.h"
#include "services/admin/statements.h"

void
store_param_new (struct db_params *params, const struct change *change)
{
    db_param_bytes (params, change->told, change->told_size);
    db_param_int (params, change->number);
}

void
store_param_change (struct db_params *params, const struct change *change)
{
    params->lock_order = change->account;
    store_param_new (params, change);
    db_param_int (params, change->revision);
}

void
store_param_page (struct db_params *params, const struct page *page)
{
    db_param_int (params, page->after);
    db_param_int (params, page->limit);
}

void
store_get (struct request *request, enum statement statement, int64_t number, db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, number);
    db_call (store_db (request), statement, &params, callback, request);
}

static void
set_status (struct request *request, enum statement statement, const struct change *change,
            int status, db_callback *callback)
{
    struct db_params params = {0};
    store_param_change (&params, change);
    db_param_int (&params, status);
    db_call (store_db (request), statement, &params, callback, request);
}

void
store_account_get (struct request *request, int64_t number, db_callback *callback)
{
    store_get (request, ACCOUNT_GET, number, callback);
}

void
store_account_list (struct request *request, const struct page *page, db_callback *callback)
{
    struct db_params params = {0};
    store_param_page (&params, page);
    db_call (store_db (request), ACCOUNT_LIST, &params, callback, request);
}

void
store_account_prepare (struct request *request, const char *modules, db_callback *callback)
{
    struct db_params params = {0};
    db_param_text (&params, modules);
    db_call (store_db (request), ACCOUNT_PREPARE, &params, callback, request);
}

void
store_param_rate_limit (struct db_params *params, const Jeton__V1__RateLimit *limit)
{
    db_param_int (params, limit ? limit->per_minute : 0);
    db_param_int (params, limit ? limit->burst : 0);
}

void
store_account_create (struct request *request, const struct change *change,
                      const Jeton__V1__Account *account, const char *modules, db_callback *callback)
{
    struct db_params params = {0};
    store_param_new (&params, change);
    db_param_text (&params, account->name);
    db_param_int (&params, account->token_limit);
    store_param_rate_limit (&params, account->rate_limit);
    store_param_rate_limit (&params, account->base_rate_limit);
    db_param_int (&params, account->created_at);
    db_param_text (&params, modules);
    db_call (store_db (request), ACCOUNT_CREATE, &params, callback, request);
}

void
store_account_edit (struct request *request, const struct change *change,
                    const Jeton__V1__Account *account, db_callback *callback)
{
    struct db_params params = {0};
    store_param_change (&params, change);
    db_param_text (&params, account->name);
    db_param_int (&params, account->token_limit);
    store_param_rate_limit (&params, account->rate_limit);
    store_param_rate_limit (&params, account->base_rate_limit);
    db_call (store_db (request), ACCOUNT_EDIT, &params, callback, request);
}

void
store_account_status (struct request *request, const struct change *change,
                      Jeton__V1__AccountStatus status, db_callback *callback)
{
    set_status (request, ACCOUNT_STATUS, change, (int) status, callback);
}

void
store_jwt_owner (struct request *request, int64_t account, int owner, int64_t number,
                 db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, account);
    db_param_int (&params, owner);
    db_param_int (&params, number);
    db_call (store_db (request), JWT_OWNER, &params, callback, request);
}

void
store_jwt_revoke (struct request *request, const struct change *change, const char *jti,
                  db_callback *callback)
{
    struct db_params params = {0};
    store_param_new (&params, change);
    db_param_int (&params, change->account);
    db_param_text (&params, jti);
    db_call (store_db (request), JWT_REVOKE, &params, callback, request);
}

void
store_jwt_generation (struct request *request, const struct change *change, int owner,
                      db_callback *callback)
{
    struct db_params params = {0};
    store_param_new (&params, change);
    db_param_int (&params, change->account);
    db_param_int (&params, owner);
    db_call (store_db (request), JWT_GENERATION, &params, callback, request);
}

void
store_module_list (struct request *request, const struct page *page, db_callback *callback)
{
    struct db_params params = {0};
    store_param_page (&params, page);
    db_call (store_db (request), MODULE_LIST, &params, callback, request);
}

void
store_module_prepare (struct request *request, const char *name, db_callback *callback)
{
    struct db_params params = {0};
    db_param_text (&params, name);
    db_call (store_db (request), MODULE_PREPARE, &params, callback, request);
}

void
store_module_create (struct request *request, const struct change *change,
                     const Jeton__V1__Module *module, db_callback *callback)
{
    struct db_params params = {0};
    store_param_new (&params, change);
    db_param_text (&params, module->name);
    db_param_text (&params, module->title);
    db_param_int (&params, module->created_at);
    db_call (store_db (request), MODULE_CREATE, &params, callback, request);
}

void
store_module_get_of_account (struct request *request, int64_t account, const char *name,
                             db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, account);
    db_param_text (&params, name);
    db_call (store_db (request), MODULE_GET_OF_ACCOUNT, &params, callback, request);
}

void
store_module_set (struct request *request, const struct change *change, int64_t module,
                  bool enabled, db_callback *callback)
{
    struct db_params params = {0};
    store_param_change (&params, change);
    db_param_int (&params, module);
    db_param_bool (&params, enabled);
    db_call (store_db (request), MODULE_SET, &params, callback, request);
}

void
store_user_get (struct request *request, int64_t number, db_callback *callback)
{
    store_get (request, USER_GET, number, callback);
}

void
store_user_list (struct request *request, const struct page *page, int64_t account,
                 db_callback *callback)
{
    struct db_params params = {0};
    store_param_page (&params, page);
    if (account != 0)
        db_param_int (&params, account);
    db_call (store_db (request), account ? USER_LIST_OF_ACCOUNT : USER_LIST, &params, callback,
             request);
}

void
store_user_prepare (struct request *request, int64_t account, const char *username,
                    db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, account);
    db_param_text (&params, username);
    db_call (store_db (request), USER_PREPARE, &params, callback, request);
}

void
store_user_create (struct request *request, const struct change *change,
                   const Jeton__V1__User *user, db_callback *callback)
{
    struct db_params params = {0};
    store_param_new (&params, change);
    db_param_int (&params, change->account);
    db_param_text (&params, user->username);
    db_param_text (&params, user->name);
    db_param_int (&params, user->role);
    db_param_int (&params, user->created_at);
    db_param_text (&params, secret_hash (change));
    db_call (store_db (request), USER_CREATE, &params, callback, request);
}

void
store_user_change_prepare (struct request *request, int64_t number, const char *username,
                           db_callback *callback)
{
    struct db_params params = {0};
    db_param_int (&params, number);
    db_param_text (&params, username);
    db_call (store_db (request), USER_CHANGE_PREPARE, &params, callback, request);
}

void
store_user_edit (struct request *request, const struct change *change, const Jeton__V1__User *user,
                 bool password, db_callback *callback)
{
    struct db_params params = {0};
    store_param_change (&params, change);
    db_param_text (&params, user->username);
    db_param_text (&params, user->name);
    db_param_int (&params, user->role);
    db_param_bool (&params, password);
    db_param_text (&params, secret_hash (change));
    db_call (store_db (request), USER_EDIT, &params, callback, request);
}

void
store_user_status (struct request *request, const struct change *change,
                   Jeton__V1__UserStatus status, db_callback *callback)
{
    set_status (request, USER_STATUS, change, (int) status, callback);
}

void
store_idempotency_get (struct request *request, const uint8_t *hash, db_callback *callback)
{
    struct db_params params = {0};
    db_param_bytes (&params, hash, IDEMPOTENCY_HASH_SIZE);
    db_call (store_db (request), IDEMPOTENCY_GET, &params, callback, request);
}

void
store_idempotency_tidy (struct admin *asking, int64_t keep_s, db_callback *callback)
{
    // After all that changes of the same group lock.
    struct db_params params = {.lock_order = INT64_MAX};
    db_param_int (&params, keep_s);
    db_param_int (&params, IDEMPOTENCY_BATCH);
    db_call (asking->process.db, IDEMPOTENCY_TIDY, &params, callback, asking);
}
