// jeton-issuer: see DESIGN.md.
#include "common/caller/keys.h"
#include "common/crypto/crypto.h"
#include "common/log/log.h"
#include "issuer.pb-c.h"
#include "services/issuer/access.h"
#include "services/issuer/assertion.h"
#include "services/issuer/attempts.h"
#include "services/issuer/authorize.h"
#include "services/issuer/issuer.h"
#include "services/issuer/mint.h"
#include "services/issuer/narrow.h"
#include "services/issuer/refresh.h"
#include "services/issuer/signing.h"
#include "services/issuer/store.h"
#include "services/issuer/throttle.h"

#include <sodium.h>
#include <stdlib.h>
#include <strings.h>

#define FIELD(name) offsetof (struct issuer_settings, name)
static const struct config_row issuer_settings_table[] = {
    {"seal_keys", CONFIG_PATH, FIELD (seal_keys), "", 0, 0, false,
     "file with the keys that private keys are sealed with, as `jeton keys init` makes it"},
    {"token_keys", CONFIG_PATH, FIELD (token_keys), "", 0, 0, true,
     "file with the keys of the check part of opaque tokens' values, as `jeton keys init` makes "
     "it; "
     "required"},
    {"issuer", CONFIG_TEXT, FIELD (issuer), "https://jeton.localhost", 0, 0, true,
     "the `iss` of what is signed: the public URL of this Jeton"},
    {"audience", CONFIG_TEXT, FIELD (audience), "jeton", 0, 0, true, "the `aud` of what is signed"},
    {"signing_algorithm", CONFIG_TEXT, FIELD (signing_algorithm), "es256", 0, 0, true,
     "what new signing keys are for: es256, eddsa (Ed25519) or rs256 (2,048 bits)"},
    {"keys_interval_ms", CONFIG_NUMBER, FIELD (keys_interval_ms), "5000", 100, 3600000, true,
     "how often the signing keys are read again, in milliseconds"},
    {"jwks_max_age_s", CONFIG_NUMBER, FIELD (jwks_max_age_s), "300", 0, 86400, true,
     "how long a JWKS may be kept, in seconds; a new key is shown that long, and keys_interval_ms, "
     "before it signs"},
    {"login_lifetime_s", CONFIG_NUMBER, FIELD (login_lifetime_s), "3600", 1, 86400, true,
     "life of a login token, in seconds"},
    {"login_user_per_minute", CONFIG_NUMBER, FIELD (login_user_per_minute), "10", 1, 6000, false,
     "failed sign-ins per minute for one user name from one client address"},
    {"login_address_per_minute", CONFIG_NUMBER, FIELD (login_address_per_minute), "60", 1, 60000,
     false,
     "failed sign-ins per minute from one client address (from one peer, where it tells none)"},
    {"login_first_per_hour", CONFIG_NUMBER, FIELD (login_first_per_hour), "300", 1, 60000, false,
     "failed sign-ins per hour for one user name that are the first of their address in the hour, "
     "from all addresses that it has not signed in from"},
    {"login_others_per_hour", CONFIG_NUMBER, FIELD (login_others_per_hour), "60", 1, 60000, false,
     "the same of all others"},
    {"login_throttle_entries", CONFIG_NUMBER, FIELD (login_throttle_entries), "65536", 64, 16777216,
     false,
     "places of each of the tables in which user names, addresses, and these or clients with their "
     "addresses are counted (16 bytes a place)"},
    {"token_client_per_minute", CONFIG_NUMBER, FIELD (token_client_per_minute), "30", 1, 60000,
     false, "requests for tokens per minute of one client from one address"},
    {"authorize_address_per_minute", CONFIG_NUMBER, FIELD (authorize_address_per_minute), "600", 1,
     60000, false,
     "looks and consents at the authorization endpoint per minute from one client address"},
    {"implicit_write_modules", CONFIG_TEXT, FIELD (implicit_write_modules), "", 0, 0, false,
     "the modules in which tokens by implicit may write, as far as their client does; elsewhere "
     "they read"},
    {"customer_modules", CONFIG_TEXT, FIELD (customer_modules), "orders,addresses", 0, 0, false,
     "the modules that customers' tokens reach, as far as their store's client does; of each "
     "customer only what is its own"},
    {"refresh_replay_s", CONFIG_NUMBER, FIELD (refresh_replay_s), "10", 1, 60, true,
     "how long the use of a refresh token, when it is repeated, is answered as before, in seconds; "
     "later it revokes the family; the same at all issuers"},
    {"worker_threads", CONFIG_NUMBER, FIELD (worker_threads), "2", 1, 64, false,
     "threads that verify passwords (64 MiB each)"},
    {"worker_queue", CONFIG_NUMBER, FIELD (worker_queue), "256", 1, 65536, false,
     "sign-ins that wait for a thread; more are refused"},
    {"signing_threads", CONFIG_NUMBER, FIELD (signing_threads), "2", 1, 64, false,
     "threads that sign tokens"},
    FEED_SETTINGS (FIELD (feed)),
    COUNTING_SETTINGS (FIELD (counting), "grants are", "to give tokens"),
    {NULL, CONFIG_TEXT, 0, NULL, 0, 0, false, NULL},
};
static const struct config_row *const tables[] = {process_settings_table, issuer_settings_table,
                                                  NULL};

