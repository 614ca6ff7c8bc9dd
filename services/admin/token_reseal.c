// ResealTokens: values that are sealed under an older key, sealed under the newest, batch by batch.
#include "common/log/log.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/names.h"
#include "services/admin/store.h"
#include "services/admin/token.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_DEFAULT = 100, BATCH_MAX = 500, HEX_SIZE = 2 * STORE_SEALED_SIZE + 1 };

// A batch under way: the change's own.
struct batch {
    int64_t after, limit, opened, remaining;
    int rows;
    char *lists[3]; // numbers, old and new sealed values: of those that were opened
    char next[24];  // cursor
    char key[32];   // the id of the key in the trail
};

static bool
check_message (struct request *request, const Jeton__V1__ResealTokensRequest *message,
               struct batch *batch)
{
    size_t digits = strspn (message->cursor, "0123456789");
    if (message->cursor[digits] || digits > 9)
        request_fail_field (request, "cursor", "is not the next_cursor of a batch");
    else if (message->size > BATCH_MAX)
        request_fail_field (request, "size", "must be 1 to %d", BATCH_MAX);
    else {
        batch->after = strtoll (message->cursor, NULL, 10);
        batch->limit = message->size ? message->size : BATCH_DEFAULT;
        return true;
    }
    return false;
}

static void admin_reseal_tokens_read (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);
static void admin_reseal_tokens_done (void *context, enum db_outcome outcome,
                                      PGresult *const *results, const struct db_error *error);

void
admin_reseal_tokens (struct request *request)
{
    const Jeton__V1__ResealTokensRequest *message = request_message (request);
    const struct admin *admin = request_owner (request);
    struct change *change = change_begin (request);
    if (!change)
        return;
    struct batch *batch = change->own = arena_alloc (request_arena (request), sizeof *batch);
    if (!batch)
        change_no_memory (request);
    else if (check_message (request, message, batch))
        store_token_reseal_list (request, batch->after, seal_keys_newest (admin->seal_keys),
                                 batch->limit, admin_reseal_tokens_read);
}

// One row, when a key opens it, as texts for the three lists.
static bool
reseal_row (struct request *request, const PGresult *result, int row, const char *texts_r[3])
{
    const struct admin *admin = request_owner (request);
    struct arena *arena = request_arena (request);
    uint8_t old[STORE_SEALED_SIZE], new[STORE_SEALED_SIZE];
    char id[ID_SIZE];
    char *value = arena_alloc (arena, TOKEN_VALUE_LENGTH + 1);
    char *hex = arena_alloc (arena, HEX_SIZE), *old_hex = arena_alloc (arena, HEX_SIZE);
    int64_t number;
    size_t size;
    if (!value || !hex || !old_hex || !db_get_int (result, row, 0, &number) || number < 1 ||
        number > ID_NUMBER_MAX || !db_get_bytes (result, row, 1, old, sizeof old, &size) ||
        size != sizeof old)
        return false;
    id_format ("TKN", number, id);
    if (!token_open (admin, id, old, value) || !token_seal (admin, id, value, new))
        return false;
    texts_r[0] = arena_printf (arena, "%" PRId64, number);
    texts_r[1] = sodium_bin2hex (old_hex, HEX_SIZE, old, sizeof old);
    texts_r[2] = sodium_bin2hex (hex, HEX_SIZE, new, sizeof new);
    return texts_r[0];
}

// False: the request was answered.
static bool
reseal_rows (struct request *request, const PGresult *result, struct batch *batch)
{
    const char **lists[3];
    for (int i = 0; i < 3; i++)
        if (!(lists[i] = arena_alloc (request_arena (request),
                                      ((size_t) batch->rows + 1) * sizeof (char *)))) {
            change_no_memory (request);
            return false;
        }
    for (int row = 0; row < batch->rows; row++) {
        const char *texts[3];
        if (!reseal_row (request, result, row, texts))
            continue;
        for (int i = 0; i < 3; i++)
            lists[i][batch->opened] = texts[i];
        batch->opened++;
    }
    for (int i = 0; i < 3; i++)
        if (!(batch->lists[i] = names_join (request, (size_t) batch->opened, lists[i])))
            return false;
    return true;
}

static void
batch_reply (struct request *request, const struct batch *batch, int64_t resealed)
{
    const struct admin *admin = request_owner (request);
    Jeton__V1__ResealTokensReply reply = JETON__V1__RESEAL_TOKENS_REPLY__INIT;
    reply.next_cursor = (char *) batch->next;
    reply.resealed = resealed;
    reply.failed = batch->rows - resealed;
    reply.remaining = batch->remaining - batch->rows;
    reply.version = seal_keys_newest (admin->seal_keys);
    if (reply.failed > 0)
        log_error ("sealed values are of none of the keys", "request",
                   request_correlation (request), NULL);
    request_reply (request, &reply.base);
}

static void
admin_reseal_tokens_read (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    struct request *request = context;
    struct change *change = request_context (request);
    struct batch *batch = change->own;
    const struct admin *admin = request_owner (request);
    int64_t last = 0;
    if (!change_read (request, outcome, error))
        return;
    batch->rows = PQntuples (results[0]);
    if (batch->rows > 0 && db_get_int (results[0], batch->rows - 1, 0, &last) &&
        db_get_int (results[0], 0, 2, &batch->remaining) && batch->rows == batch->limit)
        snprintf (batch->next, sizeof batch->next, "%" PRId64, last);
    if (!reseal_rows (request, results[0], batch))
        return;
    if (batch->opened == 0) {
        batch_reply (request, batch, 0);
        return;
    }
    snprintf (batch->key, sizeof batch->key, "seal-key-%" PRIu32,
              seal_keys_newest (admin->seal_keys));
    struct audit_change audit = {.event = "platform.keys.seal_key.resealed",
                                 .object_type = "seal_key",
                                 .object_id = batch->key,
                                 .object_name = batch->key,
                                 .account_id = "",
                                 .visibility = JETON__V1__VISIBILITY__VISIBILITY_PRIVATE};
    if (change_record (request, &audit, "Values of tokens were sealed under key %s.", batch->key))
        store_token_reseal (request, change, batch->lists, admin_reseal_tokens_done);
}

static void
admin_reseal_tokens_done (void *context, enum db_outcome outcome, PGresult *const *results,
                          const struct db_error *error)
{
    struct request *request = context;
    const struct change *change = request_context (request);
    const struct batch *batch = change->own;
    int64_t resealed;
    switch (change_end (request, outcome, results, error)) {
    case CHANGE_DONE:
        if (db_get_int (results[0], 0, 0, &resealed))
            batch_reply (request, batch, resealed);
        else
            batch_reply (request, batch, 0);
        break;
    case CHANGE_OVERTAKEN:
        admin_reseal_tokens (request);
        break;
    case CHANGE_ANSWERED:
        break;
    }
}
