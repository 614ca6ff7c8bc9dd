// Users.
#include "services/admin/user.h"
#include "common/token/id.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/page.h"
#include "services/admin/reply.h"
#include "services/admin/secret.h"
#include "services/admin/store.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ACTIVE   JETON__V1__USER_STATUS__USER_STATUS_ACTIVE
#define DISABLED JETON__V1__USER_STATUS__USER_STATUS_DISABLED
#define DELETED  JETON__V1__USER_STATUS__USER_STATUS_DELETED

static void admin_create_user_read (void *context, enum db_outcome outcome,
                                    PGresult *const *results, const struct db_error *error);
static void admin_create_user_done (void *context, enum db_outcome outcome,
                                    PGresult *const *results, const struct db_error *error);

static void user_create_write (struct request *request);

bool
user_check_role (struct request *request, Jeton__V1__UserRole role)
{
    const struct caller *caller = request_caller (request);
    if ((int) role < 0 || role > JETON__V1__USER_ROLE__USER_ROLE_INTEGRATION) {
        request_fail_field (request, "role",
                            "must be member, administrator, operator or integration");
        return false;
    }
    if (role == JETON__V1__USER_ROLE__USER_ROLE_OPERATOR && caller &&
        caller->role != CALLER_OPERATOR) {
        request_fail (request, JETON__V1__CODE__CODE_PERMISSION_DENIED,
                      "only operators make operators");
        return false;
    }
    return true;
}

void
admin_create_user (struct request *request)
{
    const Jeton__V1__CreateUserRequest *message = request_message (request);
    int64_t account;
    if (!check_id (request, "account_id", "ACC", message->account_id, &account) ||
        !check_username (request, "username", message->username) ||
        !check_name (request, "name", message->name) ||
        !check_password (request, "password", message->password))
        return;
    if (!user_check_role (request, message->role))
        return;
    struct change *change = change_begin (request);
    if (!change || !secret_begin (request, message->password))
        return;
    change->account = account;
    store_user_prepare (request, account, message->username, admin_create_user_read);
}

static void
admin_create_user_read (void *context, enum db_outcome outcome, PGresult *const *results,
                        const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__CreateUserRequest *message = request_message (request);
    struct change *change = request_context (request);
    if (!change_read (request, outcome, error))
        return;
    if (PQntuples (results[0]) == 0) {
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no account %s",
                      message->account_id);
        return;
    }
    struct row row = row_of (request_arena (request), results[0], 0);
    change->number = row_number (&row);
    bool taken = row_bool (&row);
    if (!row_good (request, &row))
        return;
    if (taken)
        request_fail (request, JETON__V1__CODE__CODE_ALREADY_EXISTS,
                      "username: there is a user \"%s\" already", message->username);
    else
        secret_hashed (request, user_create_write);
}

// The user as it will be.
static Jeton__V1__User *
user_of (struct request *request)
{
    const Jeton__V1__CreateUserRequest *message = request_message (request);
    const struct change *change = request_context (request);
    Jeton__V1__User *user = arena_alloc (request_arena (request), sizeof *user);
    char *id = arena_alloc (request_arena (request), ID_SIZE);
    if (!user || !id) {
        change_no_memory (request);
        return NULL;
    }
    id_format ("USR", change->number, id);
    jeton__v1__user__init (user);
    user->id = id;
    user->account_id = message->account_id;
    user->username = message->username;
    user->name = message->name;
    user->role = message->role ? message->role : JETON__V1__USER_ROLE__USER_ROLE_MEMBER;
    user->status = ACTIVE;
    user->revision = 1;
    user->created_at = change->at;
    return user;
}

bool
user_record (struct request *request, const Jeton__V1__User *before, const Jeton__V1__User *after,
             const char *verb, const char *what)
{
    char event[64];
    snprintf (event, sizeof event, "platform.users.user.%s", verb);
    struct audit_change audit = {.event = event,
                                 .object_type = "user",
                                 .object_id = after->id,
                                 .object_name = after->username,
                                 .account_id = after->account_id,
                                 .revision = after->revision,
                                 .before = before ? &before->base : NULL,
                                 .after = &after->base};
    return change_record (request, &audit, "User %s (%s) was %s%s.", after->id, after->username,
                          verb, what);
}

static void
user_create_write (struct request *request)
{
    struct change *change = request_context (request);
    Jeton__V1__User *user = user_of (request);
    if (user && user_record (request, NULL, user, "created", ""))
        store_user_create (request, change, user, admin_create_user_done);
}

static void
admin_create_user_done (void *context, enum db_outcome outcome, PGresult *const *results,
                        const struct db_error *error)
{
    change_finish (context, outcome, results, error, "user created", admin_create_user);
}

Jeton__V1__User *
user_row (struct request *request, const char *id, struct row *row)
{
    return row_object (request, "user", id, view_user, row);
}

// What a read of one user gave; NULL: the request was answered.
static Jeton__V1__User *
user_read (struct request *request, const char *id, enum db_outcome outcome,
           PGresult *const *results, const struct db_error *error)
{
    if (!change_read (request, outcome, error))
        return NULL;
    struct row row = row_of (request_arena (request), results[0], 0);
    return user_row (request, id, &row);
}

static void admin_get_user_done (void *context, enum db_outcome outcome, PGresult *const *results,
                                 const struct db_error *error);