// Readiness is the signing keys' matter: they are read again at once when the database has come back.
static void
issuer_database_changed (struct process *process, bool ready)
{
    struct issuer *issuer = process->owner;
    if (ready && issuer->signing)
        signing_reload (issuer->signing);
}

static void
issuer_admitted (struct process *process)
{
    issuer_database_changed (process, true);
}

static void
issuer_drained (struct process *process)
{
    const struct issuer *issuer = process->owner;
    feed_end (issuer->feed);
}

// Small letters, as other settings have them.
static bool
algorithm_read (struct issuer *issuer, struct error *error_r)
{
    const char *wanted = issuer->settings.signing_algorithm;
    for (int i = 0; i < JWT_ALGORITHMS; i++)
        if (strcasecmp (wanted, jwt_algorithm_name ((enum jwt_algorithm) i)) == 0) {
            issuer->algorithm = (enum jwt_algorithm) i;
            return true;
        }
    error_set (error_r, "setting signing_algorithm: is \"%s\", must be es256, eddsa or rs256",
               wanted);
    return false;
}

static void
issuer_reloaded (struct process *process)
{
    struct issuer *issuer = process->owner;
    struct token_keys keys;
    struct error error;
    if (token_keys_load (issuer->settings.token_keys, &keys, &error))
        issuer->token_keys = keys;
    else
        log_error ("token keys not reloaded, the old ones stay in force", "error", error.text,
                   NULL);
    if (!algorithm_read (issuer, &error))
        log_error ("the algorithm of new keys not changed", "error", error.text, NULL);
    if (!access_start (process->owner, &error))
        log_error ("what tokens say not changed", "error", error.text, NULL);
}

#define ROW(member, help) STAT_COUNTER (struct issuer_stats, member, "issuer." #member, help)
static const struct stat_row stats_rows[] = {
    ROW (logins, "Sign-ins that succeeded"),
    ROW (logins_refused, "Sign-ins with a wrong name or password"),
    ROW (logins_throttled, "Sign-ins refused because too many had failed"),
    ROW (grants, "Tokens that were given"),
    ROW (grants_refused, "Requests for tokens that were refused"),
    ROW (grants_limited,
         "Requests for tokens that were refused because their client asks too often"),
    ROW (codes, "Authorization codes that were given"),
    ROW (code_reuses,
         "Authorization codes that were used a second time: their tokens were revoked"),
    ROW (revocations, "Tokens that were given back"),
    ROW (refreshes, "Refresh tokens that were used"),
    ROW (refresh_replays,
         "Uses of refresh tokens that were repeated in time, and answered as before"),
    ROW (refresh_reuses, "Old refresh tokens that were used: their families were revoked"),
    STAT_END,
};

static void
issuer_stats_show (struct issuer *issuer)
{
    struct rpc_server *server = issuer->process.server;
    rpc_server_stats (server, &(struct stat_source){.rows = stats_rows, .base = &issuer->stats});
    rpc_server_stats (server, &(struct stat_source){.rows = worker_stats_rows,
                                                    .base = worker_stats (issuer->workers),
                                                    .refresh = worker_stats_refresh,
                                                    .context = issuer->workers});
}

