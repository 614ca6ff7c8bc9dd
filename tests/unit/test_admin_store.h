// The stores and the pool of workers that test_admin.h puts around the handlers: what was asked last is kept, and the test answers it when it likes.
#ifndef JETON_TEST_ADMIN_STORE_H
#define JETON_TEST_ADMIN_STORE_H

#include "services/admin/admin.h"
#include "services/admin/secret.h"
#include "services/admin/store.h"
#include "services/admin/token_import.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

// What the store was asked last; the test answers it when it likes.
static struct {
    const char *name;
    struct request *request;
    db_callback *callback;
    struct change change;
    int status;
    struct store_token_new new;
    struct store_token_edit edit;
    int64_t grace_until;
    enum resource resource;
    int64_t reference;
    struct page page;
    struct store_token_filter filter;
    char text[256]; // the names or numbers of modules, the hash, or what must be unique
} asked;

static void
ask (const char *name, struct request *request, db_callback *callback)
{
    asked.request = request;
    asked.name = name;
    asked.callback = callback;
}

static void
ask_text (const char *text)
{
    snprintf (asked.text, sizeof asked.text, "%s", text ? text : "none");
}

#define STORE(function, ...)                                                                       \
    void function (struct request *request, __VA_ARGS__, db_callback *callback)                    \
    {                                                                                              \
        ask (#function, request, callback);                                                        \
        STORE_KEEP
#define STORE_KEEP(...)                                                                            \
    __VA_ARGS__;                                                                                   \
    }
#define UNUSED(x) (void) (x)

// clang-format off
STORE (store_account_get, int64_t number) (UNUSED (number))
STORE (store_account_list, const struct page *page) (UNUSED (page))
STORE (store_account_prepare, const char *modules) (ask_text (modules))
STORE (store_account_create, const struct change *change, const Jeton__V1__Account *account, const char *modules)
    (asked.change = *change; ask_text (modules); UNUSED (account))
STORE (store_account_edit, const struct change *change, const Jeton__V1__Account *account)
    (asked.change = *change; asked.status = account->token_limit; ask_text (account->name))
STORE (store_account_status, const struct change *change, Jeton__V1__AccountStatus status)
    (asked.change = *change; asked.status = (int) status)
STORE (store_jwt_owner, int64_t account, int owner, int64_t number)
    (UNUSED (account); UNUSED (number); asked.status = owner)
STORE (store_jwt_revoke, const struct change *change, const char *jti)
    (asked.change = *change; ask_text (jti))
STORE (store_jwt_generation, const struct change *change, int owner)
    (asked.change = *change; asked.status = owner)
STORE (store_module_list, const struct page *page) (UNUSED (page))
STORE (store_module_prepare, const char *name) (ask_text (name))
STORE (store_module_create, const struct change *change, const Jeton__V1__Module *module)
    (asked.change = *change; UNUSED (module))
STORE (store_module_get_of_account, int64_t account, const char *name) (UNUSED (account); ask_text (name))
STORE (store_module_set, const struct change *change, int64_t module, bool enabled)
    (asked.change = *change; UNUSED (module); asked.status = enabled)
STORE (store_user_get, int64_t number) (UNUSED (number))
STORE (store_user_list, const struct page *page, int64_t account) (UNUSED (page); UNUSED (account))
STORE (store_user_prepare, int64_t account, const char *username) (UNUSED (account); ask_text (username))
STORE (store_user_create, const struct change *change, const Jeton__V1__User *user)
    (asked.change = *change; UNUSED (user); ask_text (secret_hash (change)))
STORE (store_user_change_prepare, int64_t number, const char *username) (UNUSED (number); ask_text (username))
STORE (store_user_edit, const struct change *change, const Jeton__V1__User *user, bool password)
    (asked.change = *change; UNUSED (user); asked.status = password; ask_text (secret_hash (change)))
STORE (store_user_status, const struct change *change, Jeton__V1__UserStatus status)
    (asked.change = *change; asked.status = (int) status)
STORE (store_idempotency_get, const uint8_t *hash) (UNUSED (hash))
STORE (store_token_get, int64_t number) (UNUSED (number))
STORE (store_token_list, const struct page *page, const struct store_token_filter *filter, enum store_token_sort sort, bool descending, bool count)
    (asked.page = *page; asked.filter = *filter; asked.status = (int) sort; UNUSED (descending); UNUSED (count))
STORE (store_token_bound, const struct page *page, const struct store_token_filter *filter, enum store_token_sort sort, bool descending, int64_t rows)
    (asked.page = *page; asked.filter = *filter; asked.status = (int) sort; UNUSED (descending); asked.reference = rows)
STORE (store_token_prepare, int64_t account, int64_t owner, const char *modules)
    (UNUSED (account); UNUSED (owner); ask_text (modules))
STORE (store_token_create, const struct change *change, const Jeton__V1__Token *token, const struct store_token_new *new)
    (asked.change = *change; asked.new = *new; UNUSED (token); ask_text (new->modules))
STORE (store_token_edit_prepare, int64_t number, const char *modules, const char *accesses)
    (UNUSED (number); ask_text (modules); UNUSED (accesses))
STORE (store_token_edit, const struct change *change, const Jeton__V1__Token *token, const struct store_token_edit *edit)
    (asked.change = *change; asked.edit = *edit; UNUSED (token); ask_text (edit->modules))
STORE (store_token_logo_set, const struct change *change, const struct store_token_logo *logo)
    (asked.change = *change; ask_text (logo ? logo->content_type : ""); asked.reference = logo ? (int64_t) logo->size : 0)
STORE (store_token_logo_get, int64_t number, const char *digest) (UNUSED (number); ask_text (digest))
STORE (store_token_rotate, const struct change *change, const uint8_t digest[TOKEN_DIGEST_SIZE], const uint8_t *sealed, int64_t grace_until)
    (asked.change = *change; memcpy (asked.new.digest, digest, TOKEN_DIGEST_SIZE); asked.grace_until = grace_until; UNUSED (sealed))
STORE (store_token_get_sealed, int64_t number) (UNUSED (number))
STORE (store_token_reveal, const struct change *change) (asked.change = *change)
STORE (store_token_reseal_list, int64_t after, uint32_t version, int64_t limit)
    (UNUSED (after); UNUSED (version); UNUSED (limit))
STORE (store_token_reseal, const struct change *change, char *const lists[3])
    (asked.change = *change; ask_text (lists[0]))
STORE (store_token_status, const struct change *change, Jeton__V1__TokenStatus status)
    (asked.change = *change; asked.status = (int) status)
STORE (store_resource_read, enum resource resource, int64_t number, const char *unique, int64_t reference)
    (asked.resource = resource; UNUSED (number); ask_text (unique); asked.reference = reference)
STORE (store_resource_prepare, enum resource resource, int64_t account, const char *unique, int64_t reference)
    (asked.resource = resource; UNUSED (account); ask_text (unique); asked.reference = reference)
STORE (store_resource_list, enum resource resource, const struct page *page, const struct store_resource_filter *filter)
    (asked.resource = resource; asked.page = *page; asked.reference = filter->reference; asked.status = (int) filter->status; ask_text (filter->text))
STORE (store_resource_create, enum resource resource, const struct change *change, const ProtobufCMessage *object)
    (asked.resource = resource; asked.change = *change; UNUSED (object); ask_text (secret_hash (change)))
STORE (store_resource_edit, enum resource resource, const struct change *change, const ProtobufCMessage *object)
    (asked.resource = resource; asked.change = *change; UNUSED (object); ask_text (secret_hash (change)))
STORE (store_resource_status, enum resource resource, const struct change *change, Jeton__V1__ResourceStatus status)
    (asked.resource = resource; asked.change = *change; asked.status = (int) status)
STORE (store_token_export, const struct page *page, int64_t account) (asked.page = *page; UNUSED (account))
STORE (store_import_prepare, const struct import *import) (ask_text (import->module_names))
STORE (store_prefix_get, const char *prefix) (ask_text (prefix))
STORE (store_prefix_release, const char *prefix) (ask_text (prefix))
STORE (store_prefix_remove, const struct change *change, const char *prefix) (asked.change = *change; ask_text (prefix))
STORE (store_client_scopes, int64_t account, int64_t client, const char *modules)
    (ask_text (modules); UNUSED (account); UNUSED (client))
STORE (store_client_secret_rotate, const struct change *change, int64_t grace_until)
    (asked.change = *change; asked.grace_until = grace_until)
STORE (store_scope_find, int64_t account, const struct scope *scope)
    (UNUSED (account); asked.reference = (int64_t) scope->n)
    // clang-format on

    void store_idempotency_tidy (struct admin *asking, int64_t keep_s, db_callback *callback)
{
    UNUSED (asking);
    UNUSED (keep_s);
    UNUSED (callback);
}

void
store_prefix_list (struct request *request, db_callback *callback)
{
    ask ("store_prefix_list", request, callback);
}

bool
store_import (struct request *request, const struct change *change, const struct import *import,
              db_callback *callback)
{
    asked.change = *change;
    asked.reference = (int64_t) import->accepted;
    ask ("store_import", request, callback);
    return true;
}

// A pool of workers of which none has time until the test says so.
static struct {
    bool full;
    worker_work *work;
    worker_done *done;
    void *job;
} pool;

bool
worker_submit (struct worker_pool *workers, worker_work *work, worker_done *done, void *job)
{
    UNUSED (workers);
    pool.work = work;
    pool.done = done;
    pool.job = job;
    return !pool.full;
}

#endif
