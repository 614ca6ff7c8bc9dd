// authorization_code (RFC 6749 section 4.1.3, RFC 7636, RFC 9700): a code, which a user's consent has led to, is used once.
#include "common/audit/record.h"
#include "common/token/id.h"
#include "common/token/pkce.h"
#include "services/issuer/asking_scope.h"
#include "services/issuer/authorize.h"
#include "services/issuer/refresh.h"
#include "services/issuer/store_code.h"
#include "services/issuer/tell.h"

#include <string.h>

// A code on its way, in the request's arena: the request's context.
struct exchange {
    struct asking *asking;
    uint8_t digest[TOKEN_DIGEST_SIZE];
    bool again; // somebody else was first: it has been looked up again
    struct refresh_pair *pair;
    struct feed_change change; // that validators are told of, where it ends a family
};

static void exchange_find (struct exchange *exchange);
static void code_found (void *context, enum store_outcome outcome, const struct store_code *code);
static void code_resolved (struct asking *asking);
static void code_used (void *context, enum store_outcome outcome);
static void code_revoked (void *context, enum store_outcome outcome);
static void code_ended (void *context, enum store_outcome outcome);

// The same words whatever is wrong: it is good for nothing.
static void
code_deny (struct asking *asking, Jeton__V1__GrantReason reason)
{
    token_deny (asking, reason, TOKEN_INVALID_GRANT, 0,
                "the code is none of this client's, has expired, was used before, or was made for "
                "another redirect_uri or code_verifier, or the user may not sign in: ask the user "
                "again");
}
#define REASON_CODE JETON__V1__GRANT_REASON__GRANT_REASON_CODE

void
grant_code (struct asking *asking)
{
    const Jeton__V1__TokenRequest *message = asking->message;
    struct exchange *exchange = arena_alloc (request_arena (asking->request), sizeof *exchange);
    if (!exchange) {
        token_no_memory (asking);
    } else if (!*message->code) {
        token_refuse (asking, TOKEN_INVALID_REQUEST, "code is required");
    } else if (!*message->redirect_uri) {
        token_refuse (asking, TOKEN_INVALID_REQUEST,
                      "redirect_uri is required: that of the authorization request");
    } else if (!pkce_verifier_good (message->code_verifier)) {
        token_refuse (asking, TOKEN_INVALID_REQUEST,
                      "code_verifier is required: %d to %d letters, digits and -._~ (RFC 7636)",
                      PKCE_VERIFIER_MIN, PKCE_VERIFIER_MAX);
    } else if (!random_text_good (CODE_PREFIX, message->code)) {
        code_deny (asking, REASON_CODE);
    } else {
        exchange->asking = asking;
        request_context_set (asking->request, exchange);
        token_value_digest (message->code, strlen (message->code), exchange->digest);
        exchange_find (exchange);
    }
}

static void
exchange_find (struct exchange *exchange)
{
    const struct issuer *issuer = request_owner (exchange->asking->request);
    store_code_find (issuer->process.db, exchange->digest, code_found, exchange);
}

// It was used before: somebody has what is not his (RFC 6749 section 4.1.2, RFC 9700 section 4.2.4). Nobody knows who was first.
static void
code_reused (struct exchange *exchange, const struct store_code *code)
{
    const struct store_refresh family = {
        .family = code->family,
        .user = code->user,
        .name = code->username,
        .revision = code->revision,
    };
    exchange->change = refresh_end_change (exchange->asking, &family);
    refresh_end_family (exchange->asking, &family, REFRESH_END_CODE_REUSED, code_revoked, exchange);
}

// The client has a code that it did not ask for in this session: somebody has put it there (RFC 9700 section 4.5). One try is all there is.
static void
code_misused (struct exchange *exchange, const struct store_code *code)
{
    struct asking *asking = exchange->asking;
    const struct issuer *issuer = request_owner (asking->request);
    char user[ID_SIZE], account[ID_SIZE];
    id_format ("USR", code->user, user);
    id_format ("ACC", asking->client.account, account);
    size_t size;
    uint8_t *record = audit_pack (
        asking->request,
        &(struct audit_change){
            .event = "platform.users.authorization_code.misused",
            .summary = "An authorization code was used with another redirect URI or code verifier "
                       "than it was made for: it is good for nothing now",
            .object_type = "user",
            .object_id = user,
            .object_name = code->username,
            .account_id = account,
            .revision = code->revision,
        },
        &size);
    if (record)
        store_code_end (issuer->process.db, exchange->digest, record, size, code_ended, exchange);
    else
        token_no_memory (asking);
}

