#include "services/admin/idempotency.h"
#include "common/crypto/crypto.h"
#include "common/log/log.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/reply.h"
#include "services/admin/store.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { DIGEST_SIZE = 32, CONTEXT_SIZE = 256, TIDY_MAX_S = 60 };

static const char *
key_of (const struct request *request)
{
    return request_flags (request) & RPC_WRITE ? request_metadata (request, "idempotency-key")
                                               : NULL;
}

static bool
key_good (const char *key)
{
    size_t length = strlen (key);
    for (size_t i = 0; i < length; i++)
        if (key[i] < 0x20 || key[i] > 0x7e)
            return false;
    return length >= 1 && length <= IDEMPOTENCY_KEY_MAX;
}

// Nobody's key is another's. No name of a peer and no id has a NUL in it.
static void
key_hash (const struct request *request, uint8_t hash_r[IDEMPOTENCY_HASH_SIZE])
{
    const char *peer = request_peer (request)->name, *key = key_of (request);
    const struct caller *caller = request_caller (request);
    const char *user = caller ? caller->id : "";
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init (&state);
    crypto_hash_sha256_update (&state, (const uint8_t *) peer, strlen (peer) + 1);
    crypto_hash_sha256_update (&state, (const uint8_t *) user, strlen (user) + 1);
    crypto_hash_sha256_update (&state, (const uint8_t *) key, strlen (key));
    crypto_hash_sha256_final (&state, hash_r);
}

static void
request_digest (const struct request *request, uint8_t digest_r[DIGEST_SIZE])
{
    size_t size;
    const void *body = request_body (request, &size);
    crypto_hash_sha256 (digest_r, body, size);
}

static void
context_of (const uint8_t hash[IDEMPOTENCY_HASH_SIZE], const char *method,
            char text_r[CONTEXT_SIZE])
{
    char hex[2 * IDEMPOTENCY_HASH_SIZE + 1];
    sodium_bin2hex (hex, sizeof hex, hash, IDEMPOTENCY_HASH_SIZE);
    snprintf (text_r, CONTEXT_SIZE, "idempotency-key %s %s", hex, method);
}

// ---- keeping ---------------------------------------------------------------------------------------------------------

// The digest of the request, and the packed reply.
static uint8_t *
kept_pack (struct request *request, const ProtobufCMessage *reply, size_t *size_r)
{
    *size_r = DIGEST_SIZE + protobuf_c_message_get_packed_size (reply);
    uint8_t *data = arena_alloc (request_arena (request), *size_r);
    if (!data)
        return NULL;
    request_digest (request, data);
    protobuf_c_message_pack (reply, data + DIGEST_SIZE);
    return data;
}

bool
idempotency_keep (struct request *request, const ProtobufCMessage *reply,
                  struct idempotency_kept *kept_r)
{
    *kept_r = (struct idempotency_kept){.keyed = key_of (request)};
    if (!kept_r->keyed)
        return true;
    const struct admin *admin = request_owner (request);
    size_t size = 0;
    uint8_t *data = kept_pack (request, reply, &size);
    kept_r->size = data ? size + CRYPTO_SEAL_OVERHEAD : 0;
    kept_r->sealed = data ? arena_alloc (request_arena (request), kept_r->size) : NULL;
    if (!kept_r->sealed) {
        change_no_memory (request);
        return false;
    }
    char context[CONTEXT_SIZE];
    key_hash (request, kept_r->hash);
    context_of (kept_r->hash, request_method (request), context);
    if (seal (admin->seal_keys, context, data, size, kept_r->sealed))
        return true;
    request_fail (request, JETON__V1__CODE__CODE_INTERNAL, "the reply could not be sealed");
    return false;
}

// ---- repeats ---------------------------------------------------------------------------------------------------------

static void
fail_data (struct request *request)
{
    log_error ("a kept reply cannot be read", "request", request_correlation (request), "method",
               request_method (request), NULL);
    request_fail (request, JETON__V1__CODE__CODE_DATA_LOSS,
                  "the change was made, but its reply, kept under this idempotency-key, cannot be "
                  "read any more: look at what has become of the object");
}

