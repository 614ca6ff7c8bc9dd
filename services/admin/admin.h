// The admin process: its state and its handlers. DESIGN.md says what it promises.
#ifndef JETON_ADMIN_H
#define JETON_ADMIN_H

#include "admin.pb-c.h"
#include "common/caller/caller.h"
#include "common/crypto/crypto.h"
#include "common/feed/feed.h"
#include "common/net/alarm.h"
#include "common/process/process.h"
#include "common/rpc/request.h"
#include "common/rpc/server.h"
#include "common/token/value.h"
#include "common/worker/worker.h"
#include <stdint.h>

struct admin_settings {
    struct process_settings process;
    char *token_keys; // file of the keys of the check part
    char *seal_keys;  // file of the keys that seal what is kept
    int64_t idempotency_keep_s;
    char *issuer, *audience;  // that login tokens must name
    int64_t keys_interval_ms; // how often the issuer's public keys are read again
    int64_t foreign_prefixes; // that values of imported tokens may have, at most
    int64_t worker_threads;   // that hash passwords
    int64_t worker_queue;     // passwords that wait for one
    int64_t notice_interval_s, notice_batch;
    int64_t list_scan; // rows that a page of a filtered list looks at
    struct feed_settings feed;
};

struct admin {
    struct process process;
    struct admin_settings settings;
    struct rpc_service service;
    struct token_keys keys;
    struct seal_keys *seal_keys;
    struct public_keys *public_keys;
    struct caller_options callers;
    struct worker_pool *workers;
    bool tidying; // expired idempotency keys are being removed
    struct feed *feed;
    struct alarm *notice_alarm; // the next pass, or the next batch of this one
};

// The table of methods, jeton.v1.Admin (dispatch.c).
extern const struct rpc_method admin_methods[];

// Who may call them (rights.c). admin_gate (request): What all requests pass before their handlers: the right, then the idempotency key.
extern const struct caller_right admin_rights[];
void admin_gate (struct request *request);

// One handler for each method of proto/admin.proto, which is their contract.
// account.c
void admin_create_account (struct request *request);
void admin_get_account (struct request *request);
void admin_list_accounts (struct request *request);
void admin_edit_account (struct request *request); // account_edit.c
void admin_suspend_account (struct request *request);
void admin_resume_account (struct request *request);
// user.c
void admin_create_user (struct request *request);
void admin_get_user (struct request *request);
void admin_list_users (struct request *request);
void admin_disable_user (struct request *request);
void admin_enable_user (struct request *request);
void admin_delete_user (struct request *request);
// user_edit.c
void admin_edit_user (struct request *request);
// module.c
void admin_create_module (struct request *request);
void admin_list_modules (struct request *request);
void admin_enable_module (struct request *request);
void admin_disable_module (struct request *request);
// token_create.c
void admin_create_token (struct request *request);
// token_edit.c
void admin_edit_token (struct request *request);
// token_logo.c
void admin_set_token_logo (struct request *request);
void admin_get_token_logo (struct request *request);
// token_rotate.c
void admin_rotate_token (struct request *request);
// token_list.c
void admin_list_tokens (struct request *request);
// token_reveal.c
void admin_reveal_token (struct request *request);
// token_reseal.c
void admin_reseal_tokens (struct request *request);
// token_import.c
void admin_import_tokens (struct request *request);
// token_export.c
void admin_export_tokens (struct request *request);
// foreign_prefix.c
void admin_list_foreign_prefixes (struct request *request);
void admin_remove_foreign_prefix (struct request *request);
// token.c
void admin_get_token (struct request *request);
void admin_disable_token (struct request *request);
void admin_enable_token (struct request *request);
void admin_delete_token (struct request *request);
// group.c
void admin_create_customer_group (struct request *request);
void admin_edit_customer_group (struct request *request);
void admin_get_customer_group (struct request *request);
void admin_list_customer_groups (struct request *request);
void admin_deactivate_customer_group (struct request *request);
void admin_activate_customer_group (struct request *request);
void admin_delete_customer_group (struct request *request);
// market.c
void admin_create_market (struct request *request);
void admin_edit_market (struct request *request);
void admin_get_market (struct request *request);
void admin_list_markets (struct request *request);
void admin_deactivate_market (struct request *request);
void admin_activate_market (struct request *request);
void admin_delete_market (struct request *request);
// location.c
void admin_create_stock_location (struct request *request);
void admin_edit_stock_location (struct request *request);
void admin_get_stock_location (struct request *request);
void admin_list_stock_locations (struct request *request);
void admin_deactivate_stock_location (struct request *request);
void admin_activate_stock_location (struct request *request);
void admin_delete_stock_location (struct request *request);
// client.c
void admin_create_client (struct request *request);
void admin_edit_client (struct request *request);
void admin_get_client (struct request *request);
void admin_list_clients (struct request *request);
void admin_deactivate_client (struct request *request);
void admin_activate_client (struct request *request);
void admin_delete_client (struct request *request);
void admin_rotate_client_secret (struct request *request);
void admin_revoke_access_tokens (struct request *request);
// customer.c
void admin_create_customer (struct request *request);
void admin_edit_customer (struct request *request);
void admin_get_customer (struct request *request);
void admin_list_customers (struct request *request);
void admin_deactivate_customer (struct request *request);
void admin_activate_customer (struct request *request);
void admin_delete_customer (struct request *request);
// scope.c
void admin_resolve_scope (struct request *request);

#endif
