#include "services/issuer/signing.h"

#include "common/audit/record.h"
#include "common/log/log.h"
#include "issuer.pb-c.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACTIVE  JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_ACTIVE
#define PENDING JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_PENDING

struct signing {
    struct issuer *issuer;
    struct store_signing_key *keys;
    size_t n;
    struct jwt_key *active;
    int timer; // of the next reading
    bool busy; // reading, or making a key
};

static void signing_read (struct signing *signing);

static int
signing_due (zloop_t *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    struct signing *signing = argument;
    signing->timer = -1;
    signing_read (signing);
    return 0;
}

static void
signing_plan (struct signing *signing, int64_t delay_ms)
{
    zloop_t *loop = signing->issuer->process.loop;
    if (signing->timer != -1)
        zloop_timer_end (loop, signing->timer);
    signing->timer = zloop_timer (loop, (size_t) delay_ms, 1, signing_due, signing);
}

static void
seal_context (const char *kid, char context_r[64])
{
    snprintf (context_r, 64, "signing-key %s", kid);
}

bool
signing_make (struct issuer *issuer, int64_t state, struct store_signing_key *key_r,
              struct error *error_r)
{
    uint8_t *private_key = NULL, *public_key = NULL;
    size_t private_size = 0, public_size = 0;
    bool good = false;
    struct jwt_key *key = jwt_key_generate (error_r);
    memset (key_r, 0, sizeof *key_r);
    if (!key)
        return false;
    if (!jwt_key_private (key, &private_key, &private_size) ||
        !jwt_key_public (key, &public_key, &public_size) ||
        public_size > sizeof key_r->public_key ||
        private_size + CRYPTO_SEAL_OVERHEAD > sizeof key_r->sealed_key) {
        error_set (error_r, "a new signing key could not be written as DER");
    } else {
        char context[64];
        snprintf (key_r->kid, sizeof key_r->kid, "%s", jwt_key_id (key));
        key_r->state = state;
        key_r->created_at = time (NULL);
        memcpy (key_r->public_key, public_key, public_size);
        key_r->public_size = public_size;
        seal_context (key_r->kid, context);
        key_r->sealed_size = private_size + CRYPTO_SEAL_OVERHEAD;
        good = seal (issuer->seal_keys, context, private_key, private_size, key_r->sealed_key);
        if (!good)
            error_set (error_r, "a new signing key could not be sealed");
    }
    if (private_key)
        sodium_memzero (private_key, private_size);
    free (private_key);
    free (public_key);
    jwt_key_destroy (&key);
    return good;
}

static struct jwt_key *
key_open (struct issuer *issuer, const struct store_signing_key *row, struct error *error_r)
{
    uint8_t private_key[sizeof row->sealed_key];
    char context[64];
    seal_context (row->kid, context);
    if (row->sealed_size <= CRYPTO_SEAL_OVERHEAD ||
        !seal_open (issuer->seal_keys, context, row->sealed_key, row->sealed_size, private_key)) {
        error_set (error_r,
                   "signing key %s cannot be opened with the keys in the file that the "
                   "setting seal_keys names: it was sealed with another",
                   row->kid);
        return NULL;
    }
    struct jwt_key *key =
        jwt_key_from_private (private_key, row->sealed_size - CRYPTO_SEAL_OVERHEAD, error_r);
    sodium_memzero (private_key, sizeof private_key);
    if (key && strcmp (jwt_key_id (key), row->kid) != 0) {
        error_set (error_r, "signing key %s is not the key that its kid names", row->kid);
        jwt_key_destroy (&key);
    }
    return key;
}

static void
health_show (struct issuer *issuer, const char *why)
{
    struct error error = {""};
    if (!why && !feed_admitted (issuer->feed, &error))
        why = error.text;
    // Other methods than those that give tokens go on.
    enum rpc_health health = why                                          ? RPC_STARTING
                             : !counting_good (&issuer->counting, &error) ? RPC_STALE
                                                                          : RPC_SERVING;
    if (rpc_server_state (issuer->process.server) != RPC_DRAINING)
        rpc_server_health (issuer->process.server, health, why ? why : error.text);
}

void
signing_tell (struct issuer *issuer, enum store_outcome outcome)
{
    static const struct feed_change keys = {JETON__V1__CHANGE_KIND__CHANGE_KIND_KEYS, 0, 0};
    if (outcome == STORE_OK)
        feed_tell (issuer->feed, &keys);
    else if (outcome == STORE_UNCERTAIN)
        feed_tell_unsure (issuer->feed, &keys);
}

// ---- the first keys ------------------------------------------------------------------------------------------------

static void
signing_made (void *context, enum store_outcome outcome)
{
    struct signing *signing = context;
    signing->busy = false;
    signing_tell (signing->issuer, outcome);
    // A conflict is another issuer that was faster. Whatever happened, the table knows.
    signing_plan (signing, outcome == STORE_OK || outcome == STORE_CONFLICT ? 0 : 1000);
}

