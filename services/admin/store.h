// What the admin process asks of the database: one function a question, one statement a function (store.c has the table).
//
// A function takes what it binds and calls back with the request as context. Statements that make a change return one row when they made
// it, none when the object was not (any more) as the change expects; the change, its row in `changes` and its record in
// `outbox` are in one statement, and so commit together or not at all (R37).
#ifndef JETON_ADMIN_STORE_H
#define JETON_ADMIN_STORE_H

#include "common/crypto/crypto.h"
#include "common/db/db.h"
#include "common/rpc/request.h"
#include "common/scope/scope.h"
#include "common/token/value.h"
#include "services/admin/change.h"
#include "services/admin/page.h"
#include "services/admin/resource.h"
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>

extern const struct db_statement store_statements[];
enum { STORE_PUBLIC_KEYS, STORE_CALLER }; // the rows that common/caller runs

// Accounts. Columns: those of view_account.
void store_account_get (struct request *request, int64_t number, db_callback *callback);
void store_account_list (struct request *request, const struct page *page, db_callback *callback);

// store_account_prepare (request, modules, callback): One row: the number for a new account; of the comma-separated names of modules, those
// that there are, as "name:number:1,…".
void store_account_prepare (struct request *request, const char *modules, db_callback *callback);

// store_account_create (request, change, account, modules, callback): `modules` are comma-separated numbers.
void store_account_create (struct request *request, const struct change *change,
                           const Jeton__V1__Account *account, const char *modules,
                           db_callback *callback);
void store_account_edit (struct request *request, const struct change *change,
                         const Jeton__V1__Account *account, db_callback *callback);
void store_account_status (struct request *request, const struct change *change,
                           Jeton__V1__AccountStatus status, db_callback *callback);

// store_jwt_owner (request, account, owner, number, callback): The name of whose tokens are to be revoked, an enum jwt_owner, or 0 and "" for one token: no row: no such account; NULL: it has
// no such one. store_jwt_revoke (request, change, jti, callback): The token jti of change->account. store_jwt_generation (request, change, owner, callback): All of change->number.
void store_jwt_owner (struct request *request, int64_t account, int owner, int64_t number,
                      db_callback *callback);
void store_jwt_revoke (struct request *request, const struct change *change, const char *jti,
                       db_callback *callback);
void store_jwt_generation (struct request *request, const struct change *change, int owner,
                           db_callback *callback);

// Modules. Columns: those of view_module.
void store_module_list (struct request *request, const struct page *page, db_callback *callback);

// store_module_prepare (request, name, callback): One row: the number for a new module; is the name taken?
void store_module_prepare (struct request *request, const char *name, db_callback *callback);
void store_module_create (struct request *request, const struct change *change,
                          const Jeton__V1__Module *module, db_callback *callback);

// store_module_get_of_account (request, account, name, callback): The account's columns, and the module's number, 0 when there is none.
void store_module_get_of_account (struct request *request, int64_t account, const char *name,
                                  db_callback *callback);
// store_module_set (request, change, module, enabled, callback): The change is the account's.
void store_module_set (struct request *request, const struct change *change, int64_t module,
                       bool enabled, db_callback *callback);

// Users. Columns: those of view_user.
void store_user_get (struct request *request, int64_t number, db_callback *callback);
// `account` is 0 for those of all.
void store_user_list (struct request *request, const struct page *page, int64_t account,
                      db_callback *callback);

// store_user_prepare (request, account, username, callback): One row: the number for a new user; is the user name taken? None when there
// is no such account.
void store_user_prepare (struct request *request, int64_t account, const char *username,
                         db_callback *callback);
void store_user_create (struct request *request, const struct change *change,
                        const Jeton__V1__User *user, db_callback *callback);
// store_user_change_prepare (request, number, username, callback): The user's columns; has another user the user name? How many tokens that are not
// deleted are the user's own.
void store_user_change_prepare (struct request *request, int64_t number, const char *username,
                                db_callback *callback);
// store_user_edit (request, change, user, password, callback): `password`: it is set, to the change's, or to none.
void store_user_edit (struct request *request, const struct change *change,
                      const Jeton__V1__User *user, bool password, db_callback *callback);
void store_user_status (struct request *request, const struct change *change,
                        Jeton__V1__UserStatus status, db_callback *callback);

// Tokens that are not deleted. Columns: those of view_token.
void store_token_get (struct request *request, int64_t number, db_callback *callback);

// What a list of tokens is limited to; 0 and "": no limit.
struct store_token_filter {
    int64_t account, status, kind;
    const char *module, *created_by; // a name; an actor's id
    const char *text;                // in name or description
    int64_t number;                  // this token only
    int64_t expires_before, rotated_before;
};
enum store_token_sort { STORE_SORT_CREATED, STORE_SORT_NAME, STORE_SORT_ACCESS, STORE_SORT_EXPIRY };
enum { STORE_TOKEN_KEY_COLUMN = 23 }; // in an order other than by creation

