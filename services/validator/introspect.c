// Introspect: what a token is (RFC 7662), by the same way and the same decisions as Validate.
#include "common/token/jwt.h"
#include "envelope.pb-c.h"
#include "services/validator/check.h"

#include <sodium.h>
#include <string.h>

// What a JWT says, whose signature has been checked: its second part. NULL: there is no room.
static json_t *
claims_of (struct check *check)
{
    const char *token = check->request->token, *dot = strchr (token, '.');
    const char *payload = dot ? dot + 1 : token;
    size_t length = strcspn (payload, "."), size;
    struct arena *arena = request_arena (check->batch->request);
    unsigned char *text = arena_alloc (arena, length + 1);
    if (!text || sodium_base642bin (text, length, payload, length, NULL, &size, NULL,
                                    sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return NULL;
    return json_loadb ((const char *) text, size, JSON_REJECT_DUPLICATES, NULL);
}

static char *
claim (const json_t *claims, const char *name)
{
    return check_text ((char *) json_string_value (json_object_get (claims, name)));
}

static void
introspect_no_room (struct check *check)
{
    request_fail (check->batch->request, JETON__V1__CODE__CODE_UNAVAILABLE,
                  "there is no room to say what the token is: try again");
}

// What is said of every token that is active; `sub` as of an API token.
static Jeton__V1__IntrospectReply
reply_of (const struct check *check)
{
    const Jeton__V1__ValidateReply *found = check->reply;
    Jeton__V1__IntrospectReply reply = JETON__V1__INTROSPECT_REPLY__INIT;
    reply.active = true;
    reply.token_type = (char *) "Bearer";
    reply.exp = found->expires_at;
    reply.jti = found->token;
    reply.account = found->account;
    reply.sub = found->user;
    reply.kind = found->kind;
    reply.customer = found->customer;
    reply.environment =
        (char *) (check->environment == JETON__V1__ENVIRONMENT__ENVIRONMENT_TEST ? "test" : "live");
    return reply;
}

// Of an opaque token: what a JWT says itself is in its row, and of whom it comes and for whom it is, in the settings.
static void
introspect_opaque (void *context, enum store_outcome outcome, const char *scope, int64_t issued_at)
{
    struct check *check = context;
    const struct validator_settings *settings = &check->batch->validator->settings;
    Jeton__V1__IntrospectReply reply = reply_of (check);
    const Jeton__V1__IntrospectReply inactive = JETON__V1__INTROSPECT_REPLY__INIT;
    if (outcome == STORE_NOT_FOUND) { // it has expired meanwhile
        request_reply (check->batch->request, &inactive.base);
        return;
    }
    if (outcome != STORE_OK || !*reply.jti) {
        introspect_no_room (check);
        return;
    }
    reply.scope = (char *) scope;
    reply.client_id = check->reply->client;
    reply.sub = *reply.customer ? reply.customer : *reply.sub ? reply.sub : reply.client_id;
    reply.iss = settings->issuer;
    reply.aud = settings->audience;
    reply.iat = issued_at;
    request_reply (check->batch->request, &reply.base);
}

static void
introspect_active (struct check *check)
{
    struct validator *validator = check->batch->validator;
    const char *token = check->request->token;
    Jeton__V1__IntrospectReply reply = reply_of (check);
    struct store_opaque_key key;
    json_t *claims = NULL;
    if (check->subject.token == 0 && check_opaque_key (validator, token, strlen (token), &key)) {
        store_opaque_said (validator->process.db, &key, introspect_opaque, check);
        return;
    }
    if (check->subject.token == 0) {
        claims = claims_of (check);
        if (!claims || !*reply.jti) {
            json_decref (claims);
            introspect_no_room (check);
            return;
        }
        reply.scope = claim (claims, "scope");
        reply.client_id = claim (claims, "client_id");
        reply.sub = claim (claims, "sub");
        reply.aud = claim (claims, "aud");
        reply.iss = claim (claims, "iss");
        reply.iat = json_integer_value (json_object_get (claims, "iat"));
    }
    request_reply (check->batch->request, &reply.base);
    json_decref (claims);
}

// Neither yes nor no is an error, as RFC 7662 has no word for it that could not be taken for no.
static void
introspect_answer (struct check *check)
{
    const Jeton__V1__IntrospectReply inactive = JETON__V1__INTROSPECT_REPLY__INIT;
    if (check->reply->reason == JETON__V1__REASON__REASON_OK)
        introspect_active (check);
    else if (check->reply->status == 503)
        request_fail (check->batch->request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "what the token is cannot be told now: try again");
    else
        request_reply (check->batch->request, &inactive.base);
}

void
validator_introspect (struct request *request)
{
    const Jeton__V1__IntrospectRequest *message = request_message (request);
    Jeton__V1__ValidateRequest asked = JETON__V1__VALIDATE_REQUEST__INIT;
    asked.token = message->token;
    Jeton__V1__ValidateRequest *kept = arena_memdup (request_arena (request), &asked, sizeof asked);
    if (!*message->token)
        request_fail_field (request, "token", "token is required");
    else if (!kept)
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "the request needs more memory than the setting arena_limit allows");
    else
        check_run (request, kept, introspect_answer);
}