// One key at a time: the active one first, then the pending one.
static void
signing_make_missing (struct signing *signing, int64_t state)
{
    struct issuer *issuer = signing->issuer;
    struct store_signing_key key;
    struct error error;
    if (!signing_make (issuer, state, &key, &error)) {
        log_error ("no signing key could be made", "error", error.text, NULL);
        signing_plan (signing, 1000);
        return;
    }
    struct arena *arena = arena_new (65536);
    size_t size = 0;
    uint8_t *record = audit_pack_service (
        arena, "issuer",
        &(struct audit_change){
            .event = "platform.keys.signing_key.created",
            .summary = state == ACTIVE ? "The first signing key was made and is in use"
                                       : "A signing key was made, to be used next",
            .object_type = "signing_key",
            .object_id = key.kid,
            .object_name = key.kid,
            .account_id = "",
            .revision = 1,
            .visibility = JETON__V1__VISIBILITY__VISIBILITY_PRIVATE,
        },
        &size);
    signing->busy = true;
    store_signing_key_add (issuer->process.db, &key, record, size, signing_made, signing);
    arena_destroy (&arena);
    log_info ("signing key made", "kid", key.kid, "state", state == ACTIVE ? "active" : "pending",
              NULL);
}

// ---- reading -------------------------------------------------------------------------------------------------------

static const struct store_signing_key *
key_in_state (const struct signing *signing, int64_t state)
{
    for (size_t i = 0; i < signing->n; i++)
        if (signing->keys[i].state == state)
            return &signing->keys[i];
    return NULL;
}

static void
signing_take (struct signing *signing, const struct store_signing_key *keys, size_t n)
{
    free (signing->keys);
    signing->keys = xmemdup (keys, (n + 1) * sizeof *keys);
    signing->n = n;
    const struct store_signing_key *active = key_in_state (signing, ACTIVE);
    if (active && signing->active && strcmp (jwt_key_id (signing->active), active->kid) == 0)
        return;
    jwt_key_destroy (&signing->active);
    if (!active)
        return;
    struct error error;
    signing->active = key_open (signing->issuer, active, &error);
    if (!signing->active)
        log_error ("the signing key cannot be used", "error", error.text, NULL);
    else
        log_info ("signing", "kid", active->kid, NULL);
}

static void
signing_read_done (void *context, enum store_outcome outcome, const struct store_signing_key *keys,
                   size_t n)
{
    struct signing *signing = context;
    struct issuer *issuer = signing->issuer;
    signing->busy = false;
    if (outcome != STORE_OK) {
        // The keys in memory stay good: sign-in needs the database anyway, and fails there.
        health_show (issuer, "the signing keys cannot be read from the database");
        signing_plan (signing, 200);
        return;
    }
    signing_take (signing, keys, n);
    signing_plan (signing, issuer->settings.keys_interval_ms);
    if (signing->active)
        health_show (issuer, NULL);
    else if (key_in_state (signing, ACTIVE))
        health_show (issuer, "the signing key cannot be opened: is seal_keys the right file?");
    struct error error;
    if (!feed_admitted (issuer->feed, &error))
        return;
    if (!key_in_state (signing, ACTIVE))
        signing_make_missing (signing, ACTIVE);
    else if (!key_in_state (signing, PENDING))
        signing_make_missing (signing, PENDING);
}

static void
signing_read (struct signing *signing)
{
    if (signing->busy)
        return;
    signing->busy = true;
    store_signing_keys (signing->issuer->process.db, signing_read_done, signing);
}

struct signing *
signing_new (struct issuer *issuer)
{
    struct signing *signing = xcalloc (1, sizeof *signing);
    signing->issuer = issuer;
    signing->keys = xcalloc (1, sizeof *signing->keys);
    signing->timer = -1;
    signing_plan (signing, 0);
    return signing;
}

void
signing_destroy (struct signing **signing)
{
    if (!*signing)
        return;
    jwt_key_destroy (&(*signing)->active);
    free ((*signing)->keys);
    free (*signing);
    *signing = NULL;
}

const struct jwt_key *
signing_active (const struct signing *signing)
{
    return signing->active;
}

const struct store_signing_key *
signing_keys (const struct signing *signing, size_t *n_r)
{
    *n_r = signing->n;
    return signing->keys;
}

void
signing_reload (struct signing *signing)
{
    if (!signing->busy)
        signing_plan (signing, 0);
}

char *
signing_jwks (const struct signing *signing)
{
    json_t *keys = json_array ();
    for (size_t i = 0; i < signing->n; i++) {
        const struct store_signing_key *row = &signing->keys[i];
        if (row->state == JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_REVOKED)
            continue;
        struct jwt_key *key = jwt_key_from_public (row->public_key, row->public_size, NULL);
        if (key)
            json_array_append_new (keys, jwt_key_jwk (key));
        jwt_key_destroy (&key);
    }
    json_t *set = json_pack ("{s:o}", "keys", keys);
    char *text = json_dumps (set, JSON_COMPACT);
    json_decref (set);
    assert (text); // only memory can be missing
    return text;
}
