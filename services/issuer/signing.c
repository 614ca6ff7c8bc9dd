#include "services/issuer/signing.h"

#include "common/audit/record.h"
#include "common/log/log.h"
#include "issuer.pb-c.h"
#include "services/issuer/sealed.h"
#include "services/issuer/tell.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACTIVE  JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_ACTIVE
#define PENDING JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_PENDING

struct signing {
    struct issuer *issuer;
    struct store_signing_key *keys;
    size_t n;
    char *jwks; // of them; NULL: they were not read yet
    struct jwt_key *active;
    int64_t missing; // the state of the key that is being made
    int timer;       // of the next reading
    bool busy;       // reading, or making a key
};

static void signing_read (struct signing *signing);

static int
signing_due (struct loop *loop, int timer, void *argument)
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
    struct loop *loop = signing->issuer->process.loop;
    if (signing->timer != -1)
        loop_timer_end (loop, signing->timer);
    signing->timer = loop_timer (loop, (size_t) delay_ms, 1, signing_due, signing);
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
    tell_change (issuer, outcome, &keys);
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

static void
signing_missing_made (void *context, const struct store_signing_key *made, const char *why)
{
    struct signing *signing = context;
    struct issuer *issuer = signing->issuer;
    if (!made) {
        log_error ("no signing key could be made", "error", why, NULL);
        signing->busy = false;
        signing_plan (signing, 1000);
        return;
    }
    struct store_signing_key key = *made;
    key.state = signing->missing;
    struct arena *arena = arena_new (65536);
    size_t size = 0;
    uint8_t *record = audit_pack_service (
        arena, "issuer",
        &(struct audit_change){
            .event = "platform.keys.signing_key.created",
            .summary = key.state == ACTIVE ? "The first signing key was made and is in use"
                                           : "A signing key was made, to be used next",
            .object_type = "signing_key",
            .object_id = key.kid,
            .object_name = key.kid,
            .account_id = "",
            .revision = 1,
            .visibility = JETON__V1__VISIBILITY__VISIBILITY_PRIVATE,
        },
        &size);
    store_signing_key_add (issuer->process.db, &key, record, size, signing_made, signing);
    arena_destroy (&arena);
    log_info ("signing key made", "kid", key.kid, "algorithm", jwt_algorithm_name (key.algorithm),
              "state", key.state == ACTIVE ? "active" : "pending", NULL);
}

// One key at a time: the active one first, then the pending one.
static void
signing_make_missing (struct signing *signing, int64_t state)
{
    signing->missing = state;
    signing->busy = sealed_key_make (signing->issuer, signing_missing_made, signing);
    if (!signing->busy)
        signing_plan (signing, 1000);
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

static bool
same_keys (const struct signing *signing, const struct store_signing_key *keys, size_t n)
{
    bool same = signing->jwks && signing->n == n;
    for (size_t i = 0; same && i < n; i++)
        same = strcmp (signing->keys[i].kid, keys[i].kid) == 0 &&
               signing->keys[i].state == keys[i].state;
    return same;
}

// What is asked for more often than it changes, as making keys of their rows costs more than the rest.
static void
jwks_make (struct signing *signing)
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
    free (signing->jwks);
    signing->jwks = json_dumps (set, JSON_COMPACT);
    json_decref (set);
    assert (signing->jwks); // only memory can be missing
}

static void
signing_take (struct signing *signing, const struct store_signing_key *keys, size_t n)
{
    bool same = same_keys (signing, keys, n);
    free (signing->keys);
    signing->keys = xmemdup (keys, (n + 1) * sizeof *keys);
    signing->n = n;
    if (!same)
        jwks_make (signing);
    const struct store_signing_key *active = key_in_state (signing, ACTIVE);
    if (active && signing->active && strcmp (jwt_key_id (signing->active), active->kid) == 0)
        return;
    jwt_key_destroy (&signing->active);
    if (!active)
        return;
    struct error error;
    signing->active = sealed_key_open (signing->issuer->seal_keys, active, &error);
    if (!signing->active)
        log_error ("the signing key cannot be used", "error", error.text, NULL);
    else
        log_info ("signing", "kid", active->kid, "algorithm",
                  jwt_algorithm_name (active->algorithm), NULL);
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
    free ((*signing)->jwks);
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

const char *
signing_jwks (const struct signing *signing)
{
    return signing->jwks ? signing->jwks : "{\"keys\":[]}";
}