void
admin_get_user (struct request *request)
{
    const Jeton__V1__GetUserRequest *message = request_message (request);
    int64_t number;
    if (check_id (request, "id", "USR", message->id, &number))
        store_user_get (request, number, admin_get_user_done);
}

static void
admin_get_user_done (void *context, enum db_outcome outcome, PGresult *const *results,
                     const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__GetUserRequest *message = request_message (request);
    const Jeton__V1__User *user = user_read (request, message->id, outcome, results, error);
    if (user)
        reply_object (request, &user->base);
}

static void admin_list_users_done (void *context, enum db_outcome outcome, PGresult *const *results,
                                   const struct db_error *error);

void
admin_list_users (struct request *request)
{
    const Jeton__V1__ListUsersRequest *message = request_message (request);
    int64_t account = 0;
    if (*message->account_id &&
        !check_id (request, "account_id", "ACC", message->account_id, &account))
        return;
    struct page *page = page_begin (request);
    if (page)
        store_user_list (request, page, account, admin_list_users_done);
}

static void
admin_list_users_done (void *context, enum db_outcome outcome, PGresult *const *results,
                       const struct db_error *error)
{
    struct request *request = context;
    if (change_read (request, outcome, error))
        page_reply (request, results[0], view_user, NULL);
}

// Begins, or begins again, what disable and enable have in common: a read, for the guard.
static void
user_change_begin (struct request *request, const char *id, db_callback *callback)
{
    int64_t number;
    if (!check_id (request, "id", "USR", id, &number))
        return;
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->number = number;
    store_user_get (request, number, callback);
}

// Writes a user's new status. `verb` is the last part of the event: "disabled".
static void
user_change_write (struct request *request, const Jeton__V1__User *before,
                   Jeton__V1__UserStatus status, const char *verb, db_callback *callback)
{
    struct change *change = request_context (request);
    Jeton__V1__User *after = arena_memdup (request_arena (request), before, sizeof *before);
    if (!after) {
        change_no_memory (request);
        return;
    }
    change->revision = before->revision;
    after->status = status;
    after->revision++;
    if (user_record (request, before, after, verb, ""))
        store_user_status (request, change, status, callback);
}

static void admin_disable_user_read (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);
static void admin_disable_user_done (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);

void
admin_disable_user (struct request *request)
{
    const Jeton__V1__DisableUserRequest *message = request_message (request);
    user_change_begin (request, message->id, admin_disable_user_read);
}

static void
admin_disable_user_read (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__DisableUserRequest *message = request_message (request);
    Jeton__V1__User *user = user_read (request, message->id, outcome, results, error);
    if (!user)
        return;
    if (user->status != ACTIVE)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "user %s is disabled: disable is for an active one", user->id);
    else
        user_change_write (request, user, DISABLED, "disabled", admin_disable_user_done);
}

static void
admin_disable_user_done (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    change_finish (context, outcome, results, error, "user disabled", admin_disable_user);
}

static void admin_enable_user_read (void *context, enum db_outcome outcome,
                                    PGresult *const *results, const struct db_error *error);
static void admin_enable_user_done (void *context, enum db_outcome outcome,
                                    PGresult *const *results, const struct db_error *error);

void
admin_enable_user (struct request *request)
{
    const Jeton__V1__EnableUserRequest *message = request_message (request);
    user_change_begin (request, message->id, admin_enable_user_read);
}

static void
admin_enable_user_read (void *context, enum db_outcome outcome, PGresult *const *results,
                        const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__EnableUserRequest *message = request_message (request);
    Jeton__V1__User *user = user_read (request, message->id, outcome, results, error);
    if (!user)
        return;
    if (user->status != DISABLED)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "user %s is active: enable is for a disabled one", user->id);
    else
        user_change_write (request, user, ACTIVE, "enabled", admin_enable_user_done);
}

static void
admin_enable_user_done (void *context, enum db_outcome outcome, PGresult *const *results,
                        const struct db_error *error)
{
    change_finish (context, outcome, results, error, "user enabled", admin_enable_user);
}

static void admin_delete_user_read (void *context, enum db_outcome outcome,
                                    PGresult *const *results, const struct db_error *error);
static void admin_delete_user_done (void *context, enum db_outcome outcome,
                                    PGresult *const *results, const struct db_error *error);

void
admin_delete_user (struct request *request)
{
    const Jeton__V1__DeleteUserRequest *message = request_message (request);
    int64_t number;
    if (!check_id (request, "id", "USR", message->id, &number))
        return;
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->number = number;
    store_user_change_prepare (request, number, "", admin_delete_user_read);
}

static void
admin_delete_user_read (void *context, enum db_outcome outcome, PGresult *const *results,
                        const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__DeleteUserRequest *message = request_message (request);
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    Jeton__V1__User *user = user_row (request, message->id, &row);
    if (!user)
        return;
    (void) row_bool (&row); // whether another has no user name
    int64_t tokens = row_int (&row);
    if (!row_good (request, &row))
        return;
    if (tokens > 0)
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "user %s owns %" PRId64 " token%s: delete %s first, or disable the user",
                      user->id, tokens, tokens == 1 ? "" : "s", tokens == 1 ? "it" : "them");
    else
        user_change_write (request, user, DELETED, "deleted", admin_delete_user_done);
}

static void
admin_delete_user_done (void *context, enum db_outcome outcome, PGresult *const *results,
                        const struct db_error *error)
{
    change_finish (context, outcome, results, error, "user deleted", admin_delete_user);
}
