#include "common/caller/caller.h"
#include "common/log/log.h"
#include "envelope.pb-c.h"
#include "types.pb-c.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BEARER "Bearer "

// A request on its way through the gate.
struct passage {
    const struct caller_options *options;
    struct request *request;
    const struct caller_right *right;
    request_callback *next;
    const char *token;
    int64_t user, account; // as the token says
    int64_t generation;
    const char *jti; // in the request's arena
    char prefix[4];  // of the object's id; "" for none
    int64_t object;  // its number
    bool refreshed;  // the keys have been read again
};

static const struct caller_right *
right_of (const struct caller_options *options, const char *method)
{
    for (const struct caller_right *right = options->rights; right->method; right++)
        if (strcmp (right->method, method) == 0)
            return right;
    return NULL;
}

void
caller_rights_check (const struct caller_options *options)
{
    const ProtobufCServiceDescriptor *service = options->descriptor;
    size_t rows = 0;
    for (unsigned i = 0; i < service->n_methods; i++) {
        const struct caller_right *right = right_of (options, service->methods[i].name);
        assert (right);
        assert (right->object == CALLER_NONE || protobuf_c_message_descriptor_get_field_by_name (
                                                    service->methods[i].input, right->field));
    }
    while (options->rights[rows].method)
        rows++;
    assert (rows == service->n_methods);
}

static void
fail_token (struct request *request, const char *why)
{
    request_fail (request, JETON__V1__CODE__CODE_UNAUTHENTICATED, "%s: sign in again", why);
}

// ---- the object --------------------------------------------------------------------------------------------------------

// The text that the row's field holds; NULL: the row has none.
static char **
field_of (const struct passage *passage)
{
    const ProtobufCMessage *message = request_message (passage->request);
    if (passage->right->object == CALLER_NONE)
        return NULL;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name (
        message->descriptor, passage->right->field);
    return (char **) ((char *) message + field->offset);
}

// What is not an id is the handler's to refuse: it names the field, and no object.
static void
object_read (struct passage *passage)
{
    char **field = field_of (passage);
    if (!field || strlen (*field) < 3)
        return;
    snprintf (passage->prefix, sizeof passage->prefix, "%.3s", *field);
    if (!id_parse (passage->prefix, *field, &passage->object))
        passage->prefix[0] = '\0';
}

// The same words as for what does not exist.
static void
fail_not_found (const struct passage *passage)
{
    static const char *const nouns[][2] = {{"ACC", "account"},        {"USR", "user"},
                                           {"TKN", "token"},          {"MKT", "market"},
                                           {"STL", "stock location"}, {"CGR", "customer group"},
                                           {"CLI", "client"},         {"CUS", "customer"}};
    const char *noun = "object";
    for (size_t i = 0; i < sizeof nouns / sizeof *nouns; i++)
        if (strcmp (nouns[i][0], passage->prefix) == 0)
            noun = nouns[i][1];
    request_fail (passage->request, JETON__V1__CODE__CODE_NOT_FOUND, "no %s %s", noun,
                  *field_of (passage));
}

// ---- the user ----------------------------------------------------------------------------------------------------------

static enum caller_role
role_of (int64_t role)
{
    if (role == JETON__V1__USER_ROLE__USER_ROLE_OPERATOR)
        return CALLER_OPERATOR;
    return role == JETON__V1__USER_ROLE__USER_ROLE_ADMINISTRATOR ? CALLER_ADMINISTRATOR
                                                                 : CALLER_MEMBER;
}

// The user's row, of the statement CALLER_SQL.
struct user {
    int64_t account, role, status, account_status, object_account, object_role;
    const char *name;
};

static bool
user_of (const PGresult *result, struct user *user_r)
{
    return db_get_int (result, 0, 0, &user_r->account) &&
           db_get_int (result, 0, 1, &user_r->role) && db_get_int (result, 0, 2, &user_r->status) &&
           db_get_int (result, 0, 3, &user_r->account_status) &&
           db_get_text (result, 0, 4, &user_r->name) &&
           db_get_int (result, 0, 5, &user_r->object_account) &&
           db_get_int (result, 0, 6, &user_r->object_role);
}

// Why a login token of this account is not the user's any more; NULL: it is.
static const char *
user_gone (const struct user *user, int64_t account)
{
    if (user->account != account)
        return "the user is of another account now";
    if (user->status == 0)
        return "the token was revoked";
    return user->status == JETON__V1__USER_STATUS__USER_STATUS_ACTIVE ? NULL
                                                                      : "the user is disabled";
}