// store_token_list (request, page, filter, sort, descending, count, callback): Of those from page->after, which is not part of it, to page->until, which
// is. In an order other than by creation, of one account only; page->key and page->until_key are what these two are sorted by: a lower-case name, or
// microseconds since the epoch ("" for never). With `count` there is a second result: how many there are on all pages.
void store_token_list (struct request *request, const struct page *page,
                       const struct store_token_filter *filter, enum store_token_sort sort,
                       bool descending, bool count, db_callback *callback);

// store_token_bound (request, page, filter, sort, descending, rows, callback): The last of so many rows of the list, whether they pass the filter or
// not: its number, and in an order other than by creation what it is sorted by. No row: the list has fewer.
void store_token_bound (struct request *request, const struct page *page,
                        const struct store_token_filter *filter, enum store_token_sort sort,
                        bool descending, int64_t rows, db_callback *callback);

// store_token_export (request, page, account, callback): Columns: those of view_portable_token.
void store_token_export (struct request *request, const struct page *page, int64_t account,
                         db_callback *callback);

// Prefixes of imported values. Columns: those of view_foreign_prefix.
void store_prefix_list (struct request *request, db_callback *callback);
void store_prefix_get (struct request *request, const char *prefix, db_callback *callback);
// store_prefix_release (request, prefix, callback): STORE_RELEASE_MAX at most of the tokens that have no such value any more let go of it. One row: how
// many did.
enum { STORE_RELEASE_MAX = 5000 };
void store_prefix_release (struct request *request, const char *prefix, db_callback *callback);
// store_prefix_remove (request, change, prefix, callback): DB_CONFLICT while a token has it.
void store_prefix_remove (struct request *request, const struct change *change, const char *prefix,
                          db_callback *callback);

// store_token_prepare (request, account, owner, modules, callback): One row, after a column that says nothing: the number for a new token; the
// account's limit of tokens, and how many it has; the account of the owner (0: no such user), and the owner's status; of the comma-separated
// names of modules, those that there are, as "name:number:enabled,…" with enabled 0 or 1. None when there is no such account.
void store_token_prepare (struct request *request, int64_t account, int64_t owner,
                          const char *modules, db_callback *callback);

enum { STORE_SEALED_SIZE = TOKEN_VALUE_LENGTH + CRYPTO_SEAL_OVERHEAD };

// What a new token's message does not tell as numbers.
struct store_token_new {
    int64_t account, owner; // owner 0: none
    uint8_t digest[TOKEN_DIGEST_SIZE];
    char *modules, *accesses; // numbers, comma-separated, of equal count
    char *allow_list;         // comma-separated
    const uint8_t *sealed;    // the value, STORE_SEALED_SIZE bytes; NULL: not revealable
};

// store_token_create (request, change, token, new, callback): No row when the account has reached its limit, a module is not enabled for it any
// more, or the owner is not active any more. There are two results: the change's is the second.
void store_token_create (struct request *request, const struct change *change,
                         const Jeton__V1__Token *token, const struct store_token_new *new,
                         db_callback *callback);

// store_token_edit_prepare (request, number, modules, accesses, callback): The token's columns, and of the comma-separated names of modules
// those that there are, as "name:number:enabled,…"; a module that is granted already, with no less access, counts as enabled.
void store_token_edit_prepare (struct request *request, int64_t number, const char *modules,
                               const char *accesses, db_callback *callback);

// What an edit's token does not tell as the database takes it.
struct store_token_edit {
    bool grants;              // those are edited
    char *modules, *accesses; // numbers, comma-separated, of equal count
    char *allow_list;         // comma-separated
};
void store_token_edit (struct request *request, const struct change *change,
                       const Jeton__V1__Token *token, const struct store_token_edit *edit,
                       db_callback *callback);

struct store_token_logo {
    const char *content_type;
    uint8_t digest[crypto_hash_sha256_BYTES];
    const uint8_t *data;
    size_t size;
};
// store_token_logo_set (request, change, logo, callback): `logo` NULL: there shall be none.
void store_token_logo_set (struct request *request, const struct change *change,
                           const struct store_token_logo *logo, db_callback *callback);
// store_token_logo_get (request, number, digest, callback): One row: what view_logo takes, and the data, empty when its digest is the given one. None when
// the token has no logo, or is not there.
void store_token_logo_get (struct request *request, int64_t number, const char *digest,
                           db_callback *callback);
// store_token_rotate (request, change, digest, sealed, grace_until, callback): `digest` is of the new value; `sealed` is that value, or NULL.
void store_token_rotate (struct request *request, const struct change *change,
                         const uint8_t digest[TOKEN_DIGEST_SIZE], const uint8_t *sealed,
                         int64_t grace_until, db_callback *callback);