// A code that is good: its tokens are for what the user has consented to, as far as the client may have it still.
static void
code_use (struct exchange *exchange, const struct store_code *code)
{
    struct asking *asking = exchange->asking;
    if (asking->message->environment != JETON__V1__ENVIRONMENT__ENVIRONMENT_UNSPECIFIED &&
        asking->message->environment != (Jeton__V1__Environment) code->environment) {
        token_deny (asking, REASON_CODE, TOKEN_INVALID_GRANT, 0,
                    "the code is of another environment");
        return;
    }
    asking->environment = (Jeton__V1__Environment) code->environment;
    asking->client.generation = code->generation; // what is revoked meanwhile is not good
    asking->granted = arena_strdup (request_arena (asking->request), code->scope);
    if (asking->granted)
        asking_scope_resolve (asking, code_resolved);
    else
        token_no_memory (asking);
}

static void
code_found (void *context, enum store_outcome outcome, const struct store_code *code)
{
    struct exchange *exchange = context;
    struct asking *asking = exchange->asking;
    if (outcome != STORE_OK && outcome != STORE_NOT_FOUND) {
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the code could not be looked up: the database is not available");
        return;
    }
    // Whoever has another client's code does nothing to it.
    if (!code || code->client != asking->number) {
        code_deny (asking, REASON_CODE);
        return;
    }
    asking->user = code->user;
    if (code->family != 0)
        code_reused (exchange, code);
    else if (code->ended)
        code_deny (asking, REASON_CODE);
    else if (!code->active)
        code_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_USER_DISABLED);
    else if (strcmp (code->redirect_uri, asking->message->redirect_uri) != 0 ||
             !pkce_match (asking->message->code_verifier, code->challenge))
        code_misused (exchange, code);
    else if (exchange->again)
        token_refuse (asking, TOKEN_UNAVAILABLE, "the code could not be used: try again");
    else
        code_use (exchange, code);
}

static void
code_resolved (struct asking *asking)
{
    const struct issuer *issuer = request_owner (asking->request);
    struct exchange *exchange = request_context (asking->request);
    exchange->pair = refresh_pair_make (asking);
    if (exchange->pair)
        store_code_use (issuer->process.db, exchange->digest, asking->scope->text,
                        &exchange->pair->stored, code_used, exchange);
}

static void
code_used (void *context, enum store_outcome outcome)
{
    struct exchange *exchange = context;
    struct asking *asking = exchange->asking;
    switch (outcome) {
    case STORE_OK:
        token_answer (asking, exchange->pair->jti, &exchange->pair->reply);
        return;
    case STORE_CONFLICT: // what was made is thrown away; it is a reuse, or the code has expired
        exchange->again = true;
        exchange_find (exchange);
        return;
    case STORE_UNCERTAIN:
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the connection to the database was lost: the code may be used; ask the user "
                      "again");
        return;
    case STORE_NOT_FOUND:
    case STORE_UNAVAILABLE:
    case STORE_FAILED:
        token_refuse (asking, TOKEN_UNAVAILABLE,
                      "the code was not used: the database is not available");
        return;
    }
}

static void
code_revoked (void *context, enum store_outcome outcome)
{
    struct exchange *exchange = context;
    struct asking *asking = exchange->asking;
    struct issuer *issuer = request_owner (asking->request);
    tell_change (issuer, outcome, &exchange->change);
    if (outcome == STORE_OK) {
        issuer->stats.code_reuses++;
        code_deny (asking, JETON__V1__GRANT_REASON__GRANT_REASON_CODE_REUSED);
        return;
    }
    // Not "no" before what it gave is revoked, and in the trail.
    token_refuse (asking, TOKEN_UNAVAILABLE,
                  "the code was used before; what it gave could not be revoked: the database is "
                  "not available");
}

static void
code_ended (void *context, enum store_outcome outcome)
{
    struct exchange *exchange = context;
    switch (outcome) {
    case STORE_OK:
        code_deny (exchange->asking, JETON__V1__GRANT_REASON__GRANT_REASON_CODE_MISUSED);
        return;
    case STORE_CONFLICT: // somebody else was first: was it used?
        exchange->again = true;
        exchange_find (exchange);
        return;
    case STORE_NOT_FOUND:
    case STORE_UNAVAILABLE:
    case STORE_UNCERTAIN:
    case STORE_FAILED:
        // Not "no" before it is ended, and in the trail.
        token_refuse (exchange->asking, TOKEN_UNAVAILABLE,
                      "the code could not be ended: the database is not available");
        return;
    }
}
