// RotateToken: a new value for the same token, and a grace period for the one before (R9).
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/store.h"
#include "services/admin/token.h"
#include <stdio.h>
#include <time.h>

enum { GRACE_DEFAULT_S = 86400 };

// A rotation under way: the change's own.
struct rotation {
    int64_t grace_s;
    uint8_t digest[TOKEN_DIGEST_SIZE];
    char value[TOKEN_VALUE_LENGTH + 1];
    Jeton__V1__RotateTokenReply reply; // without the token
    uint8_t sealed[STORE_SEALED_SIZE];
};

static bool
check_message (struct request *request, const Jeton__V1__RotateTokenRequest *message)
{
    if (message->grace &&
        (message->grace->seconds < 0 || message->grace->seconds > TOKEN_GRACE_MAX_S))
        request_fail_field (request, "grace.seconds", "must be 0 to %d (7 days)",
                            TOKEN_GRACE_MAX_S);
    else if (message->revision < 0)
        request_fail_field (request, "revision", "must be the revision that you have seen, or 0");
    else
        return true;
    return false;
}

static void admin_rotate_token_read (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);
static void admin_rotate_token_done (void *context, enum db_outcome outcome,
                                     PGresult *const *results, const struct db_error *error);

void
admin_rotate_token (struct request *request)
{
    const Jeton__V1__RotateTokenRequest *message = request_message (request);
    int64_t number;
    if (!check_id (request, "id", "TKN", message->id, &number) || !check_message (request, message))
        return;
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->number = number;
    struct rotation *rotation = change->own =
        arena_alloc (request_arena (request), sizeof *rotation);
    if (!rotation) {
        change_no_memory (request);
        return;
    }
    rotation->grace_s = message->grace ? message->grace->seconds : GRACE_DEFAULT_S;
    store_token_get (request, number, admin_rotate_token_read);
}

static void
admin_rotate_token_read (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__RotateTokenRequest *message = request_message (request);
    struct admin *admin = request_owner (request);
    struct change *change = request_context (request);
    struct rotation *rotation = change->own;
    struct row row;
    Jeton__V1__Token *before = token_read (request, message->id, outcome, results, &row, error);
    if (!before ||
        (message->revision != 0 && !token_check_revision (request, before, message->revision)))
        return;
    Jeton__V1__Token *after = token_after (request, before);
    if (!after)
        return;
    after->last_rotated_at = change->at;
    after->grace_until = rotation->grace_s ? change->at + rotation->grace_s : 0;
    view_flags (after);
    token_value_make (&admin->keys, (enum token_environment) after->environment, rotation->value);
    token_value_digest (rotation->value, TOKEN_VALUE_LENGTH, rotation->digest);
    jeton__v1__rotate_token_reply__init (&rotation->reply);
    rotation->reply.value = rotation->value;
    change->rest = &rotation->reply.base;
    if (after->revealable && !token_seal (admin, after->id, rotation->value, rotation->sealed)) {
        token_seal_failed (request);
        return;
    }
    char what[96] = "rotated, and the value before is refused";
    time_t until = (time_t) after->grace_until;
    struct tm tm;
    if (until != 0 && gmtime_r (&until, &tm))
        strftime (what, sizeof what,
                  "rotated, and the value before is accepted until %Y-%m-%d %H:%M:%SZ", &tm);
    if (token_record (request, before, after, "rotated", what))
        // Without a grace period it ended long ago, also for a validator whose clock is behind ours.
        store_token_rotate (request, change, rotation->digest,
                            after->revealable ? rotation->sealed : NULL, after->grace_until,
                            admin_rotate_token_done);
}

static void
admin_rotate_token_done (void *context, enum db_outcome outcome, PGresult *const *results,
                         const struct db_error *error)
{
    change_finish (context, outcome, results, error, "token rotated", admin_rotate_token);
}