int
main (int argc, char **argv)
{
    struct issuer issuer = {0};
    struct process *process = &issuer.process;
    struct issuer_settings *settings = &issuer.settings;
    process->database_changed = issuer_database_changed;
    process->drained_now = issuer_drained;
    process->reloaded = issuer_reloaded;
    process->planned_once = true; // clients are looked up by an array of their numbers
    process->owner = &issuer;
    int status = process_start (process, "issuer", "tcp://127.0.0.1:7101", tables, store_statements,
                                "Gives tokens, signs users in and holds the signing keys.",
                                settings, sizeof *settings, argc, argv);
    if (status >= 0)
        return status;

    struct error error;
    if (!token_keys_load (settings->token_keys, &issuer.token_keys, &error)) {
        log_error ("cannot start", "setting", "token_keys", "error", error.text, NULL);
        process_end (process);
        return 78; // EX_CONFIG
    }
    issuer.seal_keys = seal_keys_load (settings->seal_keys, &error);
    if (!issuer.seal_keys) {
        log_error ("cannot start", "setting", "seal_keys", "error", error.text, NULL);
        process_end (process);
        return 78;
    }
    if (!algorithm_read (&issuer, &error) || !access_start (&issuer, &error) ||
        !narrow_check ("implicit_write_modules", settings->implicit_write_modules, &error) ||
        !narrow_check ("customer_modules", settings->customer_modules, &error) ||
        !counting_start (&issuer.counting, process, &settings->counting, &error)) {
        log_error ("cannot start", "error", error.text, NULL);
        seal_keys_destroy (&issuer.seal_keys);
        free (issuer.claims_begin);
        process_end (process);
        return 78;
    }
    issuer.by_address = throttle_new (settings->login_address_per_minute,
                                      (size_t) settings->login_throttle_entries);
    issuer.attempts = attempts_new (
        issuer.by_address,
        &(struct attempts_limits){.name_per_minute = settings->login_user_per_minute,
                                  .first_per_hour = settings->login_first_per_hour,
                                  .others_per_hour = settings->login_others_per_hour,
                                  .entries = (size_t) settings->login_throttle_entries});
    issuer.by_client =
        throttle_new (settings->token_client_per_minute, (size_t) settings->login_throttle_entries);
    issuer.authorizing = throttle_new (settings->authorize_address_per_minute,
                                       (size_t) settings->login_throttle_entries);
    if (!assertion_start (&issuer, &error)) {
        log_error ("cannot start", "error", error.text, NULL);
        abort (); // nothing but memory can be missing
    }
    issuer.workers = worker_pool_new (process->loop, (size_t) settings->worker_threads,
                                      (size_t) settings->worker_queue);
    issuer.mint = mint_new (&issuer);
    struct rpc_service service = {&jeton__v1__issuer__descriptor, issuer_methods, &issuer};
    rpc_server_add (process->server, &service);
    issuer_stats_show (&issuer);
    issuer.feed = feed_new (process, &settings->feed, STORE_FEED, issuer_admitted);
    issuer.signing = signing_new (&issuer);
    issuer.eraser = refresh_eraser_new (&issuer);
    issuer.keys =
        keys_new (process->loop, process->db, STORE_PUBLIC_KEYS, &settings->keys_interval_ms);

    issuer.callers = authorize_callers (&issuer);

    status = process_run (process);
    if (status == 0)
        counting_finish (&issuer.counting);
    counting_stop (&issuer.counting);

    worker_pool_destroy (&issuer.workers);
    mint_destroy (&issuer.mint);
    refresh_eraser_stop (issuer.eraser);
    feed_stop (issuer.feed);
    process_end (process);
    counting_end (&issuer.counting);
    feed_destroy (&issuer.feed);
    refresh_eraser_destroy (&issuer.eraser);
    signing_destroy (&issuer.signing);
    keys_destroy (&issuer.keys);
    assertion_end (&issuer);
    throttle_destroy (&issuer.by_client);
    throttle_destroy (&issuer.authorizing);
    attempts_destroy (&issuer.attempts);
    throttle_destroy (&issuer.by_address);
    seal_keys_destroy (&issuer.seal_keys);
    sodium_memzero (&issuer.token_keys, sizeof issuer.token_keys);
    free (issuer.claims_begin);
    return status;
}
