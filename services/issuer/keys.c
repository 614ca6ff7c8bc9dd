// GetJwks, ListSigningKeys, RotateSigningKey.
#include "common/audit/record.h"
#include "common/log/log.h"
#include "envelope.pb-c.h"
#include "issuer.pb-c.h"
#include "services/issuer/sealed.h"
#include "services/issuer/signing.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

void
issuer_get_jwks (struct request *request)
{
    struct issuer *issuer = request_owner (request);
    Jeton__V1__GetJwksReply reply = JETON__V1__GET_JWKS_REPLY__INIT;
    reply.jwks = (char *) signing_jwks (issuer->signing);
    reply.max_age_s = issuer->settings.jwks_max_age_s;
    reply.issuer = issuer->settings.issuer;
    request_reply (request, &reply.base);
}

static Jeton__V1__SigningKey *
key_message (struct arena *arena, const struct store_signing_key *row)
{
    Jeton__V1__SigningKey *key = arena_alloc (arena, sizeof *key);
    char *kid = arena_strdup (arena, row->kid);
    if (!key || !kid)
        return NULL;
    jeton__v1__signing_key__init (key);
    key->kid = kid;
    key->algorithm = (char *) jwt_algorithm_name (row->algorithm);
    key->state = (Jeton__V1__SigningKeyState) row->state;
    key->created_at = row->created_at;
    key->activated_at = row->activated_at;
    key->retired_at = row->retired_at;
    return key;
}

// All rows as messages; false when the request's memory does not suffice.
static bool
key_messages (struct request *request, const struct store_signing_key *rows, size_t n,
              Jeton__V1__SigningKey ***keys_r)
{
    struct arena *arena = request_arena (request);
    *keys_r = arena_alloc (arena, (n + 1) * sizeof **keys_r);
    for (size_t i = 0; *keys_r && i < n; i++)
        if (!((*keys_r)[i] = key_message (arena, &rows[i])))
            return false;
    return *keys_r != NULL;
}

static void
memory_fail (struct request *request)
{
    request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                  "the request needs more memory than the setting arena_limit allows");
}

void
issuer_list_signing_keys (struct request *request)
{
    struct issuer *issuer = request_owner (request);
    Jeton__V1__ListSigningKeysReply reply = JETON__V1__LIST_SIGNING_KEYS_REPLY__INIT;
    const struct store_signing_key *rows = signing_keys (issuer->signing, &reply.n_keys);
    if (!key_messages (request, rows, reply.n_keys, &reply.keys))
        memory_fail (request);
    else
        request_reply (request, &reply.base);
}

// ---- RotateSigningKey ----------------------------------------------------------------------------------------------

struct rotation {
    struct store_signing_key active, pending, next;
};

static void issuer_rotate_signing_key_done (void *context, enum store_outcome outcome);
static void issuer_rotate_signing_key_read (void *context, enum store_outcome outcome,
                                            const struct store_signing_key *keys, size_t n);
static void issuer_rotate_signing_key_made (void *context, const struct store_signing_key *next,
                                            const char *why);

void
issuer_rotate_signing_key (struct request *request)
{
    struct issuer *issuer = request_owner (request);
    struct rotation *rotation = arena_alloc (request_arena (request), sizeof *rotation);
    if (!rotation) {
        memory_fail (request);
        return;
    }
    request_context_set (request, rotation);
    // From the table, not from memory: another issuer may have rotated a moment ago.
    store_signing_keys (issuer->process.db, issuer_rotate_signing_key_read, request);
}

// For how long a new key is shown before it signs. Each issuer shows it once it has read it, and then whoever has a JWKS without it has it for
// jwks_max_age_s at most; half a second, because that of its creation comes rounded.
static int64_t
key_known_s (const struct issuer_settings *settings)
{
    return settings->jwks_max_age_s + (settings->keys_interval_ms + 500 + 999) / 1000;
}

static bool
rotation_keys (struct rotation *rotation, const struct store_signing_key *keys, size_t n)
{
    bool active = false, pending = false;
    for (size_t i = 0; i < n; i++) {
        if (keys[i].state == JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_ACTIVE) {
            rotation->active = keys[i];
            active = true;
        } else if (keys[i].state == JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_PENDING) {
            rotation->pending = keys[i];
            pending = true;
        }
    }
    return active && pending;
}