// store_token_get_sealed (request, number, callback): The token's columns, and its sealed value, which is empty where there is none.
void store_token_get_sealed (struct request *request, int64_t number, db_callback *callback);
// store_token_reveal (request, change, callback): Only the record is written.
void store_token_reveal (struct request *request, const struct change *change,
                         db_callback *callback);

// store_token_reseal_list (request, after, version, limit, callback): Of tokens whose values are sealed under another key than `version`: number, sealed value, and how many there are
// after `after`.
void store_token_reseal_list (struct request *request, int64_t after, uint32_t version,
                              int64_t limit, db_callback *callback);
// store_token_reseal (request, change, lists, callback): Numbers, old and new sealed values: comma-separated, of equal count; values in hexadecimal. One
// row: how many were resealed.
void store_token_reseal (struct request *request, const struct change *change, char *const lists[3],
                         db_callback *callback);
void store_token_status (struct request *request, const struct change *change,
                         Jeton__V1__TokenStatus status, db_callback *callback);

// Notices of tokens that expire (notice.h). The context is `asking`.
// store_token_notice_list (asking, limit, callback): Tokens whose next notice is due, the longest due first: the token's columns; its expiry in
// microseconds; the notice: of how many days ahead, 0: none any more, it has expired.
struct admin;
void store_token_notice_list (struct admin *asking, int64_t limit, db_callback *callback);
// store_token_notice (asking, lists, callback): Write the records, and mark the tokens. Comma-separated lists of equal count: what was read of each, and its
// record in hexadecimal. A token that has been changed or marked since, or that somebody is changing, is left out. One row: how many were
// marked, and for how many of these there is a record (not: of 0 days).
enum {
    STORE_NOTICE_NUMBERS,
    STORE_NOTICE_REVISIONS,
    STORE_NOTICE_EXPIRIES,
    STORE_NOTICE_DAYS,
    STORE_NOTICE_RECORDS,
    STORE_NOTICE_LISTS
};
void store_token_notice (struct admin *asking, char *const lists[STORE_NOTICE_LISTS],
                         db_callback *callback);

// What an account's resources have in common (resource.h). A read and a preparation give one row, as resource_statements.h says; none when there
// is no such object, or no such account. `unique` may be "", `reference` 0.
void store_resource_read (struct request *request, enum resource resource, int64_t number,
                          const char *unique, int64_t reference, db_callback *callback);
void store_resource_prepare (struct request *request, enum resource resource, int64_t account,
                             const char *unique, int64_t reference, db_callback *callback);

// What a list of them is limited to. Status and reference 0: no limit.
struct store_resource_filter {
    int64_t account, status, reference;
    const char *text;          // what is in a customer's email; "": no limit
    bool by_email, descending; // customers' order
};
enum { STORE_CUSTOMER_KEY_COLUMN = 9 }; // with by_email
void store_resource_list (struct request *request, enum resource resource, const struct page *page,
                          const struct store_resource_filter *filter, db_callback *callback);

// `object` is the noun's message, as it will be. A password is the change's; an edit that sets none leaves the one that there is to whom can sign in.
void store_resource_create (struct request *request, enum resource resource,
                            const struct change *change, const ProtobufCMessage *object,
                            db_callback *callback);
void store_resource_edit (struct request *request, enum resource resource,
                          const struct change *change, const ProtobufCMessage *object,
                          db_callback *callback);
void store_resource_status (struct request *request, enum resource resource,
                            const struct change *change, Jeton__V1__ResourceStatus status,
                            db_callback *callback);

// store_scope_find (request, account, scope, callback): The rows of SCOPE_STATEMENT.
void store_scope_find (struct request *request, int64_t account, const struct scope *scope,
                       db_callback *callback);

// store_client_scopes (request, account, client, modules, callback): One row: which of the comma-separated names, counted from 1, is the first that is neither of a
// module that is enabled for the account, nor of one that the client has; 0: none. `account` 0: the client's; `client` 0: it is new.
void store_client_scopes (struct request *request, int64_t account, int64_t client,
                          const char *modules, db_callback *callback);
// store_client_secret_rotate (request, change, grace_until, callback): The secret is that of the change's reply; 0: the one before ends at once.
void store_client_secret_rotate (struct request *request, const struct change *change,
                                 int64_t grace_until, db_callback *callback);

// Replies that were kept (idempotency.h). store_idempotency_get (request, hash, callback): The method and what was sealed; no row: nothing was
// kept. store_idempotency_tidy (asking, keep_s, callback): Remove IDEMPOTENCY_BATCH rows at most that are older; one row: how many those were. The
// callback's context is `asking`.
void store_idempotency_get (struct request *request, const uint8_t *hash, db_callback *callback);
void store_idempotency_tidy (struct admin *asking, int64_t keep_s, db_callback *callback);

#endif