static const char *
user_suspended (const struct user *user)
{
    return user->account_status == JETON__V1__ACCOUNT_STATUS__ACCOUNT_STATUS_ACTIVE
               ? NULL
               : "the user's account is suspended";
}

// The user's role and state as they are now. False: the request was answered.
static bool
user_check (const struct passage *passage, const struct user *user)
{
    const char *gone = user_gone (user, passage->account), *suspended = user_suspended (user);
    enum caller_role role = role_of (user->role);
    if (gone) {
        fail_token (passage->request, gone);
        return false;
    }
    if (suspended) {
        request_fail (passage->request, JETON__V1__CODE__CODE_PERMISSION_DENIED, "%s", suspended);
        return false;
    }
    if (role != CALLER_OPERATOR && !(passage->right->who & role)) {
        request_fail (passage->request, JETON__V1__CODE__CODE_PERMISSION_DENIED, "%s is not for %s",
                      request_method (passage->request),
                      role == CALLER_ADMINISTRATOR ? "account administrators"
                                                   : "members of an account");
        return false;
    }
    return true;
}

// Is the object the user's own account's? `account` is the object's, 0 when there is no such object; `role` a user's. False: the request was
// answered.
static bool
object_check (const struct passage *passage, const struct caller *caller, int64_t account,
              int64_t role)
{
    char **field = field_of (passage);
    if (caller->role == CALLER_OPERATOR || !field)
        return true;
    if (passage->right->object == CALLER_LIST && !**field) {
        *field = (char *) caller->account_id;
        return true;
    }
    if (!passage->prefix[0])
        return true;
    if (strcmp (passage->prefix, "ACC") == 0)
        account = passage->object;
    if (account != caller->account) {
        fail_not_found (passage);
        return false;
    }
    if (role == JETON__V1__USER_ROLE__USER_ROLE_OPERATOR &&
        request_flags (passage->request) & RPC_WRITE) {
        request_fail (passage->request, JETON__V1__CODE__CODE_PERMISSION_DENIED,
                      "user %s is an operator: only operators change one", *field);
        return false;
    }
    return true;
}

#define USER_MISSING "there is no such user any more"

static void
user_read (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    struct passage *passage = context;
    struct request *request = passage->request;
    (void) error; // db has logged what is a defect
    if (outcome != DB_OK) {
        request_fail (request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "no database at the moment: nothing was done, try again");
        return;
    }
    struct user user;
    if (PQntuples (results[0]) == 0) {
        fail_token (request, USER_MISSING);
        return;
    }
    struct caller *caller = arena_alloc (request_arena (request), sizeof *caller);
    if (!caller || !user_of (results[0], &user) ||
        !(caller->name = arena_strdup (request_arena (request), user.name))) {
        request_fail (request, JETON__V1__CODE__CODE_INTERNAL, "the user could not be read");
        return;
    }
    if (!user_check (passage, &user))
        return;
    caller->role = role_of (user.role);
    caller->account = user.account;
    caller->number = passage->user;
    caller->jti = passage->jti;
    caller->generation = passage->generation;
    id_format ("USR", passage->user, caller->id);
    id_format ("ACC", user.account, caller->account_id);
    if (!object_check (passage, caller, user.object_account, user.object_role))
        return;
    request_caller_set (request, caller);
    passage->next (request);
}

// ---- the token ---------------------------------------------------------------------------------------------------------

// Login tokens only: what an application was granted is not the user's to manage with. Those of the sandbox manage nothing.
static bool
claims_read (struct passage *passage, const json_t *claims)
{
    const char *issuer = jwt_text (claims, "iss"), *audience = jwt_text (claims, "aud"),
               *subject = jwt_text (claims, "sub"), *account = jwt_text (claims, "account"),
               *client = jwt_text (claims, "client_id"), *jti = jwt_text (claims, "jti"),
               *environment = jwt_text (claims, "environment");
    int64_t expires_at;
    if (json_object_get (claims, JWT_GENERATION_CLAIM) &&
        !jwt_time (claims, JWT_GENERATION_CLAIM, &passage->generation))
        return false;
    passage->jti = jti ? arena_strdup (request_arena (passage->request), jti) : NULL;
    return passage->jti && issuer && strcmp (issuer, *passage->options->issuer) == 0 && audience &&
           strcmp (audience, *passage->options->audience) == 0 && client &&
           strcmp (client, "login") == 0 && environment && strcmp (environment, "live") == 0 &&
           jwt_times (claims, time (NULL), &expires_at) == JWT_TIMES_GOOD && subject &&
           id_parse ("USR", subject, &passage->user) && account &&
           id_parse ("ACC", account, &passage->account);
}

