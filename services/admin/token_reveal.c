// RevealToken: the value of a token that was created revealable (R8), and the record of it (R36).
#include "common/log/log.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/store.h"
#include "services/admin/token.h"
#include <stdio.h>

enum { CONTEXT_SIZE = 48 };

// Bound to the token, so that a sealed value cannot be moved to another's row and be shown there.
static void
context_of (const char *id, char context_r[CONTEXT_SIZE])
{
    snprintf (context_r, CONTEXT_SIZE, "token-value %s", id);
}

bool
token_seal (const struct admin *admin, const char *id, const char *value, uint8_t *sealed_r)
{
    char context[CONTEXT_SIZE];
    context_of (id, context);
    return seal (admin->seal_keys, context, value, TOKEN_VALUE_LENGTH, sealed_r);
}

void
token_seal_failed (struct request *request)
{
    log_error ("a value could not be sealed", "request", request_correlation (request), NULL);
    request_fail (request, JETON__V1__CODE__CODE_INTERNAL,
                  "internal error: the log of jeton-admin tells more under request %s",
                  request_correlation (request));
}

bool
token_open (const struct admin *admin, const char *id, const uint8_t *sealed, char *value_r)
{
    char context[CONTEXT_SIZE];
    context_of (id, context);
    value_r[TOKEN_VALUE_LENGTH] = '\0';
    return seal_open (admin->seal_keys, context, sealed, STORE_SEALED_SIZE, (uint8_t *) value_r);
}

// A reveal under way: the change's own.
struct reveal {
    char value[TOKEN_VALUE_LENGTH + 1];
    Jeton__V1__RevealTokenReply reply; // without the token
};

static void admin_reveal_token_read (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);
static void admin_reveal_token_done (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);

void
admin_reveal_token (struct request *request)
{
    const Jeton__V1__RevealTokenRequest *message = request_message (request);
    int64_t number;
    if (!check_id (request, "id", "TKN", message->id, &number))
        return;
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->number = number;
    change->own = arena_alloc (request_arena (request), sizeof (struct reveal));
    if (change->own)
        store_token_get_sealed (request, number, admin_reveal_token_read);
    else
        change_no_memory (request);
}

static bool
open_value (struct request *request, const Jeton__V1__Token *token, const struct row *row)
{
    struct reveal *reveal = ((struct change *) request_context (request))->own;
    uint8_t sealed[STORE_SEALED_SIZE];
    size_t size;
    if (db_get_bytes (row->result, row->row, row->column, sealed, sizeof sealed, &size) &&
        size == sizeof sealed &&
        token_open (request_owner (request), token->id, sealed, reveal->value))
        return true;
    log_error ("a sealed value is of none of the keys, or of another token", "request",
               request_correlation (request), "token", token->id, NULL);
    request_fail (request, JETON__V1__CODE__CODE_DATA_LOSS,
                  "the value of token %s cannot be opened with the keys of seal_keys", token->id);
    return false;
}

static void
admin_reveal_token_read (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__RevealTokenRequest *message = request_message (request);
    struct change *change = request_context (request);
    struct row row;
    Jeton__V1__Token *token = token_read (request, message->id, outcome, results, &row, error);
    if (!token)
        return;
    if (!token->revealable) {
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "token %s was not created revealable: its value is not kept", token->id);
        return;
    }
    if (!open_value (request, token, &row))
        return;
    struct reveal *reveal = change->own;
    jeton__v1__reveal_token_reply__init (&reveal->reply);
    reveal->reply.value = reveal->value;
    change->rest = &reveal->reply.base;
    change->revision = token->revision;
    if (token_record (request, token, token, "revealed", "revealed"))
        store_token_reveal (request, change, admin_reveal_token_done);
}

static void
admin_reveal_token_done (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    change_finish (context, outcome, results, error, "token revealed", admin_reveal_token);
}
