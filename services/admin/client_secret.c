// The secrets of confidential clients (R17): of 256 random bits, shown once, kept as SHA-256; two are valid while one takes the other's place.
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/check.h"
#include "services/admin/client.h"
#include "services/admin/resource.h"
#include "services/admin/store.h"
#include "services/admin/token.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SALES_CHANNEL JETON__V1__CLIENT_KIND__CLIENT_KIND_SALES_CHANNEL
#define SECRET_PREFIX "jtn_client_" // by which secret scanners, and our own logs, know one
enum {
    SECRET_RANDOM_SIZE = 32,
    SECRET_SIZE =
        sizeof SECRET_PREFIX - 1 +
        sodium_base64_ENCODED_LEN (SECRET_RANDOM_SIZE, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
    GRACE_DEFAULT_S = 86400,
};

static void
secret_make (char secret_r[SECRET_SIZE])
{
    uint8_t random[SECRET_RANDOM_SIZE];
    size_t prefix = strlen (SECRET_PREFIX);
    randombytes_buf (random, sizeof random);
    memcpy (secret_r, SECRET_PREFIX, sizeof SECRET_PREFIX);
    sodium_bin2base64 (secret_r + prefix, SECRET_SIZE - prefix, random, sizeof random,
                       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero (random, sizeof random);
}

// The rest of a reply with a secret, in the arena, which is wiped. NULL: the request was answered.
static char *
secret_reply (struct request *request, const ProtobufCMessageDescriptor *type)
{
    struct change *change = request_context (request);
    struct arena *arena = request_arena (request);
    ProtobufCMessage *rest = arena_alloc (arena, type->sizeof_message);
    char *secret = arena_alloc (arena, SECRET_SIZE);
    if (!rest || !secret) {
        change_no_memory (request);
        return NULL;
    }
    protobuf_c_message_init (type, rest);
    secret_make (secret);
    change->rest = rest;
    return secret;
}

bool
client_secret_first (struct request *request, Jeton__V1__Client *client)
{
    if (client->kind == SALES_CHANNEL)
        return true;
    char *secret = secret_reply (request, &jeton__v1__create_client_reply__descriptor);
    if (!secret)
        return false;
    const struct change *change = request_context (request);
    ((Jeton__V1__CreateClientReply *) change->rest)->secret = secret;
    client->secret_made_at = change->at;
    return true;
}

bool
client_secret_digest (const struct change *change, uint8_t digest_r[TOKEN_DIGEST_SIZE])
{
    const char *secret = NULL;
    if (change->rest && change->rest->descriptor == &jeton__v1__create_client_reply__descriptor)
        secret = ((const Jeton__V1__CreateClientReply *) change->rest)->secret;
    else if (change->rest)
        secret = ((const Jeton__V1__RotateClientSecretReply *) change->rest)->secret;
    if (secret)
        token_value_digest (secret, strlen (secret), digest_r);
    return secret != NULL;
}

// ---- RotateClientSecret --------------------------------------------------------------------------------------------

static void admin_rotate_client_secret_read (void *context, enum db_outcome outcome,
                                             PGresult *const *results,
                                             const struct db_error *error);
static void admin_rotate_client_secret_done (void *context, enum db_outcome outcome,
                                             PGresult *const *results,
                                             const struct db_error *error);

void
admin_rotate_client_secret (struct request *request)
{
    const Jeton__V1__RotateClientSecretRequest *message = request_message (request);
    int64_t number;
    if (!check_id (request, "id", "CLI", message->id, &number))
        return;
    if (message->grace &&
        (message->grace->seconds < 0 || message->grace->seconds > TOKEN_GRACE_MAX_S)) {
        request_fail_field (request, "grace.seconds", "must be 0 to %d (7 days)",
                            TOKEN_GRACE_MAX_S);
        return;
    }
    if (message->revision < 0) {
        request_fail_field (request, "revision", "must be the revision that you have seen, or 0");
        return;
    }
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->number = number;
    store_resource_read (request, RESOURCE_CLIENT, number, "", 0, admin_rotate_client_secret_read);
}

// May its secret be rotated? False: the request was answered.
static bool
guard_rotation (struct request *request, const Jeton__V1__Client *client)
{
    const Jeton__V1__RotateClientSecretRequest *message = request_message (request);
    if (client->kind == SALES_CHANNEL)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "client %s is a sales channel: it is public, and has no secret", client->id);
    else if (message->revision != 0 && message->revision != client->revision)
        request_fail (request, JETON__V1__CODE__CODE_ABORTED,
                      "client %s has revision %" PRId64 " by now, not %" PRId64
                      ": another change came first, nothing was done",
                      client->id, client->revision, message->revision);
    else
        return true;
    return false;
}

static void
admin_rotate_client_secret_read (void *context, enum db_outcome outcome, PGresult *const *results,
                                 const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__RotateClientSecretRequest *message = request_message (request);
    struct change *change = request_context (request);
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    const Jeton__V1__Client *before =
        row_object (request, "client", message->id, view_client, &row);
    if (!before || !guard_rotation (request, before))
        return;
    Jeton__V1__Client *after = arena_memdup (request_arena (request), before, sizeof *before);
    char *secret = secret_reply (request, &jeton__v1__rotate_client_secret_reply__descriptor);
    if (!secret)
        return;
    if (!after) {
        change_no_memory (request);
        return;
    }
    int64_t grace = message->grace ? message->grace->seconds : GRACE_DEFAULT_S;
    ((Jeton__V1__RotateClientSecretReply *) change->rest)->secret = secret;
    change->revision = before->revision;
    after->revision++;
    after->updated_at = after->secret_made_at = change->at;
    after->secret_grace_until = grace && before->secret_made_at ? change->at + grace : 0;
    struct audit_change audit = {.event = "platform.clients.client.secret_rotated",
                                 .object_type = "client",
                                 .object_id = after->id,
                                 .object_name = after->name,
                                 .account_id = after->account_id,
                                 .revision = after->revision,
                                 .before = &before->base,
                                 .after = &after->base};
    if (id_parse ("ACC", after->account_id, &change->account) &&
        change_record (request, &audit, "The client %s (%s) got a new secret.", after->id,
                       after->name))
        store_client_secret_rotate (request, change, after->secret_grace_until,
                                    admin_rotate_client_secret_done);
}

static void
admin_rotate_client_secret_done (void *context, enum db_outcome outcome, PGresult *const *results,
                                 const struct db_error *error)
{
    change_finish (context, outcome, results, error, "client's secret rotated",
                   admin_rotate_client_secret);
}