static void
user_ask (const struct passage *passage, db_callback *callback, void *context)
{
    struct db_params params = {0};
    db_param_int (&params, passage->user);
    db_param_text (&params, passage->prefix);
    db_param_int (&params, passage->object);
    db_param_text (&params, passage->jti);
    db_param_int (&params, passage->generation);
    db_call (passage->options->db, passage->options->user_statement, &params, callback, context);
}

static void token_check (struct passage *passage);

static void
keys_refreshed (void *context, bool loaded)
{
    struct passage *passage = context;
    passage->refreshed = true;
    if (loaded)
        token_check (passage);
    else
        request_fail (passage->request, JETON__V1__CODE__CODE_UNAVAILABLE,
                      "the login token cannot be checked now: try again");
}

static void
token_check (struct passage *passage)
{
    json_t *claims = NULL;
    switch (
        keys_verify (passage->options->keys, passage->token, strlen (passage->token), &claims)) {
    case JWT_OK:
        break;
    case JWT_UNKNOWN_KEY:
        if (passage->refreshed ||
            !keys_refresh (passage->options->keys, false, keys_refreshed, passage))
            fail_token (passage->request, "the login token is of no known issuer");
        return;
    case JWT_MALFORMED:
    case JWT_BAD_SIGNATURE:
        fail_token (passage->request, "the login token is not genuine");
        return;
    }
    bool good = claims_read (passage, claims);
    json_decref (claims);
    if (!good) {
        fail_token (passage->request, "the login token is not good here, or not any more");
        return;
    }
    object_read (passage);
    user_ask (passage, user_read, passage);
}

void
caller_gate (struct request *request, const struct caller_options *options, request_callback *next)
{
    const char *authorization = request_metadata (request, "authorization");
    const char *method = strrchr (request_method (request), '/');
    const struct caller_right *right = right_of (options, method + 1);
    if (!authorization) {
        if (request_peer (request)->roles & ROLE_OPERATOR || right->who & CALLER_ANYONE)
            next (request);
        else
            request_fail (request, JETON__V1__CODE__CODE_UNAUTHENTICATED,
                          "a login token is required (metadata authorization: Bearer …)");
        return;
    }
    struct passage *passage = arena_alloc (request_arena (request), sizeof *passage);
    if (!passage) {
        request_fail (request, JETON__V1__CODE__CODE_RESOURCE_EXHAUSTED,
                      "the request needs more memory than the setting arena_limit allows");
        return;
    }
    *passage =
        (struct passage){.options = options, .request = request, .right = right, .next = next};
    if (strncasecmp (authorization, BEARER, strlen (BEARER)) != 0) {
        fail_token (request, "authorization is not of the form \"Bearer TOKEN\"");
        return;
    }
    passage->token = authorization + strlen (BEARER);
    token_check (passage);
}

// ---- a second look -----------------------------------------------------------------------------------------------------

static void
look_read (void *context, enum db_outcome outcome, PGresult *const *results,
           const struct db_error *error)
{
    const struct caller_look *look = context;
    const char *why = NULL;
    struct user user;
    (void) error; // db has logged what is a defect
    if (outcome == DB_OK && PQntuples (results[0]) == 0)
        why = USER_MISSING;
    else if (outcome == DB_OK && user_of (results[0], &user)) {
        why = user_gone (&user, look->account);
        if (!why)
            why = user_suspended (&user);
        if (!why && role_of (user.role) != look->role)
            why = "the user's role has changed";
    }
    look->callback (look->context, why);
}

void
caller_look (struct request *request, const struct caller_options *options,
             struct caller_look *look)
{
    struct passage passage = {.options = options, .request = request};
    const struct caller *caller = request_caller (request);
    const char *authorization = request_metadata (request, "authorization");
    json_t *claims = NULL;
    assert (caller && authorization); // it has passed the gate
    passage.token = authorization + strlen (BEARER);
    if (keys_verify (options->keys, passage.token, strlen (passage.token), &claims) != JWT_OK) {
        look->callback (look->context, "the key that signed the login token is revoked");
        return;
    }
    int64_t expires_at;
    bool expired = jwt_time (claims, "exp", &expires_at) && expires_at <= time (NULL);
    bool good = claims_read (&passage, claims);
    json_decref (claims);
    if (expired || !good) { // not good otherwise: a setting, issuer or audience, is another now
        look->callback (look->context, expired ? "the login token has expired"
                                               : "the login token is not good here any more");
        return;
    }
    look->account = caller->account;
    look->role = caller->role;
    user_ask (&passage, look_read, look);
}