// The row of this key, sealed by whoever made the change; NULL: the request was answered.
static uint8_t *
kept_open (struct request *request, const PGresult *result, const char *method, size_t *size_r)
{
    const struct admin *admin = request_owner (request);
    struct arena *arena = request_arena (request);
    uint8_t hash[IDEMPOTENCY_HASH_SIZE];
    char context[CONTEXT_SIZE];
    size_t size = db_bytes_length (result, 0, 1);
    uint8_t *sealed = arena_alloc (arena, size + 1), *data = arena_alloc (arena, size + 1);
    if (!sealed || !data) {
        change_no_memory (request);
        return NULL;
    }
    key_hash (request, hash);
    context_of (hash, method, context);
    if (size < CRYPTO_SEAL_OVERHEAD + DIGEST_SIZE ||
        !db_get_bytes (result, 0, 1, sealed, size, &size) ||
        !seal_open (admin->seal_keys, context, sealed, size, data)) {
        fail_data (request);
        return NULL;
    }
    *size_r = size - CRYPTO_SEAL_OVERHEAD;
    return data;
}

// Answers a repeat with what the first call was answered, or would have been.
static void
answer_again (struct request *request, const PGresult *result)
{
    const char *method;
    uint8_t digest[DIGEST_SIZE], *data;
    size_t size;
    if (!db_get_text (result, 0, 0, &method)) {
        fail_data (request);
        return;
    }
    if (!(data = kept_open (request, result, method, &size)))
        return;
    request_digest (request, digest);
    if (strcmp (method, request_method (request)) != 0 || memcmp (digest, data, DIGEST_SIZE) != 0) {
        request_fail_field (request, "idempotency-key",
                            "idempotency-key \"%s\" was used for another request, of %s: a new "
                            "request needs a new key",
                            key_of (request), method);
        return;
    }
    ProtobufCMessage *reply = protobuf_c_message_unpack (reply_descriptor (request),
                                                         arena_protobuf (request_arena (request)),
                                                         size - DIGEST_SIZE, data + DIGEST_SIZE);
    if (!reply) {
        change_no_memory (request);
        return;
    }
    log_info ("a repeat was answered again", "request", request_correlation (request), "method",
              method, NULL);
    request_reply (request, reply);
}

// A repeat that crosses its first call may look for the key before the first is committed, and find what the first has made of the object
// after that: so a refusal is good only when there is still no such key.
static void
refused_read (void *context, enum db_outcome outcome, PGresult *const *results,
              const struct db_error *error)
{
    struct request *request = context;
    if (outcome == DB_OK && PQntuples (results[0]) == 1)
        answer_again (request, results[0]);
    else if (outcome == DB_OK || request_held (request) == JETON__V1__CODE__CODE_UNKNOWN)
        request_refuse (request);
    else if (change_read (request, outcome, error))
        request_refuse (request);
}

static void
refused (struct request *request)
{
    uint8_t hash[IDEMPOTENCY_HASH_SIZE];
    key_hash (request, hash);
    store_idempotency_get (request, hash, refused_read);
}

static void
gate_read (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    struct request *request = context;
    if (!change_read (request, outcome, error))
        return;
    if (PQntuples (results[0]) == 1) {
        answer_again (request, results[0]);
        return;
    }
    request_hold (request, refused);
    request_handle (request);
}

void
idempotency_gate (struct request *request)
{
    const char *key = key_of (request);
    if (!key) {
        request_handle (request);
        return;
    }
    if (!key_good (key)) {
        request_fail_field (request, "idempotency-key", "must be 1 to %d printable characters",
                            IDEMPOTENCY_KEY_MAX);
        return;
    }
    uint8_t hash[IDEMPOTENCY_HASH_SIZE];
    key_hash (request, hash);
    store_idempotency_get (request, hash, gate_read);
}

// ---- removing --------------------------------------------------------------------------------------------------------

static void tidied (void *context, enum db_outcome outcome, PGresult *const *results,
                    const struct db_error *error);

static void
tidy (struct admin *admin)
{
    admin->tidying = true;
    store_idempotency_tidy (admin, admin->settings.idempotency_keep_s, tidied);
}

static void
tidied (void *context, enum db_outcome outcome, PGresult *const *results,
        const struct db_error *error)
{
    (void) error;
    struct admin *admin = context;
    int64_t removed;
    admin->tidying = false;
    if (outcome == DB_OK && db_get_int (results[0], 0, 0, &removed) && removed == IDEMPOTENCY_BATCH)
        tidy (admin);
}

static int
tidy_due (struct loop *loop, int timer, void *argument)
{
    (void) loop;
    (void) timer;
    struct admin *admin = argument;
    struct error error;
    if (!admin->tidying && db_ready (admin->process.db, &error))
        tidy (admin);
    return 0;
}

void
idempotency_start (struct admin *admin)
{
    int64_t keep_s = admin->settings.idempotency_keep_s;
    size_t pause_s = keep_s < TIDY_MAX_S ? (size_t) keep_s : TIDY_MAX_S;
    loop_timer (admin->process.loop, 1000 * pause_s, 0, tidy_due, admin);
}
