// jeton-admin: accounts, users, modules and tokens, and every change of them with its audit record.
#include "common/log/log.h"
#include "services/admin/admin.h"
#include "services/admin/idempotency.h"
#include "services/admin/notice.h"
#include "services/admin/statements.h"
#include "services/admin/store.h"
#include <sodium.h>
#include <sysexits.h>

static const struct config_row settings_table[] = {
    {"token_keys", CONFIG_PATH, offsetof (struct admin_settings, token_keys), "", 0, 0, true,
     "file with the keys of token values' check part, as `jeton keys init` makes it; required"},
    {"seal_keys", CONFIG_PATH, offsetof (struct admin_settings, seal_keys), "", 0, 0, true,
     "file with the keys that what the database keeps of secrets is sealed with, as `jeton keys "
     "init` makes it; required"},
    {"idempotency_keep_s", CONFIG_NUMBER, offsetof (struct admin_settings, idempotency_keep_s),
     "86400", 1, 2592000, true,
     "how long the reply of a call with an idempotency key is kept for a repeat, in seconds"},
    {"issuer", CONFIG_TEXT, offsetof (struct admin_settings, issuer), "https://jeton.localhost", 0,
     0, true, "the `iss` that a login token must have: the same as the issuer's setting"},
    {"audience", CONFIG_TEXT, offsetof (struct admin_settings, audience), "jeton", 0, 0, true,
     "the `aud` that a login token must have: the same as the issuer's setting"},
    {"keys_interval_ms", CONFIG_NUMBER, offsetof (struct admin_settings, keys_interval_ms), "5000",
     100, 3600000, true, "how often the issuer's public keys are read again, in milliseconds"},
    {"foreign_prefixes", CONFIG_NUMBER, offsetof (struct admin_settings, foreign_prefixes), "64", 0,
     256, true,
     "how many different prefixes the values of imported tokens may have, in all accounts "
     "together"},
    {"worker_threads", CONFIG_NUMBER, offsetof (struct admin_settings, worker_threads), "2", 1, 64,
     false, "threads that hash passwords"},
    {"worker_queue", CONFIG_NUMBER, offsetof (struct admin_settings, worker_queue), "256", 1, 65536,
     false, "passwords that may wait for such a thread; more are refused"},
    {"notice_interval_s", CONFIG_NUMBER, offsetof (struct admin_settings, notice_interval_s), "60",
     1, 86400, true, "how often tokens are looked for whose expiry is to be announced, in seconds"},
    {"notice_batch", CONFIG_NUMBER, offsetof (struct admin_settings, notice_batch), "100", 1, 500,
     true, "tokens whose expiry is announced in one transaction, at most"},
    {"list_scan", CONFIG_NUMBER, offsetof (struct admin_settings, list_scan), "5000", 1, 1000000,
     true,
     "tokens that one page of a filtered list looks at, at most; the next page goes on there"},
    FEED_SETTINGS (offsetof (struct admin_settings, feed)),
    {0},
};
static const struct config_row *const tables[] = {process_settings_table, settings_table, NULL};

static void
reloaded (struct process *process)
{
    struct admin *admin = process->owner;
    struct token_keys keys;
    struct error error;
    if (token_keys_load (admin->settings.token_keys, &keys, &error))
        admin->keys = keys;
    else
        log_error ("token keys not reloaded, the old ones stay in force", "error", error.text,
                   NULL);
    struct seal_keys *seal_keys = seal_keys_load (admin->settings.seal_keys, &error);
    if (seal_keys) {
        seal_keys_destroy (&admin->seal_keys);
        admin->seal_keys = seal_keys;
    } else {
        log_error ("seal keys not reloaded, the old ones stay in force", "error", error.text, NULL);
    }
}

// It serves when it has a database, and every other writer knows of it.
static void
admin_health_show (struct process *process)
{
    const struct admin *admin = process->owner;
    struct error error;
    if (process->draining)
        return;
    if (db_ready (process->db, &error) && feed_admitted (admin->feed, &error))
        rpc_server_health (process->server, RPC_SERVING, "");
    else
        rpc_server_health (process->server, RPC_STARTING, error.text);
}

static void
database_changed (struct process *process, bool ready)
{
    const struct admin *admin = process->owner;
    (void) ready;
    if (admin->feed)
        admin_health_show (process);
}

static void
drained (struct process *process)
{
    const struct admin *admin = process->owner;
    feed_end (admin->feed);
}

static bool
admin_start (struct admin *admin)
{
    struct error error;
    if (!token_keys_load (admin->settings.token_keys, &admin->keys, &error)) {
        log_error ("cannot start", "setting", "token_keys", "error", error.text, NULL);
        return false;
    }
    admin->seal_keys = seal_keys_load (admin->settings.seal_keys, &error);
    if (!admin->seal_keys) {
        log_error ("cannot start", "setting", "seal_keys", "error", error.text, NULL);
        return false;
    }
    admin->workers = worker_pool_new (admin->process.loop, (size_t) admin->settings.worker_threads,
                                      (size_t) admin->settings.worker_queue);
    rpc_server_stats (admin->process.server,
                      &(struct stat_source){.rows = worker_stats_rows,
                                            .base = worker_stats (admin->workers),
                                            .refresh = worker_stats_refresh,
                                            .context = admin->workers});
    admin->process.reloaded = reloaded;
    admin->process.drained_now = drained;
    admin->service = (struct rpc_service){&jeton__v1__admin__descriptor, admin_methods, admin};
    admin->public_keys = keys_new (admin->process.loop, admin->process.db, STORE_PUBLIC_KEYS,
                                   &admin->settings.keys_interval_ms);
    admin->callers = (struct caller_options){
        .descriptor = &jeton__v1__admin__descriptor,
        .rights = admin_rights,
        .db = admin->process.db,
        .user_statement = STORE_CALLER,
        .keys = admin->public_keys,
        .issuer = &admin->settings.issuer,
        .audience = &admin->settings.audience,
    };
    caller_rights_check (&admin->callers);
    rpc_server_gate (admin->process.server, admin_gate);
    rpc_server_add (admin->process.server, &admin->service);
    admin->feed = feed_new (&admin->process, &admin->settings.feed, FEED_BEGIN, admin_health_show);
    idempotency_start (admin);
    notice_start (admin);
    return true;
}

int
main (int argc, char **argv)
{
    struct admin admin = {0};
    admin.process.owner = &admin;
    admin.process.database_changed = database_changed;
    int status =
        process_start (&admin.process, "admin", "tcp://127.0.0.1:7103", tables, store_statements,
                       "Manages accounts, what belongs to them, modules and tokens.",
                       &admin.settings, sizeof admin.settings, argc, argv);
    if (status < 0)
        status = admin_start (&admin) ? process_run (&admin.process) : EX_CONFIG;
    // Before the database and the server: the jobs that it gives back end requests.
    worker_pool_destroy (&admin.workers);
    notice_stop (&admin);
    feed_stop (admin.feed);
    process_end (&admin.process);
    feed_destroy (&admin.feed);
    keys_destroy (&admin.public_keys);
    seal_keys_destroy (&admin.seal_keys);
    sodium_memzero (&admin.keys, sizeof admin.keys);
    return status;
}