static void
issuer_rotate_signing_key_read (void *context, enum store_outcome outcome,
                                const struct store_signing_key *keys, size_t n)
{
    struct request *request = context;
    struct issuer *issuer = request_owner (request);
    const Jeton__V1__RotateSigningKeyRequest *message = request_message (request);
    struct rotation *rotation = request_context (request);
    if (outcome != STORE_OK) {
        request_fail (request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "the signing keys could not be read: the database is not available");
        return;
    }
    if (!rotation_keys (rotation, keys, n)) {
        request_fail (request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "the first signing keys are still being made: try again in a second");
        return;
    }
    int64_t young = rotation->pending.created_at + key_known_s (&issuer->settings) - time (NULL);
    if (young > 0 && !message->force && !message->revoke) {
        request_fail (
            request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
            "the next key has not been in the JWKS for long enough for all to know it: wait "
            "%lld s, force it, or revoke the active key if it has leaked",
            (long long) young);
        return;
    }
    if (!sealed_key_make (issuer, issuer_rotate_signing_key_made, request))
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "too many sign-ins at once: try again in a moment");
}

static void
issuer_rotate_signing_key_made (void *context, const struct store_signing_key *next,
                                const char *why)
{
    struct request *request = context;
    struct issuer *issuer = request_owner (request);
    const Jeton__V1__RotateSigningKeyRequest *message = request_message (request);
    struct rotation *rotation = request_context (request);
    if (!next) {
        request_fail (request, JETON__V1__CODE__CODE_INTERNAL, "%s", why);
        return;
    }
    rotation->next = *next;
    rotation->next.state = JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_PENDING;
    size_t size;
    uint8_t *record = audit_pack (
        request,
        &(struct audit_change){
            .event = "platform.keys.signing_key.rotated",
            .summary = message->revoke  ? "The signing key was revoked, and what it signed with it"
                       : message->force ? "The signing key was replaced, without waiting"
                                        : "The signing key was replaced by the next one",
            .object_type = "signing_key",
            .object_id = rotation->pending.kid,
            .object_name = rotation->pending.kid,
            .account_id = "",
            .revision = 2,
            .visibility = JETON__V1__VISIBILITY__VISIBILITY_PRIVATE,
        },
        &size);
    if (!record)
        memory_fail (request);
    else
        store_signing_key_rotate (issuer->process.db, rotation->active.kid, rotation->pending.kid,
                                  &rotation->next, message->revoke, record, size,
                                  issuer_rotate_signing_key_done, request);
}

static void
rotation_reply (struct request *request)
{
    struct rotation *rotation = request_context (request);
    int64_t now = time (NULL);
    const Jeton__V1__RotateSigningKeyRequest *message = request_message (request);
    rotation->active.state = message->revoke
                                 ? JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_REVOKED
                                 : JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_RETIRED;
    rotation->active.retired_at = now;
    rotation->pending.state = JETON__V1__SIGNING_KEY_STATE__SIGNING_KEY_STATE_ACTIVE;
    rotation->pending.activated_at = now;
    struct store_signing_key rows[] = {rotation->active, rotation->pending, rotation->next};
    Jeton__V1__RotateSigningKeyReply reply = JETON__V1__ROTATE_SIGNING_KEY_REPLY__INIT;
    reply.n_keys = sizeof rows / sizeof rows[0];
    if (!key_messages (request, rows, reply.n_keys, &reply.keys))
        memory_fail (request);
    else
        request_reply (request, &reply.base);
}

static void
issuer_rotate_signing_key_done (void *context, enum store_outcome outcome)
{
    struct request *request = context;
    struct issuer *issuer = request_owner (request);
    struct rotation *rotation = request_context (request);
    signing_tell (issuer, outcome);
    signing_reload (issuer->signing);
    switch (outcome) {
    case STORE_OK:
        log_info ("signing key rotated", "request", request_correlation (request), "kid",
                  rotation->pending.kid, "actor", request_peer (request)->name, NULL);
        rotation_reply (request);
        return;
    case STORE_NOT_FOUND:
    case STORE_CONFLICT:
        request_fail (request, JETON__V1__CODE__CODE_ABORTED,
                      "another rotation came first: list the keys and decide again");
        return;
    case STORE_UNAVAILABLE:
        request_fail (request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "the database is not available; nothing was changed");
        return;
    case STORE_UNCERTAIN:
        request_fail (
            request, JETON__V1__CODE__CODE_UNKNOWN,
            "the connection to the database was lost: the key may have been rotated; list "
            "the keys before you repeat it");
        return;
    case STORE_FAILED:
        request_fail (request, JETON__V1__CODE__CODE_INTERNAL,
                      "the database refused the rotation; the log has request %s",
                      request_correlation (request));
        return;
    }
}
