// CreateToken: the checks, the value, and the one time that it is shown (R1, R2, R8, R10, R11, R12).
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/names.h"
#include "services/admin/store.h"
#include "services/admin/token.h"
#include <inttypes.h>

static char never_expires[] =
    "The token never expires and is for an outside party: consider a token that does.";

// A creation under way: the change's own.
struct creation {
    struct store_token_new new;
    const char **modules; // their names
    char value[TOKEN_VALUE_LENGTH + 1];
    char *warning;                     // NULL: none
    Jeton__V1__CreateTokenReply reply; // without the token
    uint8_t sealed[STORE_SEALED_SIZE];
};

static bool
check_message (struct request *request, const Jeton__V1__CreateTokenRequest *message,
               struct creation *creation)
{
    return check_id (request, "account_id", "ACC", message->account_id, &creation->new.account) &&
           (!*message->owner_id ||
            check_id (request, "owner_id", "USR", message->owner_id, &creation->new.owner)) &&
           check_name (request, "name", message->name) &&
           check_description (request, "description", message->description) &&
           token_check_kind (request, message->kind, "owner_id", *message->owner_id != '\0',
                             message->n_modules) &&
           token_check_expiry (request, message->expires_at) &&
           token_check_grants (request, message->n_modules, message->modules, &creation->modules,
                               &creation->new.accesses) &&
           token_check_allow_list (request, message->n_allow_list, message->allow_list,
                                   &creation->new.allow_list) &&
           check_rate_limit (request, "rate_limit", message->rate_limit);
}

static void admin_create_token_read (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);
static void admin_create_token_done (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);

void
admin_create_token (struct request *request)
{
    const Jeton__V1__CreateTokenRequest *message = request_message (request);
    struct change *change = change_begin (request);
    if (!change)
        return;
    struct creation *creation = arena_alloc (request_arena (request), sizeof *creation);
    change->own = creation;
    if (!creation) {
        change_no_memory (request);
        return;
    }
    if (!check_message (request, message, creation))
        return;
    char *names = names_join (request, message->n_modules, creation->modules);
    if (names)
        store_token_prepare (request, creation->new.account, creation->new.owner, names,
                             admin_create_token_read);
}

// May the account have one more token, of this owner?
static bool
guard_account (struct request *request, struct row *row)
{
    const Jeton__V1__CreateTokenRequest *message = request_message (request);
    const struct change *change = request_context (request);
    const struct store_token_new *new = &((struct creation *) change->own)->new;
    int64_t limit = row_int (row), live = row_int (row);
    int64_t owner_account = row_int (row), owner_status = row_int (row);
    if (!row_good (request, row))
        return false;
    if (new->owner != 0 && owner_account != new->account)
        request_fail_field (request, "owner_id", "is not a user of account %s",
                            message->account_id);
    else if (new->owner != 0 && owner_status != JETON__V1__USER_STATUS__USER_STATUS_ACTIVE)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "user %s is disabled: only an active one can own a token", message->owner_id);
    else if (live >= limit)
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "account %s has %" PRId64 " tokens, its limit is %" PRId64
                      ": delete one that is not needed any more",
                      message->account_id, live, limit);
    else
        return true;
    return false;
}

// The token as it will be. Its grants are the message's, by now with an access each.
static Jeton__V1__Token *
token_of (struct request *request)
{
    const Jeton__V1__CreateTokenRequest *message = request_message (request);
    const struct change *change = request_context (request);
    struct arena *arena = request_arena (request);
    Jeton__V1__Token *token = arena_alloc (arena, sizeof *token);
    Jeton__V1__Actor *creator = arena_alloc (arena, sizeof *creator);
    char *id = arena_alloc (arena, ID_SIZE);
    if (!token || !creator || !id) {
        change_no_memory (request);
        return NULL;
    }
    id_format ("TKN", change->number, id);
    jeton__v1__actor__init (creator);
    creator->id = change->created_by_id;
    creator->name = change->created_by_name;
    jeton__v1__token__init (token);
    token->id = id;
    token->account_id = message->account_id;
    token->owner_id = message->owner_id;
    token->name = message->name;
    token->description = message->description;
    token->kind = message->kind;
    token->environment = token->kind == JETON__V1__TOKEN_KIND__TOKEN_KIND_TEST
                             ? JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST
                             : JETON__V1__ENVIRONMENT__ENVIRONMENT_LIVE;
    token->status = JETON__V1__TOKEN_STATUS__TOKEN_STATUS_ACTIVE;
    token->n_modules = message->n_modules;
    token->modules = message->modules;
    token->n_allow_list = message->n_allow_list;
    token->allow_list = message->allow_list;
    token->rate_limit = message->rate_limit;
    token->revealable = message->revealable;
    token->created_by = creator;
    token->created_at = token->updated_at = change->at;
    token->expires_at = token_expiry (message->kind, message->expires_at, change->at);
    token->revision = 1;
    view_flags (token);
    return token;
}

// What the reply holds beside the token.
static void
reply_prepare (struct creation *creation, const Jeton__V1__CreateTokenRequest *message,
               const Jeton__V1__Token *token)
{
    jeton__v1__create_token_reply__init (&creation->reply);
    creation->reply.value = creation->value;
    if (message->outside_party && message->kind == JETON__V1__TOKEN_KIND__TOKEN_KIND_SERVICE &&
        token->expires_at == 0) {
        creation->warning = never_expires;
        creation->reply.n_warnings = 1;
        creation->reply.warnings = &creation->warning;
    }
}

static void
admin_create_token_read (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__CreateTokenRequest *message = request_message (request);
    if (!change_read (request, outcome, error))
        return;
    if (PQntuples (results[0]) == 0) {
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no account %s",
                      message->account_id);
        return;
    }
    struct change *change = request_context (request);
    struct creation *creation = change->own;
    struct row row = row_of (request_arena (request), results[0], 0);
    (void) row_int (&row); // which of many it was
    change->number = row_number (&row);
    if (!guard_account (request, &row) ||
        !(creation->new.modules = names_match (request, &row, ".module", message->account_id,
                                               message->n_modules, creation->modules)))
        return;
    Jeton__V1__Token *token = token_of (request);
    if (!token)
        return;
    struct admin *admin = request_owner (request);
    token_value_make (&admin->keys, (enum token_environment) token->environment, creation->value);
    token_value_digest (creation->value, TOKEN_VALUE_LENGTH, creation->new.digest);
    reply_prepare (creation, message, token);
    change->rest = &creation->reply.base;
    if (token->revealable) {
        if (!token_seal (admin, token->id, creation->value, creation->sealed)) {
            token_seal_failed (request);
            return;
        }
        creation->new.sealed = creation->sealed;
    }
    struct audit_change audit = {.event = "platform.tokens.token.created",
                                 .object_type = "token",
                                 .object_id = token->id,
                                 .object_name = token->name,
                                 .account_id = token->account_id,
                                 .revision = token->revision,
                                 .after = &token->base};
    if (change_record (request, &audit, "Token %s (%s) was created.", token->id, token->name))
        store_token_create (request, change, token, &creation->new, admin_create_token_done);
}

static void
admin_create_token_done (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    change_finish (context, outcome, results, error, "token created", admin_create_token);
}
