// The issuer process: gives tokens, signs users in, and holds the signing keys. DESIGN.md tells how.
#ifndef JETON_ISSUER_H
#define JETON_ISSUER_H

#include "common/caller/caller.h"
#include "common/crypto/crypto.h"
#include "common/feed/feed.h"
#include "common/journal/counting.h"
#include "common/process/process.h"
#include "common/rpc/server.h"
#include "common/token/jwt.h"
#include "common/token/value.h"
#include "common/worker/worker.h"
#include <stdbool.h>
#include <stdint.h>

struct attempts;
struct public_keys;
struct jwt_key;
struct mint;
struct signing;
struct throttle;

struct issuer_settings {
    struct process_settings common; // first: process_start fills it
    char *seal_keys;                // path of the keys that private keys are sealed with
    char *token_keys;               // path of the keys of token values' check part
    char *issuer;                   // `iss` of what is signed
    char *audience;                 // `aud`
    char *signing_algorithm;        // of new keys, in small letters
    int64_t keys_interval_ms;       // how often the signing keys are read again
    int64_t jwks_max_age_s; // how long a JWKS may be kept; a key is shown that long before it signs
    int64_t login_lifetime_s; // of a login token
    int64_t login_user_per_minute, login_address_per_minute, login_throttle_entries;
    int64_t login_first_per_hour, login_others_per_hour;
    int64_t token_client_per_minute; // requests of a client and address (R20)
    int64_t authorize_address_per_minute;
    char *implicit_write_modules; // in which tokens by implicit may write (R21)
    char *customer_modules;       // that customers' tokens reach (R22)
    int64_t refresh_replay_s;     // how long the use of a refresh token is answered again (R19)
    int64_t worker_threads, worker_queue;
    int64_t signing_threads; // that sign tokens
    struct feed_settings feed;
    struct counting_settings counting;
};

struct issuer_stats {
    uint64_t logins, logins_refused, logins_throttled;
    uint64_t grants, grants_refused, grants_limited;     // by Token
    uint64_t codes, code_reuses;                         // by Authorize; used a second time
    uint64_t revocations;                                // of tokens, by Revoke
    uint64_t refreshes, refresh_replays, refresh_reuses; // of refresh tokens
};

struct issuer {
    struct process process;
    struct issuer_settings settings;
    struct issuer_stats stats;
    struct seal_keys *seal_keys;
    struct token_keys token_keys;
    enum jwt_algorithm algorithm; // the setting signing_algorithm, when it was last right
    char *claims_begin;           // of access tokens, by the settings
    struct signing *signing;
    struct public_keys *keys; // of all tokens that are good
    struct feed *feed;
    struct throttle *by_address;  // of what failed
    struct attempts *attempts;    // to sign in
    struct throttle *by_client;   // of all that a client asks for from an address
    struct throttle *authorizing; // of what comes to Authorize from an address
    struct worker_pool *workers;
    struct mint *mint;         // tokens that are being signed
    struct jwt_key *nobody[2]; // keys that nobody has: what proves nothing is verified with these
    struct counting counting;  // of grants
    struct refresh_eraser *eraser;
    struct caller_options callers; // who consents, or signs out
};

// The methods of jeton.v1.Issuer, with one row each.
extern const struct rpc_method issuer_methods[];

void issuer_token (struct request *request);
void issuer_store_token (struct request *request);
void issuer_customer_token (struct request *request);
void issuer_authorize (struct request *request);
void issuer_revoke (struct request *request);
void issuer_authenticate_client (struct request *request);
void issuer_login (struct request *request);
void issuer_get_jwks (struct request *request);
void issuer_list_signing_keys (struct request *request);
void issuer_rotate_signing_key (struct request *request);

#endif
