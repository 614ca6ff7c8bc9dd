// EditUser: what a user signs in with, is called and may do. Of two who edit what both have seen, one wins.
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/resource.h"
#include "services/admin/secret.h"
#include "services/admin/store.h"
#include "services/admin/user.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const field_names[] = {"username", "name", "role", "password", NULL};

static bool
sets (const Jeton__V1__EditUserRequest *message, const char *field)
{
    return resource_sets (message->n_fields, message->fields, field);
}

static bool
check_edit (struct request *request, const Jeton__V1__EditUserRequest *message)
{
    if (!resource_check_fields (request, "user", field_names, message->n_fields, message->fields))
        return false;
    if (message->revision < 1) {
        request_fail_field (request, "revision",
                            "must be that of the user as it was read, so that no change is lost");
        return false;
    }
    return (!sets (message, "username") ||
            check_username (request, "username", message->username)) &&
           (!sets (message, "name") || check_name (request, "name", message->name)) &&
           (!sets (message, "role") || user_check_role (request, message->role)) &&
           (!sets (message, "password") || check_password (request, "password", message->password));
}

static void admin_edit_user_read (void *context, enum db_outcome outcome, PGresult *const *results,
                                  const struct db_error *error);
static void admin_edit_user_done (void *context, enum db_outcome outcome, PGresult *const *results,
                                  const struct db_error *error);

void
admin_edit_user (struct request *request)
{
    const Jeton__V1__EditUserRequest *message = request_message (request);
    int64_t number;
    if (!check_id (request, "id", "USR", message->id, &number) || !check_edit (request, message))
        return;
    struct change *change = change_begin (request);
    if (!change || !secret_begin (request, sets (message, "password") ? message->password : NULL))
        return;
    change->number = number;
    store_user_change_prepare (request, number, sets (message, "username") ? message->username : "",
                               admin_edit_user_read);
}

// Called once there is the hash of the password that is set, if one is.
static void
user_edit_write (struct request *request)
{
    const Jeton__V1__EditUserRequest *message = request_message (request);
    struct change *change = request_context (request);
    const Jeton__V1__User *before = change->own;
    Jeton__V1__User *after = arena_memdup (request_arena (request), before, sizeof *before);
    if (!after) {
        change_no_memory (request);
        return;
    }
    if (sets (message, "username"))
        after->username = message->username;
    if (sets (message, "name"))
        after->name = message->name;
    if (sets (message, "role"))
        after->role = message->role ? message->role : JETON__V1__USER_ROLE__USER_ROLE_MEMBER;
    change->revision = before->revision;
    after->revision++;
    char what[64] = "";
    size_t n = 0;
    for (size_t i = 0; i < message->n_fields && n < sizeof what; i++)
        n += (size_t) snprintf (what + n, sizeof what - n, "%s %s", i == 0 ? ":" : ",",
                                message->fields[i]);
    if (user_record (request, before, after, "edited", what))
        store_user_edit (request, change, after, sets (message, "password"), admin_edit_user_done);
}

static void
admin_edit_user_read (void *context, enum db_outcome outcome, PGresult *const *results,
                      const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__EditUserRequest *message = request_message (request);
    struct change *change = request_context (request);
    if (!change_read (request, outcome, error))
        return;
    struct row row = row_of (request_arena (request), results[0], 0);
    Jeton__V1__User *user = user_row (request, message->id, &row);
    if (!user)
        return;
    bool taken = row_bool (&row);
    if (!row_good (request, &row))
        return;
    change->own = user;
    if (user->revision != message->revision)
        request_fail (request, JETON__V1__CODE__CODE_ABORTED,
                      "user %s has revision %" PRId64 " by now, not %" PRId64
                      ": another change came first, nothing was done",
                      user->id, user->revision, message->revision);
    else if (taken && sets (message, "username"))
        request_fail (request, JETON__V1__CODE__CODE_ALREADY_EXISTS,
                      "username: there is a user \"%s\" already", message->username);
    else
        secret_hashed (request, user_edit_write);
}

static void
admin_edit_user_done (void *context, enum db_outcome outcome, PGresult *const *results,
                      const struct db_error *error)
{
    change_finish (context, outcome, results, error, "user edited", admin_edit_user);
}
