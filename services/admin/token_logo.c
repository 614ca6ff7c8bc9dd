// SetTokenLogo, GetTokenLogo: a token's picture (R35), recognised by its content.
#include "common/image/image.h"
#include "envelope.pb-c.h"
#include "services/admin/admin.h"
#include "services/admin/change.h"
#include "services/admin/check.h"
#include "services/admin/store.h"
#include "services/admin/token.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { SIZE_MAX_KIB = 256, DIGEST_TEXT = 2 * crypto_hash_sha256_BYTES + 1 };

// A logo under way: the change's own.
struct logo {
    struct store_token_logo stored;
    Jeton__V1__Logo view;
    char digest[DIGEST_TEXT];
};

static bool
check_logo (struct request *request, const ProtobufCBinaryData *data, struct image *image_r)
{
    struct error error;
    if (data->len > SIZE_MAX_KIB * 1024) {
        request_fail_field (request, "logo", "must have %d KiB at most, not %zu bytes",
                            SIZE_MAX_KIB, data->len);
        return false;
    }
    if (data->len == 0 || image_recognise (data->data, data->len, image_r, &error))
        return true;
    request_fail_field (request, "logo", "%s", error.text);
    return false;
}

// The request's logo as it is stored and shown; NULL: the request was answered.
static struct logo *
logo_make (struct request *request, const ProtobufCBinaryData *data, const struct image *image)
{
    struct logo *logo = arena_alloc (request_arena (request), sizeof *logo);
    if (!logo) {
        change_no_memory (request);
        return NULL;
    }
    logo->stored.content_type = image_content_type (image->type);
    logo->stored.data = data->data;
    logo->stored.size = data->len;
    crypto_hash_sha256 (logo->stored.digest, data->data, data->len);
    sodium_bin2hex (logo->digest, sizeof logo->digest, logo->stored.digest,
                    sizeof logo->stored.digest);
    jeton__v1__logo__init (&logo->view);
    logo->view.content_type = (char *) logo->stored.content_type;
    logo->view.digest = logo->digest;
    logo->view.size = (uint32_t) data->len;
    return logo;
}

static void admin_set_token_logo_read (void *context, enum db_outcome outcome,
                                       PGresult *const *results, const struct db_error *error);
static void admin_set_token_logo_done (void *context, enum db_outcome outcome,
                                       PGresult *const *results, const struct db_error *error);

void
admin_set_token_logo (struct request *request)
{
    const Jeton__V1__SetTokenLogoRequest *message = request_message (request);
    struct image image;
    int64_t number;
    if (!check_id (request, "id", "TKN", message->id, &number))
        return;
    if (message->revision < 1) {
        request_fail_field (request, "revision",
                            "must be the revision of the token that you have seen");
        return;
    }
    if (!check_logo (request, &message->logo, &image))
        return;
    struct change *change = change_begin (request);
    if (!change)
        return;
    change->number = number;
    if (message->logo.len > 0 && !(change->own = logo_make (request, &message->logo, &image)))
        return;
    store_token_get (request, number, admin_set_token_logo_read);
}

static void
admin_set_token_logo_read (void *context, enum db_outcome outcome, PGresult *const *results,
                           const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__SetTokenLogoRequest *message = request_message (request);
    struct change *change = request_context (request);
    struct logo *logo = change->own;
    struct row row;
    Jeton__V1__Token *before = token_read (request, message->id, outcome, results, &row, error);
    if (!before || !token_check_revision (request, before, message->revision))
        return;
    if (!logo && !before->logo) {
        request_fail (request, JETON__V1__CODE__CODE_FAILED_PRECONDITION,
                      "token %s has no logo that could be removed", before->id);
        return;
    }
    Jeton__V1__Token *after = token_after (request, before);
    if (!after)
        return;
    after->logo = logo ? &logo->view : NULL;
    view_flags (after);
    char what[96] = "left without a logo";
    if (logo)
        snprintf (what, sizeof what, "given a %s logo (%s, %zu bytes)",
                  before->logo ? "new" : "first", logo->stored.content_type, logo->stored.size);
    if (token_record (request, before, after, "logo_changed", what))
        store_token_logo_set (request, change, logo ? &logo->stored : NULL,
                              admin_set_token_logo_done);
}

static void
admin_set_token_logo_done (void *context, enum db_outcome outcome, PGresult *const *results,
                           const struct db_error *error)
{
    change_finish (context, outcome, results, error, "token's logo changed", admin_set_token_logo);
}

static void admin_get_token_logo_done (void *context, enum db_outcome outcome,
                                       PGresult *const *results, const struct db_error *error);

void
admin_get_token_logo (struct request *request)
{
    const Jeton__V1__GetTokenLogoRequest *message = request_message (request);
    int64_t number;
    if (!check_id (request, "id", "TKN", message->id, &number))
        return;
    size_t length = strlen (message->digest);
    if (length == 0 ||
        (length == DIGEST_TEXT - 1 && strspn (message->digest, "0123456789abcdef") == length))
        store_token_logo_get (request, number, message->digest, admin_get_token_logo_done);
    else
        request_fail_field (request, "digest",
                            "must be a SHA-256 digest in hexadecimal, in small letters, or none");
}

static void
admin_get_token_logo_done (void *context, enum db_outcome outcome, PGresult *const *results,
                           const struct db_error *error)
{
    struct request *request = context;
    const Jeton__V1__GetTokenLogoRequest *message = request_message (request);
    Jeton__V1__GetTokenLogoReply reply = JETON__V1__GET_TOKEN_LOGO_REPLY__INIT;
    if (!change_read (request, outcome, error))
        return;
    if (PQntuples (results[0]) == 0) {
        request_fail (request, JETON__V1__CODE__CODE_NOT_FOUND, "no token %s, or it has no logo",
                      message->id);
        return;
    }
    struct row row = row_of (request_arena (request), results[0], 0);
    reply.logo = view_logo (&row);
    size_t size = db_bytes_length (row.result, row.row, row.column);
    reply.data.data = row_alloc (&row, size + 1);
    if (reply.data.data &&
        !db_get_bytes (row.result, row.row, row.column, reply.data.data, size, &reply.data.len))
        row.wrong = true;
    row.wrong = row.wrong || (!reply.logo && !row.full);
    if (row_good (request, &row))
        request_reply (request, &reply.base);
}
